"""What was worked out of file contents, kept in the user's cache folder and shared by checkouts.

A cache is never in the way: whatever is wrong with its file, there is simply nothing in it.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from zlib import crc32

from grok_agent.errors import SettingsError
from grok_agent.folders import cache_folder
from grok_agent.gateway.sqlite_file import Kind, SqliteFile

BUSY_S = 2.0
MAX_BYTES = 512 << 20

_DAY_S = 86_400
_BATCH = 500  # rows in one statement; the oldest SQLite in use takes 999
_KEPT_SHARE = 0.75  # of the allowed size, after the oldest were dropped
_CHECKSUM_BYTES = 4

# The statements here are right: SQLITE_ERROR means that the tables in the file are not.
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)

_FILE = Kind(
    name="cache",
    application_id=0x47524F43,
    version=1,
    tables=(
        """
        CREATE TABLE contents (
            key TEXT PRIMARY KEY,
            used_day INTEGER NOT NULL,
            value BLOB NOT NULL
        )
        """,
        "CREATE INDEX contents_by_use ON contents (used_day)",
    ),
    elsewhere="set GROK_CACHE_DIR to another folder",
    synchronous="NORMAL",
)


class ContentCache:
    """Bytes by the digest of the content that they were worked out of.

    ``name`` says what the values are and names the file; ``version`` says how they were made, so
    that a change of the method misses what older programs stored. ``max_bytes`` bounds the file
    (within one call of :meth:`put_many`); what was not used for the longest time, in days, leaves.

    Threads and processes may share one cache. A file that is damaged, foreign, read-only or locked,
    or a full disk, makes a cache without content; no method raises for it. A damaged file is
    replaced.
    """

    def __init__(
        self, name: str, version: str, *, max_bytes: int = MAX_BYTES, folder: Path | None = None
    ) -> None:
        self.path = (folder or cache_folder()) / f"{name}.sqlite"
        self._prefix = f"{version}:"
        self._max_bytes = max_bytes
        self._file = SqliteFile(self.path, _FILE, busy_s=BUSY_S)

    def get_many(self, digests: Iterable[str]) -> dict[str, bytes]:
        """The values that are stored for ``digests``; what is missing or damaged is left out."""
        found: dict[str, bytes] = {}
        stale: list[str] = []
        today = _today()
        try:
            with self._file.reading() as connection:
                for keys in self._batches(digests):
                    marks = ",".join("?" * len(keys))
                    for key, used_day, value in connection.execute(
                        f"SELECT key, used_day, value FROM contents WHERE key IN ({marks})", keys
                    ):
                        content = _checked(value)
                        if content is None:
                            continue
                        found[key[len(self._prefix) :]] = content
                        if used_day != today:
                            stale.append(key)
            if stale:
                self._touch(stale, today)
        except SettingsError as error:
            self._replace_if_damaged(error)
        return found

    def put_many(self, values: Mapping[str, bytes]) -> None:
        """Store ``values`` by digest, over older ones; those above a tenth of the size are not."""
        today = _today()
        rows = [
            (self._prefix + digest, today, _with_checksum(value))
            for digest, value in values.items()
            if len(value) <= self._max_bytes // 10
        ]
        if not rows:
            return
        try:
            with self._file.writing() as connection:
                connection.executemany("INSERT OR REPLACE INTO contents VALUES (?, ?, ?)", rows)
                _drop_oldest(connection, self._max_bytes)
        except SettingsError as error:
            self._replace_if_damaged(error)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()

    def _batches(self, digests: Iterable[str]) -> Iterable[list[str]]:
        keys = iter(dict.fromkeys(self._prefix + digest for digest in digests))
        return iter(lambda: list(islice(keys, _BATCH)), [])

    def _touch(self, keys: list[str], today: int) -> None:
        """Note the use, at most once a day for each row, so that reading seldom writes."""
        with self._file.writing() as connection:
            connection.executemany(
                "UPDATE contents SET used_day = ? WHERE key = ?", [(today, key) for key in keys]
            )

    def _replace_if_damaged(self, error: SettingsError) -> None:
        code = getattr(error.__context__, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
        if code not in _DAMAGED:
            return
        with suppress(OSError):
            self._file.close()
            for ending in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)


def _drop_oldest(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Drop rows until the used pages fit again; freed pages are filled before the file grows."""
    if _used_bytes(connection) <= max_bytes:
        return
    dropped = 1
    while dropped and _used_bytes(connection) > max_bytes * _KEPT_SHARE:
        dropped = connection.execute(
            "DELETE FROM contents WHERE rowid IN"
            " (SELECT rowid FROM contents ORDER BY used_day, rowid LIMIT ?)",
            (_BATCH,),
        ).rowcount


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, page_bytes = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * page_bytes


def _today() -> int:
    return int(time.time() // _DAY_S)


def _with_checksum(value: bytes) -> bytes:
    return crc32(value).to_bytes(_CHECKSUM_BYTES, "big") + value


def _checked(stored: object) -> bytes | None:
    """The value without its checksum, None where the two do not fit: SQLite keeps no checksums."""
    if not isinstance(stored, bytes) or len(stored) < _CHECKSUM_BYTES:
        return None
    value = stored[_CHECKSUM_BYTES:]
    return value if crc32(value).to_bytes(_CHECKSUM_BYTES, "big") == stored[:4] else None
