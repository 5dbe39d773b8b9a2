"""Server-sent events out of the bytes of a response, however they are split on the way."""

from time import monotonic

_DONE = b"[DONE]"
_BOM = b"\xef\xbb\xbf"


class Events:
    """Takes the bytes as they come and gives out the data of each finished event.

    ``gap_s`` is the longest time in seconds between two events. Comments, which relays send to
    keep a connection open, do not count: they would keep a socket's own time-out from ever firing.
    """

    def __init__(self, gap_s: float | None) -> None:
        self.done = False
        self._gap_s = gap_s
        self._last = monotonic()
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, received: bytes) -> list[bytes]:
        """The data of the events that ``received`` completes, up to ``[DONE]``.

        Raises TimeoutError when ``gap_s`` has passed without an event.
        """
        *lines, self._rest = (self._rest + received).split(b"\n")
        events = [event for line in lines if (event := self._take(line.rstrip(b"\r")))]
        if events:
            self._last = monotonic()
        elif self._gap_s is not None and monotonic() - self._last > self._gap_s:
            raise TimeoutError(f"no event within {self._gap_s:g} s")
        if _DONE in events:
            self.done = True
            return events[: events.index(_DONE)]
        return events

    def _take(self, line: bytes) -> bytes | None:
        """The data of the event that ``line`` ends, if it ends one."""
        if not line:
            data, self._data = b"\n".join(self._data), []
            return data or None
        name, _, value = line.removeprefix(_BOM).partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        return None
