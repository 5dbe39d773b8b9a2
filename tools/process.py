"""One process group: started, watched, and ended with everything in it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

GRACE_S = 1.0  # between SIGTERM and SIGKILL
POLL_S = 0.02


@dataclass(frozen=True)
class Ended:
    """How a command ended. ``exit_code`` is None when it was killed; ``killed`` then says why:
    "timeout", "output limit" or "signal N"."""

    exit_code: int | None
    killed: str = ""


def run_to_end(
    argv: Sequence[str] | str,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    output: BinaryIO,
    deadline_s: float,
    max_output_bytes: int,
) -> Ended:
    """Run ``argv`` with empty input, both outputs to ``output``; nothing of its group survives.

    Also on an exception in the waiting thread the group is ended. Raises OSError when it cannot
    be started.
    """
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
    try:
        killed = _watch(process, output, time.monotonic() + deadline_s, max_output_bytes)
    finally:
        _end_group(process)
    if killed:
        return Ended(None, killed)
    if process.returncode < 0:
        return Ended(None, f"signal {-process.returncode}")
    return Ended(process.returncode)


def _watch(
    process: subprocess.Popen[bytes], output: BinaryIO, until: float, max_output_bytes: int
) -> str:
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
            return ""
        if time.monotonic() >= until:
            return "timeout"
        if os.fstat(output.fileno()).st_size > max_output_bytes:
            return "output limit"


def _end_group(process: subprocess.Popen[bytes]) -> None:
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
