"""Each fault breaks the answer in its own way, as often and in the order that was asked for."""

import asyncio
import itertools
import json
import threading
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_agent.errors import SettingsError
from grok_agent.offline.faults import KINDS, Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.transport import AsyncOfflineTransport, OfflineTransport
from grok_agent.offline.wire import HangUp, Pause, Request, Response, ToolCall, Turn

URL = "http://offline.invalid/v1"
TURN = Turn(content="Let me look 看. " * 20, tool_calls=(ToolCall("grep", {"pattern": "é" * 60}),))
TOOL = {"type": "function", "function": {"name": "grep", "parameters": {"type": "object"}}}
BODY = {
    "model": "grok-build-0.1",
    "messages": [{"role": "user", "content": "hello"}],
    "tools": [TOOL],
    "stream_options": {"include_usage": True},
}


def post(gateway: OfflineGateway, *, stream: bool = False) -> Response:
    body = json.dumps({**BODY, "stream": stream}).encode()
    return gateway.handle(
        Request("POST", "/v1/chat/completions", {"authorization": "Bearer k"}, body)
    )


def gateway(*faults: Fault, turn: Turn = TURN) -> OfflineGateway:
    return OfflineGateway(lambda request: turn, faults)


def whole(kind: str, **options: Any) -> Any:
    """The JSON of an unstreamed answer that has this fault."""
    return json.loads(post(gateway(Fault(kind, **options))).body())


def stream(kind: str, **options: Any) -> str:
    """The text of a streamed answer that has this fault."""
    return post(gateway(Fault(kind, **options)), stream=True).body().decode()


def events(text: str) -> list[dict[str, Any]]:
    lines = (line for line in text.splitlines() if line.startswith("data: {"))
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def finish_reasons(text: str) -> list[str]:
    choices = [choice for event in events(text) for choice in event.get("choices", ())]
    return [choice["finish_reason"] for choice in choices if choice["finish_reason"]]


def call_deltas(text: str) -> list[dict[str, Any]]:
    choices = [choice for event in events(text) for choice in event["choices"]]
    return [call for choice in choices for call in choice["delta"].get("tool_calls", ())]


RIGHT = post(gateway(), stream=True).body().decode()


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("rate_limit", 429, "Too many requests"),
        ("overloaded", 503, "at capacity"),
        ("server_error", 500, "Internal"),
        ("bad_gateway", 502, "<center>nginx</center>"),
        ("unauthorized", 401, "Incorrect API key"),
        ("forbidden", 403, "blocked"),
        ("moderation", 403, "Content violates usage guidelines"),
        ("out_of_funds", 403, "used all available credits"),
        ("too_large", 413, "exceeds the limit"),
        ("context_overflow", 400, "maximum prompt length is 256000 but the request contains"),
        ("wrong_model", 400, "Model not found: grok-build-0.1"),
        ("bad_request", 400, "missing field"),
        ("html", 200, "<!DOCTYPE html>"),
        ("error_in_200", 200, '"error"'),
        ("empty_choices", 200, '"choices": []'),
        ("null_choices", 200, '"choices": null'),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_refusal_has_its_status_and_words(
    kind: str, status: int, words: str, streamed: bool
) -> None:
    response = post(gateway(Fault(kind)), stream=streamed)
    assert response.status == status
    assert words in response.body().decode()


def test_a_rate_limit_can_say_when_to_come_back() -> None:
    assert "retry-after" not in post(gateway(Fault("rate_limit"))).headers
    assert post(gateway(Fault("rate_limit", retry_after=1.5))).headers["retry-after"] == "1.5"
    empty = post(gateway(Fault("rate_limit_empty")))
    assert (empty.status, empty.body()) == (429, b"")


def test_any_answer_of_any_gateway_can_be_given() -> None:
    error = '{"error": {"message": "no channel", "code": "model_not_found"}}'
    fault = Fault("answer", status=503, body=error, headers={"x-oneapi-request-id": "7"})
    response = post(gateway(fault))
    assert response.status == 503
    assert response.body().decode() == error
    assert response.headers["x-oneapi-request-id"] == "7"


def test_faults_are_a_script_that_ends_in_health() -> None:
    sick = gateway(Fault("rate_limit", times=2), Fault("overloaded"), Fault("html", after=1))
    assert [post(sick).status for _ in range(6)] == [429, 429, 503, 200, 200, 200]
    sick = gateway(Fault("overloaded", after=1))
    assert [post(sick).status for _ in range(3)] == [200, 503, 200]


