"""Starting one command behind its fence: what happens between fork and exec, in the child.

Linux only. Imports only what loads fast; see :mod:`grok_agent.tools.warden`.
"""

# ruff: noqa: PTH123
# pathlib takes long to load.

from __future__ import annotations

import _socket  # `socket` itself takes longer to load than all else here
import ctypes
import errno
import os
import resource
import sys

from grok_agent.tools import landlock, seccomp
from grok_agent.tools.listener import Listener

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Orders = dict[str, Any]

SIGKILL, SIGPIPE, SIGXFSZ = 9, 13, 25
PR_SET_PDEATHSIG, PR_CAPBSET_DROP = 1, 24
KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7})
"""Of root's powers a command keeps those over files and over its own processes: chown,
dac_override, fowner, fsetid, kill, setgid, setuid."""
LAST_CAPABILITY = 63
FIRST_TO_GO = "1000"  # for the kernel, when memory runs out

_libc = ctypes.CDLL(None, use_errno=True)


def start(orders: Orders, output: int) -> tuple[int, Listener | None]:
    """Start the command with empty input and both outputs in ``output``.

    Gives its process and, where it is confined, the listener to whom its new processes are put.
    Raises OSError when it cannot be started.
    """
    told, tell = os.pipe2(os.O_CLOEXEC)
    ours, theirs = _socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            _become(orders, output, theirs)
        except OSError as error:
            os.write(tell, str(error).encode("utf-8", "replace"))
        finally:
            os._exit(127)
    os.close(tell)
    theirs.close()
    listener = _received(ours)
    problem = os.read(told, 10_000).decode("utf-8", "replace")
    os.close(told)
    if problem:
        os.waitpid(pid, 0)
        raise OSError(problem)
    return pid, listener


def _become(orders: Orders, output: int, channel: _socket.socket) -> None:
    os.setsid()
    _libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for number in (SIGPIPE, SIGXFSZ):
        _libc.signal(number, None)  # Python ignores them, and that is inherited
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, orders["max_file_bytes"])
    _be_first_to_go()
    os.chdir(orders["cwd"])
    if orders["abi"]:
        _confine(orders, channel)
    channel.close()
    os.execve(orders["argv"][0], orders["argv"], os.environ)


def _confine(orders: Orders, channel: _socket.socket) -> None:
    if os.geteuid() == 0:
        for capability in range(LAST_CAPABILITY + 1):
            if capability not in KEPT_CAPABILITIES:
                _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    network = orders["network"]
    landlock.restrict(
        orders["listable"],
        orders["readable"],
        orders["writable"],
        abi=orders["abi"],
        tcp=network,
    )
    machine = os.uname().machine
    for listener in (True, False):
        rules = seccomp.program(
            machine, network=network, listener=listener, landlock_abi=orders["abi"]
        )
        try:
            descriptor = seccomp.install(machine, rules, listener=listener)
        except OSError as error:
            if not listener or error.errno != errno.EBUSY:
                raise
            continue  # inside another such fence, which has the one listener that there can be
        if descriptor is not None:
            passed = descriptor.to_bytes(4, sys.byteorder)
            channel.sendmsg([b"."], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, passed)])
            os.close(descriptor)
        return


def _received(channel: _socket.socket) -> Listener | None:
    """The listener that the child sends; None when it closes the channel without."""
    _, passed, _, _ = channel.recvmsg(1, _socket.CMSG_SPACE(4))
    channel.close()
    return Listener(int.from_bytes(passed[0][2], sys.byteorder)) if passed else None


def _be_first_to_go() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(FIRST_TO_GO)
    except OSError:
        pass  # a system that does not let us; then others may go first


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(kind, (most, most))
