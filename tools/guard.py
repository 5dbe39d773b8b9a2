"""The path guard: which place in the workspace a name means, and files opened without following
a link that is put in the way afterwards."""

import contextlib
import os
import secrets
import stat
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Self

from grok_agent.errors import ToolError

MAX_PATH_BYTES = 4_095
MAX_NAME_BYTES = 255
HAS_FOLDER_HANDLES = os.open in os.supports_dir_fd
RESERVED_ON_WINDOWS = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))]
)


def locate(root: Path, given: str) -> Path:
    """The absolute path without links that ``given`` means inside ``root`` (itself resolved).

    The file need not exist. Raises ToolError for whatever leaves the root, for git's own data,
    broken links, devices, pipes and sockets, and names that no file should have.
    """
    _check_name(given)
    path = root / _separators_of_this_system(root, given)
    resolved = Path(os.path.realpath(path))
    if not resolved.is_relative_to(root):
        raise ToolError(
            f"{given!r} lies outside the workspace {root}.",
            next_step="Use a path inside the workspace, relative to its root.",
        )
    if any(map(_means_git_folder, _names_below(root, path) + _names_below(root, resolved))):
        raise ToolError(
            f"{given!r} lies in git's own data, which is closed.",
            next_step="Use git commands instead.",
        )
    _check_kind(path, resolved, given)
    return resolved


def leaving_links(root: Path) -> Iterator[str]:
    """Absolute paths of all links below ``root`` that lead out of it, git's own data left out."""
    waiting = [str(root)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    if not Path(os.path.realpath(entry.path)).is_relative_to(root):
                        yield entry.path
                elif entry.is_dir(follow_symlinks=False) and entry.name != ".git":
                    waiting.append(entry.path)


@dataclass
class Folder:
    """A folder opened step by step below ``root``; no step follows a link.

    Where the system has folder handles, names are opened relative to the handle, so that a
    folder exchanged for a link after the guard has looked cannot lead outside.
    """

    path: Path
    handle: int | None

    @classmethod
    @contextlib.contextmanager
    def open(cls, root: Path, path: Path, *, create: bool = False) -> Iterator[Self]:
        """Open ``path`` below ``root``; ``create`` makes missing folders. Raises OSError."""
        if not HAS_FOLDER_HANDLES:
            if create:
                path.mkdir(parents=True, exist_ok=True)
            yield cls(path, None)
            return
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in path.relative_to(root).parts:
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, dir_fd=handle)
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                handle, above = os.open(name, flags, dir_fd=handle), handle
                os.close(above)
            yield cls(path, handle)
        finally:
            os.close(handle)

    def read(self, name: str, limit: int) -> tuple[bytes, os.stat_result]:
        """At most ``limit`` bytes of a regular file and its status; never blocks on a pipe."""
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(self._open(name, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(f"{name} is no regular file")
            return file.read(limit), status

    def replace(self, name: str, data: bytes, like: os.stat_result | None) -> None:
        """Put ``data`` under ``name`` in one step: a temporary file, flushed, then renamed.

        Mode bits and, where allowed, the owner of ``like`` are kept. When anything fails, the
        old file stands and the temporary one is gone. Raises OSError.
        """
        temporary = f".{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        descriptor = self._open(temporary, flags, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if like is not None and sys.platform != "win32":
                    _keep_owner_and_mode(file.fileno(), like)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(
                self._at(temporary),
                self._at(name),
                src_dir_fd=self.handle,
                dst_dir_fd=self.handle,
            )
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(self._at(temporary), dir_fd=self.handle)
            raise

    def _open(self, name: str, flags: int, mode: int = 0o666) -> int:
        binary = getattr(os, "O_BINARY", 0)
        return os.open(self._at(name), flags | binary, mode, dir_fd=self.handle)

    def _at(self, name: str) -> str:
        return str(self.path / name) if self.handle is None else name


def _keep_owner_and_mode(descriptor: int, like: os.stat_result) -> None:
    if sys.platform != "win32":
        if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
            with contextlib.suppress(PermissionError):
                os.fchown(descriptor, like.st_uid, like.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def _check_name(given: str) -> None:
    if not given or given.isspace():
        raise ToolError("The path is empty.", next_step="Give a path inside the workspace.")
    shown = given if len(given) <= 120 else given[:100] + "…"
    try:
        size = len(os.fsencode(given))
        longest = max(len(os.fsencode(name)) for name in given.replace("\\", "/").split("/"))
    except UnicodeEncodeError:
        raise ToolError(f"{shown!r} is no file name.", next_step="Give a name in UTF-8.") from None
    if size > MAX_PATH_BYTES or longest > MAX_NAME_BYTES:
        raise ToolError(
            f"The path {shown!r} is too long ({size} bytes).",
            next_step=f"A name has at most {MAX_NAME_BYTES} bytes, a path {MAX_PATH_BYTES}.",
        )
    if any(unicodedata.category(character) == "Cc" for character in given):
        raise ToolError(
            f"The path {shown!r} holds a control character.", next_step="Give a plain file name."
        )


def _separators_of_this_system(root: Path, given: str) -> str:
    if sys.platform == "win32":
        for name in PurePath(given).parts[1 if PurePath(given).drive else 0 :]:
            if ":" in name or name.split(".")[0].strip().upper() in RESERVED_ON_WINDOWS:
                raise ToolError(f"{given!r} names a device or stream.", next_step="Name a file.")
        return given
    if "\\" not in given or os.path.lexists(root / given):
        return given
    if given[1:3] == ":\\" or given.startswith("\\\\"):
        raise ToolError(
            f"{given!r} lies outside the workspace {root}.",
            next_step="Use a path inside the workspace, relative to its root.",
        )
    return given.replace("\\", "/")


def _names_below(root: Path, path: Path) -> tuple[str, ...]:
    plain = Path(os.path.normpath(path))
    return plain.relative_to(root).parts if plain.is_relative_to(root) else ()


def _means_git_folder(name: str) -> bool:
    """True for every spelling of ``.git`` that some file system takes for it."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    plain = "".join(c for c in folded if unicodedata.category(c) != "Cf").rstrip(". ")
    return plain.split(":")[0] in (".git", "git~1")


def _check_kind(path: Path, resolved: Path, given: str) -> None:
    try:
        mode = resolved.stat().st_mode
    except FileNotFoundError:
        if _has_link(path):
            raise ToolError(
                f"{given!r} goes through a link to nowhere.", next_step="Use another path."
            ) from None
        return
    except NotADirectoryError:
        raise ToolError(
            f"A part of {given!r} is a file, not a folder.", next_step="Check it with list_dir."
        ) from None
    except OSError as error:
        raise ToolError(f"{given!r}: {error.strerror}.", next_step="Use another path.") from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ToolError(
            f"{given!r} is a device, pipe or socket.", next_step="Only files and folders are open."
        )


def _has_link(path: Path) -> bool:
    return any(part.is_symlink() for part in (path, *path.parents))
