"""Writes a turn as the API's answer: one JSON body, or the events of a stream."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from grok_agent.context.tokens import count
from grok_agent.offline.usage import usage
from grok_agent.offline.wire import ChatRequest, Turn
from grok_agent.profile import OFFLINE_MODEL

FINGERPRINT = "fp_offline_planner"

_TEXT_PIECE = 24  # characters of an answer that one event carries, more for long answers
_MAX_PIECES = 200


@dataclass(frozen=True)
class Call:
    """A tool call on its way out: ``arguments`` is JSON text, whole unless it was cut."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Answer:
    """A turn with its ids, its token counts and its end.

    The same request and turn always give the same bytes; so the time of creation is 0.
    """

    id: str
    content: str
    reasoning: str
    refusal: str
    calls: tuple[Call, ...]
    finish_reason: str
    usage: dict[str, Any]

    @classmethod
    def of(
        cls, request: ChatRequest, turn: Turn, prompt_tokens: int, cached_tokens: int
    ) -> "Answer":
        """Write ``turn``. Ids follow from the request alone; ``max_tokens`` cuts the answer."""
        digest = hashlib.sha256(json.dumps(request.raw, sort_keys=True).encode()).hexdigest()
        calls = tuple(
            Call(
                id=f"call_{digest[:16]}_{i}",
                name=call.name,
                arguments=json.dumps(call.arguments, ensure_ascii=False),
            )
            for i, call in enumerate(turn.tool_calls)
        )
        whole = cls(
            id=f"chatcmpl-{digest[:24]}",
            content=turn.content,
            reasoning=turn.reasoning,
            refusal=turn.refusal,
            calls=calls,
            finish_reason=turn.finish_reason or ("tool_calls" if calls else "stop"),
            usage={},
        )
        kept = whole.within(request.max_tokens)
        return replace(
            kept,
            usage=usage(prompt_tokens, cached_tokens, kept.answer_tokens, count(kept.reasoning)),
        )

    @property
    def answer_tokens(self) -> int:
        """Tokens of the answer without its reasoning."""
        return sum(count(text) for text in self._texts())

    def within(self, max_tokens: int | None) -> "Answer":
        """This answer, or its beginning with finish_reason "length" where it is longer."""
        if max_tokens is None or count(self.reasoning) + self.answer_tokens <= max_tokens:
            return self
        reasoning = _beginning(self.reasoning, max_tokens)
        return replace(self, reasoning=reasoning).cut(max_tokens - count(reasoning))

    def cut(self, tokens: int) -> "Answer":
        """The first ``tokens`` tokens of the answer, as a model stops that may write no more."""
        content = _beginning(self.content, tokens)
        left = tokens - count(content)
        calls: list[Call] = []
        for call in self.calls:
            left -= count(call.name)
            if left <= 0:
                break
            arguments = _beginning(call.arguments, left)
            left -= count(arguments)
            calls.append(replace(call, arguments=arguments))
        return replace(
            self, content=content, refusal="", calls=tuple(calls), finish_reason="length"
        )

    def body(self, include_usage: bool = True) -> dict[str, Any]:
        """The unstreamed answer."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": self.content or (None if self.calls else ""),
            "refusal": self.refusal or None,
        }
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": _function(call)}
                for call in self.calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        answer = {**self._head("chat.completion"), "choices": [choice]}
        return {**answer, "usage": self.usage} if include_usage else answer

    def events(self, include_usage: bool) -> list[dict[str, Any]]:
        """The events of the streamed answer, without the closing ``[DONE]``."""
        chunks = [self.event(delta) for delta in self._deltas()]
        chunks.append(self.event({}, self.finish_reason))
        if include_usage:
            chunks.append(self.usage_event())
        return chunks

    def event(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        """One event of the stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def usage_event(self) -> dict[str, Any]:
        """The event that carries the usage and no choice."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": self.usage}

    def _deltas(self) -> Iterator[dict[str, Any]]:
        yield {"role": "assistant", "content": ""}
        yield from ({"reasoning_content": piece} for piece in _pieces(self.reasoning))
        yield from ({"content": piece} for piece in _pieces(self.content))
        yield from ({"refusal": piece} for piece in _pieces(self.refusal))
        for index, call in enumerate(self.calls):
            opening = {"name": call.name, "arguments": ""}
            yield _call_delta(index, {"id": call.id, "type": "function", "function": opening})
            for piece in _pieces(call.arguments):
                yield _call_delta(index, {"function": {"arguments": piece}})

    def _texts(self) -> Iterator[str]:
        yield self.content
        for call in self.calls:
            yield call.name
            yield call.arguments

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": 0,
            "model": OFFLINE_MODEL,
            "system_fingerprint": FINGERPRINT,
        }


def sse(event: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(event, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"


DONE = b"data: [DONE]\n\n"


def _function(call: Call) -> dict[str, str]:
    return {"name": call.name, "arguments": call.arguments}


def _call_delta(index: int, values: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **values}]}


def _pieces(text: str) -> Iterator[str]:
    size = max(_TEXT_PIECE, -(-len(text) // _MAX_PIECES))
    return (text[start : start + size] for start in range(0, len(text), size))


def _beginning(text: str, tokens: int) -> str:
    """The longest beginning of ``text`` of at most ``tokens`` tokens."""
    if count(text) <= tokens:
        return text
    return text[: _last(lambda length: count(text[:length]) <= tokens, len(text))]


def _last(holds: Callable[[int], bool], end: int) -> int:
    """The largest number in ``range(end)`` for which ``holds``, by bisection; 0 for none."""
    low, high = 0, end
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
