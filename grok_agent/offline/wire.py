"""The values that pass between client, gateway and planner."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """One HTTP request. ``path`` is without the query; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Pause:
    """Nothing is sent for ``seconds``; the carrier waits, so that the gateway never sleeps."""

    seconds: float


@dataclass(frozen=True)
class HangUp:
    """The connection is torn down here, in the middle of the body."""


Piece = bytes | Pause | HangUp


@dataclass(frozen=True)
class Response:
    """One HTTP answer, sent after ``delay_s`` seconds.

    ``status`` None closes the connection without any answer. ``chunks`` may be endless and is
    read once; a streamed answer has one server-sent event a chunk.
    """

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterable[Piece] = ()
    delay_s: float = 0.0

    def body(self) -> bytes:
        """The whole body; pauses are skipped, a hang-up ends it."""
        whole = bytearray()
        for piece in self.chunks:
            if isinstance(piece, HangUp):
                break
            if isinstance(piece, bytes):
                whole += piece
        return bytes(whole)


@dataclass(frozen=True)
class ChatRequest:
    """A validated body of ``POST /v1/chat/completions``; ``raw`` is the body as it came.

    ``tool_choice`` is "none", "auto", "required" or the name of the one tool to call, which is
    then also in ``forced_tool``. ``conversation_id`` is the header ``x-grok-conv-id`` or "".
    """

    messages: list[dict[str, Any]]
    model: str = ""
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: str = "auto"
    forced_tool: str = ""
    parallel_tool_calls: bool = True
    response_format: dict[str, Any] | None = None
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    conversation_id: str = ""
    raw: dict[str, Any] = field(default_factory=dict)

    @property
    def usable_tools(self) -> list[dict[str, Any]]:
        """The offered tools that may be called: none where tool_choice is "none"."""
        return [] if self.tool_choice == "none" else self.tools


@dataclass(frozen=True)
class ToolCall:
    """A call of an offered tool; the gateway gives it its id."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """What the planner answers: text, reasoning, tool calls, or a refusal with its text.

    ``finish_reason`` None means "tool_calls" where there are calls and "stop" elsewhere.
    """

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str = ""
    finish_reason: str | None = None


Planner = Callable[[ChatRequest], Turn]
"""Anything that answers a request; tests pass their own."""
