"""Lines that a person types while a run goes on. POSIX terminals only: elsewhere nothing can tell
whether a line waits without taking it from whoever asks for one."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

LOOK_EVERY_S = 0.1
MAX_BYTES = 65_536


class TypedLines:
    """Hands each line typed on standard input to ``say``, but for the time of a question."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._is_over = threading.Event()
        self._reading = threading.Lock()
        self._asking = False
        self._thread: threading.Thread | None = None

    @property
    def works_here(self) -> bool:
        """Whether standard input is a terminal on which a waiting line can be seen."""
        return sys.platform != "win32" and sys.stdin is not None and sys.stdin.isatty()

    def start(self) -> None:
        """Begin to listen, where that works."""
        if self.works_here:
            self._thread = threading.Thread(target=self._listen, name="typed-lines", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Listen no more; returns once nothing is taken from standard input."""
        self._is_over.set()
        if self._thread:
            self._thread.join()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """While this lasts, lines are for whoever asks a question.

        What was typed before the question is no answer to it: whole lines go to ``say``, the
        beginning of one is dropped.
        """
        self._asking = True
        try:
            with self._reading:
                if self._thread:
                    while self._take(0):
                        pass
                    _drop_unfinished_line()
                yield
        finally:
            self._asking = False

    def _listen(self) -> None:
        while not self._is_over.is_set():
            if self._asking:
                time.sleep(LOOK_EVERY_S)
                continue
            with self._reading:
                self._take(LOOK_EVERY_S)

    def _take(self, seconds: float) -> bool:
        """Take one line if one comes within ``seconds``; whether it did."""
        import select

        descriptor = sys.stdin.fileno()
        # A background job that reads from its terminal is stopped by the system.
        if self._is_over.is_set() or not _is_in_front(descriptor):
            self._is_over.wait(seconds)
            return False
        if not select.select([descriptor], [], [], seconds)[0]:
            return False
        data = b""
        with suppress(OSError):
            data = os.read(descriptor, MAX_BYTES)
        if not data:  # Ctrl-D, or the terminal has gone
            self._is_over.set()
            return False
        self._say(data.decode("utf-8", "replace").rstrip("\n"))
        return True


def _is_in_front(descriptor: int) -> bool:
    if sys.platform == "win32":
        return False
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False


def _drop_unfinished_line() -> None:
    if sys.platform == "win32":
        return
    import termios

    with suppress(termios.error):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
