"""A run that stopped goes on: nothing done twice, nothing paid twice, nothing lost."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from langgraph.checkpoint.base import BaseCheckpointSaver

from grok_agent import Outcome, Workspace, offline_model
from grok_agent.checkpoints import FileSaver
from grok_agent.graphs import once as once_module
from grok_agent.graphs import repository_agent
from grok_agent.graphs.once import go_on
from grok_agent.journal import read_journal
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn
from grok_agent.tools.edit_log import read_edits
from grok_agent.work_log import WorkLog

ROOT = Path(__file__).resolve().parent.parent
THREAD: Any = {"configurable": {"thread_id": "r"}}
DONE = Turn(content="Done.")


class KilledError(BaseException):
    """Stands for SIGKILL: nothing of ours runs after it."""


class Killer:
    """Raises at the moment that was chosen, once: ``kept answer 2``, ``begun 2.1`` (the first call
    of the second answer)."""

    def __init__(self) -> None:
        self.before: str | None = None
        self.answers = 0

    def reach(self, verb: str, name: str) -> None:
        if name.startswith("answer"):
            self.answers = int(name.split()[1])
            moment = f"{verb} {name}"
        else:
            moment = f"{verb} {self.answers}.{name.rpartition('_')[2]}"
        if self.before == moment:
            self.before = None
            raise KilledError(moment)


class FailingLog(WorkLog):
    """A record whose process is killed right before or after something is written."""

    killer = Killer()

    def begin(self, task: str, name: str) -> None:
        super().begin(task, name)
        self.killer.reach("begun", name)

    def finish(self, task: str, name: str, result: Any, *given: Any, **options: Any) -> None:
        self.killer.reach("came", name)
        super().finish(task, name, result, *given, **options)
        self.killer.reach("kept", name)


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Killer:
    FailingLog.killer = Killer()
    monkeypatch.setattr("grok_agent.graphs.record.WorkLog", FailingLog)
    return FailingLog.killer


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "app.py").write_text("VALUE = 1\n")
    return folder


class Program:
    """One run over the processes that take it up, each with a model and a workspace of its own."""

    def __init__(self, repo: Path, *turns: Turn) -> None:
        self.repo, self.runs = repo, repo.parent / "runs"
        self.turns = turns
        self.asked: list[int] = []

    def plan(self, request: ChatRequest) -> Turn:
        number = sum(message["role"] == "assistant" for message in request.messages)
        self.asked.append(number)
        return self.turns[number]

    def process(self, given: Any = None) -> Outcome:
        workspace = Workspace(self.repo, permission="all")
        go_on(workspace, self.runs / "r")
        saver: BaseCheckpointSaver[Any] = FileSaver(self.runs)
        model = offline_model(OfflineGateway(planner=self.plan))
        graph = repository_agent(model, workspace, checkpointer=saver, journal_dir=self.runs)
        state = graph.invoke(given, THREAD, durability="sync")
        return Outcome.from_dict(state["outcome"])

    def killed(self, task: str) -> None:
        """A process that ends before the run does; its other threads end as well."""
        with pytest.raises(KilledError):
            self.process({"task": task})
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join(10)

    def results(self) -> dict[str, str]:
        events = read_journal(self.runs / "r")
        return {event["tool"]: event["result"] for event in events if event["event"] == "tool"}


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(name, arguments)


READ = call("read_file", target_file="app.py")
EDIT = call("search_replace", file_path="app.py", old_string="VALUE = 1", new_string="VALUE = 2")
NEW = call("write", file_path="new.py", content="import app\n")
COMMAND = call("run_terminal_command", command="echo once >> log", description="Note it.")
SCRIPT = (Turn(tool_calls=(READ,)), Turn(tool_calls=(EDIT, NEW, COMMAND)), DONE)


@pytest.mark.parametrize(
    "moment",
    [
        "kept answer 1",
        "begun 2.0",
        "came 2.0",
        "kept 2.0",
        "came 2.1",
        "kept 2.2",
        "kept answer 2",
        "kept answer 3",
        "came 1.0",
    ],
)
def test_killed_and_taken_up(repo: Path, killer: Killer, moment: str) -> None:
    program = Program(repo, *SCRIPT)
    killer.before = moment
    program.killed("count")
    outcome = program.process()
    assert (outcome.status, outcome.steps) == ("done", 3)
    assert program.asked == [0, 1, 2]
    assert (repo / "app.py").read_text() == "VALUE = 2\n"
    assert (repo / "new.py").read_text() == "import app\n"
    assert (repo / "log").read_text() == "once\n"
    assert outcome.changed_files == ["app.py", "log", "new.py"]
    assert "-VALUE = 1\n+VALUE = 2\n" in outcome.diff
    events = read_journal(program.runs / "r")
    steps = [event["step"] for event in events if event["event"] == "model"]
    assert steps == [1, 2, 3]
    assert len(program.results()) == len([e for e in events if e["event"] == "tool"]) == 4
    assert all(event["ok"] for event in events if event["event"] == "tool")


def test_an_answer_that_was_on_its_way_is_asked_for_again(repo: Path, killer: Killer) -> None:
    program = Program(repo, *SCRIPT)
    killer.before = "came answer 2"
    program.killed("count")
    assert program.process().status == "done"
    assert program.asked == [0, 1, 1, 2]


@pytest.mark.parametrize("moment", ["begun 2.2", "came 2.2"])
def test_a_command_that_was_under_way_is_not_repeated(
    repo: Path, killer: Killer, moment: str
) -> None:
    program = Program(repo, *SCRIPT)
    killer.before = moment
    program.killed("count")
    before = (repo / "log").read_text() if (repo / "log").exists() else None
    assert program.process().status == "done"
    assert "its effect is not known" in program.results()["run_terminal_command"]
    assert ((repo / "log").read_text() if (repo / "log").exists() else None) == before


def test_an_edit_that_took_place_is_told_as_done(repo: Path, killer: Killer) -> None:
    program = Program(repo, *SCRIPT)
    killer.before = "came 2.0"
    program.killed("count")
    program.process()
    assert "had taken place" in program.results()["search_replace"]


def test_what_was_read_before_the_kill_may_be_edited_after_it(repo: Path, killer: Killer) -> None:
    program = Program(repo, *SCRIPT)
    killer.before = "kept answer 2"
    program.killed("count")
    program.process()
    assert program.results()["search_replace"] == "The file app.py has been updated."


def test_a_file_that_somebody_changed_meanwhile_is_not_overwritten(
    repo: Path, killer: Killer
) -> None:
    program = Program(repo, *SCRIPT)
    killer.before = "kept answer 2"
    program.killed("count")
    (repo / "app.py").write_text("VALUE = 1  # mine\n")
    program.process()
    assert (repo / "app.py").read_text() == "VALUE = 1  # mine\n"
    assert "has changed since it was read" in program.results()["search_replace"]


def test_drafts_of_a_killed_edit_are_cleared_away(repo: Path, killer: Killer) -> None:
    program = Program(repo, *SCRIPT)
    killer.before = "begun 2.0"
    program.killed("count")
    (repo / ".0123456789abcdef.tmp").write_text("VALUE")
    (repo / ".mine.tmp").write_text("keep")
    program.process()
    assert sorted(path.name for path in repo.iterdir()) == [".mine.tmp", "app.py", "log", "new.py"]


def test_eight_calls_of_which_some_had_ended(repo: Path, killer: Killer) -> None:
    names = [f"part{number}.py" for number in range(8)]
    writes = [
        call("write", file_path=name, content=f"{number}\n") for number, name in enumerate(names)
    ]
    program = Program(repo, Turn(tool_calls=tuple(writes)), DONE)
    killer.before = "kept 1.3"
    program.killed("write")
    assert program.process().status == "done"
    assert [(repo / name).read_text() for name in names] == [f"{n}\n" for n in range(8)]
    assert program.asked == [0, 1]
    assert len(read_edits(program.runs / "r")) == 8


def test_requests_of_a_sub_agent_are_paid_once_and_counted(repo: Path, killer: Killer) -> None:
    found = (Turn(tool_calls=(READ,)), Turn(content="It is 1: app.py:1"))
    explore = call("explore", question="What is VALUE?")

    class WithSubAgent(Program):
        def plan(self, request: ChatRequest) -> Turn:
            names = {tool["function"]["name"] for tool in request.usable_tools}
            if "explore" in names:
                return super().plan(request)
            number = sum(message["role"] == "assistant" for message in request.messages)
            self.asked.append(100 + number)
            return found[number]

    program = WithSubAgent(repo, Turn(tool_calls=(explore, COMMAND)), DONE)
    killer.before = "kept 1.1"
    program.killed("look")
    outcome = program.process()
    assert outcome.status == "done"
    assert program.asked == [0, 100, 101, 1]
    assert outcome.steps == 4
    assert (repo / "log").read_text() == "once\n"
    assert "app.py:1" in program.results()["explore"]


def test_a_record_of_work_that_is_torn_costs_only_its_end(tmp_path: Path) -> None:
    log = WorkLog(tmp_path)
    log.finish("t", "a", ToolMessage("one " * 1_000, tool_call_id="a"))
    log.begin("t", "b")
    file = tmp_path / "work.bin"
    file.write_bytes(file.read_bytes()[:-3])
    again = WorkLog(tmp_path)
    assert again.finished("t", "a").text == "one " * 1_000
    assert not again.has_begun("t", "b")
    again.begin("t", "c")
    assert WorkLog(tmp_path).has_begun("t", "c")


def test_the_newest_digest_of_a_file_is_kept_last(tmp_path: Path) -> None:
    log = WorkLog(tmp_path)
    log.finish("t", "a", "x", lambda: {"f": "old"})
    log.finish("t", "b", "x", lambda: {"f": "new"})
    log.finish("t", "c", "x", lambda: {"f": "new"})
    assert WorkLog(tmp_path).seen == {"f": "new"}


def test_without_a_checkpointer_nothing_is_recorded_for_later(repo: Path) -> None:
    program = Program(repo, *SCRIPT)
    model = offline_model(OfflineGateway(planner=program.plan))
    graph = repository_agent(model, Workspace(repo, permission="all"), journal_dir=program.runs)
    graph.invoke({"task": "count"}, THREAD)
    assert not (program.runs / "r" / "work.bin").exists()
    assert once_module.EDIT_DONE not in program.results().values()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it forks")
@pytest.mark.enable_socket
def test_sigkill_at_random_moments(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/crash.py", "--kills", "5", "--seed", "8"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every result right" in done.stdout
