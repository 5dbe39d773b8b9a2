"""What an answer used, and what it cost: exact where the bill says so, marked where it does not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeGuard

from langchain_core.messages import BaseMessage
from langchain_core.messages.ai import AIMessage

from grok_agent.profile import GROK_BUILD, OFFLINE_MODEL, Profile, is_same_model, profile_of

TICKS_PER_USD = 10_000_000_000
"""xAI bills in ticks: ``usage.cost_in_usd_ticks``, 1e-10 US dollars each."""

Basis = Literal["billed", "list_price", "offline", "unknown"]
"""Where an amount comes from, the surest first. ``billed``: the gateway's own bill.
``list_price``: tokens times xAI's published prices. ``offline``: the embedded gateway answered and
nothing was billed; the amount is what grok-build-0.1 would have cost. ``unknown``: no amount."""

_BY_CERTAINTY: tuple[Basis, ...] = ("billed", "list_price", "offline", "unknown")

_BEYOND_REASON = 1e18  # above it stands no count and no bill; NaN and infinity fail the test too


@dataclass(frozen=True)
class Usage:
    """Token counts of one answer or of many added up.

    ``cached_tokens`` are a part of ``input_tokens``, ``reasoning_tokens`` of ``output_tokens``.
    """

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )

    @classmethod
    def of(cls, message: BaseMessage) -> Self | None:
        """What ``message`` used, or None where the gateway did not say."""
        usage = message.usage_metadata if isinstance(message, AIMessage) else None
        if usage is None:
            return None
        return cls(
            usage["input_tokens"],
            usage.get("input_token_details", {}).get("cache_read", 0),
            usage["output_tokens"],
            usage.get("output_token_details", {}).get("reasoning", 0),
        )


@dataclass(frozen=True)
class Cost:
    """US dollars, and where the amount comes from; ``usd`` is None where it is not known.

    A sum is only as sure as its weakest part, and unknown when one part is.
    """

    usd: float | None = 0.0
    basis: Basis = "billed"

    def __add__(self, other: "Cost") -> "Cost":
        basis = max(self.basis, other.basis, key=_BY_CERTAINTY.index)
        if basis == "unknown" or self.usd is None or other.usd is None:
            return UNKNOWN_COST
        return Cost(self.usd + other.usd, basis)


UNKNOWN_COST = Cost(None, "unknown")


def cost_of(message: BaseMessage, profile: Profile) -> Cost:
    """What ``message`` cost, when ``profile`` describes the model that was asked.

    The bill in the answer wins over the price list. An answer that another model served than the
    one asked is not priced with the wrong list: without a bill its cost is unknown.
    """
    served = str(message.response_metadata.get("model_name") or "")
    return price(
        Usage.of(message), message.response_metadata.get("cost_in_usd_ticks"), served, profile
    )


def price(usage: Usage | None, ticks: object, served: str, profile: Profile) -> Cost:
    """The same from the parts of an answer: its usage, its bill in ticks, the model that served."""
    if served == OFFLINE_MODEL:
        return _at_list_price(usage, GROK_BUILD, "offline")
    if is_amount(ticks):
        return Cost(ticks / TICKS_PER_USD, "billed")
    return _at_list_price(usage, _priced_as(served, profile), "list_price")


def is_amount(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a number that can be an amount or a count, zero included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < _BEYOND_REASON


def usage_from_wire(usage: object) -> dict[str, Any] | None:
    """The ``usage`` object of an answer with sound numbers, or None where it says nothing.

    Counts are whole and not negative, ``cached_tokens`` at most the prompt, ``total_tokens`` the
    sum, and ``completion_tokens`` contain the reasoning: xAI counts it beside them, others within,
    and ``total_tokens`` tells which, or that there is more of it than could be within.
    """
    if not isinstance(usage, Mapping):
        return None
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if not prompt + completion:
        return None
    cached = _count(usage.get("prompt_tokens_details"), "cached_tokens")
    reasoning = _count(usage.get("completion_tokens_details"), "reasoning_tokens")
    beside = _count(usage, "total_tokens") == prompt + completion + reasoning
    completion += reasoning if beside or reasoning > completion else 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": min(cached, prompt)},
        "completion_tokens_details": {"reasoning_tokens": min(reasoning, completion)},
    }


def _priced_as(served: str, asked: Profile) -> Profile:
    """The profile that prices an answer served by ``served``."""
    if not served or is_same_model(asked.name, served):
        return asked
    return profile_of(served)


def _at_list_price(usage: Usage | None, profile: Profile, basis: Basis) -> Cost:
    prices = profile.price_list(usage.input_tokens) if usage else None
    if usage is None or prices is None:
        return UNKNOWN_COST
    per_million = (
        (usage.input_tokens - usage.cached_tokens) * prices.input
        + usage.cached_tokens * prices.cached_input
        + usage.output_tokens * prices.output
    )
    return Cost(per_million / 1_000_000, basis)


def _count(source: object, name: str) -> int:
    value = source.get(name) if isinstance(source, Mapping) else None
    return int(value) if is_amount(value) else 0
