"""What failed is asked for again within a budget; nothing is spliced, nothing repeated in vain."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest
from fake_clock import FakeClock
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage

from grok_agent.chat_model import ChatGrokBuild
from grok_agent.errors import GatewayError, SpendingCapError
from grok_agent.gateway.attempt import Attempt
from grok_agent.gateway.bills import Bills
from grok_agent.gateway.edge import Edge
from grok_agent.gateway.faults import (
    BadRequestError,
    ContentRefusedError,
    IncompleteAnswerError,
    NotAGatewayError,
    OverloadedError,
    RateLimitedError,
    UnknownModelError,
    UnreachableError,
)
from grok_agent.gateway.ledger import Cost
from grok_agent.gateway.pacing import Limiter
from grok_agent.graphs import repository_agent
from grok_agent.offline import offline_model
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, Request, Response, Turn
from grok_agent.tools.workspace import Workspace

WORDS = "one two three four five six seven eight nine ten " * 3


def text(chat: ChatRequest) -> Turn:
    return Turn(content=WORDS)


class Counting(OfflineGateway):
    """Keeps the bodies of all requests that came."""

    def __init__(self, *faults: Fault, planner: Any = text) -> None:
        super().__init__(planner, faults)
        self.bodies: list[dict[str, Any]] = []

    def handle(self, request: Request) -> Response:
        if request.path.endswith("/chat/completions"):
            self.bodies.append(json.loads(request.body))
        return super().handle(request)


class Setup:
    def __init__(self, *faults: Fault, bills: Bills | None = None, **options: Any) -> None:
        self.clock = FakeClock()
        self.gateway = Counting(*faults)
        self.edge = Edge(Limiter(self.clock, Random(1)), bills=bills)
        self.model = offline_model(self.gateway, edge=self.edge, **options)

    @property
    def waited(self) -> float:
        return self.clock.time - 1000

    @property
    def sent(self) -> int:
        return len(self.gateway.bodies)


def invoke(model: ChatGrokBuild) -> str:
    return str(model.invoke("go").content)


def ainvoke(model: ChatGrokBuild) -> str:
    return str(asyncio.run(model.ainvoke("go")).content)


def streamed(model: ChatGrokBuild) -> str:
    return "".join(str(chunk.content) for chunk in model.stream("go"))


def astreamed(model: ChatGrokBuild) -> str:
    async def read() -> str:
        return "".join([str(chunk.content) async for chunk in model.astream("go")])

    return asyncio.run(read())


ways = pytest.mark.parametrize("way", [invoke, ainvoke, streamed, astreamed])
Way = Callable[[ChatGrokBuild], str]

PASSING = [
    *("rate_limit", "rate_limit_empty", "overloaded", "server_error", "bad_gateway", "reset"),
    *("html", "not_json", "error_in_200", "empty_choices", "null_choices", "empty_answer"),
]


@ways
@pytest.mark.parametrize("kind", PASSING)
def test_a_passing_fault_is_not_seen_by_the_caller(way: Way, kind: str) -> None:
    setup = Setup(Fault(kind, times=2))
    assert way(setup.model) == WORDS
    assert setup.sent == 3


def test_answers_that_break_off_with_an_error_are_not_asked_for_without_end() -> None:
    """Each of them costs, as a cut one does."""
    setup = Setup(Fault("mid_stream_error", times=None), streaming=True)
    with pytest.raises(OverloadedError, match="It was asked 5 times in"):
        setup.model.invoke("go")
    assert setup.sent == 5


def test_the_last_of_many_errors_says_how_many() -> None:
    setup = Setup(Fault("rate_limit", times=None, retry_after=80))
    with pytest.raises(RateLimitedError) as caught:
        setup.model.invoke("go")
    assert re.search(r"It was asked \d+ times in 2\d\d s\. Wait 80 s, then", str(caught.value))
    assert str(caught.value).count("It was asked") == 1


@ways
def test_a_wait_that_the_gateway_asks_for_is_kept(way: Way) -> None:
    setup = Setup(Fault("rate_limit", retry_after=40))
    assert way(setup.model) == WORDS
    assert 40 <= setup.waited <= 45


@ways
@pytest.mark.parametrize("garbage", ["soon", "-5", "nan", "inf", "1e400", ""])
def test_a_wait_that_makes_no_sense_is_passed_over(way: Way, garbage: str) -> None:
    setup = Setup(Fault("rate_limit", retry_after=garbage))
    assert way(setup.model) == WORDS
    assert setup.waited < 15


@ways
def test_a_wait_beyond_the_budget_is_an_error_at_once(way: Way) -> None:
    setup = Setup(Fault("rate_limit", retry_after=3600, times=None))
    with pytest.raises(RateLimitedError):
        way(setup.model)
    assert (setup.sent, setup.waited) == (1, 0)


@ways
def test_an_outage_of_half_a_minute_is_survived(way: Way) -> None:
    setup = Setup(Fault("overloaded", times=25))
    assert way(setup.model) == WORDS
    assert setup.waited > 20


@ways
def test_a_gateway_that_stays_down_ends_the_call_within_the_budget(way: Way) -> None:
    setup = Setup(Fault("overloaded", times=None), max_wait_s=60)
    with pytest.raises(OverloadedError):
        way(setup.model)
    assert 55 <= setup.waited <= 60
    assert setup.sent < 70


@ways
def test_retries_can_be_counted_too(way: Way) -> None:
    setup = Setup(Fault("overloaded", times=None), max_retries=3)
    with pytest.raises(OverloadedError):
        way(setup.model)
    assert setup.sent == 4


@ways
def test_an_address_that_has_never_answered_is_not_waited_for(way: Way) -> None:
    setup = Setup(Fault("reset", times=None))
    with pytest.raises(UnreachableError):
        way(setup.model)
    assert setup.sent == 3
    assert setup.waited < 3


FINAL = [
    ("moderation", ContentRefusedError),
    ("wrong_model", UnknownModelError),
    ("bad_request", BadRequestError),
    *((kind, GatewayError) for kind in ("unauthorized", "forbidden", "out_of_funds")),
    *((kind, GatewayError) for kind in ("too_large", "context_overflow")),
]


@ways
@pytest.mark.parametrize(("kind", "error"), FINAL)
def test_what_is_final_is_asked_once(way: Way, kind: str, error: type[GatewayError]) -> None:
    setup = Setup(Fault(kind, times=None))
    with pytest.raises(error):
        way(setup.model)
    assert setup.sent == 1


@ways
def test_a_prompt_that_moderation_refused_never_leaves_again(way: Way) -> None:
    setup = Setup(Fault("moderation"))
    for _ in range(2):
        with pytest.raises(ContentRefusedError):
            way(setup.model)
    assert setup.sent == 1


@pytest.mark.parametrize("way", [invoke, ainvoke])
def test_answers_that_stay_cut_are_not_paid_for_endlessly(way: Way) -> None:
    setup = Setup(Fault("empty_choices", times=None))
    with pytest.raises(IncompleteAnswerError):
        way(setup.model)
    assert setup.sent == 5


BREAKS = ["cut_stream", "reset_stream", "mid_stream_error", "no_finish_reason"]


@pytest.mark.parametrize("way", [streamed, astreamed])
@pytest.mark.parametrize("kind", BREAKS[:3])
def test_a_stream_that_breaks_before_its_first_piece_is_asked_again(way: Way, kind: str) -> None:
    setup = Setup(Fault(kind, at=0, times=2))
    assert way(setup.model) == WORDS
    assert setup.sent == 3


@pytest.mark.parametrize("way", [streamed, astreamed])
@pytest.mark.parametrize("kind", BREAKS)
def test_a_reader_of_a_stream_is_told_that_it_broke(way: Way, kind: str) -> None:
    setup = Setup(Fault(kind, at=0.6))
    with pytest.raises((IncompleteAnswerError, OverloadedError)):
        way(setup.model)
    assert setup.sent == 1
    assert way(setup.model) == WORDS


class Watching(BaseCallbackHandler):
    def __init__(self) -> None:
        self.seen = ""
        self.restarts = 0

    def on_llm_new_token(self, token: Any, **_: Any) -> None:
        self.seen += str(token)

    def on_retry(self, retry_state: Any, **_: Any) -> None:
        assert isinstance(retry_state.outcome.exception(), GatewayError)
        self.seen = ""
        self.restarts += 1


@pytest.mark.parametrize("kind", BREAKS)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_invoke_that_streams_begins_anew_and_says_so(kind: str, asynchronous: bool) -> None:
    setup = Setup(Fault(kind, at=0.6), streaming=True)
    watching = Watching()
    config: Any = {"callbacks": [watching]}
    if asynchronous:
        answer = asyncio.run(setup.model.ainvoke("go", config))
    else:
        answer = setup.model.invoke("go", config)
    assert isinstance(answer, AIMessage)
    assert answer.content == watching.seen == WORDS
    assert answer.usage_metadata
    assert answer.response_metadata["finish_reason"] == "stop"
    assert (watching.restarts, setup.sent) == (1, 2)


def refusing_usage() -> Fault:
    body = json.dumps({"error": {"message": "Unknown parameter: stream_options", "code": 400}})
    return Fault("answer", status=400, body=body)


@pytest.mark.parametrize("way", [streamed, astreamed])
def test_a_gateway_that_refuses_usage_is_asked_without_it_from_then_on(way: Way) -> None:
    setup = Setup(refusing_usage())
    assert way(setup.model) == way(setup.model) == WORDS
    asked = ["stream_options" in body for body in setup.gateway.bodies]
    assert asked == [True, False, False]


def test_every_answer_is_written_into_the_ledger(tmp_path: Path) -> None:
    bills = Bills(tmp_path / "ledger.sqlite3")
    body = {
        "model": "grok-build-0.1",
        "choices": [{"message": {"content": "o"}, "finish_reason": None}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "cost_in_usd_ticks": 1234},
    }
    whole = json.loads(json.dumps(body))
    whole["choices"][0]["finish_reason"] = "stop"
    faults = [Fault("answer", status=200, body=json.dumps(each)) for each in (body, whole, whole)]
    setup = Setup(*faults, bills=bills, max_usd_per_run=2500e-10)
    assert setup.model.invoke("go", conversation_id="a").content == "o"
    written = list(bills.attempts())
    assert [(each.status, each.ticks, each.thread) for each in written] == [
        ("cut", 1234, "a"),
        ("whole", 1234, "a"),
    ]
    assert written[0].call == written[1].call != ""
    setup.model.invoke("go", conversation_id="a")
    with pytest.raises(SpendingCapError):
        setup.model.invoke("go", conversation_id="a")
    assert setup.sent == 3


@pytest.mark.parametrize("streams", [False, True])
def test_a_body_of_two_gigabytes_is_not_read(streams: bool) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        headers = {"content-length": "2000000000", "content-type": "application/json"}
        return httpx2.Response(200, headers=headers, stream=Endless())

    class Endless(httpx2.SyncByteStream):
        def __iter__(self) -> Any:
            raise AssertionError("read")

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    model = offline_model(http_client=client)
    with pytest.raises(NotAGatewayError, match="2000 MB"):
        streamed(model) if streams else invoke(model)


@pytest.mark.parametrize("streams", [False, True])
def test_an_answer_that_never_ends_is_given_up(streams: bool) -> None:
    class Trickle(httpx2.SyncByteStream):
        def __iter__(self) -> Any:
            while True:
                yield b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'

    kind = "text/event-stream" if streams else "application/json"
    answer = httpx2.Response(200, headers={"content-type": kind}, stream=Trickle())
    client = httpx2.Client(transport=httpx2.MockTransport(lambda request: answer))
    model = offline_model(http_client=client, answer_timeout_s=0.05, max_retries=0)
    with pytest.raises((IncompleteAnswerError, UnreachableError)):
        streamed(model) if streams else invoke(model)


def test_a_cap_ends_a_run_as_over_budget(tmp_path: Path) -> None:
    bills = Bills(tmp_path / "ledger.sqlite3")
    bills.record(Attempt("m", cost=Cost(1.0, "billed")))
    setup = Setup(bills=bills, max_usd_per_day=0.5)
    (tmp_path / "work").mkdir()
    agent = repository_agent(setup.model, Workspace(tmp_path / "work"))
    outcome = agent.invoke({"task": "Say hello."})["outcome"]
    assert (outcome["status"], outcome["limit"]) == ("over_budget", "usd")
    assert "per day" in outcome["reason"]
    assert setup.sent == 0
