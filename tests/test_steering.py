"""What a person says to a run while it goes on, how it is stopped, and how its plan is shown."""

import os
import signal
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

from grok_agent import Outcome, Workspace, offline_model
from grok_agent.graphs import Steering, repository_agent
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
    speakers = [
        threading.Thread(target=lambda: [steering.say("x") for _ in range(200)]) for _ in range(8)
    ]
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
