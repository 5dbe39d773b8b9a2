"""The embedded gateway behind a real socket: what another process meets on loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from grok_agent.errors import SettingsError
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.server import running, serve
from grok_agent.offline.wire import ChatRequest, Pause, Request, Response, Turn

pytestmark = pytest.mark.enable_socket

TURN = Turn(content="Hello 世界. " * 30)
CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "grok-build-0.1", "messages": [{"role": "user", "content": "hi"}]}
KEY = {"authorization": "Bearer k", "content-type": "application/json"}


def gateway(*faults: Fault) -> OfflineGateway:
    return OfflineGateway(lambda request: TURN, faults)


@contextmanager
def connected(served: OfflineGateway) -> Iterator[HTTPConnection]:
    with running(served) as url:
        connection = HTTPConnection("127.0.0.1", urlsplit(url).port or 0, timeout=10)
        try:
            yield connection
        finally:
            connection.close()


def post(connection: HTTPConnection, **parameters: Any) -> tuple[int, bytes]:
    connection.request("POST", CHAT, json.dumps({**BODY, **parameters}), KEY)
    response = connection.getresponse()
    return response.status, response.read()


def test_the_sdk_talks_to_it_whole_and_streamed() -> None:
    with running(gateway()) as url, openai.OpenAI(api_key="k", base_url=url) as sdk:
        assert [model.id for model in sdk.models.list()] == ["grok-build-0.1", "offline-planner"]
        whole = sdk.chat.completions.create(**BODY)
        assert whole.choices[0].message.content == TURN.content
        chunks = sdk.chat.completions.create(**BODY, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TURN.content


def test_one_connection_serves_many_requests() -> None:
    with connected(gateway()) as connection:
        assert post(connection)[0] == 200
        local = connection.sock.getsockname()
        assert post(connection, stream=True)[1].endswith(b"data: [DONE]\n\n")
        assert post(connection, model="unknown")[0] == 400
        connection.request("GET", "/v1/models/grok%2Dbuild-0.1?verbose=1", headers=KEY)
        assert json.loads(connection.getresponse().read())["id"] == "grok-build-0.1"
        assert connection.sock.getsockname() == local


def test_each_event_leaves_at_once() -> None:
    """The first event is read while the gateway still waits before the second."""
    second_may_leave = threading.Event()

    class Held(OfflineGateway):
        def handle(self, request: Request) -> Response:
            response = super().handle(request)
            return Response(response.status, response.headers, held(response))

    def held(response: Response) -> Iterator[bytes | Pause]:
        first, *rest = (piece for piece in response.chunks if isinstance(piece, bytes))
        yield first
        assert second_may_leave.wait(10)
        yield from rest

    with connected(Held(lambda request: TURN)) as connection:
        connection.request("POST", CHAT, json.dumps({**BODY, "stream": True}), KEY)
        response = connection.getresponse()
        assert response.headers["transfer-encoding"] == "chunked"
        assert response.headers["content-type"].startswith("text/event-stream")
        assert b'"role": "assistant"' in response.readline()
        second_may_leave.set()
        assert response.read().endswith(b"data: [DONE]\n\n")


def test_many_clients_at_once_get_their_own_answers() -> None:
    def echo(request: ChatRequest) -> Turn:
        return Turn(content=request.messages[0]["content"])

    answers: dict[str, str] = {}

    def ask(url: str, text: str) -> None:
        with openai.OpenAI(api_key="k", base_url=url, max_retries=0) as sdk:
            answer = sdk.chat.completions.create(
                model="grok-build-0.1", messages=[{"role": "user", "content": text}]
            )
            answers[text] = answer.choices[0].message.content or ""

    with running(OfflineGateway(echo)) as url:
        threads = [threading.Thread(target=ask, args=(url, f"text {i}")) for i in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {f"text {i}": f"text {i}" for i in range(16)}


def test_a_client_that_leaves_in_mid_stream_harms_nobody(
    capfd: pytest.CaptureFixture[str],
) -> None:
    endless = Fault("endless_keep_alive", at=0, delay_s=0.001)
    with running(gateway(endless)) as url:
        port = urlsplit(url).port or 0
        with socket.create_connection(("127.0.0.1", port)) as rude:
            body = json.dumps({**BODY, "stream": True}).encode()
            head = f"POST {CHAT} HTTP/1.1\r\nauthorization: Bearer k\r\ncontent-length: {len(body)}"
            rude.sendall(head.encode() + b"\r\n\r\n" + body)
            assert rude.recv(100).startswith(b"HTTP/1.1 200")
        with openai.OpenAI(api_key="k", base_url=url) as sdk:
            assert sdk.chat.completions.create(**BODY).choices
    assert capfd.readouterr() == ("", "")


def test_torn_connections_are_torn_on_the_wire() -> None:
    faults = Fault("reset"), Fault("cut_bytes"), Fault("reset_stream")
    with connected(gateway(*faults)) as connection:
        with pytest.raises(RemoteDisconnected):
            post(connection)
        connection.close()
        with pytest.raises(IncompleteRead):
            post(connection)
        connection.close()
        with pytest.raises(IncompleteRead):
            post(connection, stream=True)
        connection.close()
        assert post(connection)[0] == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("content-length: 2000000000", 413),
        ("content-length: 52428801", 413),
        ("content-length: " + "9" * 400, 413),
        ("content-length: -1", 400),
        ("content-length: ten", 400),
        ("content-length: ²", 400),
        ("transfer-encoding: chunked", 411),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused_before_it_is_read(head: str, status: int) -> None:
    with running(gateway()) as url:
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as client:
            client.sendall(f"POST {CHAT} HTTP/1.1\r\n{head}\r\n\r\n".encode("latin-1"))
            answer = client.makefile("rb").read()
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert b'{"code": ' in answer


def test_a_body_that_is_too_large_is_refused_also_while_it_is_sent() -> None:
    with connected(gateway()) as connection:
        connection.request("POST", CHAT, b" " * (51 * 1024 * 1024), KEY)
        assert connection.getresponse().status == 413


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        b"BREW /v1/models HTTP/1.1\r\n\r\n",
        b"GET //[ HTTP/1.1\r\n\r\n",
        b"GET /%ff%00 HTTP/1.1\r\n\r\n",
        b"HEAD /v1/models HTTP/1.1\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 9\r\n\r\n{}",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    ],
)
def test_odd_requests_leave_the_server_standing(
    sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with running(gateway()) as url:
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            client.makefile("rb").read()
        with openai.OpenAI(api_key="k", base_url=url) as sdk:
            assert sdk.chat.completions.create(**BODY).choices
    assert capfd.readouterr() == ("", "")


def test_an_older_client_gets_its_stream_until_the_connection_ends() -> None:
    body = json.dumps({**BODY, "stream": True})
    request = f"POST {CHAT} HTTP/1.0\r\nauthorization: Bearer k\r\ncontent-length: {len(body)}"
    with (
        running(gateway()) as url,
        socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as client,
    ):
        client.sendall(f"{request}\r\n\r\n{body}".encode())
        answer = client.makefile("rb").read()
    assert b"chunked" not in answer
    assert answer.endswith(b"data: [DONE]\n\n")


def test_the_block_ends_while_connections_are_open_and_waiting() -> None:
    with connected(gateway(Fault("slow", delay_s=600))) as connection:
        connection.request("POST", CHAT, json.dumps(BODY), KEY)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.com", ""])
def test_only_loopback_is_served_unless_it_is_meant(host: str) -> None:
    with pytest.raises(SettingsError, match=r"not a loopback address.*Use 127\.0\.0\.1"):
        serve(gateway(), host=host)


def test_a_port_that_is_taken_is_named() -> None:
    with running(gateway()) as url:
        port = urlsplit(url).port or 0
        with pytest.raises(SettingsError, match=rf"{port}.*Choose another port"):
            serve(gateway(), port=port)


def test_ctrl_c_ends_the_command_cleanly() -> None:
    program = (  # a shell that runs the tests in the background has its programs ignore Ctrl-C
        "import signal, grok_agent.offline.gateway as g, grok_agent.offline.server as s;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        "s.serve(g.OfflineGateway(), port=0)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert "not grok-build-0.1" in server.stdout.readline()
        url = server.stdout.readline().split()[2]
        with openai.OpenAI(api_key="k", base_url=url) as sdk:
            assert "rename a symbol" in str(sdk.chat.completions.create(**BODY).choices)
        os.kill(server.pid, signal.SIGINT)
        try:
            out, err = server.communicate(timeout=20)
        finally:
            server.kill()
    assert (out.strip(), err, server.returncode) == ("Stopped.", "", 0)
