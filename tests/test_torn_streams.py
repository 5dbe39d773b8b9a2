"""Answers cut, split and mangled at any byte: whole, or one of our errors; never half a call."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from grok_agent.chat_model import ChatGrokBuild
from grok_agent.errors import GatewayError
from grok_agent.graphs import repository_agent
from grok_agent.graphs.state import Outcome
from grok_agent.offline import offline_model
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, Request, ToolCall, Turn
from grok_agent.tools.workspace import Workspace

PARAMETERS = {"type": "object", "required": ["file_path"]}
TOOL = {"type": "function", "function": {"name": "write", "parameters": PARAMETERS}}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
CALLS = st.builds(
    ToolCall,
    st.sampled_from(["write", "read_file", "grep"]),
    st.dictionaries(st.text(min_size=1, max_size=8), JSON, max_size=4),
)
TURNS = st.builds(
    Turn,
    content=st.text(max_size=80),
    reasoning=st.text(max_size=40),
    tool_calls=st.lists(CALLS, max_size=3).map(tuple),
).filter(lambda turn: bool(turn.tool_calls or turn.content.strip()))
"""Answers of text in any alphabet, reasoning, and calls with arguments of any form."""

Read = Callable[[ChatGrokBuild], AIMessage]


def answer_bytes(turn: Turn, *, stream: bool = True) -> bytes:
    """The body with which the embedded gateway sends ``turn``."""
    body = {
        "model": "grok-build-0.1",
        "messages": [{"role": "user", "content": "go"}],
        "tools": [TOOL],
        "stream": stream,
        "stream_options": {"include_usage": True},
    }
    request = Request(
        "POST",
        "/v1/chat/completions",
        {"authorization": "Bearer k"},
        json.dumps(body if stream else body | {"stream_options": None}).encode(),
    )
    return OfflineGateway(lambda chat: turn).handle(request).body()


class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that arrives in these pieces, and then ends or tears."""

    def __init__(self, pieces: list[bytes], tears: bool) -> None:
        self._pieces = pieces
        self._tears = tears

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._tears:
            raise httpx2.RemoteProtocolError("peer closed connection")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


hosts = count(1)


def behind(*pieces: bytes, kind: str = "text/event-stream", tears: bool = False) -> ChatGrokBuild:
    """A model behind a gateway of its own that always answers with ``pieces``."""

    def respond(request: httpx2.Request) -> httpx2.Response:
        body = Pieces(list(pieces), tears)
        return httpx2.Response(200, headers={"content-type": kind}, stream=body)

    transport = httpx2.MockTransport(respond)
    return ChatGrokBuild(
        base_url=f"http://gateway-{next(hosts)}.invalid/v1",
        api_key="k",
        max_retries=0,
        http_client=httpx2.Client(transport=transport),
        http_async_client=httpx2.AsyncClient(transport=transport),
    )


def streamed(model: ChatGrokBuild) -> AIMessage:
    first, *rest = model.stream("go", tools=[TOOL])
    return sum(rest, first)


def streamed_async(model: ChatGrokBuild) -> AIMessage:
    async def read() -> AIMessage:
        first, *rest = [chunk async for chunk in model.astream("go", tools=[TOOL])]
        return sum(rest, first)

    return asyncio.run(read())


def invoked(model: ChatGrokBuild) -> AIMessage:
    return model.invoke("go", tools=[TOOL])


READS = pytest.mark.parametrize("read", [streamed, streamed_async])


def essence(message: AIMessage) -> tuple[str, list[tuple[str, Any]]]:
    """Text and calls; also checks that nothing in the message is only half a call."""
    assert not message.invalid_tool_calls
    assert all(call["name"] and call["id"] for call in message.tool_calls)
    assert len({call["id"] for call in message.tool_calls}) == len(message.tool_calls)
    return str(message.content), [(call["name"], call["args"]) for call in message.tool_calls]


def sent(turn: Turn) -> tuple[str, list[tuple[str, Any]]]:
    return turn.content, [(call.name, call.arguments) for call in turn.tool_calls]


def survived(read: Read, model: ChatGrokBuild) -> tuple[str, list[tuple[str, Any]]] | None:
    """What comes out, or None where one of our errors does; anything else fails the test."""
    try:
        return essence(read(model))
    except GatewayError:
        return None


FIXED = Turn(
    content="Ich schreibe 你好 🙂.",
    reasoning="Two files.",
    tool_calls=(
        ToolCall("write", {"file_path": "a.py", "content": "import os\nprint('é')\n"}),
        ToolCall("write", {"file_path": "b.py", "content": '{"x": [1, 2]}'}),
    ),
)


SHORT = Turn(content="好 🙂", tool_calls=(ToolCall("write", {"file_path": "é.py", "x": [1]}),))


@pytest.mark.parametrize("tears", [False, True])
def test_a_stream_cut_at_each_byte_is_whole_or_raised(tears: bool) -> None:
    body = answer_bytes(SHORT)
    end = body.index(b'"finish_reason": "tool_calls"')
    for at in range(int(tears), len(body), 2):  # the odd places tear, the even ones end cleanly
        found = survived(streamed, behind(body[:at], tears=tears))
        assert found is None or (at > end and found == sent(SHORT)), at


