"""How many requests a second a gateway accepts, learned from what it refuses.

Cubic growth after a cut follows CUBIC (Ha, Rhee and Xu, 2008). The rest is made for gateways whose
refusals are partly random: a cut on each refusal, as in AIMD, falls to a standstill there.
"""

from dataclasses import dataclass
from random import Random

from grok_agent.gateway.sends import Outcome, Send, Sends, refusals

START_RATE = 8.0  # requests a second
MIN_RATE = 0.5
MAX_RATE = 1000.0
STAGE_S = 0.4  # slow start doubles the rate each time
CATCH_UP_S = 0.03  # a timer that was late by more loses the rest

ROW = 6  # refusals in a row that stop everything
HOLD_S = 1.0
WINDOWS = (12, 25, 50, 100)  # sends over which the share of refusals is judged
EXCESS_IN_SLOW_START, EXCESS = 0.25, 0.12  # shares above the random ones
MIN_SPAN_S, MIN_PASSES = 0.25, 4

GROWTH = 0.002  # per second cubed
LOOK_BACK_S = 3.0
DIP_SHARE, DIP_SENDS, DIP_OUTCOMES, DIP_EVERY_S = 0.12, 25, 20, 8.0
STILL_REFUSED = 0.6  # of the earlier share, in a dip: refusals that do not depend on the rate


class RandomShare:
    """The share of requests that is refused at any rate; begins at 20 % with a light weight."""

    def __init__(self) -> None:
        self._refused, self._seen = 0.0, 0.0

    @property
    def share(self) -> float:
        """The estimate, from 0 to 1."""
        return (self._refused + 1.6) / (self._seen + 8)

    def sigma(self, n: int) -> float:
        """Standard deviation of the share in ``n`` requests, that of the estimate included."""
        spread = self.share * (1 - self.share) / n
        return float((spread * (1 + n / (self._seen + 8))) ** 0.5)

    def learn(self, sends: list[Send]) -> None:
        """Take in requests that were sent well below the rate that the gateway accepts."""
        self._refused = 0.7 * self._refused + refusals(sends)
        self._seen = 0.7 * self._seen + len(sends)


@dataclass(frozen=True)
class Dip:
    """A short time at half the rate, to see whether refusals depend on it."""

    began: float
    rate: float
    share: float
    passes_per_s: float


