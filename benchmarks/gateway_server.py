"""The server of the gateway benchmark: an embedded gateway in a process of its own that counts."""

import json
import multiprocessing
import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from threading import Lock

from gateway_mixes import ANSWER_S, MIXES, Mix, answer

from grok_agent.offline.bill import Bill
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.problems import bytes_response
from grok_agent.offline.server import running
from grok_agent.offline.spoiling import STREAM_HEADERS
from grok_agent.offline.wire import ChatRequest, Piece, Request, Response, Turn
from grok_agent.profile import GROK_BUILD, OFFLINE_MODEL

_JOB = re.compile(rb"Job (\d+):")


_BILLED = re.compile(rb'"cost_in_usd_ticks": (\d+)')


@dataclass
class Tally:
    """What the server saw: requests of each job, requests in outages, and what it charged.

    ``ticks`` is the sum of the bills that it sent, each at the end of an answer; ``cut`` counts the
    answers that were begun and ended before that, so that no client can know their price.
    """

    attempts: Counter[int] = field(default_factory=Counter)
    in_outage: int = 0
    ticks: int = 0
    cut: int = 0


class CountingGateway(OfflineGateway):
    """Answers with the right line of each job after a while, or as ``mix`` says."""

    def __init__(self, mix: Mix, seed: int) -> None:
        super().__init__(_write_line, mix.faults(seed), limits=mix.limits, bill=Bill())
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
        if response.headers.get("content-type") != STREAM_HEADERS["content-type"]:
            return response
        chance = random.Random(f"{self._seed} {job} {attempt}")
        chunks = self._charged(response.chunks)
        return replace(response, delay_s=chance.uniform(*ANSWER_S), chunks=chunks)

    def _charged(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """The answer in the name of a model that is not free, and its bill written down."""
        billed = False
        try:
            for piece in pieces:
                if isinstance(piece, bytes):
                    piece = piece.replace(OFFLINE_MODEL.encode(), GROK_BUILD.name.encode())
                    if amount := _BILLED.search(piece):
                        billed = True
                        with self._counting:
                            self.tally.ticks += int(amount[1])
                yield piece
        finally:
            with self._counting:
                self.tally.cut += not billed

    def _count(self, job: int) -> int:
        with self._counting:
            now = time.monotonic()
            self._started = self._started or now
            at = now - self._started
            outages = self.mix.limits.outages
            self.tally.in_outage += any(out.start_s <= at < out.end_s for out in outages)
            self.tally.attempts[job] += 1
            return self.tally.attempts[job]


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
            pipe.send(gateway.tally)
    except EOFError:
        return  # the benchmark has ended
