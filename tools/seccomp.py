"""The seccomp filter of a confined command: which system calls it may make.

The filter closes what Landlock leaves open: sockets of every kind, the kernel's administration,
foreign calling conventions. New processes, connections and changes of metadata are put to a
listener (:mod:`grok_agent.tools.listener`). Imports only what loads fast; see
:mod:`grok_agent.tools.warden`. Interface: seccomp(2), Linux man-pages.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from grok_agent.tools.syscalls import (
    ADMINISTRATION,
    ARCHITECTURES,
    ATTRIBUTES,
    DETOURS,
    METADATA,
    numbers,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    Step = tuple[int, int, int, int]
    Steps = list[Step]

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_TYPE = 1, 2, 3, 0xF
IPPROTO_TCP, MSG_FASTOPEN = 6, 0x20000000
SENDING = {"sendto": 3, "sendmsg": 2, "sendmmsg": 3}  # and where the flags stand
NEW_NAMESPACES = 0x7E020080
TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
O_ACCMODE, O_TRUNC = 0o3, 0o1000
X32_CALLS = 0x40000000

ALLOW, KILL, ASK, FAIL = 0x7FFF0000, 0x80000000, 0x7FC00000, 0x00050000
REFUSE = FAIL | errno.EPERM
UNKNOWN = FAIL | errno.ENOSYS  # programs then do as on an older kernel
NO_ATTRIBUTES = FAIL | errno.EOPNOTSUPP

LOAD, AND, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE = 0, 4  # offsets in struct seccomp_data

SET_MODE_FILTER = 1
NEW_LISTENER, WAIT_KILLABLE = 1 << 3, 1 << 5

_libc = ctypes.CDLL(None, use_errno=True)


def program(machine: str, *, network: bool, listener: bool, landlock_abi: int) -> bytes:
    """The filter for ``machine`` (a key of :data:`ARCHITECTURES`), as the kernel takes it.

    With a ``listener``, streams can be made, whose ends it decides on; with ``network``, internet
    sockets of other kinds too. Without a listener new processes are not counted, changes of
    metadata are not looked at, and the only Unix sockets are pairs. A ``landlock_abi`` below 3
    cannot fence truncating, which is then refused here.
    """
    steps: Steps = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        _answer(KILL),
        (LOAD, 0, 0, NUMBER),
        *_when(X32_CALLS, [_answer(UNKNOWN)], AT_LEAST),
    ]
    judged = _judged(network, ASK if listener else ALLOW)
    if landlock_abi < 3:
        judged |= _no_truncating()
    for name, number in numbers(machine).items():
        if name in judged:
            steps += _when(number, judged[name])
    steps.append(_answer(ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def install(machine: str, filter_: bytes, *, listener: bool) -> int | None:
    """Put the calling thread under ``filter_`` for good; the descriptor of the listener, if asked.

    The thread must have given up new privileges before. Raises OSError: EBUSY when a listener
    is asked for under a filter that has one already.
    """
    buffer = ctypes.create_string_buffer(filter_, len(filter_))
    described = struct.pack("@HP", len(filter_) // 8, ctypes.addressof(buffer))
    call = ctypes.c_long(numbers(machine)["seccomp"])
    # A waiting call that other signals could interrupt would begin anew again and again.
    for flags in (NEW_LISTENER | WAIT_KILLABLE, NEW_LISTENER) if listener else (0,):
        result = _libc.syscall(
            call, ctypes.c_long(SET_MODE_FILTER), ctypes.c_long(flags), described
        )
        if result >= 0:
            return int(result) if listener else None
        if ctypes.get_errno() != errno.EINVAL:
            break
    code = ctypes.get_errno()
    raise OSError(code, f"seccomp: {os.strerror(code)}")


def _judged(network: bool, ask: int) -> dict[str, Steps]:
    """The steps for every call that is not simply allowed."""
    judged: dict[str, Steps] = {name: [_answer(ask)] for name in METADATA}
    judged |= {name: [_answer(NO_ATTRIBUTES)] for name in ATTRIBUTES}
    judged |= {name: [_answer(REFUSE)] for name in ADMINISTRATION}
    judged |= {name: [_answer(UNKNOWN)] for name in DETOURS}
    return judged | {
        "clone": [
            (LOAD, 0, 0, _argument(0)),
            *_when(NEW_NAMESPACES, [_answer(REFUSE)], ANY_BIT),
            _answer(ask),
        ],
        "fork": [_answer(ask)],
        "vfork": [_answer(ask)],
        "clone3": [_answer(UNKNOWN)],  # its flags lie in memory; every C library falls back
        "socket": _socket(network, ask),
        "socketpair": [*_refuse_type(SOCK_DGRAM), _answer(ALLOW)],
        **{name: [_answer(ask)] for name in ("bind", "connect", "listen")},
        **{name: _no_connecting(flags) for name, flags in SENDING.items()},
        "prlimit64": _own_limits_only(),
        "ioctl": [
            (LOAD, 0, 0, _argument(1)),
            *(step for code in TERMINAL_INJECTION for step in _when(code, [_answer(REFUSE)])),
            _answer(ALLOW),
        ],
    }


def _socket(network: bool, ask: int) -> Steps:
    """Streams, whose connections are asked for. A datagram names its receiver in memory, where no
    filter can look, so that it takes leave for all of the network."""
    steps: Steps = [(LOAD, 0, 0, _argument(0))]
    if ask == ASK:
        steps += _when(AF_UNIX, [*_refuse_type(SOCK_DGRAM), _answer(ALLOW)])
    for family in (AF_INET, AF_INET6) if network or ask == ASK else ():
        kinds = _refuse_type(SOCK_RAW) if network else _tcp_only()
        steps += _when(family, [*kinds, _answer(ALLOW)])
    routes: Steps = [(LOAD, 0, 0, _argument(2)), *_when(0, [_answer(ALLOW)]), _answer(REFUSE)]
    return [*steps, *_when(AF_NETLINK, routes), _answer(REFUSE)]


def _refuse_type(kind: int) -> Steps:
    return [(LOAD, 0, 0, _argument(1)), (AND, 0, 0, SOCK_TYPE), *_when(kind, [_answer(REFUSE)])]


def _tcp_only() -> Steps:
    return [
        (LOAD, 0, 0, _argument(1)),
        (AND, 0, 0, SOCK_TYPE),
        (EQUAL, 1, 0, SOCK_STREAM),
        _answer(REFUSE),
        (LOAD, 0, 0, _argument(2)),
        *_when(0, [_answer(ALLOW)]),
        (EQUAL, 1, 0, IPPROTO_TCP),
        _answer(REFUSE),
    ]


def _no_connecting(flags: int) -> Steps:
    """Sending that opens the connection by the way would go unasked."""
    return [
        (LOAD, 0, 0, _argument(flags)),
        *_when(MSG_FASTOPEN, [_answer(REFUSE)], ANY_BIT),
        _answer(ALLOW),
    ]


def _own_limits_only() -> Steps:
    """A process may set its own limits, and look at those of others."""
    return [
        (LOAD, 0, 0, _argument(0)),
        *_when(0, [_answer(ALLOW)]),
        (LOAD, 0, 0, _argument(2)),
        (EQUAL, 1, 0, 0),
        _answer(REFUSE),
        (LOAD, 0, 0, _argument(2, high=True)),
        *_when(0, [_answer(ALLOW)]),
        _answer(REFUSE),
    ]


def _no_truncating() -> dict[str, Steps]:
    def unless_for_reading(flags: int) -> Steps:
        return [
            (LOAD, 0, 0, _argument(flags)),
            (AND, 0, 0, O_ACCMODE | O_TRUNC),
            *_when(O_TRUNC, [_answer(REFUSE)]),
            _answer(ALLOW),
        ]

    return {
        "truncate": [_answer(REFUSE)],
        "open": unless_for_reading(1),
        "openat": unless_for_reading(2),
        "openat2": [_answer(UNKNOWN)],
    }


def _when(value: int, then: Steps, test: int = EQUAL) -> Steps:
    """``then`` if the loaded word passes ``test``; else go on behind it."""
    return [(test, 0, len(then), value), *then]


def _answer(action: int) -> Step:
    return (RETURN, 0, 0, action)


def _argument(index: int, *, high: bool = False) -> int:
    return 16 + 8 * index + (4 if high else 0)
