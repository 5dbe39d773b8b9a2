"""The prompt library: finished prompts with their task, cost and the hashes of their pictures.

One SQLite file. Neither pictures nor face embeddings are stored.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from grok_agent.errors import SettingsError
from grok_agent.gateway.sqlite_file import Kind, SqliteFile
from grok_agent.prompts.schema import PromptSpec

LIBRARY_VERSION = 1
BUSY_S = 30.0

_FILE = Kind(
    name="prompt library",
    application_id=0x47524F4B,
    version=LIBRARY_VERSION,
    tables=(
        """
        CREATE TABLE prompts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            created_at TEXT NOT NULL,
            task TEXT NOT NULL,
            model TEXT NOT NULL,
            spec TEXT NOT NULL,
            images TEXT NOT NULL,
            features TEXT,
            cost_usd REAL
        )
        """,
    ),
    elsewhere="name another file, in a folder that you may write to",
    synchronous="FULL",
)

_COLUMNS = "id, created_at, task, model, spec, images, features, cost_usd"


@dataclass(frozen=True)
class Record:
    """One stored prompt.

    ``id`` counts from 1; ``created_at`` is ISO 8601 in UTC; ``images`` holds SHA-256 hashes in
    hexadecimal; ``cost_usd`` is None where the cost is not known.
    """

    id: int
    created_at: str
    task: str
    model: str
    spec: PromptSpec
    images: tuple[str, ...]
    features: dict[str, Any] | None
    cost_usd: float | None


class PromptLibrary:
    """Stores prompts in the SQLite file ``path``; the file and its folders are made when missing.

    One object may be used by several threads, and one file by several processes. Every method
    raises :class:`SettingsError` when the file is no prompt library, is of a newer version,
    damaged, locked, full or read-only; the user mends it, and nothing half-written stays.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser()
        file = SqliteFile(self.path, _FILE, busy_s=BUSY_S)
        with file.reading():  # opens it, so that its troubles are told before a prompt is paid for
            self._file: SqliteFile | None = file

    def save(
        self,
        spec: PromptSpec,
        *,
        task: str,
        model: str,
        images: Sequence[str] = (),
        features: BaseModel | Mapping[str, Any] | None = None,
        cost_usd: float | None = None,
    ) -> int:
        """Store ``spec`` and return its id, counted from 1.

        ``images`` are SHA-256 hashes in hexadecimal, never the pictures; ``features`` what was
        measured on them. Raises :class:`SettingsError` for something else than a hash.
        """
        row = (
            datetime.now(UTC).isoformat(timespec="seconds"),
            _storable(task),
            _storable(model),
            spec.model_dump_json(),
            json.dumps([_checked_hash(image) for image in images]),
            _features_json(features),
            cost_usd,
        )
        with self._opened().writing() as connection:
            cursor = connection.execute(
                "INSERT INTO prompts (created_at, task, model, spec, images, features, cost_usd)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            return int(cursor.lastrowid or 0)

    def get(self, id: int) -> Record:
        """The prompt with this id; raises :class:`SettingsError` when there is none."""
        known = 0 < id < 2**63  # the range of SQLite's row numbers
        rows = self._select(f"SELECT {_COLUMNS} FROM prompts WHERE id = ?", id) if known else []
        if not rows:
            raise SettingsError(
                f"There is no prompt {id} in {self.path}.",
                next_step="Look at the recent ones for the ids that there are.",
            )
        return self._record(rows[0])

    def recent(self, limit: int = 20) -> list[Record]:
        """The newest prompts, newest first, at most ``limit`` of them."""
        if limit < 1:
            raise SettingsError(f"A limit of {limit} is none.", next_step="Ask for 1 or more.")
        rows = self._select(
            f"SELECT {_COLUMNS} FROM prompts ORDER BY id DESC LIMIT ?", min(limit, 2**31)
        )
        return [self._record(row) for row in rows]

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        file, self._file = self._file, None
        if file:
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _opened(self) -> SqliteFile:
        if self._file is None:
            raise SettingsError(
                f"The prompt library {self.path} is closed.",
                next_step="Open it again before using it.",
            )
        return self._file

    def _select(self, query: str, value: int) -> list[tuple[Any, ...]]:
        with self._opened().reading() as connection:
            return connection.execute(query, (value,)).fetchall()

    def _record(self, row: tuple[Any, ...]) -> Record:
        number, created_at, task, model, spec, images, features, cost_usd = row
        try:
            return Record(
                id=number,
                created_at=created_at,
                task=task,
                model=model,
                spec=PromptSpec.model_validate_json(spec),
                images=tuple(json.loads(images)),
                features=json.loads(features) if features else None,
                cost_usd=cost_usd,
            )
        except (ValidationError, ValueError) as error:
            raise SettingsError(
                f"Prompt {number} in {self.path} is damaged: {str(error).splitlines()[0]}.",
                next_step="Restore the file from a copy.",
            ) from None


def _storable(text: str) -> str:
    """Lone surrogates, as from a file name in an unknown encoding, have no place in UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _checked_hash(text: str) -> str:
    if len(text) != 64 or set(text) - set("0123456789abcdef"):
        raise SettingsError(
            f"{text[:80]!r} is no SHA-256 hash; the library stores no pictures and no paths.",
            next_step="Give the 64 hexadecimal digits of the picture's hash.",
        )
    return text


def _features_json(features: BaseModel | Mapping[str, Any] | None) -> str | None:
    if features is None:
        return None
    if isinstance(features, BaseModel):
        return features.model_dump_json()
    return json.dumps(features, ensure_ascii=True)
