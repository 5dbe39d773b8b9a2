"""The other end of a seccomp filter: the calls that wait for an answer, and the answers.

Imports only what loads fast; see :mod:`grok_agent.tools.warden`. Interface: seccomp_unotify(2),
Linux man-pages.
"""

# ruff: noqa: SIM105
# contextlib takes long to load.

from __future__ import annotations

import fcntl
import os
import struct

from grok_agent.tools.syscalls import numbers

RECEIVE, SEND, IS_VALID = 0xC0502100, 0xC0182101, 0x40082102
CONTINUE = 1


class Call:
    """A system call that waits. ``pid`` is the calling thread; ``arguments`` are six numbers."""

    def __init__(self, id_: int, pid: int, name: str, arguments: tuple[int, ...]) -> None:
        self.id = id_
        self.pid = pid
        self.name = name
        self.arguments = arguments


class Listener:
    """Takes the calls that wait, and answers them."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._names = {number: name for name, number in numbers(os.uname().machine).items()}

    def receive(self) -> Call | None:
        """The next call; None when its maker has gone meanwhile."""
        buffer = bytearray(80)
        try:
            fcntl.ioctl(self.descriptor, RECEIVE, buffer)
        except OSError:
            return None
        id_, pid, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", buffer)
        return Call(id_, pid, self._names[number], tuple(arguments))

    def still_waits(self, call: Call) -> bool:
        """False when the caller was killed: its number may be another's by now."""
        try:
            fcntl.ioctl(self.descriptor, IS_VALID, struct.pack("=Q", call.id))
        except OSError:
            return False
        return True

    def let(self, call: Call) -> None:
        """Let the kernel carry the call out; what its pointers lead to may have changed."""
        self._send(call, 0, CONTINUE)

    def answer(self, call: Call, code: int) -> None:
        """End the call without carrying it out: it fails with the error number ``code``, or
        succeeds with 0."""
        self._send(call, -code, 0)

    def _send(self, call: Call, error: int, flags: int) -> None:
        try:
            fcntl.ioctl(self.descriptor, SEND, struct.pack("=QqiI", call.id, 0, error, flags))
        except OSError:
            pass  # the caller was killed while it waited
