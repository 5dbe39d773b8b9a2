"""How many requests a second a gateway accepts, learned from what it refuses.

Some gateways refuse requests by chance, others those above a rate. A client that goes slower at
each refusal comes to a standstill at the first kind. So when refusals become more frequent at a
rate that is not known to be too high, a trial tells: for a moment the pace goes down by half or
more. Refusals that stay as frequent are chance, and the pace returns; else it was above a limit.

The rise of refusals is found by a cumulative sum (Page, 1954), a trial is a sequential test (Wald,
1945), and after a cut the pace grows as CUBIC does (Ha, Rhee and Xu, 2008).
"""

from dataclasses import dataclass
from math import inf, log

from grok_agent.gateway.sends import Outcome, Send, Sends, refusals

START_RATE = 8.0  # requests a second
MIN_RATE, MAX_RATE = 0.2, 1000.0
DOUBLING_S = 0.4  # in slow start
GROWTH = 0.003  # per second cubed
CATCH_UP_S = 0.03  # a timer that was late by more loses the rest
IDLE_S = 0.1  # who leaves this much later than it could was not held back

CHANCE, CHANCE_SENDS = 0.2, 5  # refused at any rate, before anything is known
RISE = 0.15  # of the others
ALARM, VERDICT = 4.0, 3.0  # logarithms of odds
ROW_BY_CHANCE = 1e-4  # refusals in a row that are rarer by chance mean that nothing is taken

CUT = 0.92  # of the accepted rate
KNOWN_DOWN_TO = 0.5  # of a limit: refusals above that need no trial
TRIAL_PACE = 0.5  # of the accepted rate
TRIAL_S = 5.0  # a longer one ends with what is more likely
LIMITED = 0.4  # of the share before a trial is refused in it, if there is a limit
BLAMED = 30  # refusals put down to chance before another trial


@dataclass(frozen=True)
class Trial:
    """A short time of a lower pace: its begin, and rates and refused share before it."""

    began: float
    rate: float
    accepted: float
    share: float


