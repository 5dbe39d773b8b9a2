"""The journal keeps what happened, whatever happens to the run, the disk or the process."""

import json
import string
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grok_agent import Workspace, offline_model
from grok_agent.graphs import repository_agent
from grok_agent.journal import Journal, new_run_id, read_journal, run_folder, without_secrets
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

KEY = "xai-0123456789abcdefSECRET"
READ = Turn(tool_calls=(ToolCall("read_file", {"target_file": "notes.txt"}),))
DONE = Turn(content=f"The key is {KEY}.", reasoning=f"Is {KEY} a key?")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "notes.txt").write_text(f"GROK_API_KEY={KEY}\n")
    return Workspace(tmp_path / "repo")


def agent(workspace: Workspace, journal_dir: Path, *turns: Any, **options: Any) -> Any:
    left = list(turns)

    def planner(request: ChatRequest) -> Turn:
        turn = left.pop(0)
        if isinstance(turn, BaseException):
            raise turn
        return turn

    model = offline_model(OfflineGateway(planner=planner), api_key=KEY, max_retries=0)
    return repository_agent(model, workspace, job="ask", journal_dir=journal_dir, **options)


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def test_journal_of_a_run_is_what_was_streamed(workspace: Workspace, tmp_path: Path) -> None:
    graph = agent(workspace, tmp_path / "deep" / "runs", READ, DONE)
    events = list(graph.stream({"task": "look"}, thread("run-7"), stream_mode="custom"))
    kept = read_journal(tmp_path / "deep" / "runs" / "run-7")
    assert kept == events
    assert [event["event"] for event in kept] == [
        "start",
        "survey",
        "model",
        "tool",
        "model",
        "end",
    ]
    assert {event["run"] for event in kept} == {"run-7"}
    assert all(event["at"].endswith("+00:00") for event in kept)


def test_key_appears_nowhere(workspace: Workspace, tmp_path: Path) -> None:
    graph = agent(workspace, tmp_path / "runs", READ, DONE)
    events = list(graph.stream({"task": f"find {KEY}"}, thread("r"), stream_mode="custom"))
    written = (tmp_path / "runs" / "r" / "journal.jsonl").read_text()
    assert KEY not in written
    assert KEY not in json.dumps(events)
    assert written.count("[key]") >= 4


def test_run_without_a_thread_gets_a_folder_of_its_own(
    workspace: Workspace, tmp_path: Path
) -> None:
    graph = agent(workspace, tmp_path / "runs", DONE, DONE)
    ids = [graph.invoke({"task": "look"})["outcome"]["run_id"] for _ in range(2)]
    assert ids[0] != ids[1]
    for run_id in ids:
        assert read_journal(tmp_path / "runs" / run_id)[-1]["event"] == "end"


def test_events_are_on_disk_when_the_reader_sees_them(workspace: Workspace, tmp_path: Path) -> None:
    graph = agent(workspace, tmp_path / "runs", READ, DONE)
    for number, event in enumerate(graph.stream({"task": "t"}, thread("r"), stream_mode="custom")):
        assert read_journal(tmp_path / "runs" / "r")[number] == event


def test_listener_hears_the_events_on_the_thread_of_the_caller(
    workspace: Workspace, tmp_path: Path
) -> None:
    heard: list[Any] = []

    def listen(event: Any) -> None:
        heard.append((event, threading.current_thread()))

    graph = agent(workspace, tmp_path / "runs", READ, DONE, on_event=listen)
    for _ in graph.stream({"task": "look"}, thread("r"), stream_mode="values"):
        pass
    assert [event for event, _ in heard] == read_journal(tmp_path / "runs" / "r")
    assert {on for _, on in heard} == {threading.current_thread()}


