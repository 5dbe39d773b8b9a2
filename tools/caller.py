"""What a waiting system call refers to: memory, files and sockets of the thread that made it.

Linux only. Imports only what loads fast; see :mod:`grok_agent.tools.warden`.
"""

# ruff: noqa: PTH115, PTH123
# pathlib takes long to load.

from __future__ import annotations

import ctypes
import errno
import os

from grok_agent.tools.syscalls import numbers

AT_FDCWD = -100
MAX_PATH = 4096

_libc = ctypes.CDLL(None, use_errno=True)


def memory(pid: int, address: int, size: int) -> bytes:
    """``size`` bytes of a thread's memory. Raises OSError where they are not all there."""
    raw = _up_to(pid, address, size)
    if len(raw) < size:
        raise OSError(errno.EFAULT, "memory")
    return raw


def text(pid: int, address: int) -> bytes:
    """The path at ``address``; empty for a null pointer. Raises OSError, also for an empty one."""
    if not address:
        return b""
    raw = _up_to(pid, address, MAX_PATH)
    end = raw.find(b"\0")
    if end <= 0:
        raise OSError(errno.ENAMETOOLONG if end else errno.ENOENT, "path")
    return raw[:end]


def open_place(pid: int, folder: int, path: bytes, *, follow: bool = True) -> int:
    """A handle on the file that ``path``, seen from the descriptor ``folder``, means to the thread.

    An empty ``path`` is the folder itself. Nothing is read or changed. Raises OSError.
    """
    for own in (b"/proc/self/", b"/proc/thread-self/"):
        if path.startswith(own):
            path = b"/proc/%d/" % pid + path.removeprefix(own)
    base = b"/proc/%d/cwd" % pid if folder == AT_FDCWD else b"/proc/%d/fd/%d" % (pid, folder)
    whole = path if path.startswith(b"/") else base + (b"/" + path if path else b"")
    flags = os.O_PATH | os.O_CLOEXEC | (0 if follow or not path else os.O_NOFOLLOW)
    return os.open(whole, flags)


def _up_to(pid: int, address: int, size: int) -> bytes:
    """Fewer bytes where the mapping ends."""
    file = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(file, size, address)
    except (OSError, OverflowError) as error:
        raise OSError(errno.EFAULT, "memory") from error
    finally:
        os.close(file)


def lies_below(place: int, roots: list[str]) -> bool:
    """True when the open file ``place`` is one of ``roots`` or lies in one."""
    where = os.readlink(f"/proc/self/fd/{place}")
    return any(where == root or where.startswith(root + "/") for root in roots)


def descriptor(word: int) -> int:
    """A descriptor as the kernel reads it: the low 32 bits of an argument, with their sign."""
    return (word & 0xFFFFFFFF) - (word >> 31 & 1) * (1 << 32)


def borrowed(pid: int, number: int) -> int:
    """A descriptor of our own for the file that is open as ``number`` there. Raises OSError."""
    with open(f"/proc/{pid}/status", "rb") as file:
        leader = next(int(line.split()[1]) for line in file if line.startswith(b"Tgid:"))
    handle = os.pidfd_open(leader)
    try:
        call = numbers(os.uname().machine)["pidfd_getfd"]
        got = int(_libc.syscall(*map(ctypes.c_long, (call, handle, number, 0))))
    finally:
        os.close(handle)
    if got < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return got
