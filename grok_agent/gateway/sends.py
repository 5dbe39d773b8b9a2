"""The requests sent lately, in the order of their sending, and what became of each."""

from collections import deque
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

Outcome = Literal["passed", "refused", "failed", "unknown"]
"""``refused``: the gateway said 429. ``failed``: it is broken or out of reach (5xx, no answer).
``passed``: everything else that it said. ``unknown``: the caller did not wait for it."""

_KEPT = 1000
_GRACE_S = 0.05


@dataclass(eq=False, slots=True)
class Send:
    """One request on its way: sent at ``at`` seconds of the clock, at ``rate`` per second."""

    at: float
    rate: float
    is_probe: bool = False
    outcome: Outcome | None = None

    @property
    def was_refused(self) -> bool:
        """Whether the gateway said that there are too many."""
        return self.outcome == "refused"


class Sends:
    """Judges by the order of sending, not of completion.

    A refusal returns in milliseconds and an answer in seconds, so the order of completion would
    overstate refusals while the rate grows. A request that is under way for longer than refusals
    take counts as passed.
    """

    def __init__(self) -> None:
        self.under_way = 0
        self._sends: deque[Send] = deque(maxlen=_KEPT)
        self._refusal_s = 0.0  # smoothed time that a refusal takes

    def add(self, send: Send) -> None:
        """Note that ``send`` leaves now."""
        self.under_way += 1
        self._sends.append(send)

    def settle(self, send: Send, outcome: Outcome, now: float) -> None:
        """Note what became of ``send``."""
        self.under_way -= 1
        send.outcome = outcome
        if send.was_refused:
            took = now - send.at
            self._refusal_s = 0.8 * self._refusal_s + 0.2 * took if self._refusal_s else took

    def count(self, since: float) -> int:
        """How many were sent from ``since`` on."""
        return sum(1 for _ in takewhile(lambda send: send.at >= since, reversed(self._sends)))

    def judged(self, since: float, now: float) -> list[Send]:
        """Those sent from ``since`` on, up to the first of which it is not known yet.

        A later refusal would count before the passes that were sent with it.
        """
        settled_by = now - max(_GRACE_S, 3 * self._refusal_s)
        recent = list(takewhile(lambda send: send.at >= since, reversed(self._sends)))
        known = takewhile(lambda send: send.outcome or send.at <= settled_by, reversed(recent))
        return [send for send in known if send.outcome != "unknown"]


def refusals(sends: list[Send]) -> int:
    """How many of ``sends`` were refused."""
    return sum(send.was_refused for send in sends)