@pytest.mark.parametrize("fatal", [KeyboardInterrupt(), MemoryError("no room")])
def test_run_that_breaks_off_keeps_its_journal(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fatal: BaseException
) -> None:
    def break_off(*_: Any) -> None:
        raise fatal

    graph = agent(workspace, tmp_path / "runs", READ, DONE)
    monkeypatch.setattr("grok_agent.graphs.calls.answer", break_off)
    with pytest.raises(type(fatal)):
        graph.invoke({"task": "look"}, thread("r"))
    kept = read_journal(tmp_path / "runs" / "r")
    assert [event["event"] for event in kept] == ["start", "survey", "model", "notice"]
    assert type(fatal).__name__ in kept[-1]["text"]


def test_journal_that_cannot_be_written_costs_one_notice(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "runs").write_text("a file where a folder should be")
    graph = agent(workspace, tmp_path / "runs", READ, DONE)
    events = list(graph.stream({"task": "look"}, thread("r"), stream_mode="custom"))
    notices = [event["text"] for event in events if event["event"] == "notice"]
    assert sum("journal cannot be written" in text for text in notices) == 1
    assert events[-1]["outcome"]["status"] == "done"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_raises_for_the_caller_to_handle(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match="space"):
        Journal(tmp_path).append({"event": "notice"})


@pytest.mark.parametrize("torn", [b'{"event": "mo', b'{"event": "notice", "text": "\xe6\xb1', b"["])
def test_torn_last_line_is_left_out_and_not_glued_to_the_next(tmp_path: Path, torn: bytes) -> None:
    journal = Journal(tmp_path)
    journal.append({"event": "start"})
    with journal.path.open("ab") as file:
        file.write(torn)
    assert read_journal(journal.path) == [{"event": "start"}]
    Journal(tmp_path).append({"event": "end"})
    assert read_journal(tmp_path) == [{"event": "start"}, {"event": "end"}]


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    def write(number: int) -> None:
        Journal(tmp_path / "new").append({"event": "notice", "text": "x" * 5_000, "n": number})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(200)))
    assert {event["n"] for event in read_journal(tmp_path / "new")} == set(range(200))


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.text())))
def test_any_event_comes_back(tmp_path_factory: Any, fields: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("journal")
    event = {**fields, "event": "notice"}
    Journal(folder).append(event)
    Journal(folder).append({"event": "end"})
    assert read_journal(folder) == [event, {"event": "end"}]


def test_text_that_is_no_unicode_does_not_stop_the_journal(tmp_path: Path) -> None:
    Journal(tmp_path).append({"event": "notice", "text": "caf\udce9", "path": Path("x")})
    assert read_journal(tmp_path) == [{"event": "notice", "text": "caf?", "path": "x"}]


def test_reading_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_journal(tmp_path)


@given(st.text(min_size=1, max_size=300))
def test_folder_of_a_run_lies_inside_whatever_its_id(run_id: str) -> None:
    folder = run_folder("/runs", run_id)
    assert folder.parent == Path("/runs")
    assert folder.name not in (".", "..", "")
    assert len(folder.name) < 120
    assert set(folder.name) <= set(string.ascii_letters + string.digits + "_.-")


def test_folders_of_different_runs_differ() -> None:
    ids = ["a/b", "a_b", "a\\b", "..", ".", "../b", "汉", "字", "x" * 200, "x" * 201]
    assert len({run_folder("/runs", run_id) for run_id in ids}) == len(ids)
    assert run_folder("/runs", "20261122-183012-ab12cd").name == "20261122-183012-ab12cd"


def test_run_ids_sort_by_time_and_differ() -> None:
    ids = {new_run_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(run_folder("/runs", run_id).name == run_id for run_id in ids)


@given(st.recursive(st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_secrets_leave_no_trace_at_any_depth(value: Any) -> None:
    planted = {"a": [value, f"x{KEY}y"], KEY: (KEY, {"b": value})}
    assert KEY not in json.dumps(without_secrets(planted, [KEY]))


def test_short_placeholders_are_not_hidden() -> None:
    assert without_secrets("the offline planner", ["offline", ""]) == "the offline planner"


def test_journal_module_stays_light() -> None:
    code = "import sys, grok_agent.journal; print('langchain_core' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
