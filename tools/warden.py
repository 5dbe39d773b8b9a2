"""The warden: a small process that starts one command, watches over it, and outlives it.

It runs beside the program, not in it, because it must become the parent of whatever the command
leaves behind (``PR_SET_CHILD_SUBREAPER``), must fork from a single thread, and must end the
command when the program itself dies. Linux only. Its start is paid by every command, so that its
modules import only what loads fast: of the standard library neither typing, nor contextlib, nor
pathlib, nor signal.

It takes its orders, a dict by ``marshal``, from standard input, whose end means "stop":

``argv``, ``cwd``; ``log``, a descriptor for the output; ``deadline_s``; ``max_output_bytes``,
``max_file_bytes``, ``max_memory_bytes``, ``max_tasks`` (threads of all its processes);
``listable``, ``readable``, ``writable``, ``network``; ``abi`` (of Landlock; 0 leaves the command
unconfined); ``ports``, a folder that the wardens of a workspace share.

It writes its report, likewise, to standard output: ``status`` (exit code; None when killed),
``killed`` (why, or ""), ``output_bytes``, ``error`` ("" unless the command could not be started).
"""

from __future__ import annotations

import _thread
import ctypes
import errno
import marshal
import os
import select
import sys
import time

from grok_agent.tools.confined_start import start
from grok_agent.tools.file_calls import FORMS, change_metadata
from grok_agent.tools.processes import available_memory, descendants, memory_of, send, tasks_of
from grok_agent.tools.socket_calls import SOCKET_CALLS, Sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from grok_agent.tools.listener import Call, Listener

GRACE_S = 1.0  # between SIGTERM and SIGKILL
GIVE_UP_S = 10.0  # a process of another user, or one that hangs in the kernel, cannot be ended
TICK_S = 0.05  # between two looks at memory, disk and tasks
CHUNK = 1 << 18
LEAST_MEMORY, LEAST_DISK = 512 << 20, 256 << 20  # bytes left to everybody else
CONTROL = 0
PR_SET_CHILD_SUBREAPER = 36
SIGKILL, SIGTERM, SIGCONT = 9, 15, 18


def main() -> NoReturn:
    """Carry out the orders on standard input; report on standard output."""
    orders = marshal.load(sys.stdin.buffer)
    try:
        report = Warden(orders).run()
    except OSError as error:
        report = {"status": None, "killed": "", "output_bytes": 0, "error": str(error)}
    os.write(1, marshal.dumps(report))
    os._exit(0)


