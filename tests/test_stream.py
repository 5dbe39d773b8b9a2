"""An answer counts only when it is whole, streamed or not, sync or async."""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk

from grok_agent.chat_model import ChatGrokBuild
from grok_agent.errors import GatewayError
from grok_agent.gateway.faults import (
    ContentRefusedError,
    IncompleteAnswerError,
    OverloadedError,
    RateLimitedError,
    UnreachableError,
)
from grok_agent.offline import offline_model
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

TOOL = {"type": "function", "function": {"name": "write", "parameters": {"type": "object"}}}
CALL = ToolCall("write", {"path": "a.py", "content": "import os\nprint('你好')\n"})
OTHER = ToolCall("write", {"path": "b.py", "content": ""})


def calls(chat: ChatRequest) -> Turn:
    return Turn(content="Writing.", reasoning="Two files.", tool_calls=(CALL, OTHER))


def text(chat: ChatRequest) -> Turn:
    return Turn(content="A long answer in many words. " * 5)


def faulty(kind: str, planner: Any = calls, **details: Any) -> ChatGrokBuild:
    fault = Fault(kind, times=None, **details)
    return offline_model(OfflineGateway(planner, [fault]), max_retries=0)


def streamed(model: ChatGrokBuild) -> AIMessageChunk:
    first, *rest = model.stream("go", tools=[TOOL])
    return sum(rest, first)


def arguments(message: AIMessage) -> list[dict[str, Any]]:
    assert not message.invalid_tool_calls
    return [call["args"] for call in message.tool_calls]


BREAKS = ["cut_stream", "reset_stream", "no_finish_reason", "length", "bad_arguments"]


@pytest.mark.parametrize("kind", BREAKS)
def test_a_stream_that_is_not_whole_is_raised(kind: str) -> None:
    with pytest.raises(IncompleteAnswerError):
        streamed(faulty(kind))


@pytest.mark.parametrize("kind", BREAKS)
async def test_the_same_asynchronously(kind: str) -> None:
    with pytest.raises(IncompleteAnswerError):
        [chunk async for chunk in faulty(kind).astream("go", tools=[TOOL])]


@pytest.mark.parametrize("kind", ["length", "bad_arguments", "empty_answer"])
def test_a_whole_body_that_is_not_whole_is_raised(kind: str) -> None:
    model = faulty(kind)
    with pytest.raises(IncompleteAnswerError):
        model.invoke("go", tools=[TOOL])
    with pytest.raises(IncompleteAnswerError):
        asyncio.run(model.ainvoke("go", tools=[TOOL]))


def test_what_had_arrived_is_told() -> None:
    with pytest.raises(IncompleteAnswerError) as caught:
        streamed(faulty("cut_stream", text))
    assert text(ChatRequest([])).content.startswith(caught.value.arrived)
    assert caught.value.arrived


@pytest.mark.parametrize(
    "kind",
    ["no_done", "keep_alive", "split_bytes", "crlf", "indexless_calls", "doubled_names"],
)
def test_a_stream_that_is_only_odd_is_whole(kind: str) -> None:
    message = streamed(faulty(kind))
    assert arguments(message) == [CALL.arguments, OTHER.arguments]
    assert [call["name"] for call in message.tool_calls] == ["write", "write"]
    assert message.content == "Writing."
    assert message.additional_kwargs["reasoning_content"] == "Two files."
    assert message.response_metadata["finish_reason"] == "tool_calls"


def test_the_last_usage_counts() -> None:
    usual = streamed(offline_model(OfflineGateway(calls))).usage_metadata
    assert usual
    assert streamed(faulty("repeated_usage")).usage_metadata == usual
    assert streamed(faulty("no_usage")).usage_metadata is None


def test_text_cut_at_the_limit_of_tokens_is_handed_on_with_its_reason() -> None:
    model = offline_model(OfflineGateway(text), max_tokens=5)
    for message in (model.invoke("go"), streamed(model)):
        assert message.response_metadata["finish_reason"] == "length"
        assert message.content


def test_a_withheld_answer_is_a_refusal() -> None:
    for act in (lambda model: model.invoke("go"), streamed):
        with pytest.raises(ContentRefusedError):
            act(faulty("content_filter"))


def test_an_error_in_the_middle_of_a_stream_is_typed() -> None:
    with pytest.raises(OverloadedError):
        streamed(faulty("mid_stream_error"))
    limited = sse([piece(content="a"), {"error": {"message": "slow down", "code": 429}}])
    with pytest.raises(RateLimitedError, match="slow down"):
        streamed(over(limited))


