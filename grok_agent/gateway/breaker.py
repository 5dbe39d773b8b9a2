"""Stops sending while a gateway is down: one probe at a time, until one gets through."""

from collections import deque
from random import Random

from grok_agent.gateway.sends import Outcome, Send

WINDOW, FAILURES = 8, 6
FIRST_PROBE_S, LONGEST_PROBE_S, PROBE_GROWTH = 0.5, 1.15, 1.2


class Breaker:
    """Opens when 6 of the last 8 requests failed; closes with the first probe that does not."""

    def __init__(self, random: Random) -> None:
        self.is_open = False
        self._random = random
        self._recent: deque[Send] = deque(maxlen=WINDOW)
        self._probe: Send | None = None
        self._probe_at = 0.0
        self._pause_s = FIRST_PROBE_S

    def ready_at(self) -> float | None:
        """When the next probe may leave; None while one is under way."""
        return None if self._probe else self._probe_at

    def leave(self, send: Send) -> None:
        """Note that ``send`` leaves now."""
        if self.is_open:
            self._probe = send
        else:
            self._recent.append(send)

    def settle(self, send: Send, outcome: Outcome, now: float) -> bool:
        """Note what became of ``send``; True when the gateway is back with it.

        What was sent before the breaker opened says nothing about the gateway now.
        """
        if not self.is_open:
            if outcome == "failed" and sum(s.outcome == "failed" for s in self._recent) >= FAILURES:
                self._open(now)
            return False
        if send is not self._probe:
            return False
        self._probe = None
        if outcome in ("failed", "unknown"):
            if outcome == "failed":
                self._pause_s = min(PROBE_GROWTH * self._pause_s, LONGEST_PROBE_S)
            self._probe_at = now + self._pause_s * self._random.uniform(0.8, 1.2)
            return False
        self.is_open = False
        self._recent.clear()
        return True

    def _open(self, now: float) -> None:
        self.is_open = True
        self._probe, self._pause_s = None, FIRST_PROBE_S
        self._probe_at = now + self._pause_s * self._random.uniform(0.8, 1.2)
