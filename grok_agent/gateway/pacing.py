"""One queue for all requests to one gateway, with one key, for one model."""

import asyncio
import heapq
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from math import inf
from random import Random

from grok_agent.gateway.breaker import Breaker
from grok_agent.gateway.pace import Pace
from grok_agent.gateway.sends import Outcome, Send

RETRY_QUOTA = 200  # retries that may be open; each answer gives one back
_LONGEST_WAIT_S = 3600.0  # of one timer; what waits longer sets another


class Clock:
    """The time in seconds, and waiting for it; tests put their own in its place."""

    def now(self) -> float:
        """Seconds from an unknown start; never goes back when the system's clock is set."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Return when ``event`` is set or ``seconds`` have passed."""
        event.wait(seconds)

    async def wait_async(self, event: asyncio.Event, seconds: float) -> None:
        """``wait`` for a task; a cancellation ends it at once."""
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return


class Turn:
    """One request's place in the queue: jobs that began earlier go first, also with a retry."""

    def __init__(self, began: float, number: int, wake: Callable[[], None]) -> None:
        self.has_left = False
        self.wake = wake
        self._place = (began, number)

    def __lt__(self, other: "Turn") -> bool:
        return self._place < other._place


class Limiter:
    """Lets requests go one by one at the rate that the gateway accepts; threads and tasks alike.

    The rate is learned from refusals (:class:`Pace`), and a gateway that takes nothing gets one
    probe at a time (:class:`Breaker`). Every request that was let go must be reported, whatever
    became of it. All times are seconds of ``clock``.
    """

    def __init__(self, clock: Clock | None = None, random: Random | None = None) -> None:
        self.clock = clock or Clock()
        random = random or Random()
        self.random = random
        self._pace = Pace(self.clock.now())
        self._breaker = Breaker(random)
        self._queue: list[Turn] = []
        self._numbers = count()
        self._retries_left = RETRY_QUOTA
        self._has_answered = False
        self._lock = threading.Lock()

    @property
    def rate(self) -> float:
        """Requests a second that are let go now."""
        return self._pace.rate

    @property
    def is_down(self) -> bool:
        """Whether the gateway takes nothing, so that only probes are let go."""
        return self._breaker.reason is not None

    @property
    def has_answered(self) -> bool:
        """Whether the gateway has ever said anything but that it is broken."""
        return self._has_answered

    def acquire(self, *, began: float, deadline: float, not_before: float = 0.0) -> Send | None:
        """Wait until this request may leave; None when that is not before ``deadline``.

        ``began`` is when its job began, ``not_before`` the earliest time for it to leave.
        """
        event = threading.Event()
        turn = self.turn(began, event.set)
        try:
            while (pause := not_before - self.clock.now()) > 0:
                self.clock.wait(event, pause)
            self.enter(turn)
            while not isinstance(step := self.advance(turn), Send):
                rest = deadline - self.clock.now()
                if rest <= 0:
                    return None
                self.clock.wait(event, min(step, rest, _LONGEST_WAIT_S))
                event.clear()
            return step
        finally:
            self.leave(turn)

    async def acquire_async(
        self, *, began: float, deadline: float, not_before: float = 0.0
    ) -> Send | None:
        """``acquire`` for a task."""
        event, loop = asyncio.Event(), asyncio.get_running_loop()
        turn = self.turn(began, partial(_set_in, loop, event))
        try:
            while (pause := not_before - self.clock.now()) > 0:
                await self.clock.wait_async(event, pause)
            self.enter(turn)
            while not isinstance(step := self.advance(turn), Send):
                rest = deadline - self.clock.now()
                if rest <= 0:
                    return None
                await self.clock.wait_async(event, min(step, rest, _LONGEST_WAIT_S))
                event.clear()
            return step
        finally:
            self.leave(turn)

    def turn(self, began: float, wake: Callable[[], None]) -> Turn:
        """A new turn for a job that began then; ``wake`` is called when it is worth to look."""
        return Turn(began, next(self._numbers), wake)

    def enter(self, turn: Turn) -> None:
        """Put ``turn`` into the queue."""
        with self._lock:
            heapq.heappush(self._queue, turn)

    def leave(self, turn: Turn) -> None:
        """Take ``turn`` out of the queue, if it is in there still."""
        with self._lock:
            turn.has_left = True
            self._wake_first()

    def advance(self, turn: Turn) -> Send | float:
        """Let ``turn`` go, or say for how many seconds it may sleep unless it is woken."""
        with self._lock:
            if self._first() is not turn:
                return inf
            now = self.clock.now()
            ready = self._breaker.ready_at() if self.is_down else self._pace.ready_at()
            if ready is None:
                return inf
            if ready > now:
                return ready - now
            heapq.heappop(self._queue)
            send = self._pace.leave(now, is_probe=self.is_down)
            self._breaker.leave(send)
            self._wake_first()
            return send

    def report(self, send: Send, outcome: Outcome, wait_s: float | None = None) -> None:
        """Say what became of ``send``; the first word counts.

        ``wait_s`` is the wait in seconds that came with a refusal.
        """
        with self._lock:
            if send.outcome:
                return
            now = self.clock.now()
            is_shut = self._pace.settle(send, outcome, now)
            back = self._breaker.settle(send, outcome, now, wait_s, is_shut=is_shut)
            if back == "refused":
                self._pace.resume(now)
            elif back == "failed":
                self._pace.restart(now)
            self._has_answered |= outcome in ("passed", "refused")
            if outcome == "passed":
                self._retries_left = min(self._retries_left + 1, RETRY_QUOTA)
            self._wake_first()

    def spend_retry(self) -> bool:
        """Take one retry out of the quota that all jobs share; False when it is used up.

        Probes of a gateway that takes nothing are free: they are rare by themselves.
        """
        with self._lock:
            if self.is_down:
                return True
            has_one = self._retries_left > 0
            self._retries_left -= has_one
            return has_one

    def _first(self) -> Turn | None:
        while self._queue and self._queue[0].has_left:
            heapq.heappop(self._queue)
        return self._queue[0] if self._queue else None

    def _wake_first(self) -> None:
        if first := self._first():
            first.wake()


def _set_in(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(event.set)
    except RuntimeError:  # the loop was closed, and with it ended the task that waited
        return


_limiters: dict[tuple[str, str, str], Limiter] = {}
_limiters_lock = threading.Lock()


def limiter_of(base_url: str, key_alias: str, model: str) -> Limiter:
    """The limiter that all requests of this process to this gateway share."""
    with _limiters_lock:
        return _limiters.setdefault((base_url.rstrip("/"), key_alias, model), Limiter())
