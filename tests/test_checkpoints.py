"""Checkpoints in files: whole, small, and good for everything that LangGraph does with them."""

import asyncio
import operator
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, ToolMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt

from grok_agent import SettingsError
from grok_agent.checkpoints import FileSaver
from grok_agent.frames import Frames

THREAD: Any = {"configurable": {"thread_id": "t"}}
LARGE = "A text that is long enough to lie in a file of its own. " * 200


class State(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    trail: Annotated[list[str], operator.add]
    step: int


def graph_on(saver: Any, turns: int = 3, *, asks: bool = False) -> Any:
    def work(state: State) -> State:
        step = state.get("step", 0) + 1
        if asks and step == 2:
            interrupt("may I?")
        answer = AIMessage(f"step {step}", id=f"a{step}")
        return {"messages": [answer], "trail": [f"{step}"], "step": step}

    def route(state: State) -> str:
        return "work" if state["step"] < turns else END

    graph = StateGraph(State)
    graph.add_node("work", work)
    graph.add_edge(START, "work")
    graph.add_conditional_edges("work", route, ["work", END])
    return graph.compile(checkpointer=saver)


def texts(values: Any) -> list[str]:
    return [str(message.text) for message in values["messages"]]


def test_another_process_finds_the_state_and_its_history(tmp_path: Path) -> None:
    graph_on(FileSaver(tmp_path)).invoke({"messages": [HumanMessage("go", id="h")]}, THREAD)
    graph = graph_on(FileSaver(tmp_path))
    assert texts(graph.get_state(THREAD).values) == ["go", "step 1", "step 2", "step 3"]
    history = list(graph.get_state_history(THREAD))
    assert [texts(each.values) for each in history[:3]] == [
        ["go", "step 1", "step 2", "step 3"],
        ["go", "step 1", "step 2"],
        ["go", "step 1"],
    ]
    assert history[0].values["trail"] == ["1", "2", "3"]


def test_history_is_that_of_langgraphs_own_saver(tmp_path: Path) -> None:
    def told(saver: Any) -> list[Any]:
        graph = graph_on(saver)
        graph.invoke({"messages": [HumanMessage("go", id="h")]}, THREAD)
        states = graph.get_state_history(THREAD)
        return [(each.values, each.next, each.metadata) for each in states]

    assert told(FileSaver(tmp_path)) == told(InMemorySaver())


def test_a_fork_leaves_the_first_way_as_it_was(tmp_path: Path) -> None:
    graph = graph_on(FileSaver(tmp_path))
    graph.invoke({"messages": [HumanMessage("go", id="h")]}, THREAD)
    second = list(graph.get_state_history(THREAD))[1]
    forked = graph.update_state(second.config, {"messages": [HumanMessage("other", id="o")]})
    graph.invoke(None, forked)
    fresh = graph_on(FileSaver(tmp_path))
    assert texts(fresh.get_state(THREAD).values) == ["go", "step 1", "step 2", "other", "step 3"]
    assert texts(fresh.get_state(second.config).values) == ["go", "step 1", "step 2"]


def test_messages_are_changed_and_removed_in_the_middle(tmp_path: Path) -> None:
    graph = graph_on(FileSaver(tmp_path))
    graph.invoke({"messages": [HumanMessage("go", id="h")]}, THREAD)
    changes = [AIMessage("changed", id="a1"), RemoveMessage(id="a2")]
    graph.update_state(THREAD, {"messages": changes})
    again = graph_on(FileSaver(tmp_path))
    assert texts(again.get_state(THREAD).values) == ["go", "changed", "step 3"]


def test_an_interrupt_is_answered_in_another_process(tmp_path: Path) -> None:
    given = {"messages": [HumanMessage("go", id="h")]}
    asked = graph_on(FileSaver(tmp_path), asks=True).invoke(given, THREAD)
    assert asked["__interrupt__"][0].value == "may I?"
    done = graph_on(FileSaver(tmp_path), asks=True).invoke(Command(resume=True), THREAD)
    assert done["trail"] == ["1", "2", "3"]


def test_coroutines(tmp_path: Path) -> None:
    async def go() -> list[Any]:
        graph = graph_on(FileSaver(tmp_path))
        await graph.ainvoke({"messages": [HumanMessage("go", id="h")]}, THREAD)
        return [state async for state in graph.aget_state_history(THREAD)]

    assert len(asyncio.run(go())) == 5


def test_size_follows_what_happened_and_not_its_square(tmp_path: Path) -> None:
    def size(turns: int) -> int:
        folder = tmp_path / str(turns)
        config: Any = {**THREAD, "recursion_limit": turns + 5}
        graph_on(FileSaver(folder), turns).invoke({"messages": [HumanMessage(LARGE)]}, config)
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

    assert size(200) - size(100) < 1.3 * (size(300) - size(200))
    assert size(300) < 150_000


def test_large_texts_lie_once(tmp_path: Path) -> None:
    graph = graph_on(FileSaver(tmp_path))
    call = {"name": "write", "args": {"content": LARGE}, "id": "c"}
    said = [
        HumanMessage(LARGE),
        AIMessage("", tool_calls=[call]),
        ToolMessage(LARGE, tool_call_id="c"),
    ]
    graph.invoke({"messages": said}, THREAD)
    (blob,) = (file for file in tmp_path.rglob("blobs/*/*") if file.is_file())
    assert zlib.decompress(blob.read_bytes()).decode() == LARGE
    kept = graph_on(FileSaver(tmp_path)).get_state(THREAD).values["messages"]
    assert kept[0].text == kept[1].tool_calls[0]["args"]["content"] == kept[2].text == LARGE


def test_text_that_looks_like_a_reference_is_only_text(tmp_path: Path) -> None:
    text = "blob:sha256:" + "0" * 64
    graph_on(FileSaver(tmp_path)).invoke({"messages": [HumanMessage(text)]}, THREAD)
    assert texts(graph_on(FileSaver(tmp_path)).get_state(THREAD).values)[0] == text


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 40, 90])
def test_a_torn_end_costs_the_last_records_only(tmp_path: Path, cut: int) -> None:
    graph = graph_on(FileSaver(tmp_path), turns=12)
    graph.invoke({"messages": [HumanMessage("go", id="h")]}, THREAD)
    (file,) = tmp_path.glob("*/checkpoints.bin")
    file.write_bytes(file.read_bytes()[:-cut])
    graph = graph_on(FileSaver(tmp_path), turns=12)
    assert texts(graph.get_state(THREAD).values)[-1] in ("step 11", "step 12")
    graph.invoke(None, THREAD)
    assert texts(graph_on(FileSaver(tmp_path)).get_state(THREAD).values)[1:] == [
        f"step {number}" for number in range(1, 13)
    ]


