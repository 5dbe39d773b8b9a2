"""A planner for the embedded gateway that answers with turns of a test's own."""

from typing import Any

from grok_agent import ChatGrokBuild, offline_model
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn


class Script:
    """A planner that answers with the given turns and keeps what it was asked."""

    def __init__(self, *turns: Turn) -> None:
        self.turns = list(turns)
        self.requests: list[ChatRequest] = []

    def __call__(self, request: ChatRequest) -> Turn:
        self.requests.append(request)
        return self.turns.pop(0)

    def model(self) -> ChatGrokBuild:
        return offline_model(OfflineGateway(planner=self))

    def told(self) -> str:
        """The last message of the last request."""
        return str(self.requests[-1].messages[-1]["content"])


def calls(*named: tuple[str, dict[str, Any]]) -> Turn:
    """A turn with these calls, in this order."""
    return Turn(tool_calls=tuple(ToolCall(name, arguments) for name, arguments in named))
