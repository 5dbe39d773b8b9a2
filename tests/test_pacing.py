"""The limiter learns what a gateway accepts: measured in a simulation with a clock of its own."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

import pytest

from grok_agent.gateway.pacing import Clock, Limiter, Turn
from grok_agent.gateway.retrying import pause_s
from grok_agent.gateway.sends import Send


class FakeClock(Clock):
    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time


@dataclass
class Gateway:
    """What a gateway says to a request that arrives at a time (seconds from the start)."""

    seed: int = 0
    rate: float | None = None
    burst: float = 20
    charges_refused: bool = False
    sends_wait: bool = False
    random_429: float = 0.0
    random_503: float = 0.0
    random_cut: float = 0.0
    outage: tuple[float, float] = (0.0, 0.0)
    tokens: float = field(init=False)
    filled_at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst
        self.random = Random(self.seed)

    def answer(self, at: float) -> tuple[str, float, float | None]:
        """Outcome, latency and Retry-After."""
        if self.outage[0] <= at < self.outage[1]:
            return "503", 0.01, None
        refused_at_random = self.random.random() < self.random_429
        if refused_at_random:
            return "429", 0.01, None
        if self.rate is not None:
            grown = self.tokens + (at - self.filled_at) * self.rate
            self.tokens, self.filled_at = min(grown, self.burst), at
            if self.tokens < 1:
                if self.charges_refused:
                    self.tokens = max(self.tokens - 1, -self.burst)
                wait = (1 - self.tokens) / self.rate if self.sends_wait else None
                return "429", 0.01, wait
            self.tokens -= 1
        if self.random.random() < self.random_503:
            return "503", 0.01, None
        if self.random.random() < self.random_cut:
            return "cut", 0.1, None
        return "ok", self.random.uniform(0.05, 0.15), None


@dataclass
class Result:
    wall: float = 0.0
    sent: int = 0
    into_outage: int = 0
    done: int = 0

    @property
    def wasted(self) -> float:
        return (self.sent - self.done) / max(self.done, 1)


def simulate(gateway: Gateway, jobs: int = 500, workers: int = 200) -> Result:
    """Run ``jobs`` with ``workers`` at once until all are done, in simulated time."""
    clock, numbers, result = FakeClock(), count(), Result()
    limiter = Limiter(clock, Random(gateway.seed))
    start = clock.time
    agenda: list[tuple[float, int, Callable[[], None]]] = []
    woken: list[Callable[[], None]] = []

    def at(moment: float, act: Callable[[], None]) -> None:
        heapq.heappush(agenda, (moment, next(numbers), act))

    waiting = iter(range(jobs))

    def begin() -> None:
        if next(waiting, None) is not None:
            ask(clock.time, 1)

    def ask(began: float, attempt: int) -> None:
        turn: Turn

        def look() -> None:
            if turn.has_left:
                return
            step = limiter.advance(turn)
            if isinstance(step, Send):
                turn.has_left = True
                go(step, began, attempt)
            elif step < 1e9:
                at(clock.time + step + 0.001, look)

        turn = limiter.turn(began, lambda: woken.append(look))
        limiter.enter(turn)
        look()

    def go(send: Send, began: float, attempt: int) -> None:
        moment = clock.time - start
        outcome, latency, wait = gateway.answer(moment)
        result.sent += 1
        result.into_outage += gateway.outage[0] <= moment < gateway.outage[1]
        at(clock.time + latency, lambda: settle(send, outcome, wait, began, attempt))

    def settle(send: Send, said: str, wait: float | None, began: float, attempt: int) -> None:
        if said == "ok":
            limiter.report(send, "passed")
            result.done += 1
            result.wall = clock.time - start
            begin()
            return
        kind = {"429": "refused", "503": "failed"}.get(said, "passed")
        limiter.report(send, kind, wait)  # type: ignore[arg-type]
        pause = pause_s(kind, attempt, wait, limiter.random)  # type: ignore[arg-type]
        at(clock.time + pause, lambda: ask(began, attempt + 1))

    for _ in range(min(workers, jobs)):
        begin()
    while agenda or woken:
        while woken:
            woken.pop()()
        if agenda:
            clock.time, _, act = heapq.heappop(agenda)
            assert clock.time - start < 600
            act()
    assert result.done == jobs
    return result


LEVELS = {
    "random 429": (Gateway(random_429=0.2), 20.0, 0.40),
    "mix with 50/s": (
        Gateway(rate=50, random_429=0.2, random_503=0.05, random_cut=0.02),
        20.0,
        0.42,
    ),
    "20/s with Retry-After": (Gateway(rate=20, sends_wait=True), 1.15 * 24, 0.10),
    "20/s without a header": (Gateway(rate=20), 1.3 * 24, 0.2),
    "20/s, refused ones charged": (Gateway(rate=20, charges_refused=True), 1.4 * 24, 0.2),
    "20/s, burst of one": (Gateway(rate=20, burst=1), 1.7 * 25, 0.3),
    "5/s": (Gateway(rate=5, burst=5), 200.0, 0.5),
}
