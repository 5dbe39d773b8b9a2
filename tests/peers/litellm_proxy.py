"""A LiteLLM proxy out of a virtual environment of its own, before an embedded gateway."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from scripted_answers import answer

from grok_agent.chat_model import ChatGrokBuild
from grok_agent.gateway.edge import Edge
from grok_agent.offline.bill import Bill
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.server import running
from grok_agent.offline.wire import Request, Response
from grok_agent.profile import GROK_BUILD, OFFLINE_MODEL

BY_XAI = f"xai/{GROK_BUILD.name}"
"""The model under LiteLLM's own provider for it; under its plain name it is ``openai/``'s."""

START_S = 180.0


class Upstream(OfflineGateway):
    """What stands behind the proxy: ``gateway`` answers, and a test may put another in its place.

    ``seen`` are the chat requests that came, oldest first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reset()

    def reset(self, gateway: OfflineGateway | None = None) -> None:
        self.gateway = gateway or OfflineGateway(answer, bill=Bill())
        self.seen: list[Request] = []

    def handle(self, request: Request) -> Response:
        if request.path.endswith("/chat/completions"):
            self.seen.append(request)
        return self.gateway.handle(request)


class Proxy:
    """A running proxy: ``direct_url`` leads past it, ``url`` through it, to the same gateway."""

    def __init__(self, url: str, direct_url: str, upstream: Upstream) -> None:
        self.url = url
        self.direct_url = direct_url
        self.upstream = upstream

    def model(self, *, direct: bool = False, **options: Any) -> ChatGrokBuild:
        """A model with a state of its own, through the proxy or past it."""
        url = self.direct_url if direct else self.url
        own = {"api_key": "offline", "edge": Edge(), "max_retries": 0, "timeout": 10}
        return ChatGrokBuild(**{"base_url": url, **own, **options})


@contextmanager
def running_proxy(folder: Path) -> Iterator[Proxy]:
    """The program that ``LITELLM`` names, with its files in ``folder``; starts in about 10 s."""
    program = shutil.which(os.environ.get("LITELLM", "build/peers/bin/litellm"))
    assert program, "There is no LiteLLM proxy here: run `make test-peers`, which installs it."
    upstream, port = Upstream(), _free_port()
    with running(upstream) as direct_url, (folder / "log.txt").open("wb") as log:
        config = folder / "config.yaml"
        config.write_text(json.dumps(_config(direct_url)))  # JSON is YAML
        process = subprocess.Popen(
            [
                *(str(Path(program).absolute()), "--config", str(config), "--telemetry", "False"),
                *("--host", "127.0.0.1", "--port", str(port)),
            ],
            stdout=log,
            stderr=log,
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},  # else it downloads one
            cwd=folder,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, process, folder / "log.txt")
            yield Proxy(f"{url}/v1", direct_url, upstream)
        finally:
            process.terminate()
            process.wait(30)


def _config(upstream_url: str) -> dict[str, Any]:
    place = {"api_base": upstream_url, "api_key": "offline"}
    served = {name: f"openai/{name}" for name in (GROK_BUILD.name, OFFLINE_MODEL)}
    served[BY_XAI] = BY_XAI
    return {
        "model_list": [
            {"model_name": name, "litellm_params": {"model": model, **place}}
            for name, model in served.items()
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "general_settings": {"forward_client_headers_to_llm_api": True},
    }


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until:
        try:
            if httpx2.get(f"{url}/health/liveliness", timeout=2).is_success:
                return
        except httpx2.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"The proxy did not start:\n{log.read_text()[-2000:]}")
