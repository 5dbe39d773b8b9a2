"""What a person says to a run while it goes on, how it is stopped, and how its plan is shown."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from grok_agent import Outcome, Steering, Workspace, offline_model
from grok_agent.graphs import repository_agent
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.server import running
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn
from grok_agent.plan_view import PlanView

READ = Turn(tool_calls=(ToolCall("read_file", {"target_file": "app.py"}),))
DONE = Turn(content="Done.")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("VALUE = 1\n")
    return tmp_path


class Watched:
    """A planner that gives its turns one after the other, the last one for ever; ``before`` hears
    the number of each request, from 0, before it is answered."""

    def __init__(self, *turns: Turn, before: Callable[[int], None] = lambda number: None) -> None:
        self.turns = turns
        self.before = before
        self.requests: list[ChatRequest] = []

    def __call__(self, request: ChatRequest) -> Turn:
        self.requests.append(request)
        number = len(self.requests) - 1
        self.before(number)
        return self.turns[min(number, len(self.turns) - 1)]

    def said(self, number: int) -> list[str]:
        return [str(m["content"]) for m in self.requests[number].messages if m["role"] == "user"]


def events_of(planner: Watched, repo: Path, **options: Any) -> list[dict[str, Any]]:
    model = offline_model(OfflineGateway(planner=planner))
    agent = repository_agent(model, Workspace(repo), **options)
    return list(agent.stream({"task": "look"}, stream_mode="custom"))


# Steering


def test_what_is_said_is_read_with_the_next_request(repo: Path) -> None:
    steering = Steering()
    planner = Watched(
        READ, READ, DONE, before=lambda n: steering.say("也看看 README 😀") if n == 1 else None
    )
    events = events_of(planner, repo, steering=steering)
    assert [len(planner.said(number)) for number in range(3)] == [1, 1, 2]
    assert planner.requests[2].messages[-1]["content"] == "也看看 README 😀"
    assert planner.requests[2].messages[: len(planner.requests[1].messages)] == (
        planner.requests[1].messages
    )
    assert [e["said"] for e in events if e["event"] == "steer"] == [["也看看 README 😀"]]
    assert not steering.is_waiting


def test_a_run_does_not_end_as_long_as_something_waits(repo: Path) -> None:
    steering = Steering()
    turns = (Turn(content="First."), Turn(content="Second."))
    planner = Watched(*turns, before=lambda n: steering.say("One more thing.") if n == 0 else None)
    outcome = Outcome.from_dict(events_of(planner, repo, steering=steering)[-1]["outcome"])
    assert (outcome.status, outcome.summary, outcome.steps) == ("done", "Second.", 2)
    assert planner.requests[1].messages[-1]["content"] == "One more thing."


def test_what_was_said_before_a_run_comes_with_its_first_request(repo: Path) -> None:
    steering = Steering()
    for text in ("a", " \n", "b"):
        steering.say(text)
    planner = Watched(DONE)
    events_of(planner, repo, steering=steering)
    assert planner.said(0)[1:] == ["a", "b"]


def test_it_stays_a_word_of_the_person_in_the_state(repo: Path) -> None:
    steering = Steering()
    steering.say("Quickly.")
    agent = repository_agent(
        offline_model(OfflineGateway(planner=Watched(DONE))), Workspace(repo), steering=steering
    )
    state = agent.invoke({"task": "look"})
    said = [each for each in state["messages"] if isinstance(each, HumanMessage)]
    assert [(each.text, each.additional_kwargs) for each in said][1] == ("Quickly.", {})


def test_many_threads_may_speak() -> None:
    steering = Steering()
    taken: list[str] = []

    def speak() -> None:
        for _ in range(200):
            steering.say("x")

    speakers = [threading.Thread(target=speak) for _ in range(8)]
    for each in speakers:
        each.start()
    while any(each.is_alive() for each in speakers) or steering.is_waiting:
        taken += steering.take()
    assert len(taken) == 1_600


# The plan


def todo(*items: tuple[str, str, str], merge: bool = True) -> Turn:
    todos = [{"id": id_, "content": content, "status": status} for id_, content, status in items]
    return Turn(tool_calls=(ToolCall("todo_write", {"todos": todos, "merge": merge}),))


def test_the_plan_is_in_the_outcome(repo: Path) -> None:
    first = todo(("1", "看", "in_progress"), ("2", "mend", "pending"))
    second = Turn(
        tool_calls=(
            ToolCall("todo_write", {"todos": [{"id": "1", "status": "completed"}]}),
            ToolCall("todo_write", {"todos": [{"id": "2", "status": "in_progress"}]}),
            ToolCall("todo_write", {"todos": [{"id": "3", "status": "pending"}]}),  # no content
        )
    )
    outcome = events_of(Watched(first, second, DONE), repo)[-1]["outcome"]
    assert outcome["plan"] == [
        {"id": "1", "content": "看", "status": "completed"},
        {"id": "2", "content": "mend", "status": "in_progress"},
    ]


def test_runs_of_one_agent_have_plans_of_their_own(repo: Path) -> None:
    planner = Watched(todo(("1", "a", "pending")), DONE, todo(("2", "b", "pending")), DONE)
    agent = repository_agent(offline_model(OfflineGateway(planner=planner)), Workspace(repo))
    plans = [agent.invoke({"task": "look"})["outcome"]["plan"] for _ in range(2)]
    assert [[each["id"] for each in plan] for plan in plans] == [["1"], ["2"]]


def test_the_plan_is_shown_once_and_then_what_changes() -> None:
    view = PlanView()
    assert view.news("- [in_progress] 1: a\n- [pending] 2: b: c") == [
        "  todo   0 of 2 done", "    [>] 1: a", "    [ ] 2: b: c"
    ]  # fmt: skip
    assert view.news("- [completed] 1: a\n- [pending] 2: b: c") == [
        "  todo   1 of 2 done", "    [x] 1: a"
    ]  # fmt: skip
    assert view.news("- [completed] 1: a\n- [pending] 2: b: c") == []
    assert view.news("The list is empty.") == ["  todo   0 of 0 done"]


# On a terminal


class Slow(Watched):
    """Answers each request only once the test says so."""

    def __init__(self, *turns: Turn) -> None:
        super().__init__(*turns, before=self._wait)
        self.waiting = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)

    def _wait(self, number: int) -> None:
        self.waiting.release()
        self.let_go.acquire(timeout=60)


@contextmanager
def on_a_terminal(url: str, repo: Path, *options: str) -> Iterator[tuple[Any, int]]:
    """The program in a terminal of its own: its process, and the other end of the terminal."""
    import fcntl
    import termios

    ours, its = os.openpty()
    command = [sys.executable, "-m", "grok_agent", "ask", "--base-url", url, "--repo", str(repo)]
    process = subprocess.Popen(
        [*command, *options, "what is this"],
        env={**os.environ, "GROK_API_KEY": "k", "TERM": "xterm"},
        stdin=its,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    try:
        yield process, ours
    finally:
        process.kill()
        process.communicate()
        os.close(ours)
        os.close(its)


POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal")


@POSIX
@pytest.mark.enable_socket
def test_a_line_typed_meanwhile_reaches_the_model_and_answers_no_question(repo: Path) -> None:
    write = Turn(tool_calls=(ToolCall("write", {"file_path": "new.py", "content": "x\n"}),))
    planner = Slow(write, DONE)
    with (
        running(OfflineGateway(planner=planner)) as url,
        on_a_terminal(url, repo, "--permission", "ask") as (child, tty),
    ):
        assert planner.waiting.acquire(timeout=60)
        os.write(tty, "yes, 快一点 😀\ny".encode())
        time.sleep(0.5)
        planner.let_go.release(10)
        time.sleep(1.5)
        os.write(tty, b"n\n")
        _, errors = child.communicate(timeout=60)
    assert not (repo / "new.py").exists(), errors
    assert "yes, 快一点 😀" in planner.said(1)
    assert "heard  yes, 快一点 😀" in errors


@POSIX
@pytest.mark.enable_socket
def test_ctrl_c_ends_commands_and_leaves_a_run_that_can_be_resumed(repo: Path) -> None:
    lines = [f"echo $$ > {repo}/pid{n}; sleep 60" for n in range(3)]
    calls = [ToolCall("run_terminal_command", {"command": c, "description": "x"}) for c in lines]
    planner = Watched(Turn(tool_calls=tuple(calls)), DONE)
    with running(OfflineGateway(planner=planner)) as url:
        with on_a_terminal(url, repo, "--permission", "all") as (child, tty):
            until = time.monotonic() + 60
            while len(list(repo.glob("pid*"))) < 3 and time.monotonic() < until:
                time.sleep(0.05)
            os.write(tty, b"\x03")
            _, errors = child.communicate(timeout=30)
        assert child.returncode == 130, errors
        hint = next(line for line in errors.splitlines() if "grok-agent resume " in line)
        resumed = subprocess.run(
            [sys.executable, "-m", "grok_agent", "resume", hint.split()[-1]],
            env={**os.environ, "GROK_API_KEY": "k", "GROK_BASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert resumed.returncode == 0, resumed.stderr
    assert "Done." in resumed.stdout
    assert len(planner.requests) == 2  # the answer that had come was not asked for again
    assert [m["role"] for m in planner.requests[1].messages[-3:]] == ["tool"] * 3
