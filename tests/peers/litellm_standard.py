"""LangChain's integration tests for chat models, through a LiteLLM proxy."""

from typing import Any

import httpx
import pytest
import test_standard_integration as offline
from litellm_proxy import BY_XAI, Proxy, Upstream
from scripted_answers import png


class TestChatGrokBuild(offline.TestChatGrokBuild):
    @pytest.fixture(autouse=True)
    def _behind_the_proxy(self, proxy: Proxy, upstream: Upstream) -> None:
        self.base_url = proxy.url

    @pytest.fixture(autouse=True)
    def _pictures_from_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(httpx, "get", lambda *_, **__: httpx.Response(200, content=png()))

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"base_url": self.base_url, "api_key": "offline"}


class TestByXai(TestChatGrokBuild):
    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "model": BY_XAI}
