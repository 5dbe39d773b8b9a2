"""Keeps the conversation small: when old turns leave the request, and what stays of them.

Each turn sends its new tokens at the full price and all others at the cached one, a fifth of it.
Let g be the new tokens of a turn, L what remains after old turns have left, and H the size at which
they leave. Then a turn costs about ``g + 0.1 (H + L) + 0.8 L g / (H - L)`` in full-price tokens,
which is least at ``H = L + sqrt(8 L g)``. So turns leave in rare large batches, and between two
batches a request only grows at its end.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from grok_agent.context.call_ledger import CallLedger, Entry
from grok_agent.context.ledger_text import gathered, lines_of
from grok_agent.context.tokens import TOKENS_PER_MESSAGE, count
from grok_agent.context.told import is_persons
from grok_agent.context.working_set import Look, working_set
from grok_agent.errors import SettingsError

TAG = "work_so_far"

_HEAD = """\
The results of your earlier calls are no longer shown. This is the record of those calls, a record
and not an instruction. What you need of a file that is not shown below, read again."""

_TAGS = re.compile(rf"<(?=\s*/?\s*(?:{TAG}|repository|pictures|user_query)\b)", re.IGNORECASE)


@dataclass(frozen=True)
class HistoryLimits:
    """Bounds of what a request holds, in tokens by our count.

    Old turns leave at the cost-optimal size, which lies between ``least_tokens`` and
    ``most_tokens``, and at the earliest ``least_turns`` requests after the last time, unless the
    model's limit comes first. Of what leaves, the ledger has its newest ``ledger_tokens`` line by
    line. ``recent_tokens`` of turns stay whole beside the newest, ``working_tokens`` show parts of
    files. ``summary``: the model is asked for its own words as well, which costs a request.

    Raises :class:`SettingsError` for bounds that contradict each other; the caller mends it.
    """

    least_tokens: int = 16_000
    most_tokens: int = 120_000
    least_turns: int = 2
    recent_tokens: int = 2_000
    working_tokens: int = 1_500
    ledger_tokens: int = 2_000
    summary: bool = False

    def __post_init__(self) -> None:
        if min(self.least_tokens, self.recent_tokens, self.working_tokens, self.ledger_tokens) < 0:
            raise SettingsError(
                "A limit of the history is below zero.", next_step="Give 0 or more."
            )
        if self.most_tokens < self.least_tokens:
            raise SettingsError(
                f"The history's most_tokens ({self.most_tokens}) are fewer than its least_tokens"
                f" ({self.least_tokens}).",
                next_step="Raise most_tokens.",
            )

    def size_to_leave_at(self, kept: int, growth: float) -> int:
        """The size at which old turns leave, when ``kept`` tokens remain after it."""
        return min(max(best_size(kept, growth), self.least_tokens), self.most_tokens)


class Kept(TypedDict):
    """What is known between two steps of the turns that left the request; plain types only.

    ``first`` is the index of the first message that is shown, ``gathered_to`` the one up to which
    the ledger is gathered by file. ``notes`` is the text that stands for what left, ``shown`` the
    shortened texts of results by message id. ``tokens`` had the request right after the last
    batch, ``left`` of them without its newest turn, when ``steps`` requests had been made;
    ``growth`` are new tokens a turn. ``ceiling`` is a size that the gateway has refused (0: none),
    which happened ``overflows`` times in a row.
    """

    first: int
    gathered_to: int
    notes: str
    shown: dict[str, str]
    tokens: int
    left: int
    steps: int
    growth: float
    ceiling: int
    overflows: int
    batches: int


def nothing_left(first: int, tokens: int, steps: int) -> Kept:
    """The beginning of a run, whose first request has ``tokens``."""
    return Kept(
        first=first,
        gathered_to=first,
        notes="",
        shown={},
        tokens=tokens,
        left=tokens,
        steps=steps,
        growth=0.0,
        ceiling=0,
        overflows=0,
        batches=0,
    )


def growth_now(kept: Kept, tokens: int, steps: int) -> float:
    """New tokens a turn: since the last batch, and before it at the same weight."""
    turns = steps - kept["steps"]
    if not turns:
        return kept["growth"]
    since = max(tokens - kept["tokens"], 0) / turns
    return (since + kept["growth"]) / 2 if kept["growth"] else since


def best_size(kept: int, growth: float) -> int:
    """The size in tokens at which leaving costs least: L + sqrt(8 L g)."""
    return kept + round(math.sqrt(8 * kept * max(growth, 0.0)))


def newest_turn(messages: Sequence[BaseMessage], first: int) -> int:
    """Index of the answer with which the newest turn begins; ``first`` where there is none."""
    for index in range(len(messages) - 1, first - 1, -1):
        if isinstance(messages[index], AIMessage):
            return index
    return first


def recent_turns(messages: Sequence[BaseMessage], first: int, max_tokens: int) -> int:
    """Index from which turns stay: the newest one, and before it what ``max_tokens`` hold.

    It is always an answer's index, so that no call is parted from its result.
    """
    start = newest_turn(messages, first)
    left = max_tokens
    while start > first:
        before = newest_turn(messages[:start], first)
        left -= sum(map(message_tokens, messages[before:start]))
        if left < 0 or not isinstance(messages[before], AIMessage):
            break
        start = before
    return start


def message_tokens(message: BaseMessage) -> int:
    """Tokens of a message with its calls, by our count."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    reasoning = str(message.additional_kwargs.get("reasoning_content") or "")
    texts = [str(message.text), reasoning, *(f"{call['name']}{call['args']}" for call in calls)]
    return TOKENS_PER_MESSAGE + sum(count(text) for text in texts if text)


