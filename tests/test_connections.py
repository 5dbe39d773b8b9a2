"""Connections over real sockets: many event loops, one process, proxies and certificates."""

import asyncio
from collections.abc import Iterator

import pytest

from grok_agent import ChatGrokBuild, SettingsError
from grok_agent.gateway import bounded, connections
from grok_agent.gateway.client import list_models
from grok_agent.gateway.edge import Edge
from grok_agent.gateway.faults import NotAGatewayError, OverloadedError
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.server import running
from grok_agent.offline.wire import Pause, Request, Response
from grok_agent.settings import Settings

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def fresh_connections() -> Iterator[None]:
    """What is kept for the whole process is made anew in the test, and after it."""
    forget()
    yield
    forget()


def forget() -> None:
    if connections.sync_client.cache_info().currsize:
        connections.sync_client().close()
    for made in (connections.sync_client, connections.async_client, connections.tls_context):
        made.cache_clear()


@pytest.mark.usefixtures("fresh_connections")
def test_one_model_serves_one_event_loop_after_another() -> None:
    with running(OfflineGateway()) as url:
        model = ChatGrokBuild(api_key="k", base_url=url)

        async def several() -> int:
            return len(await asyncio.gather(*(model.ainvoke("hello") for _ in range(4))))

        assert [asyncio.run(several()) for _ in range(3)] == [4, 4, 4]
        assert model.invoke("hello").text


@pytest.mark.usefixtures("fresh_connections")
def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(OfflineGateway()) as url:
        monkeypatch.setenv("http_proxy", url.removesuffix("/v1"))
        model = ChatGrokBuild(api_key="k", base_url="http://gateway.invalid/v1", max_retries=0)
        assert model.invoke("hello").response_metadata["model_name"] == "offline-planner"
        answer = asyncio.run(model.ainvoke("hello"))
        assert answer.response_metadata["model_name"] == "offline-planner"


@pytest.mark.usefixtures("fresh_connections")
def test_certificates_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    with pytest.raises(SettingsError, match="SSL_CERT_FILE"):
        ChatGrokBuild(api_key="k", base_url="https://gateway.invalid/v1")


class Dripping(OfflineGateway):
    """Begins each answer as it should, and then drips without end."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    def handle(self, request: Request) -> Response:
        def drip() -> Iterator[bytes | Pause]:
            yield b'{"error": {"message": "no seat left"}, "padding": "'
            while True:
                yield b"x" * 100
                yield Pause(0.02)

        kind = {"content-type": "application/json"}
        return Response(self.status, kind, drip())


@pytest.fixture
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_S", 0.2)


@pytest.mark.usefixtures("fresh_connections", "small_bounds")
def test_an_error_that_never_ends_holds_nobody() -> None:
    with running(Dripping(503)) as url:
        model = ChatGrokBuild(api_key="k", base_url=url, max_retries=0, edge=Edge())
        with pytest.raises(OverloadedError, match="no seat left"):
            model.invoke("hello")
        with pytest.raises(OverloadedError, match="no seat left"):
            asyncio.run(model.ainvoke("hello"))


@pytest.mark.usefixtures("fresh_connections", "small_bounds")
def test_a_list_of_models_that_never_ends_holds_nobody() -> None:
    with running(Dripping(200)) as url, pytest.raises(NotAGatewayError):
        list_models(Settings(base_url=url, api_key="k"))


@pytest.mark.usefixtures("fresh_connections")
def test_an_error_of_many_bytes_is_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_BYTES", 1000)
    with running(Dripping(503)) as url:
        model = ChatGrokBuild(api_key="k", base_url=url, max_retries=0, edge=Edge())
        with pytest.raises(OverloadedError) as caught:
            model.invoke("hello")
    assert len(str(caught.value)) < 1000
