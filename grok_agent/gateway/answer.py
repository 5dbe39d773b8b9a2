"""Is this answer whole? Streamed or not, nothing is handed on as finished that may be cut.

A relay's ``[DONE]`` proves nothing, since relays write it themselves after a cut upstream: an
answer is whole when it carries a ``finish_reason`` and its tool calls, or the JSON asked for, parse
as they were sent. Nothing is repaired into a valid tool call.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
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

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


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
            raise self.incomplete("it stopped before its end")
        if self.finish_reason == "content_filter":
            raise fault(ContentRefusedError, self.target, Reply(message="the answer was withheld"))
        if self.finish_reason == "error":
            raise fault(OverloadedError, self.target, Reply(message="the model failed"))
        if self.calls and self.finish_reason == "length":
            raise self.incomplete("a tool call was cut at the limit of output tokens", again=False)
        for call in self.calls:
            if not call.name or not is_object(call.arguments):
                raise self.incomplete(
                    f"the arguments of {call.name or 'a call'} are no JSON object"
                )
        if not (self.calls or self.text.strip() or self.refusal):
            raise self.incomplete(f"it is empty, finish_reason {self.finish_reason}")
        if self.wants_json and not self.calls and _is_torn_json(self.text):
            raise self.incomplete("the JSON asked for does not parse")

    def incomplete(self, why: str, *, again: bool = True) -> IncompleteAnswerError:
        """The error for an answer that is not whole, with what had arrived.

        ``again`` says whether the same request may get a whole one.
        """
        error = fault(IncompleteAnswerError, self.target, Reply(message=why))
        assert isinstance(error, IncompleteAnswerError)
        error.arrived, error.retryable = self.text, again
        return error


def whole_answer(body: str, target: Target, *, wants_json: bool = False) -> dict[str, Any]:
    """The answer in ``body``, whole and in a sound form.

    Raises IncompleteAnswerError for a cut one, NotAGatewayError for a web page, and what the error
    object says where one came with status 200.
    """
    content = _parse(body, target)
    if content.get("error") or "html-message" in content:
        raise classify(read_error(content), target)
    choices = mappings_of(content.get("choices"))
    if not choices:
        raise fault(IncompleteAnswerError, target, Reply(message="it holds no choice"))
    return {
        **names_in(content),
        "choices": [_sound_choice(choice, target, wants_json=wants_json) for choice in choices],
        "usage": read_usage(content.get("usage")),
    }


def receipt_in(body: str) -> tuple[dict[str, Any] | None, str]:
    """Usage and served model of an answer that may not be whole, as far as they can be read."""
    try:
        content = mapping_of(json.loads(body))
    except (ValueError, RecursionError):
        return None, ""
    return read_usage(content.get("usage")), names_in(content).get("model", "")


def as_chunk(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A whole answer as the only chunk of a stream, for relays that ignore ``stream``."""
    choice = answer["choices"][0]
    return {**answer, "choices": [{**choice, "delta": choice["message"]}]}


def read_usage(usage: object) -> dict[str, Any] | None:
    """Sound token counts, and the bill beside them where one was sent."""
    counts = usage_from_wire(usage)
    ticks = usage.get("cost_in_usd_ticks") if isinstance(usage, Mapping) else None
    return {**counts, "cost_in_usd_ticks": int(ticks)} if counts and is_amount(ticks) else counts


def names_in(answer: Mapping[str, Any]) -> dict[str, str]:
    """What an answer or a chunk calls itself, the model that served it and its version."""
    names = {key: text_of(answer.get(key)) for key in ("id", "model", "system_fingerprint")}
    return {key: name for key, name in names.items() if name}


def reasoning_in(message: Mapping[str, Any]) -> str:
    """The reasoning in a message or delta, under either of the two names in use."""
    return text_of(message.get("reasoning_content")) or text_of(message.get("reasoning"))


def keep_extras(
    message: "BaseMessage", wire: Mapping[str, Any], usage: Mapping[str, Any] | None
) -> None:
    """Put into ``message`` what LangChain drops of it: reasoning, refusal, and the bill."""
    extras = {"reasoning_content": reasoning_in(wire), "refusal": wire.get("refusal")}
    message.additional_kwargs.update({name: text for name, text in extras.items() if text})
    message.response_metadata["model_provider"] = "xai"
    if usage and "cost_in_usd_ticks" in usage:
        message.response_metadata["cost_in_usd_ticks"] = usage["cost_in_usd_ticks"]


def arguments_text(arguments: object) -> str:
    """The raw text of a call's arguments; some relays send the object itself."""
    return json.dumps(arguments) if isinstance(arguments, Mapping) else text_of(arguments)


def unused_id(id_: object, others: Iterable[Call]) -> str:
    """``id_`` for a tool call, or a new one where it is missing or taken: results must name it."""
    given = text_of(id_)
    taken = any(call.id == given for call in others)
    return f"call_{uuid4().hex[:24]}" if taken or not given else given


def _sound_choice(choice: Mapping[str, Any], target: Target, *, wants_json: bool) -> dict[str, Any]:
    message = mapping_of(choice.get("message"))
    calls: list[Call] = []
    for call in mappings_of(message.get("tool_calls")):
        function = mapping_of(call.get("function"))
        arguments = arguments_text(function.get("arguments")) or "{}"
        id_ = unused_id(call.get("id"), calls)
        calls.append(Call(id_, text_of(function.get("name")), arguments))
    content, refusal = message.get("content"), text_of(message.get("refusal"))
    finish_reason = text_of(choice.get("finish_reason"))
    answer = Answer(target, wants_json, _all_text(content), refusal, finish_reason, calls)
    answer.require_whole()
    sound = {
        "role": "assistant",
        "content": mappings_of(content) if isinstance(content, list) else text_of(content),
        "tool_calls": [_wire_call(call) for call in calls] or None,
        "reasoning_content": reasoning_in(message),
        "refusal": refusal,
    }
    return {"message": sound, "finish_reason": finish_reason}


def _wire_call(call: Call) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _parse(body: str, target: Target) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        if not body.strip() or body.lstrip()[0] in "{[":
            raise fault(IncompleteAnswerError, target, Reply(message="its JSON is cut")) from None
        raise classify(read_reply(200, {}, body), target) from None
    if not isinstance(content, dict):
        raise fault(NotAGatewayError, target, Reply(message="no JSON object"))
    return content


def is_object(arguments: str) -> bool:
    """Whether the raw text is one JSON object; nothing at all stands for one without members."""
    try:
        return isinstance(json.loads(arguments or "{}", strict=False), dict)
    except (ValueError, RecursionError):
        return False


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


def _all_text(content: object) -> str:
    """The text of a message's content, a string or a list of parts."""
    if isinstance(content, list):
        return "".join(text_of(part.get("text")) for part in mappings_of(content))
    return text_of(content)


def text_of(value: object) -> str:
    """``value`` if it is text, in whole characters."""
    return whole_characters(value) if isinstance(value, str) else ""


def whole_characters(text: str) -> str:
    """``text`` with U+FFFD for half characters (lone surrogates), which could not be sent back."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def mapping_of(value: object) -> Mapping[str, Any]:
    """``value`` if it is an object of JSON, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def mappings_of(value: object) -> list[Mapping[str, Any]]:
    """The objects in ``value`` if it is a list, else none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
