"""The prompt library: finished prompts with their task, cost, tags and where they come from."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel

from grok_agent.errors import SettingsError
from grok_agent.library.database import Database, Matching, Row, Session
from grok_agent.library.postgres import PostgresDatabase
from grok_agent.library.records import (
    COLUMNS,
    Record,
    features_json,
    fingerprint_of,
    images_json,
    record_of,
    storable,
    words_of,
)
from grok_agent.library.sqlite import SqliteDatabase
from grok_agent.library.words import terms
from grok_agent.prompts.schema import PromptSpec

MAX_TAG_CHARACTERS = 60
_LARGEST_ID = 2**63
_PAGE = 500


class PromptLibrary:
    """Stores prompts in an SQLite file, made when missing, or in PostgreSQL.

    ``place`` is a path or a ``postgresql://`` address. One object may be used by several threads,
    and one place by several processes. Neither pictures nor face embeddings are stored. Every
    method raises :class:`SettingsError` when the place is no prompt library, is of a newer version,
    damaged, locked, full or read-only; the user mends it, and nothing half-written stays.
    """

    def __init__(self, place: Path | str) -> None:
        self._open: Database | None = _database(place)
        self.place = self._open.name
        with self._open.reading():  # its troubles are told before a prompt is paid for
            pass

    def save(
        self,
        spec: PromptSpec,
        *,
        task: str,
        model: str,
        images: Sequence[str] = (),
        features: BaseModel | Mapping[str, Any] | None = None,
        cost_usd: float | None = None,
        name: str = "",
        tags: Iterable[str] = (),
        derived_from: int | None = None,
        scores: Mapping[str, float] | None = None,
        created_at: str = "",
    ) -> int:
        """Store ``spec`` and return its id, counted from 1.

        The same prompt for the same task and pictures is stored once: its id comes back, and it
        gets the new tags. ``images`` are SHA-256 hashes in hexadecimal, never the pictures;
        ``features`` what was measured on them. Raises :class:`SettingsError` for something else
        than a hash, and for a ``name`` that another prompt has.
        """
        pictures = images_json(images)
        values = {
            "created_at": created_at or datetime.now(UTC).isoformat(timespec="seconds"),
            "task": storable(task),
            "model": storable(model),
            "spec": spec.model_dump_json(),
            "images": pictures,
            "features": features_json(features),
            "cost_usd": cost_usd,
            "fingerprint": fingerprint_of(spec, task, pictures),
            "name": storable(name) or None,
            "derived_from": derived_from,
            "scores": json.dumps(dict(scores or {})),
        }
        labels = [_checked_tag(tag) for tag in tags]
        with self._database.writing() as session:
            number = _known(session, values) or _insert(session, values, words_of(spec, task))
            _add_tags(session, number, labels)
        return number

    def get(self, id: int) -> Record:
        """The prompt with this id; raises :class:`SettingsError` when there is none."""
        found = self._select("p.id = :id", {"id": id}, 1) if 0 < id < _LARGEST_ID else []
        if not found:
            raise self._missing(str(id))
        return found[0]

    def named(self, name: str) -> Record | None:
        """The prompt with this name, or None."""
        found = self._select("p.name = :name", {"name": storable(name)}, 1)
        return found[0] if found else None

    def recent(self, limit: int = 20) -> list[Record]:
        """The newest prompts, newest first, at most ``limit`` of them."""
        return self.search("", limit=limit)

    def search(
        self, query: str = "", *, tags: Iterable[str] = (), limit: int = 20, before: int = 0
    ) -> list[Record]:
        """Prompts that hold every word of ``query`` and every one of ``tags``, newest first.

        English words are found by their beginning, Chinese by any part of a sentence. ``before``
        is the id from which on older ones are wanted, 0 for the newest: so pages follow each other.
        """
        if limit < 1:
            raise SettingsError(f"A limit of {limit} is none.", next_step="Ask for 1 or more.")
        wanted = terms(query)
        if query.strip() and not wanted:
            return []
        conditions, values = ["1 = 1"], dict[str, Any]()
        if before:
            conditions.append("p.id < :before")
            values["before"] = before
        for number, tag in enumerate(dict.fromkeys(tags)):
            conditions.append(f"p.id IN (SELECT prompt_id FROM tags WHERE tag = :tag{number})")
            values[f"tag{number}"] = _checked_tag(tag)
        return self._select(" AND ".join(conditions), values, limit, wanted)

    def tag(self, id: int, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Record:
        """Change the tags of a prompt and return it."""
        added, removed = map(_checked_tag, add), [_checked_tag(tag) for tag in remove]
        with self._database.writing() as session:
            self._require(session, id)
            _add_tags(session, id, added)
            for label in removed:
                session.run(
                    "DELETE FROM tags WHERE prompt_id = :id AND tag = :tag",
                    {"id": id, "tag": label},
                )
        return self.get(id)

    def score(self, id: int, scores: Mapping[str, float]) -> Record:
        """Add numbers to a prompt, in place of older ones of the same name."""
        with self._database.writing() as session:
            self._require(session, id)
            (old,) = session.rows("SELECT scores FROM prompts WHERE id = :id", {"id": id})[0]
            merged = json.dumps(json.loads(old) | {name: float(v) for name, v in scores.items()})
            session.run("UPDATE prompts SET scores = :s WHERE id = :id", {"s": merged, "id": id})
        return self.get(id)

    def rename(self, id: int, name: str) -> Record:
        """Give a prompt a name of its own, or take it away with ``""``."""
        with self._database.writing() as session:
            self._require(session, id)
            _refuse_taken_name(session, name, id)
            values = {"name": storable(name) or None, "id": id}
            session.run("UPDATE prompts SET name = :name WHERE id = :id", values)
        return self.get(id)

    def delete(self, id: int) -> None:
        """Take a prompt out for good; those derived from it stay. Raises SettingsError when there
        is none."""
        with self._database.writing() as session:
            self._require(session, id)
            session.unindex(id)
            session.run("DELETE FROM tags WHERE prompt_id = :id", {"id": id})
            session.run("DELETE FROM prompts WHERE id = :id", {"id": id})

    def lineage(self, id: int) -> list[Record]:
        """The prompt, the one that it was derived from, and so on, as far as they are there."""
        chain = [self.get(id)]
        while (parent := chain[-1].derived_from) and parent not in {each.id for each in chain}:
            found = self._select("p.id = :id", {"id": parent}, 1)
            if not found:
                break
            chain += found
        return chain

    def tags(self) -> dict[str, int]:
        """Every tag with the number of its prompts."""
        with self._database.reading() as session:
            counted = session.rows("SELECT tag, count(*) FROM tags GROUP BY tag ORDER BY tag")
        return {str(tag): int(count) for tag, count in counted}

    def __iter__(self) -> Iterator[Record]:
        """Every prompt, oldest first, without holding them all in memory."""
        last = 0
        while page := self._select("p.id > :last", {"last": last}, _PAGE, oldest_first=True):
            yield from page
            last = page[-1].id

    def count(self) -> int:
        """How many prompts there are."""
        with self._database.reading() as session:
            return int(session.rows("SELECT count(*) FROM prompts")[0][0])

    def close(self) -> None:
        """Close the library; closing twice does nothing."""
        database, self._open = self._open, None
        if database:
            database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _database(self) -> Database:
        if self._open is None:
            raise SettingsError(
                f"The prompt library {self.place} is closed.",
                next_step="Open it again before using it.",
            )
        return self._open

    def _select(
        self,
        condition: str,
        values: Mapping[str, Any],
        limit: int,
        wanted: Sequence[str] = (),
        *,
        oldest_first: bool = False,
    ) -> list[Record]:
        with self._database.reading() as session:
            match = session.matching(list(wanted)) if wanted else Matching()
            rows = session.rows(
                f"SELECT {COLUMNS} FROM {match.source} WHERE {match.condition} AND {condition}"
                f" ORDER BY {match.order} {'ASC' if oldest_first else 'DESC'} LIMIT :limit",
                {**values, **match.values, "limit": min(limit, 2**31 - 1)},
            )
            labels = [_tags_of(session, row) for row in rows]
        return [record_of(row, tags, self.place) for row, tags in zip(rows, labels, strict=True)]

    def _require(self, session: Session, id: int) -> None:
        known = 0 < id < _LARGEST_ID
        if not known or not session.rows("SELECT 1 FROM prompts WHERE id = :id", {"id": id}):
            raise self._missing(str(id))

    def _missing(self, what: str) -> SettingsError:
        return SettingsError(
            f"There is no prompt {what} in {self.place}.",
            next_step="Look at the recent ones for the ids that there are.",
        )


def _database(place: Path | str) -> Database:
    if isinstance(place, str) and place.startswith(("postgresql://", "postgres://")):
        return PostgresDatabase(place)
    return SqliteDatabase(Path(place).expanduser())


def _known(session: Session, values: Mapping[str, Any]) -> int | None:
    found = session.rows(
        "SELECT id FROM prompts WHERE fingerprint = :mark", {"mark": values["fingerprint"]}
    )
    return int(found[0][0]) if found else None


def _insert(session: Session, values: Mapping[str, Any], words: str) -> int:
    if values["name"]:
        _refuse_taken_name(session, values["name"], 0)
    columns = ", ".join(values)
    marks = ", ".join(f":{column}" for column in values)
    inserted: list[Row] = session.rows(
        f"INSERT INTO prompts ({columns}) VALUES ({marks}) RETURNING id", values
    )
    number = int(inserted[0][0])
    session.index(number, words)
    return number


def _refuse_taken_name(session: Session, name: str, id: int) -> None:
    found = session.rows("SELECT id FROM prompts WHERE name = :name", {"name": storable(name)})
    if found and found[0][0] != id:
        raise SettingsError(
            f"Prompt {found[0][0]} has the name {name!r} already.",
            next_step="Take another name, or rename that one first.",
        )


def _add_tags(session: Session, number: int, labels: Iterable[str]) -> None:
    for label in labels:
        session.run(
            "INSERT INTO tags (prompt_id, tag) VALUES (:id, :tag) ON CONFLICT DO NOTHING",
            {"id": number, "tag": label},
        )


def _tags_of(session: Session, row: Row) -> list[str]:
    found = session.rows("SELECT tag FROM tags WHERE prompt_id = :id ORDER BY tag", {"id": row[0]})
    return [str(tag) for (tag,) in found]


def _checked_tag(tag: str) -> str:
    text = " ".join(storable(tag).split())
    if not text or len(text) > MAX_TAG_CHARACTERS:
        raise SettingsError(
            f"{tag[:80]!r} is no tag.", next_step=f"Give 1 to {MAX_TAG_CHARACTERS} characters."
        )
    return text
