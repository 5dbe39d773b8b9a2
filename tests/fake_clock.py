"""A clock that moves only when somebody waits."""

import asyncio
import threading

from grok_agent.gateway.pacing import Clock


class FakeClock(Clock):
    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def wait(self, event: threading.Event, seconds: float) -> None:
        self.time += seconds

    async def wait_async(self, event: asyncio.Event, seconds: float) -> None:
        self.time += seconds
