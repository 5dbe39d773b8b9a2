"""The prompt library: finished prompts with their task, cost and the hashes of their pictures.

One SQLite file. Neither pictures nor face embeddings are stored.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from grok_agent.errors import SettingsError
from grok_agent.prompts.schema import PromptSpec

LIBRARY_VERSION = 1
APPLICATION_ID = 0x47524F4B
"""Marks the file as a prompt library ("GROK" in ASCII), so that no other database is written to."""

BUSY_TIMEOUT_S = 30.0

_TABLE = """
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
"""


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
        self._lock = threading.Lock()
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        try:
            with self._explained():
                self._prepare()
        except SettingsError:
            self._connection.close()
            raise

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
        with self._transaction() as connection:
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
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        self._refuse_foreign_file()
        self._use_write_ahead_log()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            if self._pragma("user_version") == 0:
                self._connection.execute(_TABLE)
                self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._connection.execute(f"PRAGMA user_version = {LIBRARY_VERSION}")
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            raise

    def _refuse_foreign_file(self) -> None:
        tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and self._pragma("application_id") != APPLICATION_ID:
            raise SettingsError(
                f"{self.path} is a database, but no prompt library; it was left as it is.",
                next_step="Name another file for the library.",
            )
        version = self._pragma("user_version")
        if version > LIBRARY_VERSION:
            raise SettingsError(
                f"{self.path} is a prompt library of version {version}, and this program knows"
                f" versions up to {LIBRARY_VERSION}; it was left as it is.",
                next_step="Update grok-agent, or name another file for the library.",
            )

    def _use_write_ahead_log(self) -> None:
        """Readers and a writer of other processes go on beside each other in this mode."""
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL").fetchone()
                return
            except sqlite3.OperationalError as error:
                # SQLite does not wait for a lock by itself when the mode is being changed.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        # SQLite rolls back by itself on some errors, and then refuses to do it again.
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    def _select(self, query: str, value: int) -> list[tuple[Any, ...]]:
        with self._lock, self._explained():
            return self._connection.execute(query, (value,)).fetchall()

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

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what an SQLite or file error means, and what to do about it."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            what, next_step = _meaning(error)
            raise SettingsError(
                f"The prompt library {self.path} {what} ({error}).", next_step=next_step
            ) from None


_MEANINGS = (
    ("locked", "is held by another program", "Try again when that program has ended."),
    ("full", "has no room left", "Free some disk space and try again."),
    ("disk i/o", "cannot be written", "Look at the disk's free space and health."),
    ("readonly", "may only be read", "Make the file and its folder writable."),
    ("not a database", "is no database", "Name another file for the library."),
    ("malformed", "is damaged", "Move it away and restore it from a copy."),
    ("closed", "is closed", "Open it again before using it."),
)


def _meaning(error: sqlite3.Error | OSError) -> tuple[str, str]:
    message = str(error).lower()
    for sign, what, next_step in _MEANINGS:
        if sign in message:
            return what, next_step
    return "cannot be used", "Name another file, in a folder that you may write to."


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
