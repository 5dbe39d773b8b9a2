"""LangChain's own integration tests for chat models, against the embedded gateway."""

from typing import Any, Literal

import httpx
import httpx2
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests
from scripted_answers import answer, png

from grok_agent.chat_model import ChatGrokBuild
from grok_agent.offline import BASE_URL
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.transport import AsyncOfflineTransport, OfflineTransport
from grok_agent.profile import OFFLINE_MODEL


@pytest.fixture(autouse=True)
def pictures_from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite downloads its picture; here it gets one without a network."""
    monkeypatch.setattr(httpx, "get", lambda *_, **__: httpx.Response(200, content=png()))


class TestChatGrokBuild(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatGrokBuild

    @property
    def chat_model_params(self) -> dict[str, Any]:
        gateway = OfflineGateway(planner=answer)
        return {
            "base_url": BASE_URL,
            "api_key": "offline",
            "http_client": httpx2.Client(transport=OfflineTransport(gateway)),
            "http_async_client": httpx2.AsyncClient(transport=AsyncOfflineTransport(gateway)),
        }

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def has_tool_choice(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return OFFLINE_MODEL

    @property
    def supported_usage_metadata_details(
        self,
    ) -> dict[Literal["invoke", "stream"], list[Any]]:
        return {
            "invoke": ["reasoning_output", "cache_read_input"],
            "stream": ["reasoning_output", "cache_read_input"],
        }

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        message = _ask(ChatGrokBuild(**self.chat_model_params), "Hello", stream=stream)
        assert message.usage_metadata is not None
        assert message.usage_metadata["output_token_details"]["reasoning"] > 0
        return message

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        model = ChatGrokBuild(**self.chat_model_params, conversation_id="one")
        _ask(model, "a long text " * 200, stream=stream)
        message = _ask(model, "a long text " * 200, stream=stream)
        assert message.usage_metadata is not None
        assert message.usage_metadata["input_token_details"]["cache_read"] > 0
        return message


def _ask(model: ChatGrokBuild, text: str, *, stream: bool) -> AIMessage:
    if not stream:
        return model.invoke(text)
    first, *rest = model.stream(text)
    return sum(rest, first)
