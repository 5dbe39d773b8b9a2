"""The answer of one attempt as it comes in: watched by the clock, put together, and billed."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import httpx2

from grok_agent.errors import GatewayError
from grok_agent.gateway.answer import Asked, as_chunk, receipt_in, whole_answer, written_in
from grok_agent.gateway.attempt import Status
from grok_agent.gateway.events import Events
from grok_agent.gateway.faults import NotAGatewayError, fault, fault_of
from grok_agent.gateway.job import Job
from grok_agent.gateway.ladder import too_large_by_reset
from grok_agent.gateway.made_up import deployment_in
from grok_agent.gateway.replies import Reply
from grok_agent.gateway.stream import Assembly

Json = dict[str, Any]

MAX_BODY_BYTES = 64_000_000
"""No answer of a model is larger; a gateway that announces or sends more is not read."""


class Received:
    """What has come of one answer. Raises TimeoutError when it takes longer than ``job`` allows.

    All bytes go through ``feed``, then comes ``rest``, for relays that send a single body although
    a stream was asked for, then ``end``.
    """

    def __init__(self, job: Job) -> None:
        self._asked = Asked.of(job.payload)
        self.assembly = Assembly(job.target, self._asked)
        self._job = job
        self._began = self._latest = monotonic()
        self._events = Events()
        self._asks_for_stream = bool(job.payload.get("stream"))
        self._is_streamed = self._asks_for_stream
        self._has_head = self._is_billed = False
        self._body = bytearray()
        self._size = 0

    @property
    def is_done(self) -> bool:
        """Whether the stream says that nothing follows."""
        return self._events.done

    def begin(self, response: httpx2.Response) -> None:
        """Take note of the head of the answer."""
        self._has_head, self._job.headers = True, response.headers
        kind = response.headers.get("content-type", "")
        self._is_streamed = self._asks_for_stream and "json" not in kind and "html" not in kind
        announced = response.headers.get("content-length", "")
        if announced.isascii() and announced.isdigit():
            self._require_room(int(announced[:20]))

    def feed(self, part: bytes) -> Iterator[Json]:
        """The pieces of the answer that the next bytes complete."""
        self._watch(part)
        if not self._is_streamed:
            self._body += part
            return
        brings_nothing = True
        for piece in self.assembly.read(self._events.feed(part)):
            yield piece
            brings_nothing, self._latest = False, monotonic()
        if brings_nothing:
            self._require_progress()

    def rest(self) -> Iterator[Json]:
        """The whole answer as one piece of a stream, where it came as a single body."""
        if not self._asks_for_stream or self._is_streamed:
            return
        if piece := self.assembly.feed(as_chunk(self._parsed())):
            yield piece

    def end(self) -> Json:
        """The last piece, of a single body the whole answer; raises unless the answer is whole."""
        end = self.assembly.close() if self._asks_for_stream else self._parsed()
        if self._is_streamed and self.assembly.usage and self._has_made_up_end(end):
            raise self.assembly.incomplete("the proxy has made up its end and its usage")
        written = self.assembly.written if self._asks_for_stream else written_in(end)
        self._bill(end["usage"], end.get("model", ""), written, is_whole=True)
        return end

    def failure(self, error: Exception) -> GatewayError:
        """Our error for ``error``: once an answer has begun, a break means that it is not whole."""
        job = self._job
        if isinstance(error, GatewayError):
            return error
        if self.assembly.has_begun or self._body:
            return self.assembly.broken(error)
        too_large = None if self._has_head else too_large_by_reset(error, job.payload, job.target)
        return too_large or fault_of(error, job.target)

    def account(self) -> None:
        """Bill what has begun and was not finished, whoever ended it."""
        if self.assembly.has_begun or self.assembly.usage:
            assembly = self.assembly
            self._bill(assembly.usage, assembly.served, assembly.written, is_whole=False)

    def _parsed(self) -> Json:
        text = self._body.decode("utf-8-sig", errors="replace")
        target = self.assembly.target
        try:
            return whole_answer(text, target, self._asked)
        except GatewayError:
            usage, served = receipt_in(text)
            if usage:
                self._bill(usage, served, "", is_whole=False)
            raise

    def _has_made_up_end(self, end: Json) -> bool:
        names_parts = self.assembly.names_prompt_parts
        is_made_up = self._job.ends.is_made_up(self._job.headers, names_parts=names_parts)
        return is_made_up and bool(end["choices"][0]["finish_reason"] == "stop")

    def _bill(self, usage: Json | None, served: str, arrived: str, *, is_whole: bool) -> None:
        if not self._is_billed:
            self._is_billed = True
            # LiteLLM builds the usage of a stream anew: without the bill, perhaps without reasoning
            is_rebuilt = self._is_streamed and bool(deployment_in(self._job.headers))
            status: Status = "whole" if is_whole else "cut"
            self._job.bill(usage, served, status, arrived=arrived, estimated=is_rebuilt)

    def _watch(self, part: bytes) -> None:
        limit = self._job.terms.answer_s
        if limit is not None and monotonic() - self._began > limit:
            raise TimeoutError(f"the answer was not finished within {limit:g} s")
        self._size += len(part)
        self._require_room(self._size)

    def _require_progress(self) -> None:
        """Raise TimeoutError where only signs of life come, which keep a socket's time-out away."""
        limit = self._job.terms.gap_s
        if limit is not None and monotonic() - self._latest > limit:
            raise TimeoutError(f"no piece of the answer within {limit:g} s")

    def _require_room(self, size: int) -> None:
        if size > MAX_BODY_BYTES:
            why = f"a body of {size / 1e6:.0f} MB or more, which no answer has"
            raise fault(NotAGatewayError, self.assembly.target, Reply(message=why))