def test_a_refused_request_never_reaches_the_planner() -> None:
    asked = []
    sick = OfflineGateway(lambda request: asked.append(1) or TURN, [Fault("overloaded")])
    assert [post(sick).status, post(sick).status] == [503, 200]
    assert len(asked) == 1


def test_a_rate_is_drawn_from_the_seed() -> None:
    def statuses(seed: int) -> list[int | None]:
        sick = gateway(Fault("overloaded", times=None, rate=0.3, seed=seed))
        return [post(sick).status for _ in range(200)]

    assert statuses(1) == statuses(1) != statuses(2)
    assert 40 <= statuses(1).count(503) <= 80


def test_a_fault_happens_as_often_as_said_under_threads() -> None:
    sick = gateway(Fault("overloaded", times=25))
    statuses: list[int | None] = []
    threads = [
        threading.Thread(target=lambda: statuses.extend(post(sick).status for _ in range(10)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(503) == 25
    assert statuses.count(200) == 55


def test_stream_faults_wait_for_a_streamed_request() -> None:
    sick = gateway(Fault("cut_stream"))
    assert json.loads(post(sick).body())["choices"][0]["finish_reason"] == "tool_calls"
    assert finish_reasons(post(sick, stream=True).body().decode()) == []


def test_call_faults_wait_for_an_answer_with_calls() -> None:
    turns = iter([Turn(content="hello"), TURN])
    sick = OfflineGateway(lambda request: next(turns), [Fault("bad_arguments")])
    assert json.loads(post(sick).body())["choices"][0]["finish_reason"] == "stop"
    torn = json.loads(post(sick).body())["choices"][0]["message"]["tool_calls"][0]
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn["function"]["arguments"])


def test_other_paths_can_have_faults() -> None:
    sick = gateway(Fault("html", path="/v1/models"))
    models = Request("GET", "/v1/models", {"authorization": "Bearer k"})
    assert post(sick).headers["content-type"] == "application/json"
    assert sick.handle(models).headers["content-type"].startswith("text/html")
    assert sick.handle(models).headers["content-type"] == "application/json"


def test_spoilt_whole_answers() -> None:
    length = whole("length")["choices"][0]
    assert length["finish_reason"] == "length"
    assert TURN.content.startswith(length["message"]["content"])
    assert whole("content_filter")["choices"][0]["finish_reason"] == "content_filter"
    empty = whole("empty_answer")["choices"][0]
    assert (empty["message"]["content"], empty["finish_reason"]) == ("", "stop")
    assert "usage" not in whole("no_usage")


def test_streams_without_their_end() -> None:
    assert finish_reasons(stream("cut_stream")) == []
    assert "[DONE]" not in stream("cut_stream")
    assert 0 < len(events(stream("cut_stream"))) < len(events(RIGHT))
    assert finish_reasons(stream("no_finish_reason")) == []
    assert stream("no_finish_reason").endswith("data: [DONE]\n\n")
    assert finish_reasons(stream("no_done")) == ["tool_calls"]
    assert "[DONE]" not in stream("no_done")
    assert finish_reasons(stream("length")) == ["length"]


def test_an_error_in_the_middle_of_a_stream() -> None:
    *before, last = events(stream("mid_stream_error", at=3))
    assert len(before) == 3
    assert last["error"]["message"] == "upstream overloaded"
    assert "[DONE]" not in stream("mid_stream_error")


def test_usage_repeated_and_left_out() -> None:
    repeated = [event["usage"] for event in events(stream("repeated_usage"))]
    assert len(repeated) == len(events(RIGHT))
    assert all(usage == repeated[-1] for usage in repeated)
    assert "usage" not in stream("no_usage")


def test_call_deltas_without_index_and_with_repeated_names() -> None:
    assert all("index" not in call for call in call_deltas(stream("indexless_calls")))
    names = [call["function"].get("name") for call in call_deltas(stream("doubled_names"))]
    assert len(names) > 2
    assert set(names) == {"grep"}


def test_harmless_oddities_leave_the_answer_as_it_is() -> None:
    assert ": PING" in stream("keep_alive")
    assert stream("keep_alive").replace(": PING\n\n", "") == RIGHT
    assert stream("crlf").replace("\r\n", "\n") == RIGHT
    pieces = list(post(gateway(Fault("split_bytes")), stream=True).chunks)
    assert max(len(piece) for piece in pieces if isinstance(piece, bytes)) == 3
    assert stream("split_bytes") == RIGHT


def test_pauses_and_torn_connections_are_left_to_the_carrier() -> None:
    slow = list(post(gateway(Fault("slow_stream", delay_s=2.0)), stream=True).chunks)
    assert slow.count(Pause(2.0)) == len(RIGHT.strip().split("\n\n"))
    assert post(gateway(Fault("slow", delay_s=3.0))).delay_s == 3.0
    assert post(gateway(Fault("reset"))).status is None
    assert list(post(gateway(Fault("reset_stream")), stream=True).chunks)[-1] == HangUp()
    hang = list(post(gateway(Fault("hang_stream", delay_s=9.0)), stream=True).chunks)
    assert hang[-2:] == [Pause(9.0), HangUp()]
    endless = post(gateway(Fault("endless_keep_alive", at=0)), stream=True).chunks
    first = list(itertools.islice(endless, 1_000))
    assert first.count(b": PING\n\n") == 500


def sdk(*faults: Fault, timeout: float = 5) -> openai.OpenAI:
    transport = OfflineTransport(gateway(*faults))
    http = httpx2.Client(transport=transport)
    return openai.OpenAI(
        api_key="k", base_url=URL, max_retries=0, http_client=http, timeout=timeout
    )


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("reset"), openai.APIConnectionError),
        (Fault("hang", delay_s=0.01), openai.APIConnectionError),
        (Fault("hang", delay_s=60), openai.APITimeoutError),
        (Fault("slow", delay_s=60), openai.APITimeoutError),
    ],
)
def test_the_sdk_meets_them_as_connection_errors(
    fault: Fault, error: type[openai.APIConnectionError]
) -> None:
    with pytest.raises(error):
        sdk(fault, timeout=0.02).chat.completions.create(**BODY)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "fault",
    [Fault("reset_stream"), Fault("hang_stream", delay_s=60), Fault("slow_stream", delay_s=60)],
)
def test_the_sdk_meets_torn_and_silent_streams(fault: Fault) -> None:
    with pytest.raises((httpx2.TransportError, openai.APIConnectionError)):
        list(sdk(fault, timeout=0.02).chat.completions.create(**BODY, stream=True))  # type: ignore[call-overload]

    async def consume() -> None:
        transport = AsyncOfflineTransport(gateway(fault))
        async with openai.AsyncOpenAI(
            api_key="k",
            base_url=URL,
            max_retries=0,
            timeout=0.02,
            http_client=httpx2.AsyncClient(transport=transport),
        ) as client:
            async for _ in await client.chat.completions.create(**BODY, stream=True):  # type: ignore[call-overload]
                pass

    with pytest.raises((httpx2.TransportError, openai.APIConnectionError)):
        asyncio.run(consume())