@pytest.mark.parametrize("kind", ["endless_keep_alive", "hang_stream"])
def test_keep_alives_do_not_hold_a_dead_stream_open(kind: str) -> None:
    fault = Fault(kind, delay_s=0.02 if kind == "endless_keep_alive" else 5, at=0)
    model = offline_model(OfflineGateway(text, [fault]), timeout=0.1, max_retries=0)
    with pytest.raises((UnreachableError, IncompleteAnswerError)):
        streamed(model)


async def test_keep_alives_do_not_hold_an_asynchronous_stream_open() -> None:
    fault = Fault("endless_keep_alive", delay_s=0.02, at=0)
    model = offline_model(OfflineGateway(text, [fault]), timeout=0.1, max_retries=0)
    with pytest.raises(UnreachableError):
        [chunk async for chunk in model.astream("go")]


@pytest.mark.parametrize("sign", [{"choices": []}, {"choices": [{"delta": {"content": ""}}]}])
def test_pieces_without_content_do_not_hold_it_open_either(sign: Any) -> None:
    def signs() -> Iterator[bytes]:
        while True:
            yield sse([sign], end=b"")
            time.sleep(0.02)

    model = over_pieces(signs(), timeout=0.1)
    with pytest.raises(UnreachableError, match="no answer in time"):
        streamed(model)


def over(body: bytes, kind: str = "text/event-stream; charset=utf-8") -> ChatGrokBuild:
    """A model behind a gateway that always answers with ``body``."""
    return over_pieces([body], kind)


def over_pieces(
    pieces: Iterable[bytes], kind: str = "text/event-stream", **options: Any
) -> ChatGrokBuild:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": kind}, content=iter(pieces))

    transport = httpx2.MockTransport(answer)
    http_client = httpx2.Client(transport=transport)
    own = {"base_url": "http://gateway.invalid/v1", "api_key": "k", "http_client": http_client}
    return ChatGrokBuild(**own, max_retries=0, **options)


def sse(chunks: list[Any], end: bytes = b"data: [DONE]\n\n") -> bytes:
    lines = [b"data: " + json.dumps(chunk, ensure_ascii=False).encode() for chunk in chunks]
    return b"".join(line + b"\n\n" for line in lines) + end


def piece(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}


def of_call(arguments: Any = None, **more: Any) -> dict[str, Any]:
    function = {"name": more.pop("name", None), "arguments": arguments}
    return piece(tool_calls=[{"function": function, **more}])


