"""What git would run or obey on its own: kept as it is while commands run.

A file fence opens folders as wholes, so a command that may write in the workspace may also write
in its ``.git``, which ``git commit`` needs. But hooks and configuration name programs that the
user's next git command would run outside the sandbox; those are put back after each command.
"""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

GUARDED_FILES = ("config", "config.worktree", "info/attributes")
MAX_BYTES = 1_000_000  # no such file is larger; one that is, is not kept


@dataclass(frozen=True)
class Kept:
    """A file as it was: content and mode bits."""

    content: bytes
    mode: int


class GitGuard:
    """Remembers hooks and configuration of a repository and its submodules; see module."""

    def __init__(self, root: Path) -> None:
        self._git = root / ".git"
        self._kept = self._read()

    def restore(self) -> list[str]:
        """Put back what was changed, added or removed; the names relative to the root."""
        now = self._read()
        changed = {path for path in {*self._kept, *now} if self._kept.get(path) != now.get(path)}
        for path in changed:
            with suppress(OSError):
                if path.is_symlink() or path.exists():
                    path.unlink()
                if kept := self._kept.get(path):
                    _write(path, kept)
        return sorted(str(path.relative_to(self._git.parent)) for path in changed)

    def _read(self) -> dict[Path, Kept]:
        found = {}
        for folder in self._git_folders():
            for path in (*(folder / name for name in GUARDED_FILES), *_entries(folder / "hooks")):
                if kept := _kept(path):
                    found[path] = kept
        return found

    def _git_folders(self) -> list[Path]:
        folders = [self._git]
        for folder, names, _ in os.walk(self._git / "modules"):
            if "objects" in names:
                folders.append(Path(folder))
                names[:] = [name for name in names if name == "modules"]
        return folders


def _entries(folder: Path) -> list[Path]:
    if folder.is_symlink():
        return [folder]
    with suppress(OSError):
        return list(folder.iterdir())
    return []


def _kept(path: Path) -> Kept | None:
    with suppress(OSError):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            return Kept(os.fsencode(path.readlink()), status.st_mode)
        if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES:
            return Kept(path.read_bytes(), status.st_mode)
        return Kept(b"", status.st_mode)
    return None


def _write(path: Path, kept: Kept) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(kept.mode):
        path.symlink_to(os.fsdecode(kept.content))
    elif stat.S_ISREG(kept.mode):
        path.write_bytes(kept.content)
        path.chmod(stat.S_IMODE(kept.mode))
