"""A command under its warden (:mod:`grok_agent.tools.warden`), as the program sees it. Linux."""

import contextlib
import marshal
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from grok_agent.tools.process import Ended
from grok_agent.tools.sandbox import Fence, Limits

# The warden's modules are loaded by themselves: the packages around them take longer to start.
START = """\
import sys, types
for name, places in ("grok_agent", []), ("grok_agent.tools", [sys.argv[1]]):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = places
from grok_agent.tools.warden import main
main()
"""
PYTHON = sys.executable
LATE_S = 30.0  # a warden that has not reported so long after the deadline is stuck


class Warded:
    """A running command. It ends at its deadline, by :meth:`end`, or with this program."""

    def __init__(self, warden: "subprocess.Popen[bytes]", deadline_s: float) -> None:
        self._warden = warden
        self._until = time.monotonic() + deadline_s + LATE_S
        self._ended: Ended | None = None
        self._lock = threading.Lock()

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        output: BinaryIO,
        deadline_s: float,
        limits: Limits,
        fence: Fence,
        ports: Path,
        abi: int,
    ) -> "Warded":
        """Start ``argv`` (a path and its arguments) behind ``fence``; ``abi`` 0 leaves it open.

        Commands with the same folder ``ports`` reach each other's servers.

        Whether it could be started is told by :meth:`wait`. Raises OSError, and ValueError for
        arguments that no program can have.
        """
        if any("\0" in word for word in argv):
            raise ValueError("embedded null byte")
        orders = {
            "argv": list(argv),
            "cwd": str(cwd),
            "log": output.fileno(),
            "deadline_s": deadline_s,
            "max_output_bytes": limits.max_output_bytes,
            "max_file_bytes": limits.max_file_bytes,
            "max_memory_bytes": limits.max_memory_bytes,
            "max_tasks": limits.max_tasks,
            "listable": list(fence.listable),
            "readable": list(fence.readable),
            "writable": list(fence.writable),
            "network": limits.network,
            "ports": str(ports),
            "abi": abi,
        }
        warden = subprocess.Popen(
            [PYTHON, "-I", "-S", "-c", START, str(Path(__file__).parent)],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(output.fileno(),),
            start_new_session=True,
        )
        assert warden.stdin
        with contextlib.suppress(BrokenPipeError):  # then wait() tells that the warden has gone
            warden.stdin.write(marshal.dumps(orders))
            warden.stdin.flush()
        return cls(warden, deadline_s)

    def wait(self, seconds: float | None = None) -> Ended | None:
        """How it ended; None when it is still running after ``seconds`` (None: its deadline).

        Raises OSError when it could not be started. Thread-safe.
        """
        if self._ended is None:
            most = max(0.0, self._until - time.monotonic())
            span = most if seconds is None else min(seconds, most)
            if self._has_reported(span) or span == most:
                with self._lock:
                    self._ended = self._ended or self._report()
        if self._ended and self._ended.error:
            raise OSError(self._ended.error)
        return self._ended

    def end(self) -> Ended:
        """End it and all it started; how it had ended, if it had. Raises OSError as above."""
        if self._ended is None:
            self._until = min(self._until, time.monotonic() + LATE_S)
            self._dismiss()
        return self.wait() or Ended(None, "cancelled")

    def _has_reported(self, seconds: float) -> bool:
        assert self._warden.stdout
        poller = select.poll()
        try:
            poller.register(self._warden.stdout, select.POLLIN)
        except ValueError:  # another thread has taken the report, and closed the channel
            return True
        return bool(poller.poll(seconds * 1000))

    def _dismiss(self) -> None:
        """Close the channel of orders, which the warden takes for the order to stop."""
        if self._warden.stdin:
            with contextlib.suppress(OSError):
                self._warden.stdin.close()

    def _report(self) -> Ended:
        assert self._warden.stdout
        late = not self._has_reported(0)
        if late:
            self._warden.kill()
        with self._warden.stdout as pipe:
            raw = pipe.read()
        self._dismiss()
        self._warden.wait()
        if not raw:
            return Ended(None, "timeout" if late else "its warden was killed")
        report = marshal.loads(raw)
        return Ended(report["status"], report["killed"], report["error"])
