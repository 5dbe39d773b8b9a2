"""Landlock, the kernel's own fence around files: a process and all it starts keep to it for good.

Linux 5.13 and later. What a fence can do grows with the kernel's ABI number: from 2 files may move
between folders, from 3 truncating is fenced, from 5 device controls, from 6 signals and abstract
sockets. Only the standard library is used, since the fence is put up between fork and exec.
Interface: Mickaël Salaün, "Landlock: unprivileged access control", kernel documentation, 2021.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# The numbers are the same on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PATH_BENEATH = 1
ASK_ABI = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
ALL_OF_ABI_1 = (1 << 13) - 1  # besides those above: remove and make each kind of entry
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
READING = EXECUTE | READ_FILE | READ_DIR
FOR_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
TCP_BIND_AND_CONNECT = 0b11
ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

PR_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """The Landlock ABI of the running kernel; 0 where there is none, or it is switched off."""
    return max(0, _call(CREATE_RULESET, None, 0, ASK_ABI))


def restrict(
    listable: Iterable[str],
    readable: Iterable[str],
    writable: Iterable[str],
    *,
    abi: int,
    tcp: bool,
) -> None:
    """From now on only ``readable`` and ``writable`` files can be opened, and folders that are
    ``listable``.

    Folders count with all below them, links are followed, and what does not exist is left out.
    ``abi`` is the kernel's or a lower one; without ``tcp`` no TCP port can be bound or reached
    where the kernel knows how (ABI 4). Raises OSError.
    """
    handled = ALL_OF_ABI_1
    handled |= REFER if abi >= 2 else 0
    handled |= TRUNCATE if abi >= 3 else 0
    handled |= IOCTL_DEV if abi >= 5 else 0
    network = TCP_BIND_AND_CONNECT if abi >= 4 and not tcp else 0
    scopes = ABSTRACT_SOCKETS_AND_SIGNALS if abi >= 6 else 0
    attributes = struct.pack("=QQQ", handled, network, scopes)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _checked(CREATE_RULESET, attributes, size, 0)
    try:
        for path in listable:
            _allow(ruleset, path, READ_DIR)
        for path in readable:
            _allow(ruleset, path, READING)
        for path in writable:
            _allow(ruleset, path, handled)
        if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
        _checked(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            access &= FOR_FILES
        _checked(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", access, place), 0)
    finally:
        os.close(place)


def _checked(number: int, *arguments: int | bytes | None) -> int:
    result = _call(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"landlock: {errno.errorcode.get(code, code)}")
    return result


def _call(number: int, *arguments: int | bytes | None) -> int:
    _libc.syscall.restype = ctypes.c_long
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return int(_libc.syscall(ctypes.c_long(number), *words))
