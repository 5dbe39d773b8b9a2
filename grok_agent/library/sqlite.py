"""The library in one SQLite file, searched by FTS5."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grok_agent.gateway.sqlite_file import Kind, SqliteFile
from grok_agent.library.database import Matching, Row, Session
from grok_agent.library.records import fingerprint_of, words_of
from grok_agent.prompts.schema import PromptSpec

LIBRARY_VERSION = 2
BUSY_S = 30.0

_PROMPTS = """
CREATE TABLE prompts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at TEXT NOT NULL,
    task TEXT NOT NULL,
    model TEXT NOT NULL,
    spec TEXT NOT NULL,
    images TEXT NOT NULL,
    features TEXT,
    cost_usd REAL,
    fingerprint TEXT,
    name TEXT,
    derived_from INTEGER,
    scores TEXT NOT NULL DEFAULT '{}'
)
"""
_REST = (
    "CREATE TABLE tags (prompt_id INTEGER NOT NULL, tag TEXT NOT NULL,"
    " PRIMARY KEY (tag, prompt_id)) WITHOUT ROWID",
    "CREATE INDEX tags_of_prompt ON tags (prompt_id)",
    "CREATE UNIQUE INDEX prompts_by_name ON prompts (name)",
    "CREATE UNIQUE INDEX prompts_by_fingerprint ON prompts (fingerprint)",
    "CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'unicode61 remove_diacritics 0')",
)


class SqliteDatabase:
    """The SQLite file ``path``; see :class:`grok_agent.gateway.sqlite_file.SqliteFile`."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._file = SqliteFile(path, _KIND, busy_s=BUSY_S)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for queries."""
        with self._file.reading() as connection:
            yield _SqliteSession(connection)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes hold as a whole or not at all."""
        with self._file.writing() as connection:
            yield _SqliteSession(connection)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        self._file.close()


class _SqliteSession:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        return self._connection.execute(sql, values or {}).fetchall()

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        return self._connection.execute(sql, values or {}).rowcount

    def index(self, number: int, text: str) -> None:
        self.unindex(number)
        self.run(
            "INSERT INTO words (rowid, text) VALUES (:id, :text)", {"id": number, "text": text}
        )

    def unindex(self, number: int) -> None:
        self.run("DELETE FROM words WHERE rowid = :id", {"id": number})

    def matching(self, terms: list[str]) -> Matching:
        # The index comes first and in its own order, so that a page is found without the rest.
        source = "words w JOIN prompts p ON p.id = w.rowid"
        wanted = " AND ".join(f'"{term}"*' for term in terms)
        return Matching(source, "words MATCH :wanted", "w.rowid", {"wanted": wanted})


def _upgrade(connection: sqlite3.Connection, version: int) -> None:
    """From version 1, which had the first eight columns and no index."""
    if version != 1:
        return
    for column in ("fingerprint TEXT", "name TEXT", "derived_from INTEGER"):
        connection.execute(f"ALTER TABLE prompts ADD COLUMN {column}")
    connection.execute("ALTER TABLE prompts ADD COLUMN scores TEXT NOT NULL DEFAULT '{}'")
    for statement in _REST:
        connection.execute(statement)
    session = _SqliteSession(connection)
    seen: set[str] = set()
    for number, task, text, images in session.rows("SELECT id, task, spec, images FROM prompts"):
        try:
            spec = PromptSpec.model_validate_json(text)
        except ValueError:
            continue  # a damaged row stays as it is: found by its number, not by words
        session.index(number, words_of(spec, task))
        mark = fingerprint_of(spec, task, images)
        if mark not in seen:  # version 1 kept repeats
            seen.add(mark)
            session.run(
                "UPDATE prompts SET fingerprint = :mark WHERE id = :id",
                {"mark": mark, "id": number},
            )


_KIND = Kind(
    name="prompt library",
    application_id=0x47524F4B,
    version=LIBRARY_VERSION,
    tables=(_PROMPTS, *_REST),
    elsewhere="name another file, in a folder that you may write to",
    synchronous="FULL",
    upgrade=_upgrade,
)
