"""What the doctor found about a gateway, in plain types, and what follows from it."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from grok_agent.gateway.ledger import Cost
from grok_agent.gateway.probe_questions import MAX_TOKENS
from grok_agent.profile import profile_of

Verdict = Literal["ok", "no", "unknown"]

FOLLOWS = {
    "reachable": "Check GROK_BASE_URL (does it end in /v1?), the network and the proxy.",
    "key": "Put a valid key for this gateway into GROK_API_KEY.",
    "model": "Set GROK_MODEL to a name that the gateway serves.",
    "finish_reason": "A cut answer looks like a whole one: none is accepted; take another gateway.",
    "reasoning": "None can be sent back, so the cache of a prefix may miss.",
    "cached_tokens": "Count with the full price of the input.",
    "stream_usage": "Costs of streamed answers are estimated, and marked so.",
    "tools": "The agents cannot work here; take another model or gateway.",
    "parallel_tools": "One call comes at a time: more requests for the same work.",
    "required": "The model may answer in words where a call was demanded.",
    "json_schema": "with_structured_output asks by way of a tool call instead.",
    "user_images": "Reference pictures cannot be shown to the model here.",
    "tool_images": "Pictures that tools return go into a message of the user.",
}
"""What follows for the user where a row says ``no``, by the row's name, in the table's order."""

ESSENTIAL = ("reachable", "key", "finish_reason", "tools")

REQUESTS = 7
PROMPT_TOKENS = 8_000
"""All prompts of one examination together, generously."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what was ``found`` and what ``follows`` from it."""

    name: str
    verdict: Verdict
    found: str
    follows: str = ""


@dataclass(frozen=True)
class Report:
    """What one model behind one gateway can do. ``error_kind`` names the error that ended it."""

    base_url: str
    model: str
    at: datetime
    rows: tuple[Row, ...]
    requests: int
    cost: Cost | None
    error_kind: str = ""

    @property
    def usable(self) -> bool:
        """Whether the agents can work here."""
        found = {row.name: row.verdict for row in self.rows}
        return not self.error_kind and all(found[name] != "no" for name in ESSENTIAL)

    def to_dict(self) -> dict[str, Any]:
        """Plain types, with ``capabilities`` as true, false or null by name."""
        truth = {"ok": True, "no": False, "unknown": None}
        return {
            "base_url": self.base_url,
            "model": self.model,
            "at": self.at.isoformat(timespec="seconds"),
            "usable": self.usable,
            "error_kind": self.error_kind,
            "rows": [asdict(row) for row in self.rows],
            "capabilities": {row.name: truth[row.verdict] for row in self.rows},
            "requests": self.requests,
            "cost": asdict(self.cost) if self.cost else None,
        }


def price_before(model: str) -> float | None:
    """The most that an examination costs in US dollars at list price; None where not known.

    Requests that are asked again, because an answer was cut, come on top.
    """
    prices = profile_of(model).prices
    if prices is None:
        return None
    output = REQUESTS * MAX_TOKENS
    return (PROMPT_TOKENS * prices.input + output * prices.output) / 1_000_000
