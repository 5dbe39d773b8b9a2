"""Keeps the next request small: before each one, decides whether old turns leave it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import BaseMessage, ToolMessage

from grok_agent.context.call_ledger import CallLedger
from grok_agent.context.history import (
    HistoryLimits,
    Kept,
    gathered_until,
    growth_now,
    message_tokens,
    newest_turn,
    recent_turns,
    work_so_far,
)
from grok_agent.context.shown import fair_share
from grok_agent.context.token_ratio import Ratio
from grok_agent.context.tokens import count
from grok_agent.errors import ToolError
from grok_agent.graphs.guards import at_most
from grok_agent.graphs.request import compose, count_request, kept_of
from grok_agent.graphs.state import Budget, LoopState, Update
from grok_agent.graphs.work import Work
from grok_agent.profile import Profile
from grok_agent.tools.overflow import capped, stored
from grok_agent.vision.prepare import hydrate

LEAST_SHOWN = 400
"""Tokens of a result below which it is not shortened."""

MAX_OVERFLOWS = 6
SHARE_AFTER_OVERFLOW = 0.6
"""How often in a run, and to what part, a request is made smaller that the gateway refused."""

_RESERVE = 1_000  # tokens; the marks around shortened results


Note = Callable[[LoopState], tuple[str, Update]]
"""Asks the model for notes: its words, "" for none, and what that changes in the state."""


class Window:
    """What a request may hold, and what leaves it; its memory between two steps only saves time."""

    def __init__(
        self,
        work: Work,
        schemas: Sequence[Mapping[str, Any]],
        limits: HistoryLimits,
        profile: Profile,
        budget: Budget,
    ) -> None:
        self._work = work
        self._schemas = schemas
        self._limits = limits
        self._ledger = CallLedger(self._keep)
        self._safe = min(budget.max_input_tokens, profile.safe_input_tokens)

    def make_room(self, state: LoopState, ratio: Ratio, note: Note) -> Update:
        """The state update by which the next request becomes smaller; empty where it need not.

        A function of the state alone, so that a run that is resumed sends the same request; only
        where the limits want a summary, ``note`` asks the model for it.
        """
        kept = kept_of(state)
        ceiling = min(self._safe, kept["ceiling"] or self._safe)
        must = at_most(state, ratio) >= ceiling
        if not must and not self._is_due(state, kept):
            return {} if state.get("history") else {"history": kept}
        summary, update = note(state) if self._limits.summary and not must else ("", {})
        state = cast(LoopState, {**state, **update})
        update |= self._without_old_turns(state, kept, summary, recent=0 if must else None)
        smaller = cast(LoopState, {**state, **update})
        if at_most(smaller, ratio) >= ceiling:
            update |= self._with_short_results(smaller, ratio, ceiling)
        return update

    def _is_due(self, state: LoopState, kept: Kept) -> bool:
        if state["steps"] - kept["steps"] < self._limits.least_turns:
            return False
        size = state["context_tokens"]
        growth = growth_now(kept, size, state["steps"])
        return size >= self._limits.size_to_leave_at(kept["left"], growth)

    def _without_old_turns(
        self, state: LoopState, kept: Kept, summary: str, recent: int | None
    ) -> Update:
        messages, start = state["messages"], state["turns_from"]
        recent = self._limits.recent_tokens if recent is None else recent
        first = recent_turns(messages, kept["first"], recent)
        if first == kept["first"]:  # the gateway's count may be of what is not sent again
            return self._measured(state, kept)
        gathered_to = gathered_until(
            messages, kept["gathered_to"], first, self._limits.ledger_tokens, self._ledger
        )
        notes = work_so_far(
            messages,
            start,
            gathered_to,
            first,
            ledger=self._ledger,
            look=self._look,
            working_tokens=self._limits.working_tokens,
            summary=summary,
        )
        growth = growth_now(kept, state["context_tokens"], state["steps"])
        after = Kept(
            first=first,
            gathered_to=gathered_to,
            notes=notes,
            shown=_still_shown(kept["shown"], messages[first:]),
            tokens=0,
            left=0,
            steps=state["steps"],
            growth=growth,
            ceiling=kept["ceiling"],
            overflows=kept["overflows"],
            batches=kept["batches"] + 1,
        )
        return self._measured(state, after)

    def _with_short_results(self, state: LoopState, ratio: Ratio, ceiling: int) -> Update:
        """Show less of the results that the model has not seen yet: all of it does not fit."""
        kept, messages = kept_of(state), state["messages"]
        results = [
            each
            for each in messages[newest_turn(messages, kept["first"]) :]
            if isinstance(each, ToolMessage) and isinstance(each.content, str)
        ]
        texts = [kept["shown"].get(each.id or "", str(each.text)) for each in results]
        sizes = [count(text) for text in texts]
        room = int((ceiling - 1 - ratio.overhead) / ratio.high) - _RESERVE
        share = fair_share(sizes, room - (self._tokens(state) - sum(sizes)))
        share = max(share, LEAST_SHOWN)
        short = {
            each.id or "": capped(str(each.text), self._work.workspace, share)
            for each, size in zip(results, sizes, strict=True)
            if size > share
        }
        if not short:
            return {}
        return self._measured(state, {**kept, "shown": {**kept["shown"], **short}})

    def _measured(self, state: LoopState, kept: Kept) -> Update:
        """The update with ``kept`` and the size of the request that follows from it."""
        messages = state["messages"]
        tokens = self._tokens(cast(LoopState, {**state, "history": kept}))
        newest = messages[newest_turn(messages, kept["first"]) :]
        left = max(tokens - sum(map(message_tokens, newest)), 0)
        measured = {**kept, "tokens": tokens, "left": left}
        return {"history": measured, "context_tokens": tokens, "measured_tokens": 0}

    def _tokens(self, state: LoopState) -> int:
        return count_request(hydrate(compose(state, self._work.system)), self._schemas)

    def _keep(self, text: str) -> str:
        if self._work.workspace is None:
            return ""
        try:
            return str(stored(text, self._work.workspace.scratch))
        except OSError:  # a full disk costs the handle, not the run
            return ""

    def _look(self, path: str) -> str | None:
        if self._work.workspace is None:
            return None
        try:
            return self._work.workspace.peek(path).text
        except (ToolError, OSError):
            return None


def after_overflow(state: LoopState) -> Update:
    """The update after the gateway found the request too long: the next one is far smaller.

    Empty where nothing can be left out, or it has been tried often enough.
    """
    kept = kept_of(state)
    if kept["overflows"] >= MAX_OVERFLOWS or not _can_shrink(state, kept):
        return {}
    refused = min(state["context_tokens"], kept["ceiling"] or state["context_tokens"])
    ceiling = max(int(refused * SHARE_AFTER_OVERFLOW), 1)
    return {"history": {**kept, "ceiling": ceiling, "overflows": kept["overflows"] + 1}}


def _can_shrink(state: LoopState, kept: Kept) -> bool:
    messages = state["messages"]
    newest = newest_turn(messages, kept["first"])
    return newest > kept["first"] or any(
        isinstance(each, ToolMessage) and count(_text(each, kept)) > 2 * LEAST_SHOWN
        for each in messages[newest:]
    )


def _text(message: BaseMessage, kept: Kept) -> str:
    return kept["shown"].get(message.id or "", str(message.text))


def _still_shown(shown: Mapping[str, str], messages: Sequence[BaseMessage]) -> dict[str, str]:
    ids = {message.id for message in messages}
    return {key: text for key, text in shown.items() if key in ids}
