"""Downloads one picture from a public web address, and from nowhere else.

The address of each hop is resolved once, judged, and connected to as it was judged: neither a
redirect nor a name that changes its mind leads into a private network. Proxies of the environment
are not used, because they would resolve the name once more.
"""

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore2

from grok_agent.errors import ToolError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Judge = Callable[[Address], bool]

MAX_REDIRECTS = 5
STEP_TIMEOUT_S = 10.0
WHOLE_TIMEOUT_S = 60.0

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SAVE_FIRST = "Download the picture yourself and give the path of the file."


class RefusedAddressError(Exception):
    """The name leads to an address that is not to be connected to."""


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, also where it is wrapped in another."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


def fetch(url: str, max_bytes: int, allowed: Judge = is_public) -> bytes:
    """The bytes behind an ``http:`` or ``https:`` address, at most ``max_bytes``.

    ``allowed`` judges each address that would be connected to. Raises ToolError, with the next
    step, for refused or unreachable addresses, for other schemes, user names in the address,
    answers other than 200, too many bytes, and after WHOLE_TIMEOUT_S.
    """
    deadline = time.monotonic() + WHOLE_TIMEOUT_S
    with httpcore2.ConnectionPool(network_backend=_Guarded(allowed)) as pool:
        for _ in range(MAX_REDIRECTS + 1):
            _refuse_unusable(url)
            try:
                found = _get(pool, url, max_bytes, deadline)
            except RefusedAddressError as error:
                raise ToolError(
                    f"{_host(url)} is not on the public internet, and is not asked for pictures.",
                    next_step=_SAVE_FIRST,
                ) from error
            except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
                raise _failed(url, f"cannot be reached ({type(error).__name__})") from error
            except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, ValueError) as error:
                raise _failed(url, "gave no answer that can be read") from error
            if isinstance(found, bytes):
                return found
            url = urljoin(url, found)
    raise _failed(url, f"led on more than {MAX_REDIRECTS} times")


class _Guarded(httpcore2.NetworkBackend):
    """Connects to the addresses that a judge lets pass, by their number."""

    def __init__(self, allowed: Judge) -> None:
        self._allowed = allowed
        self._network = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Any:
        """One judged look-up, then a connection to what it found."""
        addresses = _resolve(host, port)
        if not all(map(self._allowed, addresses)):
            raise RefusedAddressError(host)
        return self._network.connect_tcp(
            str(addresses[0]), port, timeout, local_address, socket_options
        )


def _resolve(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"no address for {host}") from error
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _get(pool: httpcore2.ConnectionPool, url: str, max_bytes: int, deadline: float) -> bytes | str:
    """The body of one answer, or where it leads on."""
    steps = dict.fromkeys(("connect", "read", "write", "pool"), STEP_TIMEOUT_S)
    headers = [
        (b"Accept", b"image/*"),
        (b"Accept-Encoding", b"identity"),
        (b"User-Agent", b"grok-agent"),
    ]
    with pool.stream("GET", url, headers=headers, extensions={"timeout": steps}) as answer:
        said = {name.lower(): value for name, value in answer.headers}
        if answer.status in (301, 302, 303, 307, 308) and b"location" in said:
            return said[b"location"].decode("latin-1")
        if answer.status != 200:
            raise _failed(url, f"answered with status {answer.status}")
        body = bytearray()
        for piece in answer.iter_stream():
            body += piece
            if len(body) > max_bytes:
                raise _failed(url, f"holds more than {max_bytes // 1_000_000} MB")
            if time.monotonic() > deadline:
                raise _failed(url, f"took more than {WHOLE_TIMEOUT_S:.0f} s")
        return bytes(body)


def _refuse_unusable(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise _failed(url[:120], "is no web address") from None
    if not usable:
        raise _failed(url[:120], "is no web address")
    if "@" in parts.netloc:
        raise _failed(parts.hostname or "", "has a user name or a password in it")


def _failed(url: str, why: str) -> ToolError:
    return ToolError(f"The address {_host(url)} {why}.", next_step=_SAVE_FIRST)


def _host(url: str) -> str:
    """The host, not the path: signed addresses carry secrets in it."""
    try:
        name = urlsplit(url).hostname or url
    except ValueError:
        name = url
    return "".join(c if c.isprintable() else "?" for c in name)[:120]
