"""Is this answer whole? Streamed or not, nothing is handed on as finished that may be cut.

A relay's ``[DONE]`` proves nothing, since relays write it themselves after a cut upstream: an
answer is whole when it carries a ``finish_reason`` and its tool calls, or the JSON asked for, parse
as they were sent. Nothing is repaired into a valid tool call.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from grok_agent.gateway.faults import (
    ContentRefusedError,
    IncompleteAnswerError,
    NotAGatewayError,
    OverloadedError,
    Target,
    classify,
    fault,
)
from grok_agent.gateway.ledger import is_amount, usage_from_wire
from grok_agent.gateway.replies import Reply, read_error, read_reply


@dataclass
class Call:
    """A tool call as it arrives: ``arguments`` is the raw text so far."""

    id: str
    name: str = ""
    arguments: str = ""


@dataclass
class Answer:
    """What of an answer has arrived, and the verdict on it."""

    target: Target
    wants_json: bool = False
    text: str = ""
    refusal: str = ""
    finish_reason: str = ""
    calls: list[Call] = field(default_factory=list)

    def require_whole(self) -> None:
        """Raise IncompleteAnswerError or another GatewayError unless the answer is whole."""
        if not self.finish_reason:
            raise self._incomplete("it stopped before its end")
        if self.finish_reason == "content_filter":
            raise fault(ContentRefusedError, self.target, Reply(message="the answer was withheld"))
        if self.finish_reason == "error":
            raise fault(OverloadedError, self.target, Reply(message="the model failed"))
        if self.calls and self.finish_reason == "length":
            raise self._incomplete("a tool call was cut at the limit of output tokens")
        for call in self.calls:
            if not call.name or not _is_object(call.arguments):
                raise self._incomplete(
                    f"the arguments of {call.name or 'a call'} are no JSON object"
                )
        if not (self.calls or self.text.strip() or self.refusal):
            raise self._incomplete(f"it is empty, finish_reason {self.finish_reason}")
        if self.wants_json and not self.calls and _is_torn_json(self.text):
            raise self._incomplete("the JSON asked for does not parse")

    def _incomplete(self, why: str) -> IncompleteAnswerError:
        error = fault(IncompleteAnswerError, self.target, Reply(message=why))
        assert isinstance(error, IncompleteAnswerError)
        error.arrived = self.text
        return error


class Assembly:
    """Puts one streamed answer together and hands on each piece in a sound form.

    ``feed`` returns the pieces of text, reasoning and tool calls as they come: every tool call has
    an index and an id, its name once. The end of the answer (``finish_reason``, served model, the
    last usage) is held back until ``close`` has found the answer whole.
    """

    def __init__(self, target: Target, *, wants_json: bool = False) -> None:
        self._answer = Answer(target, wants_json)
        self._place: dict[int, int] = {}  # the gateway's index -> position in calls
        self._end: dict[str, Any] = {}

    def feed(self, chunk: object) -> dict[str, Any] | None:
        """The sound form of ``chunk``, or None where it holds nothing to hand on."""
        if not isinstance(chunk, Mapping):
            return None
        if chunk.get("error"):
            raise classify(read_error(chunk), self._answer.target)
        for key in ("id", "model", "system_fingerprint", "usage"):
            if chunk.get(key):
                self._end[key] = chunk[key]
        choice = _first_choice(chunk)
        if choice.get("finish_reason"):
            self._answer.finish_reason = str(choice["finish_reason"])
        delta = self._sound(_mapping(choice.get("delta")))
        return {"choices": [{"index": 0, "delta": delta}]} if delta else None

    def close(self) -> dict[str, Any]:
        """The last chunk: finish_reason, model and usage. Raises unless the answer is whole."""
        self._answer.require_whole()
        choice = {"index": 0, "delta": {}, "finish_reason": self._answer.finish_reason}
        return {**self._end, "choices": [choice], "usage": read_usage(self._end.get("usage"))}

    def _sound(self, delta: Mapping[str, Any]) -> dict[str, Any]:
        text, refusal = _text(delta.get("content")), _text(delta.get("refusal"))
        self._answer.text += text
        self._answer.refusal += refusal
        calls = [self._piece_of_call(piece) for piece in _mappings(delta.get("tool_calls"))]
        parts = {
            "content": text,
            "reasoning_content": reasoning_in(delta),
            "refusal": refusal,
            "tool_calls": calls,
        }
        return {name: part for name, part in parts.items() if part}

    def _piece_of_call(self, piece: Mapping[str, Any]) -> dict[str, Any]:
        function = _mapping(piece.get("function"))
        name, arguments = _text(function.get("name")), arguments_text(function.get("arguments"))
        position = self._position(piece, name)
        calls = self._answer.calls
        is_new = position == len(calls)
        if is_new:
            calls.append(Call(_text(piece.get("id")) or new_call_id()))
        call = calls[position]
        rest = name.removeprefix(call.name)  # relays repeat the name, or send it longer each time
        call.name += rest
        call.arguments += arguments
        return {
            "index": position,
            "id": call.id if is_new else None,
            "type": "function",
            "function": {"name": rest or None, "arguments": arguments},
        }

    def _position(self, piece: Mapping[str, Any], name: str) -> int:
        """Which call the piece belongs to: by index, else by id, else by its coming."""
        calls = self._answer.calls
        index, id_ = piece.get("index"), _text(piece.get("id"))
        known = next((at for at, call in enumerate(calls) if id_ and call.id == id_), None)
        if known is not None:
            return known
        if isinstance(index, int):
            starts_another = id_ and name and index in self._place
            if index not in self._place or starts_another:
                self._place[index] = len(calls)
            return self._place[index]
        if not calls or id_ or (name and _is_finished(calls[-1], name)):
            return len(calls)
        return len(calls) - 1


def whole_answer(
    body: str, target: Target, *, wants_json: bool = False, status: int = 200
) -> dict[str, Any]:
    """The answer in ``body``, whole and in a sound form.

    Raises IncompleteAnswerError for a cut one, NotAGatewayError for a web page, and what the error
    object says where one came with status 200.
    """
    content = _parse(body, target, status)
    if content.get("error") or "html-message" in content:
        raise classify(read_error(content), target)
    choices = _mappings(content.get("choices"))
    if not choices:
        raise fault(IncompleteAnswerError, target, Reply(message="it holds no choice"))
    sound = [_sound_choice(choice, target, wants_json=wants_json) for choice in choices]
    return {**content, "choices": sound, "usage": read_usage(content.get("usage"))}


def as_chunk(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A whole answer as the only chunk of a stream, for relays that ignore ``stream``."""
    choice = answer["choices"][0]
    return {**answer, "choices": [{**choice, "delta": choice["message"]}]}


