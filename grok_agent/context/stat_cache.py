"""What was found in a repository's files the last time, so that unchanged ones are not read again.

One SQLite file for each repository, in the user's cache folder. A cache that is damaged, locked,
full or read-only is no cache: nothing here raises.
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, cast

from grok_agent.context.file_kinds import Kind
from grok_agent.errors import SettingsError
from grok_agent.folders import cache_folder
from grok_agent.gateway.sqlite_file import Kind as FileKind
from grok_agent.gateway.sqlite_file import SqliteFile

_RULES = 2
"""Grows when ``classify`` or ``encoding_of`` judge otherwise than before."""

_SETTLED_NS = 2_000_000_000
"""A file may change again without a new mtime for this long: two seconds on FAT, less elsewhere."""

_UNUSED_S = 30 * 86_400.0
_BUSY_S = 0.5

_CACHE = FileKind(
    name="file cache",
    application_id=0x47414653,
    version=1,
    tables=(
        "CREATE TABLE files (key BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER,"
        " ctime_ns INTEGER, inode INTEGER, read_ns INTEGER, kind TEXT, encoding TEXT, digest TEXT)"
        " WITHOUT ROWID",
    ),
    elsewhere="set GROK_CACHE_DIR",
    synchronous="NORMAL",
)


class Stamp(NamedTuple):
    """What the file system says of a file; a file with the same stamp has the same bytes."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Stamp":
        """The stamp in ``status``."""
        # Inode numbers of some file systems exceed what SQLite holds.
        inode = status.st_ino & 0x7FFF_FFFF_FFFF_FFFF
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, inode)


class Look(NamedTuple):
    """What reading a file told. ``digest`` is empty when only its beginning was read."""

    stamp: Stamp
    read_ns: int
    kind: Kind
    encoding: str
    digest: str


class StatCache:
    """The looks at the files of the repository ``root`` that are still known."""

    def __init__(self, root: Path) -> None:
        folder = cache_folder() / "files"
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:24]
        self._path = folder / f"{name}-{_RULES}.sqlite"
        self._file: SqliteFile | None = SqliteFile(self._path, _CACHE, busy_s=_BUSY_S)
        if not self._path.exists():
            _remove_unused(folder)

    def known(self, after: str, last: str) -> dict[str, Look]:
        """Cached looks by path, from behind ``after`` up to ``last`` in the order of a walk.

        A look of less than two seconds after the file's change is left out: the file may have
        changed again within the same tick of the file system's clock (git calls this racy).
        """
        if self._file is None:
            return {}
        try:
            with self._file.reading() as connection:
                rows = connection.execute(
                    "SELECT key, size, mtime_ns, ctime_ns, inode, read_ns, kind, encoding, digest"
                    " FROM files WHERE key > ? AND key <= ? AND mtime_ns + ? < read_ns",
                    (_key(after), _key(last), _SETTLED_NS),
                ).fetchall()
        except SettingsError as error:
            self._give_up(error)
            return {}
        return {_path(row[0]): _look(row[1:]) for row in rows}

    def keep(self, looks: Iterable[tuple[str, Look]], *, gone: Iterable[str] = ()) -> None:
        """Remember ``looks`` by path, and forget the paths ``gone``."""
        looks, gone = list(looks), list(gone)
        if self._file is None or not (looks or gone):
            return
        try:
            with self._file.writing() as connection:
                connection.executemany(
                    "DELETE FROM files WHERE key = ?", ((_key(path),) for path in gone)
                )
                connection.executemany(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [_row(path, look) for path, look in looks if _fits(look.stamp)],
                )
        except SettingsError as error:
            self._give_up(error)

    def close(self) -> None:
        """Close the file; its time of last use is kept for the removal of unused ones."""
        if self._file is not None:
            self._file.close()
            with suppress(OSError):
                os.utime(self._path)

    def _give_up(self, error: SettingsError) -> None:
        """Do without from now on; a damaged file makes room for the next walk's."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if type(error.__context__) is sqlite3.DatabaseError:  # locked and full are subclasses
            with suppress(OSError):
                self._path.unlink()


def now_ns() -> int:
    """The clock that file times are compared with."""
    return time.time_ns()


def _key(path: str) -> bytes:
    """Sorts as a walk does, folder by folder: no name holds a NUL, and nothing sorts before it."""
    return os.fsencode(path).replace(b"/", b"\0")


def _path(key: bytes) -> str:
    return os.fsdecode(key.replace(b"\0", b"/"))


def _fits(stamp: Stamp) -> bool:
    """Whether SQLite holds it: some file systems know dates beyond the year 2262."""
    return max(map(abs, stamp)) < 1 << 63


def _row(path: str, look: Look) -> tuple[bytes | int | str, ...]:
    stamp = look.stamp
    times = (stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode, look.read_ns)
    return (_key(path), *times, look.kind, look.encoding, look.digest)


def _look(row: tuple[int | str, ...]) -> Look:
    size, mtime_ns, ctime_ns, inode, read_ns = cast(tuple[int, int, int, int, int], row[:5])
    kind, encoding, digest = cast(tuple[Kind, str, str], row[5:])
    return Look(Stamp(size, mtime_ns, ctime_ns, inode), read_ns, kind, encoding, digest)


def _remove_unused(folder: Path) -> None:
    """Remove what no walk has used for a month; a file in use elsewhere only loses its rows."""
    for path in folder.glob("*.sqlite*"):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - _UNUSED_S:
                path.unlink()
