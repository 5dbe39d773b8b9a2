"""Ctrl-C while requests are under way on other threads: once waits for them, twice does not."""

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

    The first Ctrl-C raises KeyboardInterrupt as ever. LangGraph then waits for the threads of the
    step under way; a second Ctrl-C ends the process with ``exit_code`` instead.
    """

    def __init__(self, exit_code: int, listener: Callable[[Mapping[str, Any]], None]) -> None:
        self._exit_code = exit_code
        self._listener = listener
        self._waits = self._interrupted = False
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
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def event(self, event: Mapping[str, Any]) -> None:
        """Note whether requests are sent from several threads: those of a sweep are."""
        self._waits |= event["event"] == "plan" and event["width"] > 1
        self._listener(event)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted:
            sys.stderr.write(SHOW_CURSOR if sys.stderr.isatty() else "")
            sys.stderr.flush()
            os._exit(self._exit_code)
        self._interrupted = True
        if self._waits:
            print(WAITING, file=sys.stderr, flush=True)
        raise KeyboardInterrupt