def read_usage(usage: object) -> dict[str, Any] | None:
    """Sound token counts, and the bill beside them where one was sent."""
    counts = usage_from_wire(usage)
    ticks = usage.get("cost_in_usd_ticks") if isinstance(usage, Mapping) else None
    return {**counts, "cost_in_usd_ticks": ticks} if counts and is_amount(ticks) else counts


def reasoning_in(message: Mapping[str, Any]) -> str:
    """The reasoning in a message or delta, under either of the two names in use."""
    return _text(message.get("reasoning_content")) or _text(message.get("reasoning"))


def arguments_text(arguments: object) -> str:
    """The raw text of a call's arguments; some relays send the object itself."""
    return json.dumps(arguments) if isinstance(arguments, Mapping) else _text(arguments)


def new_call_id() -> str:
    """An id for a tool call that came without one: its result must name it."""
    return f"call_{uuid4().hex[:24]}"


def _sound_choice(choice: Mapping[str, Any], target: Target, *, wants_json: bool) -> dict[str, Any]:
    message = _mapping(choice.get("message"))
    calls = [_sound_call(call) for call in _mappings(message.get("tool_calls"))]
    Answer(
        target,
        wants_json,
        _all_text(message.get("content")),
        _text(message.get("refusal")),
        _text(choice.get("finish_reason")),
        [Call(call["id"], **call["function"]) for call in calls],
    ).require_whole()
    sound = {**message, "role": "assistant", "tool_calls": calls or None}
    return {**choice, "message": sound}


def _sound_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = _mapping(call.get("function"))
    return {
        "id": _text(call.get("id")) or new_call_id(),
        "type": "function",
        "function": {
            "name": _text(function.get("name")),
            "arguments": arguments_text(function.get("arguments")) or "{}",
        },
    }


def _parse(body: str, target: Target, status: int) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        if not body.strip() or body.lstrip()[0] in "{[":
            raise fault(IncompleteAnswerError, target, Reply(message="its JSON is cut")) from None
        raise classify(read_reply(status, {}, body), target) from None
    if not isinstance(content, dict):
        raise fault(NotAGatewayError, target, Reply(message="no JSON object"))
    return content


def _is_object(arguments: str) -> bool:
    """Whether the raw text is one JSON object; nothing at all stands for one without members."""
    try:
        return isinstance(json.loads(arguments or "{}", strict=False), dict)
    except (ValueError, RecursionError):
        return False


def _is_finished(call: Call, next_name: str) -> bool:
    """Whether a piece that names ``next_name`` begins another call than ``call``."""
    return call.name != next_name or (bool(call.arguments) and _is_object(call.arguments))


def _is_torn_json(text: str) -> bool:
    """Whether ``text`` begins as JSON and does not parse; prose is the parser's to refuse."""
    text = text.strip()
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return True
    return False


def _first_choice(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = _mappings(chunk.get("choices"))
    return next((choice for choice in choices if not choice.get("index")), {})


def _all_text(content: object) -> str:
    """The text of a message's content, a string or a list of parts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in _mappings(content))
    return _text(content)


def _text(value: object) -> str:
    """``value`` if it is text, with U+FFFD for half characters, which could not be sent back."""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
