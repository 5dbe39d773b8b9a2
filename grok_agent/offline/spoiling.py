"""What faults do to an answer: to its content, to the events of its stream, to its bytes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from grok_agent.offline.answers import DONE, Answer, sse
from grok_agent.offline.faults import Fault
from grok_agent.offline.problems import json_response
from grok_agent.offline.wire import HangUp, Pause, Piece, Response

STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
}

PING = b": PING\n\n"
_SPLIT_BYTES = 3

Event = dict[str, Any]


def whole_response(answer: Answer, fault: Fault | None) -> Response:
    """The unstreamed answer, as ``fault`` leaves it."""
    response = json_response(_spoilt(answer, fault).body(fault is None or fault.kind != "no_usage"))
    if fault is None:
        return response
    if fault.kind == "cut_bytes":
        body = response.body()
        return replace(response, chunks=(body[: fault.position(len(body))], HangUp()))
    return replace(response, delay_s=fault.delay_s if fault.kind == "slow" else 0.0)


def streamed_response(answer: Answer, fault: Fault | None, include_usage: bool) -> Response:
    """The streamed answer, as ``fault`` leaves it."""
    if fault is None:
        pieces: Iterator[Piece] = _plain(answer.events(include_usage))
        return Response(200, STREAM_HEADERS, pieces)
    events = _spoilt(answer, fault).events(include_usage and fault.kind != "no_usage")
    chunks = _STREAMS.get(fault.kind, _as_it_is)(events, answer, fault)
    delay = fault.delay_s if fault.kind == "slow" else 0.0
    return Response(200, STREAM_HEADERS, chunks, delay)


def _plain(events: list[Event]) -> Iterator[bytes]:
    yield from map(sse, events)
    yield DONE


def _spoilt(answer: Answer, fault: Fault | None) -> Answer:
    kind = fault.kind if fault else ""
    if fault and kind == "length":
        return answer.cut(fault.position(answer.answer_tokens))
    if kind == "content_filter":
        return replace(answer, content="", refusal="", calls=(), finish_reason=kind)
    if kind == "empty_answer":
        return replace(answer, content="", refusal="", calls=(), finish_reason="stop")
    if kind == "bad_arguments" and answer.calls:
        last = answer.calls[-1]
        torn = replace(last, arguments=last.arguments[:-1])
        return replace(answer, calls=(*answer.calls[:-1], torn))
    return answer


Spoiler = Callable[[list[Event], Answer, Fault], Iterator[Piece]]


def _as_it_is(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    yield from _plain(events)


def _before_the_end(events: list[Event], fault: Fault) -> Iterator[Piece]:
    """The events before ``at``, none of them with a finish_reason."""
    unfinished = [event for event in events if not _finishes(event) and event["choices"]]
    yield from map(sse, unfinished[: fault.position(len(unfinished))])


def _finishes(event: Event) -> bool:
    return any(choice["finish_reason"] for choice in event["choices"])


def _cut(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    yield from _before_the_end(events, fault)


def _reset(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    yield from _before_the_end(events, fault)
    yield HangUp()


def _hang(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    yield from _before_the_end(events, fault)
    yield Pause(fault.delay_s)
    yield HangUp()


def _error(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    yield from _before_the_end(events, fault)
    yield sse({"error": {"message": "upstream overloaded", "type": None, "code": "500"}})


def _endless_pings(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    yield from _before_the_end(events, fault)
    while True:
        yield PING
        yield Pause(fault.delay_s)


def _unfinished(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    yield from _plain([event for event in events if not _finishes(event)])


def _without_done(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    yield from map(sse, events)


def _usage_everywhere(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    yield from _plain([{**event, "usage": answer.usage} for event in events])


def _pinging(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    for piece in _plain(events):
        yield PING
        yield piece


def _slowly(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    for piece in _plain(events):
        yield Pause(fault.delay_s)
        yield piece


def _without_index(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    for call in _call_deltas(events):
        del call["index"]
    yield from _plain(events)


def _names_again(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    for call in _call_deltas(events):
        call["function"]["name"] = answer.calls[call["index"]].name
    yield from _plain(events)


def _call_deltas(events: list[Event]) -> Iterator[dict[str, Any]]:
    for event in events:
        for choice in event["choices"]:
            yield from choice["delta"].get("tool_calls", ())


def _first_bytes(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    whole = b"".join(_plain(events))
    yield whole[: fault.position(len(whole))]


def _in_small_pieces(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    whole = b"".join(_plain(events))
    for start in range(0, len(whole), _SPLIT_BYTES):
        yield whole[start : start + _SPLIT_BYTES]


def _with_crlf(events: list[Event], answer: Answer, fault: Fault) -> Iterator[Piece]:
    for piece in _plain(events):
        yield piece.replace(b"\n", b"\r\n")


_STREAMS: dict[str, Spoiler] = {
    "cut_stream": _cut,
    "reset_stream": _reset,
    "hang_stream": _hang,
    "mid_stream_error": _error,
    "endless_keep_alive": _endless_pings,
    "no_finish_reason": _unfinished,
    "no_done": _without_done,
    "repeated_usage": _usage_everywhere,
    "keep_alive": _pinging,
    "slow_stream": _slowly,
    "indexless_calls": _without_index,
    "doubled_names": _names_again,
    "cut_bytes": _first_bytes,
    "split_bytes": _in_small_pieces,
    "crlf": _with_crlf,
}
