"""One process at a time goes on with a run."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grok_agent.errors import SettingsError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FILE_NAME = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run in ``folder`` while the block lasts; the system lets go of it for a process that
    is killed.

    Raises :class:`SettingsError` when another process holds it, :class:`OSError` when the folder
    cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / FILE_NAME).open("a+b") as file:
        if not _take(file.fileno()):
            raise SettingsError(
                f"The run {folder.name} is under way in another process.",
                next_step="Wait until it has ended, or stop it there with Ctrl-C.",
            )
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process goes on with the run in ``folder`` right now."""
    try:
        with (folder / FILE_NAME).open("r+b") as file:
            return not _take(file.fileno())
    except OSError:
        return False


def _take(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
