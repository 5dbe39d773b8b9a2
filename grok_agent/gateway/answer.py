"""Is this answer whole? Streamed or not, nothing is handed on as finished that may be cut.

A relay's ``[DONE]`` proves nothing, since relays write it themselves after a cut upstream: an
answer is whole when it carries a ``finish_reason`` and its tool calls, or the JSON asked for, parse
as they were sent. Nothing is repaired into a valid tool call.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
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
from grok_agent.gateway.fields import (
    all_text,
    arguments_text,
    mapping_of,
    mappings_of,
    names_in,
    read_usage,
    reasoning_in,
    refusal_in,
    text_of,
)
from grok_agent.gateway.replies import Reply, read_error, read_reply
from grok_agent.gateway.thinking import parted

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


@dataclass
class Call:
    """A tool call as it arrives: ``arguments`` is the raw text so far."""

    id: str
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True)
class Asked:
    """What a request asked for, as far as its answer is judged by it.

    ``needs_arguments`` are the names of the tools that cannot be called without arguments.
    """

    json: bool = False
    needs_arguments: frozenset[str] = frozenset()

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Self:
        """What ``payload`` asks for."""
        form = text_of(mapping_of(payload.get("response_format")).get("type"))
        tools = [mapping_of(tool.get("function")) for tool in mappings_of(payload.get("tools"))]
        demanding = {
            text_of(tool.get("name"))
            for tool in tools
            if mapping_of(tool.get("parameters")).get("required")
        }
        return cls(form in ("json_object", "json_schema"), frozenset(demanding))


@dataclass
class Answer:
    """What of an answer has arrived, and the verdict on it."""

    target: Target
    asked: Asked = field(default_factory=Asked)
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    finish_reason: str = ""
    calls: list[Call] = field(default_factory=list)

    @property
    def written(self) -> str:
        """All that the model has written, in whatever part of the answer."""
        calls = (f"{call.name}{call.arguments}" for call in self.calls)
        return "".join((self.reasoning, self.text, self.refusal, *calls))

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
        if self._ends_with_a_name():
            raise self.incomplete(f"it ends where the arguments of {self.calls[-1].name} begin")
        if not (self.calls or self.text.strip() or self.refusal):
            why = f"it is empty, finish_reason {self.finish_reason}"
            raise self.incomplete(why, again=self.finish_reason != "length")
        if self.asked.json and not self.calls and _is_torn_json(self.text):
            raise self.incomplete("the JSON asked for does not parse")

    def _ends_with_a_name(self) -> bool:
        """Whether it was cut behind a call's name, and the end made up.

        LiteLLM makes up "stop"; where calls end by themselves, all gateways but few say
        "tool_calls", and those few send the arguments.
        """
        if self.finish_reason != "stop" or not self.calls:
            return False
        last = self.calls[-1]
        return not last.arguments and last.name in self.asked.needs_arguments

    def incomplete(self, why: str, *, again: bool = True) -> IncompleteAnswerError:
        """The error for an answer that is not whole, with what had arrived.

        ``again`` says whether the same request may get a whole one.
        """
        error = fault(IncompleteAnswerError, self.target, Reply(message=why))
        assert isinstance(error, IncompleteAnswerError)
        error.arrived, error.retryable = self.text, again
        return error


def whole_answer(body: str, target: Target, asked: Asked) -> dict[str, Any]:
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
        "choices": [_sound_choice(choice, target, asked) for choice in choices],
        "usage": read_usage(content.get("usage")),
    }


def receipt_in(body: str) -> tuple[dict[str, Any] | None, str]:
    """Usage and served model of an answer that may not be whole, as far as they can be read."""
    try:
        content = mapping_of(json.loads(body))
    except (ValueError, RecursionError):
        return None, ""
    return read_usage(content.get("usage")), names_in(content).get("model", "")


def written_in(answer: Mapping[str, Any]) -> str:
    """All that the model has written in a whole answer."""
    messages = [choice["message"] for choice in answer["choices"]]
    calls = [call["function"] for message in messages for call in message["tool_calls"] or ()]
    texts = [all_text(message["content"]) + message["reasoning_content"] for message in messages]
    return "".join((*texts, *(f"{call['name']}{call['arguments']}" for call in calls)))


def as_chunk(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A whole answer as the only chunk of a stream, for relays that ignore ``stream``."""
    choice = answer["choices"][0]
    return {**answer, "choices": [{**choice, "delta": choice["message"]}]}


def keep_extras(
    message: "BaseMessage", wire: Mapping[str, Any], usage: Mapping[str, Any] | None
) -> None:
    """Put into ``message`` what LangChain drops of it: reasoning, refusal, and the bill."""
    extras = {"reasoning_content": reasoning_in(wire), "refusal": wire.get("refusal")}
    message.additional_kwargs.update({name: text for name, text in extras.items() if text})
    message.response_metadata["model_provider"] = "xai"
    if usage and "cost_in_usd_ticks" in usage:
        message.response_metadata["cost_in_usd_ticks"] = usage["cost_in_usd_ticks"]


def unused_id(id_: object, others: Iterable[Call]) -> str:
    """``id_`` for a tool call, or a new one where it is missing or taken: results must name it."""
    given = text_of(id_)
    taken = any(call.id == given for call in others)
    return f"call_{uuid4().hex[:24]}" if taken or not given else given


def _sound_choice(choice: Mapping[str, Any], target: Target, asked: Asked) -> dict[str, Any]:
    message = mapping_of(choice.get("message"))
    calls: list[Call] = []
    for call in mappings_of(message.get("tool_calls")):
        function = mapping_of(call.get("function"))
        arguments = _opened(arguments_text(function.get("arguments")))
        id_ = unused_id(call.get("id"), calls)
        calls.append(Call(id_, text_of(function.get("name")), arguments))
    content, refusal = message.get("content"), refusal_in(message)
    reasoning = reasoning_in(message)
    if isinstance(content, str):
        thoughts, content = parted(content)
        reasoning += text_of(thoughts)
    finish_reason = text_of(choice.get("finish_reason"))
    answer = Answer(target, asked, all_text(content), "", refusal, finish_reason, calls)
    answer.require_whole()
    sound = {
        "role": "assistant",
        "content": mappings_of(content) if isinstance(content, list) else text_of(content),
        "tool_calls": [_wire_call(call) for call in calls] or None,
        "reasoning_content": reasoning,
        "refusal": refusal,
    }
    return {"message": sound, "finish_reason": finish_reason}


def _opened(arguments: str) -> str:
    """The object in ``arguments`` where a relay has encoded it twice; else ``arguments``.

    Only a whole answer can tell: a piece of a stream may look like this by chance.
    """
    if arguments[:1] != '"':
        return arguments
    try:
        inner = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    return inner if isinstance(inner, str) and inner.strip() and is_object(inner) else arguments


def _wire_call(call: Call) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
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