def test_zeros_of_a_power_cut_are_cut_off(tmp_path: Path) -> None:
    frames = Frames(tmp_path / "f", "test", 1)
    frames.append(b"one")
    with (tmp_path / "f").open("ab") as file:
        file.write(b"\0" * 4096)
    frames = Frames(tmp_path / "f", "test", 1)
    assert frames.read() == [b"one"]
    frames.append(b"two")
    assert Frames(tmp_path / "f", "test", 1).read() == [b"one", b"two"]


def test_state_of_another_version_is_refused(tmp_path: Path) -> None:
    graph_on(FileSaver(tmp_path)).invoke({"messages": [HumanMessage("go")]}, THREAD)
    (file,) = tmp_path.glob("*/checkpoints.bin")
    file.write_bytes(file.read_bytes().replace(b"checkpoints 1\n", b"checkpoints 7\n", 1))
    with pytest.raises(SettingsError, match="version 7; this program reads version 1"):
        graph_on(FileSaver(tmp_path)).get_state(THREAD)
    file.write_bytes(b"SQLite format 3\0" + b"x" * 100)
    with pytest.raises(SettingsError, match="another program"):
        graph_on(FileSaver(tmp_path)).get_state(THREAD)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_costs_one_word_and_not_the_run(tmp_path: Path) -> None:
    problems: list[OSError] = []
    graph = graph_on(FileSaver(tmp_path, problems.append), asks=True)
    with full_disk():
        graph.invoke({"messages": [HumanMessage(LARGE, id="h")]}, THREAD)
        assert graph.invoke(Command(resume=True), THREAD)["trail"] == ["1", "2", "3"]
    assert len(problems) == 1
    graph.update_state(THREAD, {"messages": [HumanMessage("more", id="m")]})
    again = graph_on(FileSaver(tmp_path)).get_state(THREAD).values
    assert texts(again) == [LARGE, "step 1", "step 2", "step 3", "more"]


