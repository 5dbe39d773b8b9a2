"""Reads an answer of the model: is it whole, is it usable, does it refuse?"""

from collections.abc import Sequence

from langchain_core.messages import AIMessage, AnyMessage, ToolCall

from grok_agent.graphs.state import LoopState

CUT_SHORT = frozenset({"length", "max_tokens", "content_filter"})
"""Reasons to finish that mean: the answer, and with it its last tool call, is not all there."""


def with_own_ids(answer: AIMessage) -> AIMessage:
    """The answer with tool-call ids that are present and unique, as results need them."""
    used: set[str] = set()
    calls: list[ToolCall] = []
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
    return ""


def _turns(state: LoopState) -> Sequence[AnyMessage]:
    return state["messages"][state["turns_from"] :]


def _finish(answer: AIMessage) -> str:
    return str(answer.response_metadata.get("finish_reason") or "")