def test_a_pause_does_not_hold_up_other_tasks() -> None:
    async def ask(client: openai.AsyncOpenAI) -> str:
        answer = await client.chat.completions.create(**BODY)  # type: ignore[call-overload]
        return str(answer.choices[0].finish_reason)

    asked = []

    async def race() -> tuple[str, bool]:
        sick = OfflineGateway(lambda request: asked.append(1) or TURN, [Fault("slow", delay_s=600)])
        transport = AsyncOfflineTransport(sick)
        async with openai.AsyncOpenAI(
            api_key="k", base_url=URL, http_client=httpx2.AsyncClient(transport=transport)
        ) as client:
            slow = asyncio.create_task(ask(client))
            while not asked:
                await asyncio.sleep(0)
            quick = await ask(client)
            pending = not slow.done()
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow
            return quick, pending

    assert asyncio.run(race()) == ("tool_calls", True)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from([kind for kind in KINDS if kind != "endless_keep_alive"]),
    at=st.integers(0, 3_000) | st.floats(0, 1),
    streamed=st.booleans(),
)
def test_every_fault_at_every_place_gives_an_answer(
    kind: str, at: int | float, streamed: bool
) -> None:
    sick = gateway(Fault(kind, at=at))
    post(sick, stream=streamed).body()
    assert post(gateway(), stream=streamed).status == 200


@given(st.integers(0, len(RIGHT.encode()) + 5))
@settings(max_examples=100, deadline=None)
def test_a_stream_can_be_cut_at_every_byte(at: int) -> None:
    assert post(gateway(Fault("cut_bytes", at=at)), stream=True).body() == RIGHT.encode()[:at]


def test_a_cut_whole_body_is_torn() -> None:
    with pytest.raises(openai.APIConnectionError):
        sdk(Fault("cut_bytes")).chat.completions.create(**BODY)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "gremlins"},
        {"kind": "html", "rate": 2.0},
        {"kind": "html", "times": 0},
        {"kind": "length", "path": "/v1/models"},
    ],
)
def test_a_fault_that_cannot_be_is_refused_where_it_is_written(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"Use one of|Give a rate|Leave path out"):
        Fault(**options)
