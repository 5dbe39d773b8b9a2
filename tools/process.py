"""One process group: started, watched, and ended with everything in it. For systems without a
warden (:mod:`grok_agent.tools.warded`)."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

GRACE_S = 1.0  # between SIGTERM and SIGKILL
POLL_S = 0.02


@dataclass(frozen=True)
class Ended:
    """How a command ended. ``exit_code`` is None when it was killed; ``killed`` then says why:
    "timeout", "output limit", "memory limit", "disk limit", "process limit", "cancelled" or
    "signal N". ``error`` is "" unless it could not be started."""

    exit_code: int | None
    killed: str = ""
    error: str = ""


class Running(Protocol):
    """A command that was started; it ends at its deadline at the latest."""

    def wait(self, seconds: float | None = None) -> Ended | None:
        """How it ended; None when it still runs after ``seconds``. Raises OSError when it could
        not be started."""

    def end(self) -> Ended:
        """End it and all it started; how it had ended, if it had."""


class Group:
    """A running process group with empty input, both outputs in one file."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", output: BinaryIO, deadline_s: float, most: int
    ) -> None:
        self._process = process
        self._output = os.dup(output.fileno())
        self._until = time.monotonic() + deadline_s
        self._most = most
        self._ended: Ended | None = None
        self._lock = threading.Lock()

    @classmethod
    def start(
        cls,
        argv: Sequence[str] | str,
        *,
        cwd: Path,
        environment: Mapping[str, str],
        output: BinaryIO,
        deadline_s: float,
        max_output_bytes: int,
    ) -> "Group":
        """Start ``argv``. Raises OSError and ValueError when that is not possible."""
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=sys.platform != "win32",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        return cls(process, output, deadline_s, max_output_bytes)

    def wait(self, seconds: float | None = None) -> Ended | None:
        """How it ended; None when it still runs after ``seconds`` (None: its deadline)."""
        until = self._until if seconds is None else min(self._until, time.monotonic() + seconds)
        while self._ended is None:
            if (why := self._why_over()) is not None:
                self._finish(why)
            elif time.monotonic() >= until:
                return None
            else:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(POLL_S)
        return self._ended

    def end(self) -> Ended:
        """End the group; how it had ended, if it had."""
        why = self._why_over()
        self._finish("cancelled" if why is None else why)
        assert self._ended
        return self._ended

    def _why_over(self) -> str | None:
        """ "" when the command has ended by itself, the limit that it passed, or None."""
        if self._process.poll() is not None:
            return ""
        if time.monotonic() >= self._until:
            return "timeout"
        with suppress(OSError):
            if os.fstat(self._output).st_size > self._most:
                return "output limit"
        return None

    def _finish(self, killed: str) -> None:
        with self._lock:
            if self._ended:
                return
            _end_group(self._process)
            os.close(self._output)
            code = self._process.returncode
            if not killed and code < 0:
                killed = f"signal {-code}"
            self._ended = Ended(None if killed else code, killed)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    if sys.platform == "win32":
        if process.poll() is None:
            kill = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
            subprocess.run(kill, capture_output=True, check=False)
        process.wait()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
        until = time.monotonic() + GRACE_S
        while time.monotonic() < until:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(POLL_S)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
