"""What a sweep would take, before anything is sent: requests, tokens, seconds, dollars."""

from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from grok_agent.context.shards import ShardPlan
from grok_agent.gateway.ledger import Usage, price
from grok_agent.profile import Profile

# Nothing of this is published: all are assumptions, and whoever shows an estimate says so.
OUTPUT_TOKENS = 4_000
"""Of one answer, its reasoning included."""
INPUT_TOKENS_PER_S = 10_000
OUTPUT_TOKENS_PER_S = 80


@dataclass(frozen=True)
class Estimate:
    """Requests, prompt tokens (``cached_tokens`` a part of them), answer tokens, wall seconds.

    ``usd`` counts the shared beginning of each request as cached, but for the first ones that are
    sent at once; ``usd_uncached`` counts nothing as cached. Both are None for a model without a
    known price.
    """

    requests: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    usd: float | None
    usd_uncached: float | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The estimate as plain types."""
        return asdict(self)


def estimate(plan: ShardPlan, prefix: int, joins: int, width: int, profile: Profile) -> Estimate:
    """What ``plan`` takes when ``width`` requests are sent at a time.

    ``prefix`` tokens begin each request, the plan's lead included; ``joins`` requests join results.
    """
    sizes = [prefix + shard.tokens for shard in plan.shards]
    sizes += [prefix + OUTPUT_TOKENS] * joins
    cached = [0] * min(width, len(sizes)) + [prefix] * max(len(sizes) - width, 0)
    usages = [Usage(size, hit, OUTPUT_TOKENS) for size, hit in zip(sizes, cached, strict=True)]
    waves = ceil(len(plan.shards) / width) + ceil(joins / width)
    longest = max(sizes, default=0) / INPUT_TOKENS_PER_S + OUTPUT_TOKENS / OUTPUT_TOKENS_PER_S
    return Estimate(
        requests=len(sizes),
        input_tokens=sum(sizes),
        cached_tokens=sum(cached),
        output_tokens=OUTPUT_TOKENS * len(sizes),
        usd=_usd(usages, profile),
        usd_uncached=_usd([Usage(u.input_tokens, 0, u.output_tokens) for u in usages], profile),
        seconds=round(waves * longest, 1),
    )


def _usd(usages: list[Usage], profile: Profile) -> float | None:
    costs = [price(usage, None, "", profile).usd for usage in usages]
    known = [usd for usd in costs if usd is not None]
    return round(sum(known), 6) if len(known) == len(costs) else None