class Warden:
    """One command, from its start to the end of its last process."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self.orders = orders
        self.written = 0
        self.tasks = 1
        self.sockets = Sockets(orders["writable"], orders["ports"], network=orders["network"])
        self.ending = False
        self.output_open = True
        self.status: int | None = None
        self.disk_at_start = self._free_disk()
        self.memory_at_start = available_memory()

    def run(self) -> dict[str, Any]:
        """Start it, watch it, end all that it started. Raises OSError when it cannot start."""
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        os.set_inheritable(self.orders["log"], False)
        self.output, output_end = os.pipe2(os.O_CLOEXEC)
        self.command, self.listener = start(self.orders, output_end)
        os.close(output_end)
        self.poller = select.poll()
        self.poller.register(CONTROL, select.POLLIN)
        self.poller.register(self.output, select.POLLIN)
        if self.listener:
            self.poller.register(self.listener.descriptor, select.POLLIN)
        try:
            killed = self._watch()
        finally:
            self._end_all()
        self.sockets.forget()
        if not killed and self.status is not None and self.status < 0:
            killed = f"signal {-self.status}"
        status = None if killed else self.status
        return {"status": status, "killed": killed, "output_bytes": self.written, "error": ""}

    # Watching

    def _watch(self) -> str:
        """Wait until the command has ended, or must be ended: then why."""
        until = time.monotonic() + self.orders["deadline_s"]
        next_look = time.monotonic() + TICK_S
        handle = os.pidfd_open(self.command)
        self.poller.register(handle, select.POLLIN)
        while True:
            now = time.monotonic()
            if now >= until:
                return "timeout"
            if now >= next_look:
                if limit := self._passed_limit():
                    return limit
                next_look = time.monotonic() + TICK_S
            ready = self._poll(max(0.0, min(until, next_look) - now))
            if CONTROL in ready:
                return "cancelled"
            if self.written >= self.orders["max_output_bytes"]:
                return "output limit"
            self._reap()
            if handle in ready:
                self.poller.unregister(handle)
                return ""

    def _poll(self, seconds: float) -> set[int]:
        """Wait for something to happen; output is copied, and calls that wait are answered."""
        ready = {descriptor for descriptor, _ in self.poller.poll(seconds * 1000)}
        if self.output in ready:
            self._copy()
        if self.listener and self.listener.descriptor in ready:
            self._answer(self.listener)
        return ready

    def _copy(self) -> None:
        """Move what has come from the command to the log, as far as it may grow."""
        chunk = os.read(self.output, CHUNK)
        if not chunk:
            self.output_open = False
            self.poller.unregister(self.output)
        kept = chunk[: self.orders["max_output_bytes"] - self.written]
        while kept:
            count = os.write(self.orders["log"], kept)
            kept = kept[count:]
            self.written += count

    def _passed_limit(self) -> str:
        """The limit that is passed, or ""."""
        family = descendants(os.getpid())
        most = self.orders["max_memory_bytes"]
        # Files in memory belong to no process: the second test sees those.
        if memory_of(family, most) > most or available_memory() < min(
            LEAST_MEMORY, self.memory_at_start // 2
        ):
            return "memory limit"
        if self._free_disk() < min(LEAST_DISK, self.disk_at_start // 2):
            return "disk limit"
        if not self.listener and tasks_of(family) > self.orders["max_tasks"]:
            return "process limit"
        return ""

    def _free_disk(self) -> int:
        """Bytes free where the command writes, on the fuller of the file systems."""
        free = []
        for path in (self.orders["cwd"], *self.orders["writable"][:2]):
            status = os.statvfs(path)
            free.append(status.f_bavail * status.f_frsize)
        return min(free)

    def _answer(self, listener: Listener) -> None:
        call = listener.receive()
        if call is None:
            return
        if self.ending:
            listener.answer(call, errno.EPERM)
        elif call.name in FORMS:
            listener.answer(call, change_metadata(call, self.orders["writable"]))
        elif call.name in SOCKET_CALLS:
            _thread.start_new_thread(self._answer_socket, (listener, call))  # it may take long
        elif self._may_have_another_task():
            listener.let(call)
        else:
            listener.answer(call, errno.EAGAIN)

    def _answer_socket(self, listener: Listener, call: Call) -> None:
        code = self.sockets.carry_out(call, listener)
        if code is None:
            listener.let(call)
        else:
            listener.answer(call, code)

    def _may_have_another_task(self) -> bool:
        """Count each new task; look how many have ended only when that makes too many."""
        if self.tasks >= self.orders["max_tasks"]:
            self.tasks = tasks_of(descendants(os.getpid()))
        if self.tasks >= self.orders["max_tasks"]:
            return False
        self.tasks += 1
        return True

    # Ending

    def _end_all(self) -> None:
        """SIGTERM, then SIGKILL, to every process that is left; from then on none can be born."""
        self.poller.unregister(CONTROL)
        started = time.monotonic()
        left = descendants(os.getpid())
        for number in (SIGTERM, SIGCONT):
            send(number, left)
        while self._reap() and (waited := time.monotonic() - started) < GIVE_UP_S:
            if waited >= GRACE_S:
                self.ending = True
                send(SIGKILL, descendants(os.getpid()))
            self._poll(0.01)
        while self.output_open and self.output in self._poll(0):
            pass

    def _reap(self) -> bool:
        """Take leave of children that have ended; True when some are left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return True
                if pid == self.command:
                    self.status = os.waitstatus_to_exitcode(status)
        except ChildProcessError:
            return False
