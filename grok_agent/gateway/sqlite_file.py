"""An SQLite file of this program, the ledger or the prompt library: opened, recognised, explained.

Its troubles are said in plain words.
"""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grok_agent.errors import SettingsError


@dataclass(frozen=True)
class Kind:
    """What a file holds: its name in sentences, its mark, its version (from 1) and its tables.

    ``elsewhere`` ends the sentence "Move it away, or …" with how the user names another place.
    ``synchronous`` is SQLite's: FULL keeps every row through a power cut, NORMAL is faster and may
    lose the last ones. ``upgrade`` brings the tables of an older version, which it is told, up to
    this one, inside one transaction.
    """

    name: str
    application_id: int
    version: int
    tables: tuple[str, ...]
    elsewhere: str
    synchronous: Literal["NORMAL", "FULL"]
    upgrade: Callable[[sqlite3.Connection, int], None] | None = None


class SqliteFile:
    """The SQLite file ``path``, opened at the first use; it and its folders are made when missing.

    One object may be used by several threads, and one file by several processes (forked ones too),
    which wait up to ``busy_s`` seconds for each other. Every method raises :class:`SettingsError`
    when the file is of another kind or of a newer version, damaged, locked, full or read-only; the
    user mends it, and nothing half-written stays.
    """

    def __init__(self, path: Path, kind: Kind, *, busy_s: float) -> None:
        self.path = path
        self._kind = kind
        self._busy_s = busy_s
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one query, whose rows are fetched inside."""
        with self._lock, self._explained():
            yield self._open()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction that holds as a whole or not at all."""
        with self._lock, self._explained(), _transaction(self._open()) as connection:
            yield connection

    def close(self) -> None:
        """Close the file; closing twice does nothing, and the next use opens it again."""
        with self._lock:
            if self._connection:
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection and self._process != os.getpid():
            _INHERITED.append(self._connection)
            self._connection = None
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.path, timeout=self._busy_s, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(connection)
            except (sqlite3.Error, SettingsError):
                connection.close()
                raise
            weakref.finalize(self, connection.close).atexit = False
            self._connection, self._process = connection, os.getpid()
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        self._refuse_foreign_file(connection)
        self._use_write_ahead_log(connection)
        with _transaction(connection):
            version = _pragma(connection, "user_version")
            if version == 0:
                for table in self._kind.tables:
                    connection.execute(table)
                connection.execute(f"PRAGMA application_id = {self._kind.application_id}")
            elif version < self._kind.version and self._kind.upgrade:
                self._kind.upgrade(connection, version)
            if version < self._kind.version:
                connection.execute(f"PRAGMA user_version = {self._kind.version}")

    def _refuse_foreign_file(self, connection: sqlite3.Connection) -> None:
        name = self._kind.name
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and _pragma(connection, "application_id") != self._kind.application_id:
            raise SettingsError(
                f"{self.path} is a database, but no {name}; it was left as it is.",
                next_step=f"Move it away, or {self._kind.elsewhere}.",
            )
        version = _pragma(connection, "user_version")
        if version > self._kind.version:
            raise SettingsError(
                f"{self.path} is a {name} of version {version}, and this program knows versions"
                f" up to {self._kind.version}; it was left as it is.",
                next_step=f"Update grok-agent, or {self._kind.elsewhere}.",
            )

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """Readers and a writer of other processes go on beside each other in this mode."""
        deadline = time.monotonic() + self._busy_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
                break
            except sqlite3.OperationalError as error:
                # SQLite does not wait for a lock by itself when the mode is being changed.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        connection.execute(f"PRAGMA synchronous = {self._kind.synchronous}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what an SQLite or file error means, and what to do about it."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            what, next_step = _meaning(error, self._kind.elsewhere)
            raise SettingsError(
                f"The {self._kind.name} {self.path} {what} ({error}).", next_step=next_step
            ) from None


_INHERITED: list[sqlite3.Connection] = []
"""Connections of a parent process: SQLite wants them neither used nor closed after a fork."""

_MEANINGS = (
    ("locked", "is held by another program", "Try again when that program has ended."),
    ("full", "has no room left", "Free some disk space and try again."),
    ("disk i/o", "cannot be written", "Look at the disk's free space and health."),
    ("readonly", "may only be read", "Make the file and its folder writable."),
    ("not a database", "is no database", "Move it away; a new one is made."),
    ("malformed", "is damaged", "Move it away and restore it from a copy."),
)


def _meaning(error: sqlite3.Error | OSError, elsewhere: str) -> tuple[str, str]:
    message = str(error).lower()
    for sign, what, next_step in _MEANINGS:
        if sign in message:
            return what, next_step
    return "cannot be used", f"{elsewhere[0].upper()}{elsewhere[1:]}."


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # SQLite rolls back by itself on some errors, and then refuses to do it again.
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
