"""A gateway with limits, faults and clients of its own, all in simulated time.

It shows what the limiter does in minutes of traffic within milliseconds.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

from fake_clock import FakeClock

from grok_agent.gateway.pacing import Limiter
from grok_agent.gateway.retrying import pause_s
from grok_agent.gateway.sends import Outcome, Send
from grok_agent.offline.limits import Limits, Turnstile

BUDGET_S = 300.0


@dataclass(frozen=True)
class Window:
    """At most ``requests`` in each ``seconds``, of which refused ones count too."""

    requests: int
    seconds: float


@dataclass(frozen=True)
class Traffic:
    """Jobs, and the gateway that they meet. Times in seconds, ``offered`` in jobs a second.

    ``changes`` are moments and the rates that the limit has from then on. ``refused``, ``broken``
    and ``cut`` are shares of the requests: 429, 503, and answers that end early. At most
    ``workers`` jobs are open at once. ``processes`` share the jobs, and know nothing of each other.
    """

    name: str
    limits: Limits = field(default_factory=Limits)
    changes: tuple[tuple[float, float], ...] = ()
    window: Window | None = None
    refused: float = 0.0
    broken: float = 0.0
    cut: float = 0.0
    refusal_s: float = 0.01
    answer_s: tuple[float, float] = (0.2, 0.6)
    offered: float = 200.0
    jobs: int = 500
    workers: int = 10_000
    processes: int = 1

    def ideal_s(self) -> float:
        """The least time in which any client could have all answers."""
        answer_s = sum(self.answer_s) / 2
        restored = max((outage.end_s for outage in self.limits.outages), default=0.0)
        by_hand = self.jobs / self.workers * answer_s
        return max(self.jobs / self.offered, self._limited_s(), restored, by_hand) + answer_s

    def lost(self) -> float:
        """Requests beyond one per answer that the faults cost any client, on average."""
        return 1 / (1 - self.refused - self.broken - self.cut) - 1

    def _limited_s(self) -> float:
        if self.window:
            return (-(-self.jobs // self.window.requests) - 1) * self.window.seconds
        if not self.limits.rate:
            return 0.0
        left, since, rate = float(self.jobs - self.limits.burst), 0.0, self.limits.rate
        for moment, then in self.changes:
            if left <= rate * (moment - since):
                break
            left -= rate * (moment - since)
            since, rate = moment, then
        return since + left / rate


@dataclass
class Result:
    """``wall`` in seconds; numbers of requests, and of jobs that ended either way."""

    wall: float = 0.0
    sent: int = 0
    into_outage: int = 0
    done: int = 0
    failed: int = 0

    @property
    def wasted(self) -> float:
        """Requests beyond one per answer."""
        return (self.sent - self.done) / max(self.done, 1)


class _Gateway:
    def __init__(self, traffic: Traffic, clock: FakeClock, seed: int) -> None:
        self.traffic, self.clock = traffic, clock
        self.random = Random(seed)
        self.turnstile = Turnstile(traffic.limits, clock.now)
        self.start = clock.time
        self.changes = list(traffic.changes)
        self.seen: dict[int, int] = {}

    def answer(self) -> tuple[str, float]:
        """``ok``, ``cut`` or an outcome, and after how many seconds it comes."""
        traffic, chance = self.traffic, self.random.random()
        if self.turnstile.outage():
            return "failed", traffic.refusal_s
        if chance < traffic.refused:
            return "refused", traffic.refusal_s
        if chance < traffic.refused + traffic.broken:
            return "failed", traffic.refusal_s
        if self._is_over():
            return "refused", traffic.refusal_s
        is_cut = chance < traffic.refused + traffic.broken + traffic.cut
        return "cut" if is_cut else "ok", self.random.uniform(*traffic.answer_s)

    def _is_over(self) -> bool:
        at = self.clock.time - self.start
        if window := self.traffic.window:
            which = int(at // window.seconds)
            self.seen[which] = self.seen.get(which, 0) + 1
            return self.seen[which] > window.requests
        while self.changes and at >= self.changes[0][0]:
            self.turnstile.limits = replace(self.turnstile.limits, rate=self.changes.pop(0)[1])
        return self.turnstile.refusal() is not None


class _Simulation:
    def __init__(self, traffic: Traffic, seed: int) -> None:
        self.traffic, self.result = traffic, Result()
        self.clock = FakeClock()
        self.gateway = _Gateway(traffic, self.clock, seed)
        randoms = [Random(100 * seed + i) for i in range(traffic.processes)]
        self.limiters = [Limiter(self.clock, random) for random in randoms]
        self.start, self.free, self.waiting = self.clock.time, traffic.workers, list[int]()
        self.agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.woken: list[Callable[[], None]] = []
        self.numbers = count()

    def run(self) -> Result:
        for job in range(self.traffic.jobs):
            self.at(self.start + job / self.traffic.offered, lambda job=job: self.begin(job))  # type: ignore[misc]
        while self.agenda or self.woken:
            while self.woken:
                self.woken.pop()()
            if self.agenda:
                self.clock.time, _, act = heapq.heappop(self.agenda)
                act()
        return self.result

    def at(self, moment: float, act: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (moment, next(self.numbers), act))

    def begin(self, job: int) -> None:
        if self.free:
            self.free -= 1
            _Job(self, self.limiters[job % len(self.limiters)]).ask()
        else:
            self.waiting.append(job)

    def end(self, *, is_done: bool) -> None:
        self.result.done += is_done
        self.result.failed += not is_done
        self.result.wall = self.clock.time - self.start
        self.free += 1
        if self.waiting:
            self.begin(self.waiting.pop(0))


class _Job:
    def __init__(self, simulation: _Simulation, limiter: Limiter) -> None:
        self.simulation, self.limiter = simulation, limiter
        self.began = simulation.clock.time
        self.deadline = self.began + BUDGET_S
        self.attempts = 0

    def ask(self) -> None:
        self.turn = self.limiter.turn(self.began, lambda: self.simulation.woken.append(self.look))
        self.limiter.enter(self.turn)
        self.simulation.at(self.deadline, self.look)
        self.look()

    def look(self) -> None:
        clock = self.simulation.clock
        if self.turn.has_left:
            return
        if clock.time >= self.deadline:
            self.limiter.leave(self.turn)
            self.simulation.end(is_done=False)
            return
        step = self.limiter.advance(self.turn)
        if isinstance(step, Send):
            self.turn.has_left = True
            self.go(step)
        elif step < BUDGET_S:
            self.simulation.at(clock.time + step + 0.0005, self.look)

    def go(self, send: Send) -> None:
        simulation = self.simulation
        self.attempts += 1
        simulation.result.sent += 1
        simulation.result.into_outage += simulation.gateway.turnstile.outage() is not None
        said, after_s = simulation.gateway.answer()
        simulation.at(simulation.clock.time + after_s, lambda: self.settle(send, said))

    def settle(self, send: Send, said: str) -> None:
        outcomes: dict[str, Outcome] = {"refused": "refused", "failed": "failed"}
        outcome, wait_s = outcomes.get(said, "passed"), None
        if outcome == "refused" and self.simulation.traffic.limits.retry_after:
            wait_s = float(self.simulation.traffic.limits.retry_after)
        self.limiter.report(send, outcome, wait_s)
        if said == "ok":
            self.simulation.end(is_done=True)
            return
        again_at = self.simulation.clock.time
        if not (outcome == "failed" and self.limiter.is_down):
            again_at += pause_s(outcome, self.attempts, wait_s, self.limiter.random)
        if again_at > self.deadline or not self.limiter.spend_retry():
            self.simulation.end(is_done=False)
        else:
            self.simulation.at(again_at, self.ask)


def simulate(traffic: Traffic, seed: int) -> Result:
    """What becomes of all jobs of ``traffic``."""
    return _Simulation(traffic, seed).run()
