"""Server-sent events out of the bytes of a response, however they are split on the way."""

_DONE = b"[DONE]"
_BOM = b"\xef\xbb\xbf"


class Events:
    """Takes the bytes as they come and gives out the data of each finished event, no comments."""

    def __init__(self) -> None:
        self.done = False
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, received: bytes) -> list[bytes]:
        """The data of the events that ``received`` completes, up to ``[DONE]``."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        events = [event for line in lines if (event := self._take(line.rstrip(b"\r")))]
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
