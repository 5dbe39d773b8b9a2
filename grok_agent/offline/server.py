"""Serves an embedded gateway on loopback, for clients in other processes."""

import ipaddress
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from grok_agent.errors import SettingsError
from grok_agent.offline.gateway import NOTICE, OfflineGateway
from grok_agent.offline.problems import INVALID, MAX_BODY_BYTES, Problem, bad_request, too_large
from grok_agent.offline.wire import HangUp, Pause, Piece, Request, Response

IDLE_TIMEOUT_S = 120.0
"""A connection on which nothing arrives for so long is closed."""

_LINGER_S = 2.0  # how long an unread body is still taken after it was refused
_LINGER_BYTES = 2 * MAX_BODY_BYTES


def serve(
    gateway: OfflineGateway,
    host: str = "127.0.0.1",
    port: int = 8808,
    *,
    allow_any_host: bool = False,
) -> None:
    """Serve ``gateway`` until Ctrl-C; port 0 takes a free one. Prints the address to use.

    Raises SettingsError for a port that is taken and for a host that is not loopback: the gateway
    takes any key, so whoever reaches it can use it. ``allow_any_host`` says that this is meant.
    """
    with _Server(gateway, host, port, allow_any_host) as server:
        print(f"{NOTICE}\nListening on {server.base_url} (Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nStopped.")


@contextmanager
def running(gateway: OfflineGateway, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve ``gateway`` from a thread while the block runs; yields the base URL to use."""
    with _Server(gateway, host, port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.base_url
        finally:
            server.shutdown()
            thread.join()
            server.close_connections()


class _Server(ThreadingHTTPServer):
    request_queue_size = 512

    def __init__(
        self, gateway: OfflineGateway, host: str, port: int, allow_any_host: bool = False
    ) -> None:
        if not allow_any_host and not _is_loopback(host):
            raise SettingsError(
                f"{host!r} is not a loopback address, and the embedded gateway takes any key.",
                next_step="Use 127.0.0.1, ::1 or localhost.",
            )
        self.gateway = gateway
        self.host = host
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise SettingsError(
                f"Cannot listen on {host} port {port}: {error}.",
                next_step="Choose another port, or 0 for a free one.",
            ) from None

    @property
    def base_url(self) -> str:
        """What a client sets as its base URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.server_port}/v1"

    def opened(self, connection: socket.socket) -> None:
        with self._changed:
            self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()

    def close_connections(self) -> None:
        """End open connections and wait until their threads have let go of them."""
        self.stopping.set()
        with self._changed:
            for connection in self._connections:
                _quietly_shut(connection)
            self._changed.wait_for(lambda: not self._connections, timeout=5)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about clients that went away; others' mistakes print their traceback."""
        import sys

        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "grok-agent-offline"
    sys_version = ""
    timeout = IDLE_TIMEOUT_S
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.server.closed(self.connection)

    def answer(self) -> None:
        """Read one request, ask the gateway, write what it says."""
        try:
            body = self._read_body()
        except Problem as problem:
            self.close_connection = True
            self._write(problem.response())
            self._linger()
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        target = re.sub("^https?://[^/]*", "", self.path)  # proxies are sent whole addresses
        path = unquote(target.partition("?")[0])
        self._write(self.server.gateway.handle(Request(self.command, path, headers, body)))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: standard error belongs to the program that serves."""

    def _read_body(self) -> bytes:
        if "transfer-encoding" in self.headers:
            raise Problem(411, INVALID, "A request body needs a content-length.")
        announced = self.headers.get("content-length", "0").strip()
        if not (announced.isascii() and announced.isdigit()):
            raise bad_request("The content-length is no number.")
        if len(announced) > 18 or int(announced) > MAX_BODY_BYTES:
            raise too_large(int(announced[:18]))
        body = self.rfile.read(int(announced))
        if len(body) < int(announced):
            raise bad_request("The body ended before its announced length.")
        return body

    def _linger(self) -> None:
        """Take what the client still sends, so that it reads the answer instead of a reset."""
        self.connection.settimeout(_LINGER_S)
        left = _LINGER_BYTES
        try:
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (data := self.connection.recv(1 << 16)):
                left -= len(data)
        except OSError:
            return  # the client is gone or silent: nothing more to take

    def _write(self, response: Response) -> None:
        self.server.stopping.wait(response.delay_s)
        if response.status is None:
            self._hang_up()
            return
        chunked = "content-length" not in response.headers and self.command != "HEAD"
        self._write_head(response, chunked)
        if self.command == "HEAD":
            return
        framed = chunked and self.request_version == "HTTP/1.1"
        for piece in response.chunks:
            if not self._write_piece(piece, framed):
                return
        if framed:
            self.wfile.write(b"0\r\n\r\n")

    def _write_head(self, response: Response, chunked: bool) -> None:
        assert response.status is not None
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if chunked and self.request_version == "HTTP/1.1":
            self.send_header("transfer-encoding", "chunked")
        elif chunked:
            self.close_connection = True
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()

    def _write_piece(self, piece: Piece, framed: bool) -> bool:
        """Write one piece at once; False where the connection ends here."""
        if isinstance(piece, Pause):
            return not self.server.stopping.wait(piece.seconds)
        if isinstance(piece, HangUp):
            self._hang_up()
            return False
        if piece:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if framed else piece)
        return True

    def _hang_up(self) -> None:
        """Tear the connection down in the middle of an answer.

        A plain close: a reset could also discard what the client has not read yet.
        """
        self.close_connection = True
        _quietly_shut(self.connection)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _quietly_shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already closed by the client
