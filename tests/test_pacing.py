"""The limiter learns what a gateway accepts: measured in a simulation with a clock of its own."""

import asyncio
import threading
from math import inf
from random import Random

import pytest
from fake_clock import FakeClock
from simulated_gateway import Traffic, Window, simulate

from grok_agent.gateway.pacing import RETRY_QUOTA, Limiter, limiter_of
from grok_agent.gateway.sends import Send
from grok_agent.offline.limits import Limits, Outage

LEVELS = (
    (Traffic("20 % by chance", refused=0.2), 22.0, 0.15),
    (Traffic("and 50/s", Limits(50, 50, 1), refused=0.2, broken=0.05, cut=0.02), 22.0, 0.15),
    (Traffic("20/s with Retry-After", Limits(20, 20, retry_after=1)), 1.15 * 24.4, 0.10),
    (Traffic("20/s without a header", Limits(20, 20)), 1.3 * 24.4, 0.2),
    (Traffic("20/s, refused ones drain", Limits(20, 20, refusals_drain=True)), 1.4 * 24.4, 0.2),
    (Traffic("20/s, burst of one", Limits(20, 1)), 1.7 * 25.3, 0.3),
    (Traffic("5/s", Limits(5, 5)), 1.3 * 99.4, 0.5),
    (Traffic("3/s, burst of one", Limits(3, 1), jobs=300), 1.6 * 100, 0.5),
    (Traffic("80/s", Limits(80, 5)), 1.6 * 6.6, 0.2),
    (Traffic("slow answers", Limits(20, 5), answer_s=(8.0, 12.0)), 1.4 * 34.8, 0.2),
    (Traffic("slow refusals", Limits(20, 5), refusal_s=0.3), 1.3 * 25.1, 0.3),
    (Traffic("two processes", Limits(20, 20, 1), processes=2), 1.7 * 24.4, 0.4),
    (Traffic("20/s, 5/s, 40/s", Limits(20, 5), ((10, 5), (30, 40)), jobs=800), 60.0, 0.2),
    (Traffic("300 a minute", window=Window(300, 60), jobs=900), 1.3 * 120.4, 0.2),
    (Traffic("one worker at 1/s", Limits(1, 1), workers=1, jobs=60), 2.2 * 59.3, 0.8),
)


@pytest.mark.parametrize(("traffic", "seconds", "wasted"), LEVELS, ids=lambda it: str(it)[:40])
def test_the_accepted_rate_is_found_with_little_waste(
    traffic: Traffic, seconds: float, wasted: float
) -> None:
    for seed in (1, 2, 3):
        result = simulate(traffic, seed)
        assert result.done == traffic.jobs
        assert result.wall <= seconds
        assert result.wasted - traffic.lost() <= wasted


@pytest.mark.parametrize(("ends", "seconds", "sent"), [(6, 11.0, 25), (31, 36.0, 40)])
def test_a_gateway_that_is_down_gets_single_probes(ends: float, seconds: float, sent: int) -> None:
    for seed in (1, 2, 3):
        result = simulate(Traffic("outage", Limits(outages=(Outage(1, ends),))), seed)
        assert result.into_outage <= sent
        assert result.done == 500
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
