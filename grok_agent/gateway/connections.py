"""HTTP clients that cost nothing to make: one TLS context in a process, shared connection pools.

The parent class and the SDK build a TLS context for every client and every address, some 20 ms
each, mostly to read the system's certificates.
"""

import asyncio
import atexit
import os
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import cache
from urllib.request import getproxies
from weakref import WeakKeyDictionary

import httpcore2  # noqa: F401  needed by the first client; its cost belongs to the import
import httpx2
import openai.resources.chat.chat  # loaded by the first client otherwise
from openai import DEFAULT_CONNECTION_LIMITS

from grok_agent.errors import SettingsError
from grok_agent.gateway.bounded import bound, bound_async

KEEP_ALIVE = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),)
"""Reasoning may leave a connection silent for minutes; probes keep the path through NAT open."""


@cache
def tls_context() -> ssl.SSLContext:
    """The system's certificates, or those of ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``.

    Raises SettingsError when that file cannot be read; whoever set the variable can mend it.
    """
    try:
        return httpx2.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"The certificates cannot be read: {error}.",
            next_step=f"Correct SSL_CERT_FILE, which is {os.environ.get('SSL_CERT_FILE')!r}.",
        ) from None


@cache
def sync_client() -> httpx2.Client:
    """The client that all synchronous calls of this process share; closed at its end."""
    client = _new_pool()
    atexit.register(client.close)
    return client


@cache
def async_client() -> httpx2.AsyncClient:
    """The client that all asynchronous calls of this process share, in whatever event loop."""
    hooks = {"response": [bound_async]}
    return openai.DefaultAsyncHttpxClient(transport=PoolPerLoop(), event_hooks=hooks)


class PoolPerLoop(httpx2.AsyncBaseTransport):
    """A connection pool for each event loop, closed when the loop ends.

    A connection belongs to the loop in which it was opened: kept alive for a second
    ``asyncio.run`` it would fail there with "Event loop is closed".
    """

    def __init__(self) -> None:
        self._pools: WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[httpx2.AsyncClient, AsyncGenerator[None]]
        ] = WeakKeyDictionary()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send ``request`` over the pool of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._pools:
            pool = _new_async_pool()
            self._pools[loop] = (pool, lifetime := _closing_at_the_end(pool))
            await anext(lifetime)
        pool, _ = self._pools[loop]
        return await pool.send(request, stream=True, follow_redirects=False)


async def _closing_at_the_end(pool: httpx2.AsyncClient) -> AsyncGenerator[None]:
    """Close ``pool`` when the loop shuts its generators down, as ``asyncio.run`` makes it do."""
    try:
        yield
    finally:
        await pool.aclose()


def _new_pool() -> httpx2.Client:
    hooks = {"response": [bound]}
    if getproxies():  # a transport of our own would pass the proxies of the environment by
        return openai.DefaultHttpxClient(verify=tls_context(), event_hooks=hooks)
    return openai.DefaultHttpxClient(
        event_hooks=hooks,
        transport=httpx2.HTTPTransport(
            verify=tls_context(), limits=DEFAULT_CONNECTION_LIMITS, socket_options=KEEP_ALIVE
        ),
    )


def _new_async_pool() -> httpx2.AsyncClient:
    if getproxies():
        return openai.DefaultAsyncHttpxClient(verify=tls_context())
    return openai.DefaultAsyncHttpxClient(
        transport=httpx2.AsyncHTTPTransport(
            verify=tls_context(), limits=DEFAULT_CONNECTION_LIMITS, socket_options=KEEP_ALIVE
        )
    )


with suppress(SettingsError):  # said when a client is wanted
    tls_context()
