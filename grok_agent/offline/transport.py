"""Carries the requests of an HTTP client to an embedded gateway, without a socket.

The transports keep what a socket would do: pauses run against the client's read timeout, a
connection that is torn down raises what a torn connection raises.
"""

import time
from collections.abc import AsyncIterator, Iterator

import anyio
import httpx2

from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import HangUp, Piece, Request, Response


class OfflineTransport(httpx2.BaseTransport):
    """For ``httpx2.Client(transport=...)``."""

    def __init__(self, gateway: OfflineGateway) -> None:
        self._gateway = gateway

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request; raises httpx2's errors for time-outs and torn connections."""
        request.read()
        response = self._gateway.handle(_incoming(request))
        _wait(response.delay_s, request)
        if response.status is None:
            raise httpx2.RemoteProtocolError("Server disconnected without a response.")
        return httpx2.Response(
            response.status, headers=dict(response.headers), stream=_Body(response, request)
        )


class AsyncOfflineTransport(httpx2.AsyncBaseTransport):
    """For ``httpx2.AsyncClient(transport=...)``."""

    def __init__(self, gateway: OfflineGateway) -> None:
        self._gateway = gateway

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request; raises httpx2's errors for time-outs and torn connections."""
        await request.aread()
        response = self._gateway.handle(_incoming(request))
        await _await(response.delay_s, request)
        if response.status is None:
            raise httpx2.RemoteProtocolError("Server disconnected without a response.")
        return httpx2.Response(
            response.status, headers=dict(response.headers), stream=_AsyncBody(response, request)
        )


class _Body(httpx2.SyncByteStream):
    def __init__(self, response: Response, request: httpx2.Request) -> None:
        self._response = response
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._response.chunks:
            if isinstance(piece, bytes):
                yield piece
            else:
                _wait(_seconds(piece, self._request), self._request)


class _AsyncBody(httpx2.AsyncByteStream):
    def __init__(self, response: Response, request: httpx2.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._response.chunks:
            if isinstance(piece, bytes):
                yield piece
            else:
                await _await(_seconds(piece, self._request), self._request)


def _incoming(request: httpx2.Request) -> Request:
    return Request(
        method=request.method,
        path=request.url.path,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.content,
    )


def _seconds(piece: Piece, request: httpx2.Request) -> float:
    if isinstance(piece, HangUp):
        raise httpx2.RemoteProtocolError(
            "peer closed connection without sending complete message body", request=request
        )
    return 0.0 if isinstance(piece, bytes) else piece.seconds


def _patience(seconds: float, request: httpx2.Request) -> tuple[float, bool]:
    """How long to wait, and whether the client's read timeout ends the wait."""
    limit = request.extensions.get("timeout", {}).get("read")
    return (limit, True) if limit is not None and seconds > limit else (seconds, False)


def _wait(seconds: float, request: httpx2.Request) -> None:
    if seconds <= 0:
        return
    seconds, expires = _patience(seconds, request)
    time.sleep(seconds)
    if expires:
        raise httpx2.ReadTimeout("The read operation timed out", request=request)


async def _await(seconds: float, request: httpx2.Request) -> None:
    seconds, expires = _patience(seconds, request)
    await anyio.sleep(seconds)
    if expires:
        raise httpx2.ReadTimeout("The read operation timed out", request=request)
