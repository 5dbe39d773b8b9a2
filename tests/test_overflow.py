"""No tool result enters a request above the cap; the whole can be read from disk."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import ToolCall as Call
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, tool

from grok_agent import Workspace, offline_model
from grok_agent.context.tokens import count
from grok_agent.graphs import repository_agent
from grok_agent.graphs.calls import run_calls
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn
from grok_agent.tools.overflow import MAX_RESULT_TOKENS, capped

LONG = "".join(f"line {n} of the result\n" for n in range(40_000))
WHERE = re.compile(r"all of it is in (\S+): read_file")


@tool
def foreign(size: int) -> str:
    """A tool that an application gave, with no cap of its own."""
    return LONG[:size]


@tool
def broken(size: int) -> str:
    """A tool that fails with a long story."""
    raise RuntimeError(LONG[:size])


@tool(response_format="content_and_artifact")
def blocks(size: int) -> Any:
    """A tool whose result has texts and a picture."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    return [{"type": "text", "text": LONG[:size]}, picture, {"type": "text", "text": "end"}], None


def call(one: BaseTool, size: int, workspace: Workspace | None) -> ToolMessage:
    calls = [Call(name=one.name, args={"size": size}, id="1", type="tool_call")]
    (ran,) = run_calls(calls, {one.name: one}, {}, {}, workspace)
    return ran.message


def test_a_short_result_is_left_as_it_is(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert call(foreign, 1_000, workspace).content == LONG[:1_000]
    assert list(workspace.scratch.iterdir()) == []


@pytest.mark.parametrize("one", [foreign, broken])
def test_a_long_result_has_head_tail_and_a_handle(tmp_path: Path, one: BaseTool) -> None:
    workspace = Workspace(tmp_path)
    message = call(one, 700_000, workspace)
    text = str(message.content)
    assert 0.9 * MAX_RESULT_TOKENS < count(text) <= MAX_RESULT_TOKENS
    assert "line 1 of" in text[:200]
    assert text.endswith(LONG[:700_000][-1_000:])
    where = WHERE.search(text)
    assert where
    assert workspace.read(where[1]).text.endswith(LONG[:700_000])


def test_texts_between_pictures_are_cut_and_pictures_stay(tmp_path: Path) -> None:
    content = call(blocks, 700_000, Workspace(tmp_path)).content
    assert [block["type"] for block in content] == ["text", "image_url", "text"]  # type: ignore[index]
    assert count(content[0]["text"]) <= MAX_RESULT_TOKENS // 2  # type: ignore[index]
    assert content[2] == {"type": "text", "text": "end"}


def test_without_a_workspace_the_note_says_that_the_rest_is_gone() -> None:
    text = str(call(foreign, 700_000, None).content)
    assert "the rest was not kept" in text
    assert count(text) <= MAX_RESULT_TOKENS


def test_a_disk_that_is_full_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    text = capped(LONG, Workspace(tmp_path))
    assert "could not be kept (No space left on device)" in text


def test_the_model_reads_on_where_the_result_was_cut(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    one_line = "data " * 80_000  # an argument that the tool repeats
    todo = {"id": "1", "content": f"{one_line}end", "status": "pending"}
    requests: list[ChatRequest] = []

    def planner(request: ChatRequest) -> Turn:
        requests.append(request)
        last = str(request.messages[-1]["content"])
        if len(requests) == 1:
            return Turn(tool_calls=(ToolCall("todo_write", {"todos": [todo], "merge": False}),))
        if where := WHERE.search(last):
            page = {"target_file": where[1], "offset": 100, "limit": 2}
            return Turn(tool_calls=(ToolCall("read_file", page),))
        return Turn(content="Done.")

    model = offline_model(OfflineGateway(planner=planner))
    agent = repository_agent(model, Workspace(tmp_path), job="review", sweep="never")
    agent.invoke({"task": "look"})
    cut, page = (str(r.messages[-1]["content"]) for r in requests[1:3])
    assert count(cut) <= MAX_RESULT_TOKENS
    assert page.startswith("100→")
    assert "data data data" in page


@settings(max_examples=25)
@given(
    text=st.text(max_size=400).map(lambda text: text * 40),
    most=st.integers(min_value=1, max_value=900),
)
def test_what_is_capped_is_within_its_tokens(text: str, most: int) -> None:
    cut = capped(text, None, most)
    assert cut == text or count(cut) <= most + 60  # the note itself, where the cap is tiny
    assert count(text) > most or cut == text


@pytest.mark.parametrize(
    "text", ["a" * 3_000_000, "\ud800" * 200_000, "你好" * 200_000, "\n" * 900_000]
)
def test_hostile_text_is_cut_too(text: str) -> None:
    assert count(capped(text, None)) <= MAX_RESULT_TOKENS