class Pace:
    """Says when the next request may leave; all times are seconds of one monotonic clock."""

    def __init__(self, now: float, random: Random) -> None:
        self.rate = START_RATE
        self.sends = Sends()
        self._random = random
        self._chance = RandomShare()
        self._slow_start = True
        self._goal = MAX_RATE  # where slow start ends without a refusal
        self._stage_began = self._grown_at = self._cut_at = now
        self._taught_until = now
        self._next = self._held_until = now
        self._learned, self._grown_s, self._middle_s = START_RATE, 0.0, 0.0
        self._dip: Dip | None = None
        self._dipped_at = now - DIP_EVERY_S

    def ready_at(self) -> float:
        """When the next request may leave.

        One that is alone need not wait for its turn while no limit is known: it cannot be many.
        """
        if self._slow_start and not self.sends.under_way:
            return self._held_until
        return max(self._next, self._held_until)

    def leave(self, now: float, *, is_probe: bool = False) -> Send:
        """Note that a request leaves now."""
        self._end_dip(now)
        if not is_probe:
            self._grow(now)
        send = Send(now, self.rate, is_probe)
        self.sends.add(send)
        self._next = max(min(self._next, now), now - CATCH_UP_S) + 1 / self.rate
        return send

    def settle(self, send: Send, outcome: Outcome, now: float, wait_s: float | None) -> None:
        """Note what became of ``send``; ``wait_s`` is what the gateway asks for with a refusal."""
        self.sends.settle(send, outcome, now)
        self._end_dip(now)
        if outcome == "refused" and send.at >= self._cut_at:
            self._judge(now, wait_s)

    def restart(self, now: float) -> None:
        """Begin again low after an outage, and double up to the rate that was known."""
        if not self._slow_start:
            self._goal = self._learned
        self._slow_start = True
        self._set_rate(0.5 * self.rate, now)
        self._stage_began = self._cut_at = now

    def _judge(self, now: float, wait_s: float | None) -> None:
        recent = self.sends.judged(self._cut_at, now)
        if len(recent) >= ROW and refusals(recent[-ROW:]) == ROW:
            self._hold(now, wait_s)
        elif self._dip is None:
            for n in WINDOWS:
                if len(recent) >= n and self._is_overload(recent[-n:], now):
                    self._cut(recent[-n:], now)
                    return
            self._begin_dip(now)

    def _hold(self, now: float, wait_s: float | None) -> None:
        """Everything is refused: stop, then go on well below what was accepted."""
        pause = HOLD_S if wait_s is None else wait_s
        self._held_until = now + pause * (1 + 0.1 * self._random.random())
        taken = self.sends.judged(now - 4.0, now)
        accepted = (len(taken) - refusals(taken)) / 4.0
        rate = self._dip.rate if self._dip else self.rate
        self._pace_around(0.9 * max(rate / 2, min(0.95 * rate, accepted)), 1.0, now)

    def _is_overload(self, window: list[Send], now: float) -> bool:
        n, refused = len(window), refusals(window)
        excess = refused / n - self._chance.share
        certainty = 3 if n >= 50 else 4  # the share of a few is skewed, and looked at often
        least = EXCESS_IN_SLOW_START if self._slow_start else EXCESS
        if excess < max(least, certainty * self._chance.sigma(n)):
            return False
        first = next(send for send in window if send.was_refused)
        passes = n - window.index(first) - refused
        return self._slow_start or (now - first.at >= MIN_SPAN_S and passes >= MIN_PASSES)

    def _cut(self, window: list[Send], now: float) -> None:
        """Go to what the gateway took since the first refusal; the burst before it is no rate."""
        first = next(send for send in window if send.was_refused)
        since = self.sends.judged(first.at, now)
        passes, span = len(since) - refusals(since), since[-1].at - first.at
        if span >= MIN_SPAN_S and passes > MIN_PASSES:
            accepted = passes / span / (1 - self._chance.share)
            self._pace_around(min(accepted, self.rate), 0.92, now)
        else:
            self._pace_around(self.rate, 0.5 if self._slow_start else 0.7, now)

    def _pace_around(self, learned: float, share: float, now: float) -> None:
        """Begin at ``share`` of the ``learned`` rate and grow around it; what was sent is past."""
        self._slow_start, self._dip = False, None
        self._learned = max(learned, MIN_RATE)
        self._grown_s, self._middle_s = 0.0, ((1 - share) / GROWTH) ** (1 / 3)
        self._cut_at = self._grown_at = now
        self._set_rate(share * self._learned, now)

    def _set_rate(self, rate: float, now: float) -> None:
        self.rate = min(max(rate, MIN_RATE), MAX_RATE)
        self._next = max(self._next, now + 1 / self.rate)

    def _grow(self, now: float) -> None:
        if self._slow_start:
            self._grow_by_stages(now)
        elif self._dip is None and now - self._grown_at >= 0.1:
            if not self._is_frozen(now):
                self._grown_s += min(now - self._grown_at, STAGE_S)
                bend = GROWTH * (self._grown_s - self._middle_s) ** 3
                self.rate = min(max(self._learned * (1 + bend), MIN_RATE), MAX_RATE)
            self._grown_at = now

    def _grow_by_stages(self, now: float) -> None:
        if now - self._stage_began < STAGE_S:
            return
        used = self.sends.count(now - STAGE_S) / STAGE_S
        before = self.rate
        least = self.rate if used >= self.rate / 4 else self.rate / 2  # demand may come unevenly
        self.rate = min(max(START_RATE, least, min(2 * self.rate, 2 * used)), MAX_RATE)
        if self.rate > before:
            self._learn_until(self._stage_began, now)
        self._stage_began = now
        if self.rate >= self._goal:
            self._pace_around(self._goal, 1.0, now)

    def _learn_until(self, until: float, now: float) -> None:
        """Earlier stages of slow start lie far below the present rate: what they show is chance."""
        early = self.sends.judged(max(self._taught_until, self._cut_at), now)
        self._chance.learn([send for send in early if send.at < until])
        self._taught_until = until

    def _is_frozen(self, now: float) -> bool:
        if self.sends.count(now - 1.0) < 0.7 * self.rate:
            return True
        recent = self.sends.judged(max(self._cut_at, now - LOOK_BACK_S), now)
        n = len(recent)
        if not n:
            return False
        return refusals(recent) > n * (self._chance.share + self._chance.sigma(n)) + 1

    def _begin_dip(self, now: float) -> None:
        if self._slow_start or now - self._dipped_at < DIP_EVERY_S:
            return
        recent = self.sends.judged(max(self._cut_at, now - LOOK_BACK_S), now)
        n, refused = len(recent), refusals(recent)
        if n < DIP_SENDS or refused <= DIP_SHARE * n:
            return
        span = max(now - recent[0].at, MIN_SPAN_S)
        self._dip = Dip(now, self.rate, refused / n, (n - refused) / span)
        self._dipped_at = now
        self._set_rate(self.rate / 2, now)

    def _end_dip(self, now: float) -> None:
        dip = self._dip
        if dip is None:
            return
        seen = self.sends.judged(dip.began, now)
        if len(seen) < DIP_OUTCOMES:
            return
        share = refusals(seen) / len(seen)
        self._chance.learn(seen)
        self._dip = None
        if share >= STILL_REFUSED * dip.share:
            self._grown_at = now
            self._set_rate(dip.rate, now)
        else:
            self._pace_around(min(dip.passes_per_s / (1 - share), dip.rate), 0.95, now)