def test_damage_in_the_middle_keeps_what_was_before(tmp_path: Path) -> None:
    graph = graph_on(FileSaver(tmp_path), turns=30)
    graph.invoke({"messages": [HumanMessage("go", id="h")]}, {**THREAD, "recursion_limit": 50})
    (file,) = tmp_path.glob("*/checkpoints.bin")
    data = bytearray(file.read_bytes())
    data[len(data) * 2 // 3] ^= 0xFF
    file.write_bytes(data)
    kept = texts(graph_on(FileSaver(tmp_path)).get_state(THREAD).values)
    assert 3 < len(kept) < 31
    assert kept == ["go", *(f"step {n}" for n in range(1, len(kept)))]


def test_values_are_kept_as_they_were_when_put(tmp_path: Path) -> None:
    saver = FileSaver(tmp_path)
    shared = {"n": 1}
    first = {**empty_checkpoint(), "channel_values": {"d": shared, "l": [shared]}}
    first["channel_versions"] = versions = {"d": 1, "l": 1}
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    stored = saver.put(config, first, {}, versions)  # type: ignore[arg-type]
    shared["n"] = 2
    for each in (saver, FileSaver(tmp_path)):
        found = each.get_tuple(stored)
        assert found
        assert found.checkpoint["channel_values"] == {"d": {"n": 1}, "l": [{"n": 1}]}


def test_deleted_threads_are_gone(tmp_path: Path) -> None:
    saver = FileSaver(tmp_path)
    graph_on(saver).invoke({"messages": [HumanMessage(LARGE)]}, THREAD)
    assert list(FileSaver(tmp_path).list(None))
    saver.delete_thread("t")
    assert not list(FileSaver(tmp_path).list(None))
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(0, 3) | st.text(max_size=3), max_size=5), max_size=6))
def test_any_lists_come_back(tmp_path_factory: Any, values: list[list[Any]]) -> None:
    folder = tmp_path_factory.mktemp("saver")
    saver = FileSaver(folder)
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    places = []
    for version, value in enumerate(values, start=1):
        checkpoint: Any = {**empty_checkpoint(), "channel_values": {"c": value}}
        checkpoint["channel_versions"] = {"c": version}
        config = saver.put(config, checkpoint, {}, {"c": version})
        places.append((config, value))
    fresh = FileSaver(folder)
    for config, value in places:
        found = fresh.get_tuple(config)
        assert found
        assert found.checkpoint["channel_values"]["c"] == value


def test_langgraphs_own_conformance_suite(tmp_path: Path) -> None:
    conformance = pytest.importorskip("langgraph.checkpoint.conformance")

    async def saver() -> Any:
        yield FileSaver(tmp_path / str(len([*tmp_path.iterdir()])))

    registered = conformance.checkpointer_test(name="FileSaver")(saver)
    report = asyncio.run(conformance.validate(registered))
    assert report.passed_all_base(), [each.failures for each in report.results.values()]
