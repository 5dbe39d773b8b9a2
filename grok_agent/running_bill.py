"""What a run has sent and cost so far, in words, from its events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LINE_EVERY = 10
"""Requests between two lines about the bill where no spinner shows it."""


@dataclass
class RunningBill:
    """Sums over the ``model`` events of one run; ``usd`` is None as long as it is not known."""

    requests: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    usd: float | None = None

    def add(self, event: Mapping[str, Any]) -> None:
        """Take up an event of :mod:`grok_agent.journal`; only those of the model count."""
        if event["event"] != "model":
            return
        self.requests += 1
        if usage := event.get("usage"):
            self.input_tokens += usage["input_tokens"]
            self.cached_tokens += usage["cached_tokens"]
        if not event.get("agent"):  # what a sub-agent spends is in the sum of its run, too
            self.usd = event.get("total_usd")

    @property
    def is_due(self) -> bool:
        """Whether it is time to say it again where nothing shows it all the time."""
        return self.requests % LINE_EVERY == 0

    def __str__(self) -> str:
        if not self.requests:
            return ""
        share = cached_share(self.cached_tokens, self.input_tokens)
        usd = "cost unknown" if self.usd is None else f"${self.usd:.4f}"
        requests = f"{self.requests} request{'' if self.requests == 1 else 's'}"
        return f"{requests}, {share} of the input cached, {usd}"


def cached_share(cached_tokens: int, input_tokens: int) -> str:
    """The part of the input that the gateway took from its cache, in percent."""
    return f"{cached_tokens / input_tokens:.0%}" if input_tokens else "0%"