class Pace:
    """Says when the next request may leave; all times are seconds of one monotonic clock."""

    def __init__(self, now: float) -> None:
        self.rate = START_RATE
        self.sends = Sends()
        self._refused, self._seen = CHANCE * CHANCE_SENDS, float(CHANCE_SENDS)
        self._blamed = 0
        self._limit: float | None = None  # None: slow start
        self._goal = MAX_RATE  # where slow start ends without a refusal
        self._known_from = inf  # refusals at a rate above it need no trial
        self._grown_s = self._middle_s = 0.0
        self._trial: Trial | None = None
        self._since = now  # what was sent before does not count
        self._next = self._left_at = now
        self._resumed_at, self._taken = now, 0

    @property
    def chance(self) -> float:
        """The share of requests that is refused at any rate, from 0 to 1."""
        return self._refused / self._seen

    def ready_at(self) -> float:
        """When the next request may leave.

        One that is alone need not wait for its turn while no limit is known: it cannot be many.
        """
        if self._limit is None and not self._trial and not self.sends.under_way:
            return self._left_at
        return self._next

    def leave(self, now: float, *, is_probe: bool = False) -> Send:
        """Note that a request leaves now."""
        if not is_probe:
            self._grow(now)
        send = Send(now, self.rate, is_probe)
        self.sends.add(send)
        self._taken += 1
        self._left_at = now
        self._next = max(min(self._next, now), now - CATCH_UP_S) + 1 / self.rate
        return send

    def settle(self, send: Send, outcome: Outcome, now: float) -> bool:
        """Note what became of ``send``; True when the gateway takes nothing any more."""
        self.sends.settle(send, outcome, now)
        self._taken -= outcome == "refused"
        if send.is_probe or send.at < self._since:
            return False
        recent = self.sends.judged(self._since, now)
        if send.was_refused and self._is_shut(recent):
            self._since = inf
            return True
        if self._trial:
            self._try(self._trial, recent, now)
        elif send.was_refused:
            self._suspect(recent, now)
        return False

    def restart(self, now: float) -> None:
        """Begin again low after an outage, and double up to the rate that was known."""
        self._goal = self._limit or self._goal
        self._limit, self._trial, self._since = None, None, now
        self._set_rate(self.rate / 2, now)

    def resume(self, now: float) -> None:
        """Go on after nothing was taken: with what was taken on average, the pause included."""
        average = self._taken / max(now - self._resumed_at, 1 / self.rate)
        self._resumed_at, self._taken = now, 0
        before = self._trial.rate if self._trial else self.rate
        self._pace_around(min(max(average, before / 8), before / 2), 1.0, now)

    def _is_shut(self, recent: list[Send]) -> bool:
        row = 0
        while row < len(recent) and recent[-1 - row].was_refused:
            row += 1
        return max(self.chance, 0.2) ** row < ROW_BY_CHANCE

    def _suspect(self, recent: list[Send], now: float) -> None:
        """See whether refusals have become more frequent."""
        self._blamed += 1
        odds, run = _rise(recent, self.chance)
        if odds < ALARM:
            if self._blamed >= BLAMED and len(recent) >= 20:
                self._begin_trial(recent[-100:], now)
        elif self.rate > self._known_from:
            self._cut(run, now)
        else:
            self._begin_trial(run, now)

    def _cut(self, run: list[Send], now: float) -> None:
        limit, known_from = self._limit or self.rate, self._known_from
        was_above = self.rate > limit
        self._pace_around(_rate(run) * (1 - self._share(run)), CUT, now)
        self._known_from = KNOWN_DOWN_TO * limit if was_above else known_from

    def _begin_trial(self, run: list[Send], now: float) -> None:
        accepted = _rate(run) * (1 - (refusals(run) + 2 * self.chance) / (len(run) + 2))
        self._trial = Trial(now, self.rate, accepted, self._share(run))
        self._blamed, self._since = 0, now
        self._set_rate(TRIAL_PACE * accepted, now)

    def _try(self, trial: Trial, seen: list[Send], now: float) -> None:
        """End the trial when it is clear whether fewer are refused in it."""
        refused = refusals(seen)
        odds = refused * log(1 / LIMITED)
        odds += (len(seen) - refused) * log((1 - trial.share) / (1 - LIMITED * trial.share))
        if abs(odds) < VERDICT and now - trial.began < TRIAL_S:
            return
        self._refused = 0.5 * self._refused + refused
        self._seen = 0.5 * self._seen + len(seen)
        self._trial, self._since = None, now
        if odds <= 0:
            self._pace_around(trial.accepted, CUT, now)
        elif self._limit is None:  # the rate that was kept; what was allowed may be far above
            self._set_rate(min(trial.rate, trial.accepted / (1 - self.chance)), now)
        else:
            self._set_rate(trial.rate, now)

    def _share(self, run: list[Send]) -> float:
        """The refused share of ``run``, drawn to that of chance: a run is chosen for refusals."""
        weight = max(200 * self.chance, 2)
        return (refusals(run) + weight * self.chance) / (len(run) + weight)

    def _pace_around(self, limit: float, share: float, now: float) -> None:
        """Begin at ``share`` of ``limit`` and grow around it; what was sent is past."""
        self._limit = self._known_from = max(limit, MIN_RATE)
        self._grown_s, self._middle_s = 0.0, ((1 - share) / GROWTH) ** (1 / 3)
        self._trial, self._since, self._goal = None, now, MAX_RATE
        self._set_rate(share * self._limit, now)

    def _set_rate(self, rate: float, now: float) -> None:
        self.rate = min(max(rate, MIN_RATE), MAX_RATE)
        self._next = max(self._next, now + 1 / self.rate)

    def _grow(self, now: float) -> None:
        """Grow by the time in which requests were held back."""
        if self._trial or now - self._next > max(1 / self.rate, IDLE_S):
            return
        held_s = min(now - self._left_at, DOUBLING_S)
        if self._limit is None:
            grown = self.rate * 2 ** (held_s / DOUBLING_S)
            used = self.sends.count(now - DOUBLING_S) / DOUBLING_S
            self.rate = max(self.rate, min(grown, 2 * used, MAX_RATE))
            if self.rate >= self._goal:
                self._pace_around(self._goal, 1.0, now)
        else:
            self._grown_s += held_s
            bend = GROWTH * (self._grown_s - self._middle_s) ** 3
            self.rate = min(max(self._limit * (1 + bend), MIN_RATE), MAX_RATE)


def _rise(sends: list[Send], chance: float) -> tuple[float, list[Send]]:
    """Log odds that refusals are more frequent than by ``chance`` now, and those sent since."""
    low = max(chance, 0.02)
    high = low + RISE * (1 - low)
    refused, passed = log(high / low), log((1 - high) / (1 - low))
    odds, first = 0.0, 0
    for i, send in enumerate(sends):
        if odds <= 0:
            odds, first = 0.0, i
        odds += refused if send.was_refused else passed
    return odds, sends[first:]


def _rate(sends: list[Send]) -> float:
    """Requests a second: as they were allowed, or fewer where there were not as many."""
    allowed = sum(send.rate for send in sends) / len(sends)
    took_s = sends[-1].at - sends[0].at
    return min(allowed, (len(sends) - 1) / took_s) if took_s else allowed