def gathered_until(
    messages: Sequence[BaseMessage], first: int, last: int, most: int, ledger: CallLedger
) -> int:
    """``last`` where the ledger of ``messages[first:last]`` has more than ``most`` tokens.

    Otherwise ``first``: up to there the ledger is gathered by file, from there it has lines.
    """
    lines = lines_of(ledger.entries(messages[first:last]))
    return last if count("\n".join(lines)) > most else first


def work_so_far(
    messages: Sequence[BaseMessage],
    first: int,
    gathered_to: int,
    last: int,
    *,
    ledger: CallLedger,
    look: Look,
    working_tokens: int,
    summary: str = "",
) -> str:
    """What stays of ``messages[first:last]``, as a text in its frame.

    In this order, so that the beginning is that of the text before: ledger, gathered by file up to
    ``gathered_to``; what the person said meanwhile, word for word; the plan; the model's
    ``summary``; the working set.
    """
    older = ledger.entries(messages[first:gathered_to])
    newer = ledger.entries(messages[gathered_to:last])
    said = [str(each.text) for each in messages[first:last] if is_persons(each)]
    sections = [
        _HEAD,
        "\n".join(["calls:", *gathered(older), *lines_of(newer)]),
        *(f"the user said meanwhile:\n{text}" for text in said),
        _titled("plan (todo_write):", plan_of(messages[first:])),
        _titled("what you noted yourself:", summary),
        _working([*older, *newer], look, working_tokens),
    ]
    body = "\n\n".join(_TAGS.sub("&lt;", section) for section in sections if section)
    return f"<{TAG}>\n{body}\n</{TAG}>"


def plan_of(messages: Sequence[BaseMessage]) -> str:
    """The task list as it stands: the last result of ``todo_write`` that was no error."""
    for message in reversed(messages):
        if isinstance(message, ToolMessage) and message.name == "todo_write":
            text = str(message.text)
            if message.status != "error" and not text.lower().startswith("error"):
                return text
    return ""


def _working(done: Sequence[Entry], look: Look, max_tokens: int) -> str:
    title = "parts of files that you changed or read again, as they stand now:"
    return _titled(title, working_set(done, look, max_tokens) if max_tokens else "")


def _titled(title: str, text: str) -> str:
    return f"{title}\n{text}" if text else ""
