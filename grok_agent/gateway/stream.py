"""Puts a streamed answer together: sound pieces at once, its end only when it is whole."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from grok_agent.gateway.answer import Answer, Asked, Call, is_object, unused_id
from grok_agent.gateway.faults import IncompleteAnswerError, Target, classify
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
from grok_agent.gateway.replies import read_error
from grok_agent.gateway.thinking import Thinking


class Assembly:
    """Puts one streamed answer together and hands on each piece in a sound form.

    ``feed`` returns the pieces of text, reasoning and tool calls as they come: every tool call has
    an index and an id, its name once. The end of the answer (``finish_reason``, served model, the
    last usage) is held back until ``close`` has found the answer whole. ``names_prompt_parts`` says
    whether the usage does that, as :mod:`grok_agent.gateway.made_up` wants to know.
    """

    def __init__(self, target: Target, asked: Asked) -> None:
        self.target = target
        self.has_begun = False
        self.names_prompt_parts = False
        self._answer = Answer(target, asked)
        self._thinking = Thinking()
        self._place: dict[int, int] = {}  # the gateway's index -> position in calls
        self._end: dict[str, str] = {}
        self._usage: dict[str, Any] | None = None

    def read(self, events: Iterable[bytes]) -> Iterator[dict[str, Any]]:
        """``feed`` with each of ``events``, the JSON texts of chunks."""
        for event in events:
            try:
                chunk = json.loads(event.decode())
            except (ValueError, RecursionError):
                raise self.incomplete("a piece of it is garbled") from None
            if piece := self.feed(chunk):
                yield piece

    def broken(self, error: Exception) -> IncompleteAnswerError:
        """The error for an answer that ``error`` has cut off."""
        return self.incomplete(f"it broke off: {error or type(error).__name__}")

    def incomplete(self, why: str) -> IncompleteAnswerError:
        """The error for an answer that is not whole, with what had arrived."""
        return self._answer.incomplete(why)

    @property
    def usage(self) -> dict[str, Any] | None:
        """What the answer has used, where the gateway has said so by now."""
        return self._usage

    @property
    def written(self) -> str:
        """All that the model has written by now."""
        return self._answer.written

    @property
    def served(self) -> str:
        """The model that answers, as far as it is named by now."""
        return self._end.get("model", "")

    def feed(self, chunk: object) -> dict[str, Any] | None:
        """The sound form of ``chunk``, or None where it holds nothing to hand on."""
        if not isinstance(chunk, Mapping):
            return None
        if chunk.get("error"):
            raise classify(read_error(chunk), self.target)
        self._end.update(names_in(chunk))
        self._take_usage(mapping_of(chunk.get("usage")))
        choice = _first_choice(chunk)
        if not self._answer.finish_reason:  # a second one is the relay's own
            self._answer.finish_reason = text_of(choice.get("finish_reason"))
        delta = self._sound(mapping_of(choice.get("delta")))
        self.has_begun = self.has_begun or bool(delta)
        return {"choices": [{"index": 0, "delta": delta}]} if delta else None

    def close(self) -> dict[str, Any]:
        """The last chunk: finish_reason, model and usage. Raises unless the answer is whole."""
        rest = self._thinking.rest()
        self._answer.text += rest
        self._answer.require_whole()
        delta = {"content": rest} if rest else {}
        choice = {"index": 0, "delta": delta, "finish_reason": self._answer.finish_reason}
        return {**self._end, "choices": [choice], "usage": self._usage}

    def _take_usage(self, usage: Mapping[str, Any]) -> None:
        if counts := read_usage(usage):
            self._usage = counts
            self.names_prompt_parts = bool(usage.get("prompt_tokens_details"))

    def _sound(self, delta: Mapping[str, Any]) -> dict[str, Any]:
        thought, text = self._thinking.split(all_text(delta.get("content")))
        reasoning, refusal = reasoning_in(delta) + thought, refusal_in(delta)
        self._answer.text += text
        self._answer.reasoning += reasoning
        self._answer.refusal += refusal
        calls = [self._piece_of_call(piece) for piece in mappings_of(delta.get("tool_calls"))]
        parts = {
            "content": text,
            "reasoning_content": reasoning,
            "refusal": refusal,
            "tool_calls": calls,
        }
        return {name: part for name, part in parts.items() if part}

    def _piece_of_call(self, piece: Mapping[str, Any]) -> dict[str, Any]:
        function = mapping_of(piece.get("function"))
        name, arguments = text_of(function.get("name")), arguments_text(function.get("arguments"))
        position = self._position(piece, name)
        calls = self._answer.calls
        is_new = position == len(calls)
        if is_new:
            calls.append(Call(unused_id(piece.get("id"), calls)))
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
        index, id_ = piece.get("index"), text_of(piece.get("id"))
        if isinstance(index, int):
            at = self._place.get(index)
            if at is None or (name and id_ not in ("", calls[at].id) and _is_complete(calls[at])):
                at = self._place[index] = len(calls)
            return at
        known = next((at for at, call in enumerate(calls) if id_ and call.id == id_), None)
        if known is not None:
            return known
        is_another = not calls or id_ or (name and self._ends_last(name))
        return len(calls) if is_another else len(calls) - 1

    def _ends_last(self, next_name: str) -> bool:
        """Whether a piece that names ``next_name`` begins another call than the last."""
        last = self._answer.calls[-1]
        return last.name != next_name or _is_complete(last)


def _is_complete(call: Call) -> bool:
    return bool(call.arguments) and is_object(call.arguments)


def _first_choice(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = mappings_of(chunk.get("choices"))
    return next((choice for choice in choices if not choice.get("index")), {})
