"""The last samples of token ratios, kept in the state folder for all runs."""

import sqlite3
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from grok_agent.errors import SettingsError
from grok_agent.gateway.sqlite_file import Kind, SqliteFile

KEPT_SAMPLES = 20

_BUSY_S = 1.0

_FILE = Kind(
    name="file of token ratios",
    application_id=0x47524154,
    version=1,
    tables=(
        "CREATE TABLE samples (id INTEGER PRIMARY KEY, gateway TEXT NOT NULL, asked TEXT NOT NULL,"
        " served TEXT NOT NULL, billed INTEGER NOT NULL, counted INTEGER NOT NULL,"
        " overhead INTEGER NOT NULL)",
        "CREATE INDEX samples_by_model ON samples (gateway, served)",
    ),
    elsewhere="set GROK_STATE_DIR",
    synchronous="NORMAL",
)


class Sample(NamedTuple):
    """Tokens ``billed`` for what is ``counted`` here, and those a whole request had on top."""

    billed: int
    counted: int
    overhead: int


class RatioFile:
    """The last samples for the model ``asked`` of one gateway, whichever model it has served last.

    ``path`` None keeps them in memory, and so does a file that is damaged, locked or read-only, or
    a full disk: what a run learns serves that run at least. Nothing here raises.
    """

    def __init__(self, path: Path | None, gateway: str, asked: str) -> None:
        self._path = path
        self._file = SqliteFile(path, _FILE, busy_s=_BUSY_S) if path else None
        self._asked = (gateway, asked)
        self._lock = Lock()
        self._served = ""
        self._samples: tuple[Sample, ...] | None = None

    def newest(self) -> tuple[Sample, ...]:
        """At most 20 samples, the newest last; those of other processes as of the last sample."""
        with self._lock:
            if self._samples is None:
                self._samples = self._read() or ()
            return self._samples

    def add(self, served: str, sample: Sample) -> None:
        """Keep ``sample`` of the model ``served``; older ones beyond 20 are dropped."""
        before = self.newest()
        with self._lock:
            kept = self._write(served, sample)
            if kept is None:
                kept = (*(before if served == self._served else ()), sample)[-KEPT_SAMPLES:]
            self._served, self._samples = served, kept

    def _read(self) -> tuple[Sample, ...] | None:
        """None where nothing can be read; reading makes no file."""
        if self._file is None or self._path is None or not self._path.exists():
            return None
        try:
            with self._file.reading() as connection:
                newest = connection.execute(
                    "SELECT served FROM samples WHERE gateway = ? AND asked = ?"
                    " ORDER BY id DESC LIMIT 1",
                    self._asked,
                ).fetchone()
                self._served = newest[0] if newest else ""
                return _last(connection, self._asked[0], self._served)
        except (SettingsError, OSError):
            return None

    def _write(self, served: str, sample: Sample) -> tuple[Sample, ...] | None:
        if self._file is None:
            return None
        gateway, asked = self._asked
        try:
            with self._file.writing() as connection:
                connection.execute(
                    "INSERT INTO samples (gateway, asked, served, billed, counted, overhead)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (gateway, asked, served, *sample),
                )
                connection.execute(
                    "DELETE FROM samples WHERE gateway = ? AND served = ? AND id NOT IN (SELECT id"
                    " FROM samples WHERE gateway = ? AND served = ? ORDER BY id DESC LIMIT ?)",
                    (gateway, served, gateway, served, KEPT_SAMPLES),
                )
                return _last(connection, gateway, served)
        except SettingsError:
            return None


def _last(connection: sqlite3.Connection, gateway: str, served: str) -> tuple[Sample, ...]:
    rows = connection.execute(
        "SELECT billed, counted, overhead FROM samples WHERE gateway = ? AND served = ?"
        " ORDER BY id DESC LIMIT ?",
        (gateway, served, KEPT_SAMPLES),
    ).fetchall()
    return tuple(Sample(*row) for row in reversed(rows))
