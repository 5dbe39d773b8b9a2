"""Ctrl-C: once stops the run so that it can be resumed, twice ends the program at once."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Any

SHOW_CURSOR = "\x1b[?25h"
WAITING = "Interrupted: waiting for the requests under way, which are paid for. Again: end at once."


class Interrupts:
    """A context manager around a run; its ``event`` hears what happens in it, and passes it on.

    The first Ctrl-C raises KeyboardInterrupt as ever: the step under way is cut, and its commands
    are ended. What other threads have asked of the gateway is waited for; a second Ctrl-C, also
    after the run, ends the process with ``exit_code`` instead.
    """

    def __init__(self, exit_code: int, listener: Callable[[Mapping[str, Any]], None]) -> None:
        self._exit_code = exit_code
        self._listener = listener
        self._sweeps = self._explores = self._interrupted = False
        self._before: Any = None

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The program still waits for its threads: a second Ctrl-C is to end that too.
        if self._before is not None and not self._interrupted:
            signal.signal(signal.SIGINT, self._before)

    def event(self, event: Mapping[str, Any]) -> None:
        """Note whether requests are sent from several threads: those of a sweep and of several
        sub-agents are."""
        self._sweeps |= event["event"] == "plan" and event["width"] > 1
        if event["event"] == "model" and "agent" not in event:
            self._explores = sum(call["name"] == "explore" for call in event["tool_calls"]) > 1
        self._listener(event)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted:
            sys.stderr.write(SHOW_CURSOR if sys.stderr.isatty() else "")
            sys.stderr.flush()
            os._exit(self._exit_code)
        self._interrupted = True
        if self._sweeps or self._explores:
            print(WAITING, file=sys.stderr, flush=True)
        raise KeyboardInterrupt