def test_a_whole_body_cut_at_each_byte_is_raised() -> None:
    body = answer_bytes(SHORT, stream=False)
    for at in range(len(body)):
        assert survived(invoked, behind(body[:at], kind="application/json")) is None, at
    assert survived(invoked, behind(body, kind="application/json")) == sent(SHORT)


def test_an_end_that_a_relay_made_up_lets_only_whole_calls_pass() -> None:
    *events, _, _, _, _ = answer_bytes(FIXED).split(b"\n\n")
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    made_up = [b"data: " + json.dumps(end).encode(), b"data: [DONE]", b""]
    text, calls = sent(FIXED)
    for length in range(len(events)):
        body = b"\n\n".join([*events[:length], *made_up])
        for read in (streamed, streamed_async):
            said, found = survived(read, behind(body)) or ("", [])
            assert text.startswith(said)
            assert found == calls[: len(found)]


@READS
@given(turn=TURNS, share=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_any_answer_cut_anywhere_is_whole_or_raised(read: Read, turn: Turn, share: float) -> None:
    body = answer_bytes(turn)
    found = survived(read, behind(body[: int(share * len(body))]))
    assert found in (None, sent(turn))


@READS
@given(turn=TURNS, shares=st.lists(st.floats(0, 1), max_size=20), crlf=st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_answer_split_anywhere_is_the_same(
    read: Read, turn: Turn, shares: list[float], crlf: bool
) -> None:
    body = answer_bytes(turn)
    body = body.replace(b"\n", b"\r\n") if crlf else body
    borders = [0, *sorted(int(share * len(body)) for share in shares), len(body)]
    pieces = [body[start:end] for start, end in pairwise(borders)]
    assert survived(read, behind(*pieces)) == sent(turn)


@READS
@given(
    turn=TURNS,
    edits=st.lists(
        st.tuples(
            st.sampled_from(["drop", "repeat", "flip", "insert"]),
            st.floats(0, 1),
            st.integers(1, 40),
            st.binary(min_size=1, max_size=6)
            | st.sampled_from(
                [b"\n\n", b"data: ", b"data: [DONE]\n\n", b'"', b"}", b"\xff", b"\0"]
            ),
        ),
        min_size=1,
        max_size=4,
    ),
)
@settings(max_examples=120, deadline=None)
def test_any_answer_mangled_anywhere_gives_sound_calls_or_our_error(
    read: Read, turn: Turn, edits: list[tuple[str, float, int, bytes]]
) -> None:
    body = answer_bytes(turn)
    for edit, share, length, junk in edits:
        at = int(share * len(body))
        taken = body[at : at + length]
        new = {
            "drop": b"",
            "repeat": taken * 2,
            "flip": bytes(byte ^ junk[0] for byte in taken),
            "insert": junk + taken,
        }[edit]
        body = body[:at] + new + body[at + length :]
    survived(read, behind(body))


@given(turn=TURNS, order=st.randoms(use_true_random=False), lost=st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_events_out_of_order_or_lost_give_sound_calls_or_our_error(
    turn: Turn, order: Any, lost: int
) -> None:
    events = answer_bytes(turn).split(b"\n\n")
    order.shuffle(events)
    survived(streamed, behind(b"\n\n".join(events[lost:]) + b"\n\n"))


@given(body=st.binary(max_size=300), kind=st.sampled_from(["text/event-stream", "text/plain", ""]))
@settings(max_examples=80, deadline=None)
def test_any_bytes_at_all_are_no_answer(body: bytes, kind: str) -> None:
    assert survived(streamed, behind(body, kind=kind)) is None


@given(body=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=80, deadline=None)
def test_any_whole_body_at_all_is_no_answer(body: bytes) -> None:
    assert survived(invoked, behind(body, kind="application/json")) is None


def writing(chat: ChatRequest) -> Turn:
    if any(message["role"] == "tool" for message in chat.messages):
        return Turn(content="Written.")
    return FIXED


TEARS = [
    *(Fault("cut_stream", times=None, at=at) for at in (0.3, 0.6, 0.9, 1.0)),
    *(Fault("cut_bytes", times=None, at=at) for at in (0.3, 0.6, 0.8)),
    *(Fault(kind, times=None) for kind in ("reset_stream", "no_finish_reason", "bad_arguments")),
    Fault("mid_stream_error", times=None, at=1.0),
    Fault("length", times=None),
]


@pytest.mark.parametrize("fault", TEARS, ids=lambda fault: f"{fault.kind}-{fault.at}")
def test_a_run_executes_no_call_of_a_torn_answer(fault: Fault, tmp_path: Path) -> None:
    assert written(tmp_path, fault) == []


def test_a_run_executes_the_calls_of_a_whole_answer(tmp_path: Path) -> None:
    assert written(tmp_path) == ["a.py", "b.py"]


def written(folder: Path, *faults: Fault) -> list[str]:
    """The files that a run leaves behind when each of its answers has the fault."""
    model = offline_model(
        OfflineGateway(writing, faults),
        base_url=f"http://gateway-{next(hosts)}.invalid/v1",
        max_retries=0,
        streaming=True,
    )
    graph = repository_agent(model, Workspace(folder))
    state = graph.invoke({"task": "Write both files."})
    outcome = Outcome.from_dict(state["outcome"])
    assert (outcome.status == "done") is not bool(faults)
    return sorted(path.name for path in folder.iterdir() if path.is_file())
