"""What goes wrong in the gateway benchmark, how often, and the levels to reach.

``Mix.ideal_s`` is the least time in which any client could have all jobs answered: jobs are offered
at ``offered`` a second, a limit lets ``burst`` and then ``rate`` a second through, what an outage
holds up can leave when it ends, and the last answer takes its time.
"""

import json
from dataclasses import dataclass, field

from grok_agent.offline.faults import Fault
from grok_agent.offline.limits import Limits, Outage

TIMEOUT_S = 3.0
"""Seconds without a byte after which every client gives an attempt up."""

ANSWER_S = (0.2, 0.6)
"""Shortest and longest time that an answer takes, in seconds; a refusal takes none."""

HANG_S = 20.0


@dataclass(frozen=True)
class Levels:
    """What our client must reach; None where the mix sets no level."""

    success: float = 1.0
    wasted: float | None = None
    wall: float | None = None
    outage_requests: int | None = None
    wall_over_sdk6: float | None = None


@dataclass(frozen=True)
class Mix:
    """Faults with their shares of all requests, limits, and jobs that are refused for good.

    ``offered`` jobs are begun a second.
    """

    name: str
    levels: Levels
    shares: dict[str, float] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    refusals: tuple[tuple[int, str], ...] = ()
    offered: float = 200.0

    def faults(self, seed: int) -> list[Fault]:
        """The shares as faults, of which the first that happens wins."""
        faults, left = [], 1.0
        for i, (kind, share) in enumerate(self.shares.items()):
            faults.append(
                Fault(kind, times=None, rate=share / left, seed=1000 * seed + i, delay_s=HANG_S)
            )
            left -= share
        return faults

    def ideal_s(self, jobs: int) -> float:
        """See above; in seconds."""
        rate, burst = self.limits.rate, self.limits.burst
        limited = (jobs - burst) / rate if rate else 0.0
        restored = max((outage.end_s for outage in self.limits.outages), default=0.0)
        return max(jobs / self.offered, limited, restored) + sum(ANSWER_S) / 2

    def refusal(self, job: int) -> tuple[int, str] | None:
        """Status and body with which ``job`` is refused each time it comes, None for most jobs."""
        which, rest = divmod(job - 20, 40)
        return self.refusals[which] if not rest and 0 <= which < len(self.refusals) else None


def prompt(job: int) -> str:
    return f"Job {job}: write its line."


def answer(job: int) -> str:
    """The one right answer; longer than one event, and no beginning of it is another's."""
    return f"The line of job {job} is " + "-".join(str(job * k % 9973) for k in range(3, 28)) + "."


def _error(status: int, **error: str) -> tuple[int, str]:
    return status, json.dumps({"error": error})


def _xai(status: int, code: str, error: str) -> tuple[int, str]:
    return status, json.dumps({"code": code, "error": error})


_FORBIDDEN = "The caller does not have permission to execute the specified operation"

REFUSALS = (
    _xai(403, _FORBIDDEN, "Content violates usage guidelines. Team: t, Failed check: SAFETY_CHECK"),
    _xai(403, _FORBIDDEN, "Your team has used all available credits."),
    _xai(429, "Some resource has been exhausted", "You reached its monthly spending limit."),
    _xai(400, "Client specified an invalid argument", "messages: missing field `content`"),
    _xai(400, "Client specified an invalid argument", "This model's maximum prompt length is 256000"
         " but the request contains 300001 tokens."),
    _error(503, message="当前分组 default 下模型 m 无可用渠道", code="model_not_found"),
    _error(500, message="invalid request", code="invalid_request", type="new_api_error"),
    _error(500, message="sensitive words detected", code="sensitive_words_detected"),
    _error(429, message="当前分组上游负载已饱和", code="insufficient_quota"),
    _error(401, message="该令牌额度已用尽", type="one_api_error"),
    _error(403, message="openai error: undefined"),
    _error(413, message="Request Entity Too Large"),
)  # fmt: skip
"""Answers that must never be asked for again, whatever their status says."""

_RANDOM = {"rate_limit": 0.20, "overloaded": 0.05, "cut_stream": 0.01, "hang": 0.01}

_THIRTEEN = (
    *("rate_limit", "rate_limit_empty", "overloaded", "server_error", "bad_gateway"),
    *("reset", "hang", "error_in_200", "empty_choices", "cut_stream", "reset_stream"),
    *("mid_stream_error", "no_finish_reason"),
)

MIXES = {
    mix.name: mix
    for mix in (
        Mix("random", Levels(0.998, 0.42), _RANDOM),
        Mix(
            "random-50",
            Levels(0.998, 0.42, wall_over_sdk6=1.2),
            _RANDOM,
            Limits(rate=50, burst=50, retry_after=1),
        ),
        Mix("hard-20", Levels(wasted=0.10, wall=1.15), limits=Limits(20, 20, retry_after=1)),
        Mix("silent-20", Levels(wasted=0.20, wall=1.3), limits=Limits(20, 20)),
        Mix("drain-20", Levels(wasted=0.20, wall=1.4), limits=Limits(20, 20, refusals_drain=True)),
        Mix("burst-1", Levels(wasted=0.30, wall=1.7), limits=Limits(20, 1)),
        Mix("hard-5", Levels(wasted=0.50), limits=Limits(5, 5)),
        Mix(
            "outage-5",
            Levels(wall=1.4, outage_requests=25),
            limits=Limits(outages=(Outage(3.0, 8.0),)),
            offered=50.0,
        ),
        Mix(
            "outage-30",
            Levels(outage_requests=40),
            limits=Limits(outages=(Outage(3.0, 33.0),)),
            offered=50.0,
        ),
        Mix("thirteen", Levels(0.998, 0.42), dict.fromkeys(_THIRTEEN, 0.23 / len(_THIRTEEN))),
        Mix("refusals", Levels(), refusals=REFUSALS),
    )
}