END = piece("tool_calls")


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        # two whole calls at the same index
        ([of_call('{"a": 1}', name="f", index=0, id="x"),
          of_call('{"a": 2}', name="g", index=0, id="y")], [("f", {"a": 1}), ("g", {"a": 2})]),
        # one id for two indexes
        ([of_call('{"a": 1}', name="f", index=0, id="x"),
          of_call('{"a": 2}', name="g", index=1, id="x")], [("f", {"a": 1}), ("g", {"a": 2})]),
        # pieces that know each other by id only, interleaved
        ([of_call("", name="f", id="x"), of_call("", name="g", id="y"), of_call('{"a":', id="x"),
          of_call('{"b":', id="y"), of_call("1}", id="x"), of_call("2}", id="y")],
         [("f", {"a": 1}), ("g", {"b": 2})]),
        # neither index nor id, the name on each piece
        ([of_call('{"a":', name="f"), of_call("1}", name="f"), of_call("{}", name="f")],
         [("f", {"a": 1}), ("f", {})]),
        # a new id on each piece of one call
        ([of_call('{"a":', name="f", index=0, id="x"), of_call("1}", index=0, id="y")],
         [("f", {"a": 1})]),
        # a name that grows, arguments as an object, no arguments at all
        ([of_call("", name="get_", index=0), of_call("{}", name="get_it", index=0)],
         [("get_it", {})]),
        ([of_call({"a": 1}, name="f", index=0)], [("f", {"a": 1})]),
        ([of_call(None, name="f", index=0)], [("f", {})]),
    ],
)  # fmt: skip
def test_pieces_of_calls_find_together(chunks: list[Any], expected: list[Any]) -> None:
    message = streamed(over(sse([*chunks, END])))
    assert [(call["name"], call["args"]) for call in message.tool_calls] == expected
    ids = [call["id"] for call in message.tool_calls]
    assert all(ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "arguments",
    ['{"a": 1', '{"a": 1}}', "[1]", "null", '"x"', "1", '{"a": 1}{"b": 2}', "[" * 100_000],
)
def test_arguments_are_parsed_as_sent_or_not_at_all(arguments: str) -> None:
    with pytest.raises(IncompleteAnswerError):
        streamed(over(sse([of_call(arguments, name="f", index=0, id="x"), END])))
    call = {"id": "x", "function": {"name": "f", "arguments": arguments}}
    body = {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    with pytest.raises(IncompleteAnswerError):
        over(json.dumps(body).encode(), "application/json").invoke("go")


def test_a_relay_that_ignores_stream_is_understood() -> None:
    body = {
        "model": "m",
        "choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    message = streamed(over(json.dumps(body).encode(), "application/json"))
    assert message.content == "whole"
    assert message.usage_metadata
    assert message.usage_metadata["input_tokens"] == 3


def test_json_that_was_asked_for_must_be_whole() -> None:
    schema = {"title": "T", "type": "object", "properties": {"a": {"type": "string"}}}
    torn = over(sse([piece(content='{"a": "b'), piece("stop")]))
    with pytest.raises(IncompleteAnswerError):
        list(torn.with_structured_output(schema).stream("go"))
    body = {"choices": [{"message": {"content": '{"a": "b'}, "finish_reason": "stop"}]}
    with pytest.raises(IncompleteAnswerError):
        over(json.dumps(body).encode(), "application/json").with_structured_output(schema).invoke(
            "go"
        )


def test_other_forms_of_text_and_reasoning() -> None:
    chunks = [
        {"choices": []},
        piece(content=None, role="assistant"),
        piece(reasoning="Hm. "),
        piece(reasoning_content="Yes."),
        piece(content="Hi \ud83d"),
        {"choices": [{"index": 1, "delta": {"content": "another choice"}}]},
        "noise",
        piece("stop", content="!"),
        piece("length"),
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2,
                                  "cost_in_usd_ticks": 70_000}},
    ]  # fmt: skip
    body = b"\xef\xbb\xbf: PING\r\n\r\n" + sse(json.loads(json.dumps(chunks[:4]))[:4], end=b"")
    lines = [b"event: x\ndata:" + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks[4:]]
    message = streamed(over(body + b"".join(lines)))
    assert message.content == "Hi \ufffd!"
    assert message.additional_kwargs["reasoning_content"] == "Hm. Yes."
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["model_name"] == "m"
    assert message.response_metadata["cost_in_usd_ticks"] == 70_000


BODY = sse(
    [
        piece(role="assistant", content=""),
        piece(content="Ich schreibe. 你好"),
        of_call("", name="write", index=0, id="x"),
        of_call('{"path": "a.py", "content": "imp', index=0),
        of_call('ort os"}', index=0),
        END,
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}},
    ]
)
WHOLE = {"path": "a.py", "content": "import os"}


def outcome(model: ChatGrokBuild) -> list[dict[str, Any]] | None:
    """The calls of the answer, or None where one of our errors was raised."""
    try:
        return arguments(streamed(model))
    except GatewayError:
        return None


def test_no_call_comes_out_of_a_stream_cut_at_any_byte() -> None:
    end = BODY.index(b'"finish_reason": "tool_calls"')
    for at in range(len(BODY)):
        found = outcome(over(BODY[:at]))
        assert found is None if at <= end else found in (None, [WHOLE])


@given(st.lists(st.integers(0, len(BODY)), max_size=30))
@settings(max_examples=50)
def test_a_stream_split_anywhere_is_the_same(places: list[int]) -> None:
    borders = [0, *sorted(places), len(BODY)]
    pieces = [BODY[start:end] for start, end in pairwise(borders)]
    assert outcome(over_pieces(pieces)) == [WHOLE]


@given(st.integers(0, len(BODY) - 1), st.integers(0, 255))
@settings(max_examples=150)
def test_a_mangled_byte_raises_only_our_errors(at: int, byte: int) -> None:
    outcome(over(BODY[:at] + bytes([byte]) + BODY[at + 1 :]))


WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "index",
                    "id",
                    "content",
                    "finish_reason",
                    "usage",
                    "model",
                    "refusal",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(WILD, max_size=3))
@settings(max_examples=150)
def test_any_stream_of_objects_raises_only_our_errors(chunks: list[Any]) -> None:
    outcome(over(sse([*chunks, piece("stop", content="x")])))


@given(WILD, WILD)
@settings(max_examples=150)
def test_any_whole_object_raises_only_our_errors(message: object, other: object) -> None:
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": other, "id": other}
    try:
        over(json.dumps(body).encode(), "application/json").invoke("go")
    except GatewayError:
        return
