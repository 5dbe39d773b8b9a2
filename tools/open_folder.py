"""Files opened without following a link that is put in the way after the guard has looked."""

import contextlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Self

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HAS_FOLDER_HANDLES = os.open in os.supports_dir_fd


@dataclass
class Folder:
    """A folder opened step by step below ``root``; no step follows a link.

    Where the system has folder handles, names are opened relative to the handle, so that a
    folder exchanged for a link after the guard has looked cannot lead outside.
    """

    path: Path
    handle: int | None
    made: tuple[str, ...] = ()
    """Folders that were missing and are made now, relative to the root, outermost first."""

    @classmethod
    @contextlib.contextmanager
    def open(cls, root: Path, path: Path, *, create: bool = False) -> Iterator[Self]:
        """Open ``path`` below ``root``; ``create`` makes missing folders. Raises OSError."""
        names = path.relative_to(root).parts
        steps = [PurePath(*names[: n + 1]).as_posix() for n in range(len(names))]
        if not HAS_FOLDER_HANDLES:
            made = tuple(step for step in steps if create and not (root / step).exists())
            if create:
                path.mkdir(parents=True, exist_ok=True)
            yield cls(path, None, made)
            return
        made = ()
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name, step in zip(names, steps, strict=True):
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, dir_fd=handle)
                        made += (step,)
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                handle, above = os.open(name, flags, dir_fd=handle), handle
                os.close(above)
            yield cls(path, handle, made)
        finally:
            os.close(handle)

    def read(self, name: str, limit: int) -> tuple[bytes, os.stat_result]:
        """A regular file and its status; never blocks on a pipe. Nothing of a file that is larger
        than ``limit`` bytes is read, and at most as much of one that grows."""
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(self._open(name, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(f"{name} is no regular file")
            return file.read(limit) if status.st_size <= limit else b"", status

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes that ask for this lock out; they wait. Without folder handles, or
        on a file system without locks, nothing is locked."""
        if fcntl is None or self.handle is None:
            yield
            return
        with contextlib.suppress(OSError):
            fcntl.flock(self.handle, fcntl.LOCK_EX)
        yield  # closing the handle unlocks it

    def status(self, name: str) -> os.stat_result | None:
        """What stands under ``name``, a link itself included; None for nothing."""
        try:
            return os.stat(self._at(name), dir_fd=self.handle, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def target(self, name: str) -> str:
        """The path that a link names. Raises OSError."""
        return os.readlink(self._at(name), dir_fd=self.handle)

    def remove(self, name: str) -> None:
        """Remove a file or a link. Raises OSError."""
        os.unlink(self._at(name), dir_fd=self.handle)

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder. Raises OSError."""
        os.rmdir(self._at(name), dir_fd=self.handle)

    @contextlib.contextmanager
    def draft(
        self, data: bytes, like: os.stat_result | None, mode: int | None = None
    ) -> Iterator["Draft"]:
        """A temporary file beside the others with ``data``, flushed to the disk.

        It has the mode bits and, where allowed, the owner of ``like``; ``mode`` counts more. It is
        gone at the end, unless it was put under a name. Raises OSError.
        """
        temporary = f".{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        descriptor = self._open(temporary, flags, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if sys.platform != "win32":
                    if like is not None:
                        _keep_owner_and_mode(file.fileno(), like)
                    if mode is not None:
                        os.fchmod(file.fileno(), stat.S_IMODE(mode))
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                written = os.fstat(file.fileno())
            yield Draft(self, temporary, written.st_mode)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(self._at(temporary), dir_fd=self.handle)

    @contextlib.contextmanager
    def draft_of_link(self, target: str) -> Iterator["Draft"]:
        """Like :meth:`draft`, for a link that names ``target``."""
        temporary = f".{secrets.token_hex(8)}.tmp"
        os.symlink(target, self._at(temporary), dir_fd=self.handle)
        try:
            yield Draft(self, temporary, stat.S_IFLNK | 0o777)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(self._at(temporary), dir_fd=self.handle)

    def replace(self, name: str, data: bytes, like: os.stat_result | None) -> None:
        """Put ``data`` under ``name`` in one step. When anything fails, the old file stands."""
        with self.draft(data, like) as draft:
            draft.put(name)

    def put(self, temporary: str, name: str) -> None:
        """Rename within the folder, in one step, over what stands there. Raises OSError."""
        os.replace(
            self._at(temporary), self._at(name), src_dir_fd=self.handle, dst_dir_fd=self.handle
        )

    def _open(self, name: str, flags: int, mode: int = 0o666) -> int:
        binary = getattr(os, "O_BINARY", 0)
        return os.open(self._at(name), flags | binary, mode, dir_fd=self.handle)

    def _at(self, name: str) -> str:
        return str(self.path / name) if self.handle is None else name


@dataclass(frozen=True)
class Draft:
    """A file that is whole on the disk and has no name of its own yet; ``mode`` with the type."""

    folder: Folder
    temporary: str
    mode: int

    def put(self, name: str) -> None:
        """Give it its name, in one step. Raises OSError, and then what stood there stands."""
        self.folder.put(self.temporary, name)


def _keep_owner_and_mode(descriptor: int, like: os.stat_result) -> None:
    if sys.platform != "win32":
        if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
            with contextlib.suppress(PermissionError):
                os.fchown(descriptor, like.st_uid, like.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
