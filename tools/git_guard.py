"""What git would run or obey on its own: kept as it is while commands run.

A sandbox opens folders as wholes, so that a command which may write in the workspace may also
write in its ``.git``. But hooks and configuration name programs that the user's next git command
would run outside the sandbox; those are put back after each command.
"""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grok_agent.tools.open_folder import Folder

GUARDED_FILES = ("config", "config.worktree", "info/attributes")
MAX_BYTES = 1_000_000  # no such file is larger; one that is, is not put back


@dataclass(frozen=True)
class Kept:
    """A file or link as it was: content or target, and mode."""

    content: bytes
    mode: int


class GitWatch:
    """One guard for all commands that run at the same time: what one of them has changed must not
    count as how things were when the next began. Thread-safe."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._guard: GitGuard | None = None
        self._commands = 0
        self._lock = threading.RLock()

    def begin(self) -> "Watched":
        """A command begins."""
        with self._lock:
            if self._guard is None or not self._guard.is_repository:
                self._guard = GitGuard(self._root)
            self._commands += 1
            return Watched(self, self._guard)

    def restore(self, guard: "GitGuard", *, is_last_word: bool) -> list[str]:
        """Put back what was changed since ``guard`` looked, for one command that has ended."""
        with self._lock:
            self._commands -= is_last_word
            if not self._commands:
                self._guard = None
            return guard.restore()


class Watched:
    """The watch over one command."""

    def __init__(self, watch: GitWatch, guard: "GitGuard") -> None:
        self._watch, self._guard = watch, guard
        self._is_over = False

    def restore(self) -> list[str]:
        """Put back what was changed, once the command has ended; the names relative to the root."""
        first, self._is_over = not self._is_over, True
        return self._watch.restore(self._guard, is_last_word=first)


class GitGuard:
    """Remembers hooks and configuration of the repository in ``root`` and of its submodules.

    A folder that is no repository yet is left alone, so that one can be made.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._git = root / ".git"
        self._kept = self._read() if self._git.exists() else {}

    @property
    def is_repository(self) -> bool:
        """Whether there was anything to remember."""
        return bool(self._kept)

    def restore(self) -> list[str]:
        """Put back what was changed, added or removed; the names relative to the root.

        No link that was put in the way is followed.
        """
        if not self._kept or not os.path.lexists(self._git):
            return []
        now = self._read()
        changed = {path for path in {*self._kept, *now} if self._kept.get(path) != now.get(path)}
        for path in sorted(changed):
            with suppress(OSError):
                self._clear_the_way(path)
                if kept := self._kept.get(path):
                    self._write(path, kept)
        return sorted(path.relative_to(self._root).as_posix() for path in changed)

    def _read(self) -> dict[Path, Kept]:
        return {path: kept for path in self._guarded() if (kept := _look(path))}

    def _guarded(self) -> Iterator[Path]:
        if self._git.is_symlink() or not self._git.is_dir():
            yield self._git  # a file that names the real place, or a link to it
            return
        for folder in self._git_folders():
            for name in GUARDED_FILES:
                yield folder / name
            hooks = folder / "hooks"
            if hooks.is_symlink() or not hooks.is_dir():
                yield hooks
            else:
                yield from hooks.iterdir()

    def _git_folders(self) -> Iterator[Path]:
        yield self._git
        for folder, names, _ in os.walk(self._git / "modules"):
            if "objects" in names:
                yield Path(folder)
                names[:] = [name for name in names if name == "modules"]

    def _clear_the_way(self, path: Path) -> None:
        """Remove what stands at ``path``, and whatever is no real folder on the way to it."""
        below = path.relative_to(self._root)
        for step in (*reversed(below.parents[:-1]), below):
            place = self._root / step
            if place.is_symlink() or (place.exists() and not place.is_dir()):
                place.unlink()

    def _write(self, path: Path, kept: Kept) -> None:
        with Folder.open(self._root, path.parent, create=True) as folder:
            name = str(path) if folder.handle is None else path.name
            if stat.S_ISLNK(kept.mode):
                os.symlink(os.fsdecode(kept.content), name, dir_fd=folder.handle)
            elif stat.S_ISREG(kept.mode):
                folder.replace(path.name, kept.content, None)
                os.chmod(name, stat.S_IMODE(kept.mode), dir_fd=folder.handle)


def _look(path: Path) -> Kept | None:
    with suppress(OSError):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            return Kept(os.fsencode(path.readlink()), status.st_mode)
        if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES:
            return Kept(path.read_bytes(), status.st_mode)
        return Kept(b"", status.st_mode)
    return None
