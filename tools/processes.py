"""The processes below one process, as /proc tells of them: who they are and what they use."""

# ruff: noqa: PTH116, PTH123, PTH208, SIM105
# pathlib and contextlib take long to load.

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> list[int]:
    """All processes below ``pid``, parents first; those born meanwhile may be missed."""
    found = _children(pid)
    for child in found:
        found += _children(child)
    return found


def memory_of(pids: Iterable[int], enough: int) -> int:
    """Bytes of memory that ``pids`` hold together.

    Pages that several share are counted once, which takes long; so up to ``enough`` bytes a
    quick sum, which counts them for each, will do.
    """
    pids = list(pids)
    quick = sum(map(_resident, pids))
    return quick if quick <= enough else sum(map(_share_of_resident, pids))


def tasks_of(pids: Iterable[int]) -> int:
    """How many threads ``pids`` have together, a process's first one counted too."""
    count = 0
    for pid in pids:
        try:
            count += os.stat(f"/proc/{pid}/task").st_nlink - 2
        except OSError:
            pass
    return count


def available_memory() -> int:
    """Bytes that new programs could take without swapping."""
    return _kilobytes("/proc/meminfo", b"MemAvailable:")


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * PAGE if fields else 0


def _share_of_resident(pid: int) -> int:
    return _kilobytes(f"/proc/{pid}/smaps_rollup", b"Pss:")


def _kilobytes(path: str, label: bytes) -> int:
    for line in _read(path).splitlines():
        if line.startswith(label):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def send(signal: int, pids: Iterable[int]) -> None:
    """Send ``signal`` to all that are still there and may be reached."""
    for pid in pids:
        try:
            os.kill(pid, signal)
        except (ProcessLookupError, PermissionError):
            pass
