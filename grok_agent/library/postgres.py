"""The library in a PostgreSQL database, for teams that share one; needs ``[postgres]``."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from grok_agent.errors import SettingsError
from grok_agent.library.database import Matching, Row, Session

if TYPE_CHECKING:
    import psycopg

LIBRARY_VERSION = 1
"""Version of the tables, kept in ``grok_agent_library``."""

MAX_POSITION = 16_383  # of a word in a tsvector
MAX_PLACES = 255  # of one word in a tsvector
MAX_WORD_BYTES = 2_000

_LOCK_NUMBER = 0x47524F4B
_PLACEHOLDER = re.compile(r"(?<!:):([a-z_]\w*)")
_TABLES = (
    "CREATE TABLE IF NOT EXISTS grok_agent_library (version INTEGER NOT NULL)",
    """
    CREATE TABLE IF NOT EXISTS prompts (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        created_at TEXT NOT NULL,
        task TEXT NOT NULL,
        model TEXT NOT NULL,
        spec TEXT NOT NULL,
        images TEXT NOT NULL,
        features TEXT,
        cost_usd DOUBLE PRECISION,
        fingerprint TEXT UNIQUE,
        name TEXT UNIQUE,
        derived_from BIGINT,
        scores TEXT NOT NULL DEFAULT '{}',
        words TSVECTOR
    )
    """,
    "CREATE INDEX IF NOT EXISTS prompts_words ON prompts USING GIN (words)",
    "CREATE TABLE IF NOT EXISTS tags (prompt_id BIGINT NOT NULL, tag TEXT NOT NULL,"
    " PRIMARY KEY (tag, prompt_id))",
    "CREATE INDEX IF NOT EXISTS tags_of_prompt ON tags (prompt_id)",
)


class PostgresDatabase:
    """The database at ``url`` (``postgresql://user@host/name``); connects at the first use.

    Threads take turns on one connection. Raises :class:`SettingsError` when the driver is missing,
    the server cannot be reached, or its tables are of a newer version; the operator mends it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = re.sub(r"//([^/@]*)@", "//", url)  # without the password
        self._lock = threading.RLock()
        self._connection: psycopg.Connection[Row] | None = None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for queries."""
        with self.writing() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes hold as a whole or not at all."""
        psycopg = _driver()
        with self._lock:
            try:
                connection = self._open()
                with connection.transaction():
                    yield _PostgresSession(connection)
            except psycopg.Error as error:
                if self._connection is not None and self._connection.broken:
                    self._connection = None  # the next use connects anew
                said = str(error).strip().splitlines() or [type(error).__name__]
                raise SettingsError(
                    f"The prompt library {self.name} cannot be used ({said[0]}).",
                    next_step="Look at the address, the server and your rights on it.",
                ) from None

    def close(self) -> None:
        """Close the connection; closing twice does nothing."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _open(self) -> "psycopg.Connection[Row]":
        if self._connection is None or self._connection.closed:
            connection = _driver().connect(self._url, autocommit=True, connect_timeout=10)
            with connection.transaction():
                self._prepare(connection)
            self._connection = connection
        return self._connection

    def _prepare(self, connection: "psycopg.Connection[Row]") -> None:
        """Make the tables; two programs that start at once wait for each other."""
        connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})")
        for table in _TABLES:
            connection.execute(table)
        found = connection.execute("SELECT version FROM grok_agent_library").fetchone()
        if found is None:
            connection.execute(f"INSERT INTO grok_agent_library VALUES ({LIBRARY_VERSION})")
        elif found[0] > LIBRARY_VERSION:
            raise SettingsError(
                f"{self.name} holds a prompt library of version {found[0]}, and this program knows"
                f" versions up to {LIBRARY_VERSION}; it was left as it is.",
                next_step="Update grok-agent, or name another database.",
            )


class _PostgresSession:
    def __init__(self, connection: "psycopg.Connection[Row]") -> None:
        self._connection = connection

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        return self._execute(sql, values).fetchall()

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        return int(self._execute(sql, values).rowcount)

    def index(self, number: int, text: str) -> None:
        vector = _vector(text)
        self.run(
            "UPDATE prompts SET words = :words::tsvector WHERE id = :id",
            {"words": vector, "id": number},
        )

    def unindex(self, number: int) -> None:
        self.run("UPDATE prompts SET words = NULL WHERE id = :id", {"id": number})

    def matching(self, terms: list[str]) -> Matching:
        wanted = " & ".join(map(_phrase, terms))
        return Matching(condition="p.words @@ :wanted::tsquery", values={"wanted": wanted})

    def _execute(self, sql: str, values: Mapping[str, Any] | None) -> "psycopg.Cursor[Row]":
        return self._connection.execute(_PLACEHOLDER.sub(r"%(\1)s", sql), dict(values or {}))


def _vector(text: str) -> str:
    """``text`` as a tsvector with places, made here so that no server's parser has a say."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(text.split(), start=1):
        found = places.setdefault(word, [])
        if place <= MAX_POSITION and len(found) < MAX_PLACES:
            found.append(place)
    return " ".join(
        f"{_quoted(word)}:{','.join(map(str, found))}" if found else _quoted(word)
        for word, found in places.items()
        if len(word.encode()) <= MAX_WORD_BYTES
    )


def _phrase(term: str) -> str:
    words = [_quoted(word) for word in term.split()]
    return "(" + " <-> ".join([*words[:-1], f"{words[-1]}:*"]) + ")"


def _quoted(word: str) -> str:
    doubled = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def _driver() -> Any:
    try:
        import psycopg
    except ImportError:
        raise SettingsError(
            "The driver for PostgreSQL is not installed.",
            next_step='Install it: pip install "grok-agent[postgres]".',
        ) from None
    return psycopg
