"""The seccomp filter of a confined command: which system calls it may make, and which wait for us.

The filter closes what Landlock leaves open: sockets of every kind, the kernel's administration,
foreign calling conventions. New processes and connections to Unix sockets are put to a listener
(:class:`Listener`), which this module can answer. Only the standard library is used.
Interface: seccomp_unotify(2), Linux man-pages.
"""

import ctypes
import errno
import fcntl
import os
import struct
from contextlib import suppress
from typing import NamedTuple

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The machines (``os.uname().machine``) whose system calls are known here, and the kernel's
names for them."""

NUMBERS: dict[str, tuple[int | None, int | None]] = {
    # name: x86_64, aarch64; None where the machine has no such call
    "clone": (56, 220),
    "fork": (57, None),
    "vfork": (58, None),
    "clone3": (435, 435),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "prlimit64": (302, 261),
    "ioctl": (16, 29),
    "truncate": (76, 45),
    "open": (2, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    # the system's own affairs
    "acct": (163, 89),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "lookup_dcookie": (212, 18),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pivot_root": (155, 41),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
    # ways around files and around this filter
    "add_key": (248, 217),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "request_key": (249, 218),
    "semget": (64, 190),
    "shmget": (29, 194),
    "shmat": (30, 196),
}

ARGUED = frozenset(list(NUMBERS)[:13])
"""Calls that are judged by their arguments; all others of the table are refused."""

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_DGRAM, SOCK_RAW, SOCK_TYPE = 2, 3, 0xF
NEW_NAMESPACES = 0x7E020080
TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
O_ACCMODE, O_TRUNC = 0o3, 0o1000
X32_CALLS = 0x40000000

ALLOW, KILL, ASK = 0x7FFF0000, 0x80000000, 0x7FC00000
REFUSE, UNKNOWN = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS

LOAD, AND, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE = 0, 4  # offsets in struct seccomp_data

Program = list[tuple[int, int, int, int]]


def _argument(index: int, *, high: bool = False) -> int:
    return 16 + 8 * index + (4 if high else 0)


def _when(value: int, then: Program, test: int = EQUAL) -> Program:
    """``then`` if the loaded word passes ``test``; else go on behind it."""
    return [(test, 0, len(then), value), *then]


def _answer(action: int) -> tuple[int, int, int, int]:
    return (RETURN, 0, 0, action)


def program(machine: str, *, network: bool, listener: bool, landlock_abi: int) -> bytes:
    """The filter for ``machine`` (a key of :data:`ARCHITECTURES`), as the kernel takes it.

    With ``network``, internet sockets can be made. Without a ``listener`` new processes are not
    counted, and there are no Unix sockets but pairs. A ``landlock_abi`` below 3 cannot fence
    truncating, which is then refused here.
    """
    column = list(ARCHITECTURES).index(machine)
    numbers = {name: row[column] for name, row in NUMBERS.items()}
    ask = ASK if listener else ALLOW
    judged = {
        "clone": [
            (LOAD, 0, 0, _argument(0)),
            *_when(NEW_NAMESPACES, [_answer(REFUSE)], ANY_BIT),
            _answer(ask),
        ],
        "fork": [_answer(ask)],
        "vfork": [_answer(ask)],
        "clone3": [_answer(UNKNOWN)],  # its flags lie in memory; every C library falls back
        "socket": _socket(network, listener),
        "socketpair": [*_refuse_type(SOCK_DGRAM), _answer(ALLOW)],
        "connect": [_answer(ask)],
        "prlimit64": _prlimit(),
        "ioctl": [
            (LOAD, 0, 0, _argument(1)),
            *(step for code in TERMINAL_INJECTION for step in _when(code, [_answer(REFUSE)])),
            _answer(ALLOW),
        ],
    }
    if landlock_abi < 3:
        judged |= {
            "truncate": [_answer(REFUSE)],
            "open": _no_truncating_to_read(1),
            "openat": _no_truncating_to_read(2),
            "openat2": [_answer(UNKNOWN)],
        }
    steps: Program = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        _answer(KILL),
        (LOAD, 0, 0, NUMBER),
        *_when(X32_CALLS, [_answer(UNKNOWN)], AT_LEAST),
    ]
    for name, number in numbers.items():
        if number is not None and (name in judged or name not in ARGUED):
            steps += _when(number, judged.get(name, [_answer(REFUSE)]))
    steps.append(_answer(ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _socket(network: bool, listener: bool) -> Program:
    families = [AF_INET, AF_INET6] if network else []
    steps: Program = [(LOAD, 0, 0, _argument(0))]
    for family in families:
        steps += _when(family, [*_refuse_type(SOCK_RAW), _answer(ALLOW)])
    if listener:
        # A datagram names its receiver in memory, where no filter can look.
        steps += _when(AF_UNIX, [*_refuse_type(SOCK_DGRAM), _answer(ALLOW)])
    routes_only: Program = [
        (LOAD, 0, 0, _argument(2)),
        *_when(0, [_answer(ALLOW)]),
        _answer(REFUSE),
    ]
    return [*steps, *_when(AF_NETLINK, routes_only), _answer(REFUSE)]


def _refuse_type(kind: int) -> Program:
    return [
        (LOAD, 0, 0, _argument(1)),
        (AND, 0, 0, SOCK_TYPE),
        *_when(kind, [_answer(REFUSE)]),
    ]


def _prlimit() -> Program:
    """Only a process's own limits are set; those of others are looked at."""
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


