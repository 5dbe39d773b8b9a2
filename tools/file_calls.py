"""Changes of mode, owner and times that the warden makes for a confined command.

Landlock does not fence these, and a filter cannot read which file is meant. So the call waits;
the warden opens the file, sees where it lies, and makes the change itself: nothing that the
command does meanwhile can put another file in its place. Imports only what loads fast; see
:mod:`grok_agent.tools.warden`.
"""

# ruff: noqa: PTH101
# pathlib takes long to load.

from __future__ import annotations

import ctypes
import errno
import os
import struct

from grok_agent.tools.caller import AT_FDCWD, descriptor, lies_below, memory, open_place, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from grok_agent.tools.listener import Call

AT_SYMLINK_NOFOLLOW = 0x100
NO_CHANGE = 0xFFFFFFFF
MILLION = 1_000_000

FORMS = {
    # which argument is the folder, the path, the flags, and the first of the values
    "chmod": (None, 0, None, 1),
    "fchmod": (0, None, None, 1),
    "fchmodat": (0, 1, None, 2),
    "fchmodat2": (0, 1, 3, 2),
    "chown": (None, 0, None, 1),
    "lchown": (None, 0, None, 1),
    "fchown": (0, None, None, 1),
    "fchownat": (0, 1, 4, 2),
    "utime": (None, 0, None, 1),
    "utimes": (None, 0, None, 1),
    "futimesat": (0, 1, None, 2),
    "utimensat": (0, 1, 3, 2),
}
"""The calls that are answered here."""

_libc = ctypes.CDLL(None, use_errno=True)


def change_metadata(call: Call, roots: list[str]) -> int:
    """Make the change that ``call`` asks for, if its file lies below ``roots``.

    Gives the error number for the command; 0 when it was made.
    """
    folder, path, flags, value = FORMS[call.name]
    words = call.arguments
    stay = call.name == "lchown" or (flags is not None and words[flags] & AT_SYMLINK_NOFOLLOW)
    try:
        place = open_place(
            call.pid,
            AT_FDCWD if folder is None else descriptor(words[folder]),
            b"" if path is None else text(call.pid, words[path]),
            follow=not stay,
        )
        try:
            if not lies_below(place, roots):
                return errno.EACCES
            _change(call, f"/proc/self/fd/{place}", words[value:])
        finally:
            os.close(place)
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _change(call: Call, path: str, values: tuple[int, ...]) -> None:
    if "chmod" in call.name:
        os.chmod(path, values[0] & 0o7777)
    elif "chown" in call.name:
        os.chown(path, _owner(values[0]), _owner(values[1]))
    else:
        times = _times(call.name, call.pid, values[0]) if values[0] else None
        if _libc.utimensat(AT_FDCWD, path.encode(), times, 0):
            raise OSError(ctypes.get_errno(), "utimensat")


def _times(name: str, pid: int, address: int) -> bytes:
    """Both times as two pairs of seconds and nanoseconds."""
    if name == "utimensat":
        return memory(pid, address, 32)
    if name == "utime":
        accessed, changed = struct.unpack("@ll", memory(pid, address, 16))
        return struct.pack("@llll", accessed, 0, changed, 0)
    accessed, micros, changed, more = struct.unpack("@llll", memory(pid, address, 32))
    if not (0 <= micros < MILLION and 0 <= more < MILLION):
        raise OSError(errno.EINVAL, "microseconds")
    return struct.pack("@llll", accessed, micros * 1000, changed, more * 1000)


def _owner(word: int) -> int:
    return -1 if word & NO_CHANGE == NO_CHANGE else word & NO_CHANGE
