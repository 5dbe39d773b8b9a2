"""LangChain's own unit tests for chat models."""

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.load import load
from langchain_tests.unit_tests import ChatModelUnitTests

from grok_agent.chat_model import ChatGrokBuild

pytestmark = pytest.mark.filterwarnings("ignore:The function `load` is in beta")


@pytest.fixture(autouse=True)
def allowed_to_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """LangChain loads classes outside its own list only when the caller names them."""

    def load_ours(saved: Any, **kwargs: Any) -> Any:
        return load(saved, **{**kwargs, "allowed_objects": [ChatGrokBuild]})

    monkeypatch.setattr("langchain_tests.unit_tests.chat_models.load", load_ours)


class TestChatGrokBuild(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatGrokBuild

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"base_url": "http://gateway.invalid/v1", "api_key": "test-key"}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        # The suite's "stop" stays: it is dropped with a log line, never with a Python warning.
        return {**super().standard_chat_model_params, **self.chat_model_params}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        environment = {
            "GROK_BASE_URL": "http://gateway.invalid/v1",
            "GROK_API_KEY": "test-key",
            "GROK_MODEL": "grok-build-0.1",
        }
        expected = {
            "openai_api_base": "http://gateway.invalid/v1",
            "openai_api_key": "test-key",
            "model_name": "grok-build-0.1",
        }
        return environment, {}, expected

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
    def supports_json_mode(self) -> bool:
        return True
