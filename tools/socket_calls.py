"""Socket calls that the warden makes for a confined command.

A command may talk to itself, and to other commands of its workspace: to Unix sockets in the places
that it may write, and over loopback addresses on which they listen, so that tests with a server
of their own run. It reaches no other program, and from outside the machine none reaches it.

The call waits, and the warden makes it on the same socket with its own copy of the address, for
the reason that :mod:`grok_agent.tools.file_calls` gives. Imports only what loads fast; see
:mod:`grok_agent.tools.warden`.
"""

# ruff: noqa: PTH108, PTH110, PTH112, PTH123, PTH208
# pathlib takes long to load.

from __future__ import annotations

import _socket  # `socket` itself takes longer to load than all else here
import errno
import os
import struct

from grok_agent.tools.caller import AT_FDCWD, borrowed, descriptor, lies_below, memory, open_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from grok_agent.tools.listener import Call, Listener

SOCKET_CALLS = frozenset({"bind", "listen", "connect"})
"""The calls that are answered here."""

AF_UNIX, AF_INET, AF_INET6 = _socket.AF_UNIX, _socket.AF_INET, _socket.AF_INET6
MAX_ADDRESS = 128
LEAST_ADDRESS = {AF_INET: 8, AF_INET6: 24}  # bytes, without what is not looked at
MAPPED = bytes(10) + b"\xff\xff"  # what stands before an IPv4 address in an IPv6 one
LOOPBACK, LOOPBACK_6 = b"\x7f\0\0\1", bytes(15) + b"\1"


class Sockets:
    """The socket calls of one command.

    ``roots`` are the places of Unix sockets; ``network`` lets it reach the internet as well. In
    the folder ``ports`` the wardens of one workspace tell each other where their commands listen,
    each in a file named after its own process.
    """

    def __init__(self, roots: list[str], ports: str, *, network: bool) -> None:
        self._roots = roots
        self._ports = ports
        self._network = network
        self._listens = False

    def forget(self) -> None:
        """The command has ended: nobody listens there any more."""
        if self._listens and os.path.isdir(self._ports):
            os.unlink(f"{self._ports}/{os.getpid()}")

    def carry_out(self, call: Call, listener: Listener) -> int | None:
        """Do what ``call`` asks, if it may be; the error number for the command.

        None stands for a call that the kernel may carry out as it is. May block.
        """
        try:
            socket = _socket.socket(fileno=borrowed(call.pid, descriptor(call.arguments[0])))
            try:
                return self._do(call, socket) if listener.still_waits(call) else errno.EINTR
            finally:
                socket.close()
        except OSError as error:
            return error.errno or errno.EIO

    def _do(self, call: Call, socket: _socket.socket) -> int | None:
        internet = socket.family in (AF_INET, AF_INET6)
        if call.name == "listen":
            if internet and not self._network and not socket.getsockname()[1]:
                self._bind(socket, LOOPBACK, 0)
            socket.listen(descriptor(call.arguments[1]))
            return 0
        if call.name == "bind" and (self._network or not internet):
            return None  # Landlock fences where a Unix socket is made
        address = memory(call.pid, call.arguments[1], min(call.arguments[2], MAX_ADDRESS))
        least = LEAST_ADDRESS.get(socket.family, 2)
        if len(address) < least or struct.unpack_from("=H", address)[0] != socket.family:
            return errno.EINVAL
        if socket.family == AF_UNIX:
            return self._connect_to_file(call.pid, socket, address[2:].split(b"\0")[0])
        if not internet:
            return errno.EAFNOSUPPORT
        host, port = _end_of(socket.family, address)
        if call.name == "bind":
            return self._bind(socket, host, port)
        if self._network or self._is_ours(host, port):
            socket.connect(_spelled(socket.family, host, port))
            return 0
        return errno.ECONNREFUSED if _is_loopback(host) else errno.ENETUNREACH

    def _bind(self, socket: _socket.socket, host: bytes, port: int) -> int:
        if not _is_loopback(host):
            return errno.EADDRNOTAVAIL
        socket.bind(_spelled(socket.family, host, port))
        self._listens = True
        with open(f"{self._ports}/{os.getpid()}", "ab") as file:
            file.write(_line(host, socket.getsockname()[1]))
        return 0

    def _is_ours(self, host: bytes, port: int) -> bool:
        line = _line(host, port)
        wardens = os.listdir(self._ports)
        # One that was killed could not forget.
        alive = (warden for warden in wardens if os.path.exists(f"/proc/{warden}"))
        return any(line in _lines(f"{self._ports}/{warden}") for warden in alive)

    def _connect_to_file(self, pid: int, socket: _socket.socket, path: bytes) -> int:
        if not path:
            return errno.ECONNREFUSED  # a name without a file: whose it is cannot be told
        place = open_place(pid, AT_FDCWD, path)
        try:
            if not lies_below(place, self._roots):
                return errno.EACCES
            socket.connect(f"/proc/self/fd/{place}")
        finally:
            os.close(place)
        return 0


def _end_of(family: int, address: bytes) -> tuple[bytes, int]:
    """Packed host and port of a socket address; "any" means the loopback address."""
    port = int.from_bytes(address[2:4], "big")
    host = address[4:8] if family == AF_INET else address[8:24]
    host = host.removeprefix(MAPPED)
    # An IPv6 socket bound to "any" takes IPv4 too, which most clients try: hence that.
    return (host if any(host) else LOOPBACK), port


def _line(host: bytes, port: int) -> bytes:
    return f"{host.hex()} {port}\n".encode()


def _lines(path: str) -> list[bytes]:
    try:
        with open(path, "rb") as file:
            return file.readlines()
    except FileNotFoundError:  # its warden has just ended
        return []


def _is_loopback(host: bytes) -> bool:
    return host == LOOPBACK_6 or (len(host) == 4 and host[0] == LOOPBACK[0])


def _spelled(family: int, host: bytes, port: int) -> tuple[str, int]:
    if family == AF_INET6 and len(host) == 4:
        return "::ffff:" + _socket.inet_ntop(AF_INET, host), port
    return _socket.inet_ntop(family, host), port
