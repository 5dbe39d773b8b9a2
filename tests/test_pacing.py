"""The limiter learns what a gateway accepts: measured in a simulation with a clock of its own."""

import asyncio
import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from math import inf
from random import Random

import pytest
from fake_clock import FakeClock

from grok_agent.gateway.pacing import RETRY_QUOTA, Limiter, Turn, limiter_of
from grok_agent.gateway.retrying import pause_s
from grok_agent.gateway.sends import Send


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
        pause *= not (kind == "failed" and limiter.is_down)
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


IDEAL_20 = (500 - 20) / 20

LEVELS = {
    "random 429": (Gateway(random_429=0.2), 22.0, 0.42),
    "mix with 50/s": (
        Gateway(rate=50, random_429=0.2, random_503=0.05, random_cut=0.02),
        22.0,
        0.42,
    ),
    "20/s with Retry-After": (Gateway(rate=20, sends_wait=True), 1.15 * IDEAL_20, 0.10),
    "20/s without a header": (Gateway(rate=20), 1.3 * IDEAL_20, 0.2),
    "20/s, refused ones charged": (Gateway(rate=20, charges_refused=True), 1.4 * IDEAL_20, 0.2),
    "20/s, burst of one": (Gateway(rate=20, burst=1), 1.7 * 25, 0.3),
    "5/s": (Gateway(rate=5, burst=5), 1.3 * 99, 0.5),
}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", LEVELS)
def test_the_accepted_rate_is_found_with_little_waste(name: str, seed: int) -> None:
    gateway, seconds, wasted = LEVELS[name]
    result = simulate(replace(gateway, seed=seed))
    assert result.wall <= seconds
    assert result.wasted <= wasted


@pytest.mark.parametrize(("ends", "seconds", "sent"), [(6, 11.0, 25), (31, 36.0, 40)])
def test_a_gateway_that_is_down_gets_single_probes(ends: float, seconds: float, sent: int) -> None:
    for seed in (1, 2, 3):
        result = simulate(Gateway(seed=seed, outage=(1, ends)))
        assert result.into_outage <= sent
        assert result.wall <= seconds


def test_a_gateway_that_refuses_everything_gets_single_probes() -> None:
    clock = FakeClock()
    limiter = Limiter(clock, Random(1))
    for _ in range(60):
        limiter.report(acquired(limiter), "refused")
    assert limiter.is_down
    assert clock.time > 1200
    limiter.report(acquired(limiter), "passed")
    assert not limiter.is_down


def test_one_caller_alone_is_not_slowed_down_by_a_limit_that_nobody_knows() -> None:
    clock = FakeClock()
    limiter = Limiter(clock, Random(1))
    for _ in range(50):
        limiter.report(acquired(limiter), "passed")
    assert clock.time == 1000


def test_a_single_refusal_stops_nobody_else() -> None:
    clock = FakeClock()
    limiter = Limiter(clock, Random(1))
    limiter.report(acquired(limiter), "refused", 60.0)
    acquired(limiter)
    assert clock.time < 1001


def test_a_wait_asked_for_with_every_refusal_holds_everybody() -> None:
    clock = FakeClock()
    limiter = Limiter(clock, Random(1))
    for _ in range(6):
        limiter.report(acquired(limiter), "refused", 60.0)
    acquired(limiter)
    assert 1060 <= clock.time <= 1067


def test_a_turn_that_does_not_come_before_the_deadline_is_given_up() -> None:
    clock = FakeClock()
    limiter = Limiter(clock, Random(1))
    for _ in range(6):
        limiter.report(acquired(limiter), "refused", 1e6)
    assert limiter.acquire(began=clock.time, deadline=clock.time + 300) is None
    assert clock.time <= 1302


def test_jobs_that_began_earlier_go_first() -> None:
    limiter = Limiter(FakeClock(), Random(1))
    late, early = limiter.turn(2.0, lambda: None), limiter.turn(1.0, lambda: None)
    limiter.enter(late)
    limiter.enter(early)
    assert limiter.advance(late) == inf
    assert isinstance(limiter.advance(early), Send)


def test_retries_end_where_nothing_succeeds() -> None:
    limiter = Limiter(FakeClock(), Random(1))
    granted = sum(limiter.spend_retry() for _ in range(1000))
    assert granted == RETRY_QUOTA
    limiter.report(acquired(limiter), "passed")
    assert [limiter.spend_retry(), limiter.spend_retry()] == [True, False]


def test_a_cancelled_task_leaves_the_queue_at_once() -> None:
    async def run() -> None:
        limiter = Limiter(random=Random(1))
        for _ in range(6):
            send = await limiter.acquire_async(began=0, deadline=inf)
            assert send
            limiter.report(send, "refused", 3600.0)
        waiting = asyncio.create_task(limiter.acquire_async(began=0, deadline=inf))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        turn = limiter.turn(1.0, lambda: None)
        limiter.enter(turn)
        step = limiter.advance(turn)
        assert not isinstance(step, Send)
        assert step < inf  # it is the first in the queue

    asyncio.run(run())


def test_threads_and_tasks_stand_in_one_queue() -> None:
    limiter = Limiter(FakeClock(), Random(1))
    sends: list[Send | None] = []

    def ask() -> None:
        sends.append(limiter.acquire(began=0, deadline=inf))

    async def ask_in_task() -> None:
        sends.append(await limiter.acquire_async(began=0, deadline=inf))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    asyncio.run(ask_in_task())
    for thread in threads:
        thread.join()
    assert len({id(send) for send in sends if send}) == 5


def test_limiters_are_shared_by_address_key_and_model() -> None:
    one = limiter_of("http://g.example/v1/", "key-1", "m")
    assert limiter_of("http://g.example/v1", "key-1", "m") is one
    assert limiter_of("http://g.example/v1", "key-2", "m") is not one
    assert limiter_of("http://g.example/v1", "key-1", "n") is not one


def acquired(limiter: Limiter) -> Send:
    send = limiter.acquire(began=0, deadline=inf)
    assert send
    return send
