"""Limits of the embedded gateway's own: how many requests it takes, and when it takes none.

For tests and benchmarks of clients. A :class:`Turnstile` applies :class:`Limits` to the requests of
one gateway as they come; what it refuses is refused as a :class:`Fault` of that kind.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Literal

from grok_agent.errors import SettingsError
from grok_agent.offline.faults import Fault


@dataclass(frozen=True)
class Outage:
    """From ``start_s`` until ``end_s``, in seconds after the first request, nothing is answered.

    ``kind`` says how: 503 (``overloaded``), 502 as HTML (``bad_gateway``) or a closed connection
    (``reset``).
    """

    start_s: float
    end_s: float
    kind: Literal["overloaded", "bad_gateway", "reset"] = "overloaded"


@dataclass(frozen=True)
class Limits:
    """A token bucket and outages.

    ``rate`` requests a second are taken on average (None: any number), ``burst`` at once after a
    rest. A refusal is a 429 with ``retry_after`` as its header where that is given. Where
    ``refusals_drain``, a refused request empties the bucket too, as at relays that count every
    request: a client that does not slow down below ``rate`` is then never served again.
    """

    rate: float | None = None
    burst: int = 1
    retry_after: float | str | None = None
    refusals_drain: bool = False
    outages: tuple[Outage, ...] = ()

    def __post_init__(self) -> None:
        if (self.rate is not None and not self.rate > 0) or self.burst < 1:
            raise SettingsError(
                f"Limits with rate={self.rate}, burst={self.burst} take no request at all.",
                next_step="Give a rate above 0 (None for no limit) and a burst of at least 1.",
            )


class Turnstile:
    """Says for each request whether ``limits`` let it through; safe under threads.

    ``clock`` gives seconds; time begins at the first request.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._lock = Lock()
        self._start: float | None = None
        self._level = float(limits.burst)
        self._filled_at = 0.0

    def outage(self) -> Fault | None:
        """What an outage does to a request that arrives now, None outside outages."""
        with self._lock:
            now = self._now()
        for outage in self.limits.outages:
            if outage.start_s <= now < outage.end_s:
                return Fault(outage.kind)
        return None

    def refusal(self) -> Fault | None:
        """Take one request out of the bucket; the 429 where it has none left."""
        rate, burst = self.limits.rate, self.limits.burst
        if rate is None:
            return None
        with self._lock:
            now = self._now()
            self._level = min(burst, self._level + (now - self._filled_at) * rate)
            self._filled_at = now
            if self._level >= 1:
                self._level -= 1
                return None
            if self.limits.refusals_drain:
                self._level = 0.0
        return Fault("rate_limit", retry_after=self.limits.retry_after)

    def _now(self) -> float:
        """Seconds since the first request."""
        moment = self._clock()
        if self._start is None:
            self._start = moment
        return moment - self._start
