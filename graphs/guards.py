"""When a run has to end: its budget is spent, or it repeats itself. Pure functions of the state."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from langchain_core.messages import ToolCall, ToolMessage

from grok_agent.context.token_ratio import Ratio
from grok_agent.graphs.state import Budget, Limit, LoopState, Stop, ending
from grok_agent.profile import Profile
from grok_agent.tools.permission import READING_TOOLS


class Patience(NamedTuple):
    """How often the same may come before a word, and before the end."""

    nudge: int
    halt: int


# The thresholds of xAI's own client, which sees the same model.
PATIENCE_WITH_READS = Patience(nudge=4, halt=8)
PATIENCE_WITH_ACTIONS = Patience(nudge=8, halt=12)

STEPS_TO_FINISH = 5
"""Steps of the graph that one more request may take until the run has its outcome."""


def spent(state: LoopState, budget: Budget, profile: Profile, ratio: Ratio) -> Stop | None:
    """The limit that forbids the next request, or None.

    Tokens that only we have counted weigh by ``ratio``, on the safe side.
    """
    usd = (state.get("cost") or {}).get("usd")
    ceiling = min(budget.max_input_tokens, profile.safe_input_tokens)
    if budget.max_usd is not None and usd is not None and usd >= budget.max_usd:
        return _over("usd", f"The run has cost ${usd:.4f} of ${budget.max_usd:.2f}.", "--max-usd")
    if state["steps"] >= budget.max_steps:
        return _over("steps", f"The run has made {state['steps']} requests.", "--max-steps")
    if state["seconds"] >= budget.max_seconds:
        return _over("seconds", f"The run has worked {state['seconds']:.0f} s.", "--max-seconds")
    most, total = budget.max_total_tokens, sum_of_tokens(state["usage"])
    if most is not None and total >= most:
        what = f"The run has used {total:,} tokens of {most:,}."
        return _over("total_tokens", what, "--max-total-tokens")
    upcoming = at_most(state, ratio)
    if upcoming >= ceiling:
        what = f"The next request could hold {upcoming:,} tokens of {ceiling:,}."
        return _over("input_tokens", what, "")
    if state["remaining_steps"] < STEPS_TO_FINISH:
        return _over("steps", "LangGraph's limit of steps is near.", "recursion_limit")
    return None


def sum_of_tokens(usage: Mapping[str, int]) -> int:
    """All tokens that were billed, whatever their price."""
    return usage["input_tokens"] + usage["output_tokens"]


def count_repeats(calls: Sequence[ToolCall], before: Mapping[str, Any]) -> dict[str, Any]:
    """How often exactly these calls, in whatever order, came in a row; with this step."""
    signature = _signature(calls)
    times = before.get("times", 0) + 1 if before.get("signature") == signature else 1
    reads = all(call["name"] in READING_TOOLS for call in calls)
    return {"signature": signature, "times": times, "reads": reads}


def repeated_too_often(repeated: Mapping[str, Any]) -> Stop | None:
    """The end of a run that makes the same calls again and again, or None."""
    if not repeated or repeated["times"] < _patience(repeated).halt:
        return None
    reason = f"The model made the same tool calls {repeated['times']} times in a row."
    return ending("stuck", f"{reason} Say the task in other words or in smaller parts.")


def nudge(state: LoopState) -> str:
    """What to tell a model that starts to repeat itself; empty where nothing is to be said."""
    repeated = state["repeated"]
    if not isinstance(state["messages"][-1], ToolMessage):  # it was told already
        return ""
    if not repeated or repeated["times"] != _patience(repeated).nudge:
        return str(state["progress"].get("warning", ""))
    return (
        f"You have made exactly the same tool calls {repeated['times']} times in a row, and the"
        " result will not change. Do something else, or give your final answer."
    )


def at_most(state: LoopState, ratio: Ratio) -> int:
    """Prompt tokens of the next request, as the gateway may count them."""
    measured = state.get("measured_tokens", 0)
    if not measured:
        return ratio.request_at_most(state["context_tokens"])
    return measured + ratio.at_most(state["context_tokens"] - measured)


def _patience(repeated: Mapping[str, Any]) -> Patience:
    return PATIENCE_WITH_READS if repeated["reads"] else PATIENCE_WITH_ACTIONS


def _signature(calls: Sequence[ToolCall]) -> str:
    canonical = sorted(
        json.dumps([call["name"], call["args"]], sort_keys=True, default=str) for call in calls
    )
    return sha256("\n".join(canonical).encode("utf-8", "replace")).hexdigest()


def _over(limit: Limit, what: str, option: str) -> Stop:
    advice = f" Raise {option} to go on." if option else " Give the task in smaller parts."
    return ending("over_budget", what + advice, limit=limit)