def _no_truncating_to_read(flags: int) -> Program:
    return [
        (LOAD, 0, 0, _argument(flags)),
        (AND, 0, 0, O_ACCMODE | O_TRUNC),
        *_when(O_TRUNC, [_answer(REFUSE)]),
        _answer(ALLOW),
    ]


SECCOMP = {"x86_64": 317, "aarch64": 277}
SET_MODE_FILTER = 1
NEW_LISTENER, WAIT_KILLABLE = 1 << 3, 1 << 5
RECEIVE, SEND = 0xC0502100, 0xC0182101
CONTINUE = 1

_libc = ctypes.CDLL(None, use_errno=True)


def install(machine: str, filter_: bytes, *, listener: bool) -> int | None:
    """Put the calling thread under ``filter_`` for good; the descriptor of the listener, if asked.

    The thread must have given up new privileges before. Raises OSError: EBUSY when a listener
    is asked for under a filter that has one already.
    """
    buffer = ctypes.create_string_buffer(filter_, len(filter_))
    described = struct.pack("@HP", len(filter_) // 8, ctypes.addressof(buffer))
    for flags in (NEW_LISTENER | WAIT_KILLABLE, NEW_LISTENER) if listener else (0,):
        result = _libc.syscall(
            ctypes.c_long(SECCOMP[machine]),
            ctypes.c_long(SET_MODE_FILTER),
            ctypes.c_long(flags),
            described,
        )
        if result >= 0:
            return int(result) if listener else None
        if ctypes.get_errno() != errno.EINVAL:
            break
    code = ctypes.get_errno()
    raise OSError(code, f"seccomp: {os.strerror(code)}")


class Call(NamedTuple):
    """A system call that waits for an answer. ``number`` is the machine's own."""

    id: int
    pid: int
    number: int
    arguments: tuple[int, ...]


class Listener:
    """The other end of a filter: takes the calls that wait, and answers them."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def receive(self) -> Call | None:
        """The next call; None when its maker has gone meanwhile."""
        buffer = bytearray(80)
        try:
            fcntl.ioctl(self.descriptor, RECEIVE, buffer)
        except OSError:
            return None
        id_, pid, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", buffer)
        return Call(id_, pid, number, tuple(arguments))

    def let(self, call: Call) -> None:
        """Let the kernel carry the call out; its pointers may have changed since it was read."""
        self._send(call, 0, CONTINUE)

    def refuse(self, call: Call, code: int) -> None:
        """The call fails with the error number ``code``; 0 makes it succeed, undone."""
        self._send(call, -code, 0)

    def _send(self, call: Call, error: int, flags: int) -> None:
        answer = struct.pack("=QqiI", call.id, 0, error, flags)
        with suppress(OSError):  # the caller may have been killed while it waited
            fcntl.ioctl(self.descriptor, SEND, answer)
