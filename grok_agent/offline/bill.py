"""What the embedded gateway would charge, kept on its side, to compare a client's ledger with."""

from collections.abc import Mapping
from threading import Lock
from typing import Any

from grok_agent.gateway.ledger import TICKS_PER_USD
from grok_agent.profile import GROK_BUILD

_TICKS_PER_PRICE = TICKS_PER_USD // 1_000_000  # of a token at 1 USD per million tokens


class Bill:
    """The ticks of every answer that was begun, by its id; safe under threads.

    The same request gives an answer with the same id each time, so ``answers`` has a list of
    amounts for each.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[int]] = {}
        self._lock = Lock()

    @property
    def ticks(self) -> int:
        """The sum of all amounts, 1e-10 US dollars each."""
        with self._lock:
            return sum(sum(amounts) for amounts in self.answers.values())

    def charge(self, answer_id: str, usage: Mapping[str, Any]) -> dict[str, Any]:
        """Charge one answer at list price; returns ``usage`` with ``cost_in_usd_ticks``."""
        amount = ticks_of(usage)
        with self._lock:
            self.answers.setdefault(answer_id, []).append(amount)
        return {**usage, "cost_in_usd_ticks": amount}


def ticks_of(usage: Mapping[str, Any]) -> int:
    """What grok-build-0.1 costs for ``usage``, in whole ticks."""
    prompt = usage["prompt_tokens"]
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    prices = GROK_BUILD.price_list(prompt)
    assert prices is not None  # this model has prices for any length
    amount: float = (
        (prompt - cached) * prices.input
        + cached * prices.cached_input
        + (usage["completion_tokens"] + reasoning) * prices.output
    )
    return round(amount * _TICKS_PER_PRICE)
