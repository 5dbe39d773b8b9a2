"""Reasoning between tags in the text, as some relays send it, is no part of the answer."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_stream import over, piece, sse, streamed

from grok_agent.gateway.faults import IncompleteAnswerError
from grok_agent.gateway.thinking import Thinking

SENT = "<think>\nTwo files, <b>perhaps</b>.\n</think>\n\nDone: 2 files."


def whole(content: Any) -> bytes:
    body = {"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}
    return json.dumps(body).encode()


@given(st.lists(st.integers(0, len(SENT)), max_size=12))
@settings(max_examples=60)
def test_it_is_found_however_the_text_is_cut(places: list[int]) -> None:
    borders = [0, *sorted(places), len(SENT)]
    pieces = [piece(content=SENT[start:end]) for start, end in pairwise(borders)]
    message = streamed(over(sse([*pieces, piece("stop")])))
    assert message.content.strip() == "Done: 2 files."
    assert message.additional_kwargs["reasoning_content"].strip() == "Two files, <b>perhaps</b>."


def test_a_whole_body_is_read_the_same() -> None:
    message = over(whole(SENT), "application/json").invoke("go")
    assert message.content == "Done: 2 files."
    assert message.additional_kwargs["reasoning_content"].strip() == "Two files, <b>perhaps</b>."


@pytest.mark.parametrize(
    "text", ["<thin", " \n a", "x <think>y</think> z", "<thinking>y</thinking>", "<", "</think>"]
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert (
        streamed(over(sse([piece(content=char) for char in text] + [piece("stop")]))).content
        == text
    )
    assert over(whole(text), "application/json").invoke("go").content == text


def test_thoughts_alone_are_no_answer() -> None:
    for body, kind in (
        (sse([piece(content="<think>Hm."), piece("stop")]), "text/event-stream"),
        (whole("<think>Hm.</think>\n"), "application/json"),
    ):
        with pytest.raises(IncompleteAnswerError, match="it is empty"):
            streamed(over(body, kind))


@given(st.lists(st.text("<think/> a", max_size=6), max_size=8))
def test_nothing_is_lost_or_doubled(pieces: list[str]) -> None:
    thinking = Thinking()
    parts = [part for each in pieces for part in thinking.split(each)] + [thinking.rest()]
    text = "".join(pieces)
    if text.lstrip().startswith("<think>"):
        text = text.lstrip().removeprefix("<think>").replace("</think>", "", 1)
    kept = "".join(parts)
    assert kept.replace(" ", "") in (text.replace(" ", ""), text.replace(" ", "")[: len(kept)])
