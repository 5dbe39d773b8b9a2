"""How one message stands in a request: whole, or shortened where it alone would fill it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, ToolCall

MAX_ARGUMENT_BYTES = 100_000
"""Of the arguments of one answer; longer texts in them are shown by their beginning."""

ARGUMENT_HEAD = 1_000  # characters


def with_short_arguments(answer: AIMessage) -> AIMessage:
    """``answer`` with at most ``MAX_ARGUMENT_BYTES`` of arguments, the longest texts cut first.

    The calls were carried out as they were sent; only the request shows less of them.
    """
    if not answer.tool_calls or _size(answer.tool_calls) <= MAX_ARGUMENT_BYTES:
        return answer
    most = MAX_ARGUMENT_BYTES // 4
    calls = list(answer.tool_calls)
    while _size(calls) > MAX_ARGUMENT_BYTES and most >= ARGUMENT_HEAD // 8:
        calls = [_shortened(call, most) for call in answer.tool_calls]
        most //= 2
    if _size(calls) > MAX_ARGUMENT_BYTES:
        calls = [{**call, "args": {}} for call in calls]
    return answer.model_copy(update={"tool_calls": calls})


def fair_share(sizes: Sequence[int], room: int) -> int:
    """The most that each of ``sizes`` may have so that all together have at most ``room``.

    Small ones stay whole and leave their rest to the others.
    """
    left = max(room, 0)
    ordered = sorted(sizes)
    for done, size in enumerate(ordered):
        share = left // (len(ordered) - done)
        if size > share:
            return share
        left -= size
    return max(ordered, default=0)


def _shortened(call: ToolCall, most: int) -> ToolCall:
    return {**call, "args": _less(call["args"], most)}


def _less(value: Any, most: int) -> Any:
    if isinstance(value, str) and len(value.encode("utf-8", "replace")) > most:
        head = value[: min(ARGUMENT_HEAD, most // 4)]
        return f"{head}... [{len(value) - len(head):,} characters left out here]"
    if isinstance(value, Mapping):
        return {key: _less(item, most) for key, item in value.items()}
    if isinstance(value, list):
        kept = [_less(item, most) for item in value[:1_000]]
        return kept if len(value) <= 1_000 else [*kept, f"[{len(value) - 1_000:,} items left out]"]
    return value


def _size(calls: Sequence[ToolCall]) -> int:
    if sum(map(_characters, (call["args"] for call in calls))) * 4 < MAX_ARGUMENT_BYTES:
        return 0  # no character has more than four bytes
    text = json.dumps([call["args"] for call in calls], ensure_ascii=False, default=str)
    return len(text.encode("utf-8", "replace"))


def _characters(value: Any) -> int:
    """Characters of the texts in ``value``, and a few for each number."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(str(key)) + _characters(item) + 4 for key, item in value.items())
    if isinstance(value, list):
        return sum(_characters(item) + 2 for item in value)
    return 8
