"""The server of the gateway benchmark: an embedded gateway in a process of its own that counts."""

import json
import multiprocessing
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from threading import Lock

from gateway_mixes import ANSWER_S, MIXES, Mix, answer

from grok_agent.offline.bill import Bill
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.problems import bytes_response
from grok_agent.offline.server import running
from grok_agent.offline.wire import ChatRequest, Request, Response, Turn

_JOB = re.compile(rb"Job (\d+):")


@dataclass
class Tally:
    """What the server saw: requests of each job, requests in outages, its bill in ticks."""

    attempts: Counter[int] = field(default_factory=Counter)
    in_outage: int = 0
    ticks: int = 0


class CountingGateway(OfflineGateway):
    """Answers with the right line of each job after a while, or as ``mix`` says."""

    def __init__(self, mix: Mix, seed: int) -> None:
        self.bill = Bill()
        super().__init__(_write_line, mix.faults(seed), limits=mix.limits, bill=self.bill)
        self.mix = mix
        self.tally = Tally()
        self._seed = seed
        self._started: float | None = None
        self._counting = Lock()

    def handle(self, request: Request) -> Response:
        found = _JOB.search(request.body)
        if not found:
            return super().handle(request)
        job = int(found[1])
        attempt = self._count(job)
        if refusal := self.mix.refusal(job):
            return bytes_response(refusal[1].encode(), "application/json", refusal[0])
        response = super().handle(request)
        if response.status != 200 or response.delay_s:
            return response
        chance = random.Random(f"{self._seed} {job} {attempt}")
        return replace(response, delay_s=chance.uniform(*ANSWER_S))

    def _count(self, job: int) -> int:
        with self._counting:
            now = time.monotonic()
            self._started = self._started or now
            at = now - self._started
            outages = self.mix.limits.outages
            self.tally.in_outage += any(out.start_s <= at < out.end_s for out in outages)
            self.tally.attempts[job] += 1
            return self.tally.attempts[job]

    def close(self) -> Tally:
        return replace(self.tally, ticks=self.bill.ticks)


def _write_line(chat: ChatRequest) -> Turn:
    found = _JOB.search(json.dumps(chat.messages).encode())
    assert found  # only requests with a job come here
    return Turn(answer(int(found[1])))


class Server:
    """The other end of the server's process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def open(self, mix: str, seed: int) -> str:
        """Start a fresh gateway; returns its base URL."""
        self._pipe.send((mix, seed))
        return str(self._pipe.recv())

    def close(self) -> Tally:
        """Stop the gateway; returns what it saw."""
        self._pipe.send(None)
        tally = self._pipe.recv()
        assert isinstance(tally, Tally)
        return tally


@contextmanager
def server_process() -> Iterator[Server]:
    """A server process for the block."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,))
    process.start()
    there.close()
    try:
        yield Server(here)
    finally:
        here.close()
        process.join()


def _serve(pipe: Connection) -> None:
    try:
        while True:
            mix, seed = pipe.recv()
            gateway = CountingGateway(MIXES[mix], seed)
            with running(gateway) as base_url:
                pipe.send(base_url)
                pipe.recv()
                tally = gateway.close()
            pipe.send(tally)
    except EOFError:
        return  # the benchmark has ended
