"""Stops sending while a gateway takes nothing: one probe at a time, until one gets through."""

from collections import deque
from random import Random
from typing import Literal

from grok_agent.gateway.sends import Outcome, Send

Reason = Literal["failed", "refused"]

WINDOW, FAILURES = 8, 6
FAILED_S, LONGEST_FAILED_S, FAILED_GROWTH = 0.5, 1.15, 1.2  # pauses before probes
REFUSED_S, LONGEST_REFUSED_S, REFUSED_GROWTH = 1.0, 5.0, 1.5


class Breaker:
    """Opens when 6 of the last 8 requests failed, or when the pace finds that all are refused.

    ``reason`` says which, None while it is closed. It closes with the first probe that meets
    another fate.
    """

    def __init__(self, random: Random) -> None:
        self.reason: Reason | None = None
        self._random = random
        self._recent: deque[Send] = deque(maxlen=WINDOW)
        self._probe: Send | None = None
        self._probe_at = self._pause_s = 0.0

    def ready_at(self) -> float | None:
        """When the next probe may leave; None while one is under way."""
        return None if self._probe else self._probe_at

    def leave(self, send: Send) -> None:
        """Note that ``send`` leaves now."""
        if self.reason:
            self._probe = send
        else:
            self._recent.append(send)

    def settle(
        self, send: Send, outcome: Outcome, now: float, wait_s: float | None, *, is_shut: bool
    ) -> Reason | None:
        """Note what became of ``send``; why the breaker was open, if it closes now.

        ``wait_s`` came with a refusal; ``is_shut``: so many were refused that none is taken. What
        was sent before the breaker opened says nothing about the gateway now.
        """
        if self.reason is None:
            failed = sum(send.outcome == "failed" for send in self._recent)
            if outcome == "failed" and failed >= FAILURES:
                self._open("failed", FAILED_S, now)
            elif is_shut:
                self._open("refused", REFUSED_S if wait_s is None else wait_s, now)
            return None
        if send is not self._probe:
            return None
        self._probe = None
        if outcome == "unknown":
            self._wait(now)
        elif outcome == self.reason:
            self._pause_s = self._longer() if wait_s is None else wait_s
            self._wait(now)
        else:
            reason, self.reason = self.reason, None
            self._recent.clear()
            return reason
        return None

    def _open(self, reason: Reason, pause_s: float, now: float) -> None:
        self.reason, self._probe, self._pause_s = reason, None, pause_s
        self._wait(now)

    def _longer(self) -> float:
        if self.reason == "failed":
            return min(FAILED_GROWTH * self._pause_s, LONGEST_FAILED_S)
        return min(REFUSED_GROWTH * self._pause_s, LONGEST_REFUSED_S)

    def _wait(self, now: float) -> None:
        """A wait that was asked for is kept, and lengthened a little to spread the herd."""
        least, most = (0.8, 1.2) if self.reason == "failed" else (1.0, 1.1)
        self._probe_at = now + self._pause_s * self._random.uniform(least, most)
