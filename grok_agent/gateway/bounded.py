"""Bounds for bodies that the SDK reads to their end: of errors, and of lists of models.

They are hooks of an HTTP client. What is beyond the bounds is left unread, so that the beginning
still says what is wrong; without them a body that drips without end would hold a call for ever.
"""

from collections.abc import AsyncIterator, Iterator
from time import monotonic

import httpx2

MAX_BYTES = 8_000_000
MAX_S = 20.0


def bound(response: httpx2.Response) -> None:
    """Bound the body of ``response`` where it is an error or a list."""
    if _is_read_whole(response) and isinstance(response.stream, httpx2.SyncByteStream):
        response.stream = _Bounded(response.stream)


async def bound_async(response: httpx2.Response) -> None:
    """``bound`` for an asynchronous client."""
    if _is_read_whole(response) and isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _AsyncBounded(response.stream)


def _is_read_whole(response: httpx2.Response) -> bool:
    return response.is_error or response.request.url.path.endswith("/models")


class _Bounds:
    def __init__(self) -> None:
        self._began = monotonic()
        self._size = 0

    def allow(self, part: bytes) -> bool:
        """Count ``part``, and say whether it is within the bounds."""
        self._size += len(part)
        return self._size <= MAX_BYTES and monotonic() - self._began <= MAX_S


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        bounds = _Bounds()
        for part in self._stream:
            if not bounds.allow(part):
                return
            yield part

    def close(self) -> None:
        self._stream.close()


class _AsyncBounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        bounds = _Bounds()
        async for part in self._stream:
            if not bounds.allow(part):
                return
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
