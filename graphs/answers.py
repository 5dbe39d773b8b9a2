"""Reads an answer of the model: is it whole, is it usable, does it refuse?"""

import json
from collections.abc import Sequence

from langchain_core.messages import AIMessage, AnyMessage, InvalidToolCall, ToolCall

from grok_agent.graphs.repetition import repeated_end
from grok_agent.graphs.state import LoopState

MAX_ARGUMENT_BYTES = 1_000_000
"""Of one call; more than the model can write in one answer, so that only a broken one is longer."""

CUT_SHORT = frozenset({"length", "max_tokens", "content_filter"})
"""Reasons to finish that mean: the answer, and with it its last tool call, is not all there."""


def with_own_ids(answer: AIMessage) -> AIMessage:
    """The answer with tool-call ids that are present and unique, as results need them.

    Arguments that came as a JSON string in which there is an object are taken as that object.
    """
    used: set[str] = set()
    calls: list[ToolCall] = []
    opened = [call for call in map(_opened, answer.invalid_tool_calls) if call]
    if opened and len(opened) == len(answer.invalid_tool_calls):
        found = [*answer.tool_calls, *opened]
        answer = answer.model_copy(update={"tool_calls": found, "invalid_tool_calls": []})
    for number, call in enumerate(answer.tool_calls, start=1):
        call_id = call["id"] or f"call_{number}"
        while call_id in used:
            call_id += f"_{number}"
        used.add(call_id)
        calls.append({**call, "id": call_id})
    return answer.model_copy(update={"tool_calls": calls})


def last_answer(state: LoopState) -> AIMessage | None:
    """The newest message of this run if it is the model's, else None."""
    newest = _turns(state)[-1:]
    return newest[0] if newest and isinstance(newest[0], AIMessage) else None


def last_words(state: LoopState) -> str:
    """The last text that the model said in this run."""
    texts = (str(each.text) for each in reversed(_turns(state)) if isinstance(each, AIMessage))
    return next((text for text in texts if text.strip()), "")


def refusal_of(answer: AIMessage) -> str:
    """The words by which the model, or its moderation, refuses; empty where neither does."""
    if answer.tool_calls:
        return ""
    if _finish(answer) == "content_filter":
        return "Moderation withheld the answer. Say the task in other words."
    return str(answer.additional_kwargs.get("refusal") or "")


def cut_of(answer: AIMessage) -> str:
    """Why the answer, and with it its last tool call, is not all there; empty where it is.

    The chat model of this package never returns a call that was cut; other models may.
    """
    return f"The answer was cut short ({_finish(answer)})." if _finish(answer) in CUT_SHORT else ""


def problem_of(answer: AIMessage) -> str:
    """What makes the answer unusable, in words for the model; empty where it is usable.

    One tool call that cannot be read spoils the answer: none of its calls runs.
    """
    if answer.invalid_tool_calls:
        names = ", ".join(str(call["name"]) for call in answer.invalid_tool_calls)
        return f"the arguments of {names} were not a JSON object, so no call of it was run"
    if not answer.tool_calls and not str(answer.text).strip():
        return "it had neither text nor a tool call"
    if large := [call for call in answer.tool_calls if _size(call) > MAX_ARGUMENT_BYTES]:
        sizes = ", ".join(f"{call['name']}: {_size(call):,} bytes" for call in large)
        most = f"at most {MAX_ARGUMENT_BYTES:,} are taken; write in several calls"
        return f"the arguments of a call were too large, so no call of it was run ({sizes}; {most})"
    if piece := repeated_end(str(answer.text)):
        return f"it said the same again and again: {piece.strip()[:80]!r}"
    return ""


def _opened(call: InvalidToolCall) -> ToolCall | None:
    try:
        inner = json.loads(call["args"] or "")
        arguments = json.loads(inner) if isinstance(inner, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(arguments, dict) or not call["name"]:
        return None
    return ToolCall(name=call["name"], args=arguments, id=call["id"])


def _size(call: ToolCall) -> int:
    return len(json.dumps(call["args"], ensure_ascii=False, default=str).encode("utf-8", "replace"))


def _turns(state: LoopState) -> Sequence[AnyMessage]:
    return state["messages"][state["turns_from"] :]


def _finish(answer: AIMessage) -> str:
    return str(answer.response_metadata.get("finish_reason") or "")
