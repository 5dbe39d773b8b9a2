"""Sub-agents that read: what they find out, what they may not, and whose budget they spend."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grok_agent import Budget, Explore, Outcome, Workspace, offline_model
from grok_agent.errors import ToolError
from grok_agent.graphs import repository_agent
from grok_agent.graphs.explore import MAX_REQUESTS, ExploreArguments
from grok_agent.graphs.places import places_in, unsound
from grok_agent.journal import read_journal
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn
from grok_agent.tools.permission import EDITING_TOOLS
from grok_agent.tools.rules import Rules

THREAD: Any = {"configurable": {"thread_id": "thread-1"}}
DONE = Turn(content="Done.")
READ = Turn(tool_calls=(ToolCall("read_file", {"target_file": "app.py"}),))


def ask(*questions: str) -> Turn:
    return Turn(tool_calls=tuple(ToolCall("explore", {"question": each}) for each in questions))


class Two:
    """A planner with one script for the caller and one for its sub-agents; safe under threads.

    A sub-agent's turn may be chosen by its request and its number, from 0, in that conversation.
    """

    def __init__(self, caller: list[Turn], explorer: Callable[[ChatRequest, int], Turn]) -> None:
        self.caller = caller
        self.explorer = explorer
        self.asked: list[ChatRequest] = []
        self.explored: list[ChatRequest] = []
        self._lock = threading.Lock()

    def __call__(self, request: ChatRequest) -> Turn:
        is_explorer = "for another engineer" in str(request.messages[0]["content"])
        with self._lock:
            (self.explored if is_explorer else self.asked).append(request)
            if not is_explorer:
                return self.caller[len(self.asked) - 1]
        number = sum(each["role"] == "assistant" for each in request.messages)
        return self.explorer(request, number)

    def model(self) -> Any:
        return offline_model(OfflineGateway(planner=self))

    def told(self) -> list[str]:
        return [str(m["content"]) for m in self.asked[-1].messages if m["role"] == "tool"]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text("import os\n\nVALUE = 1  # 值 😀\n")
    (tmp_path / "Makefile").write_text("test:\n")
    return tmp_path


def end(state: dict[str, Any]) -> Outcome:
    return Outcome.from_dict(state["outcome"])


def answers(*turns: Turn) -> Callable[[ChatRequest, int], Turn]:
    return lambda request, number: turns[number]


def test_finds_out_and_quotes_the_lines(repo: Path, tmp_path_factory: Any) -> None:
    two = Two([ask("Where is VALUE set?"), DONE], answers(READ, Turn(content="In app.py:3.")))
    runs = tmp_path_factory.mktemp("runs")
    agent = repository_agent(two.model(), Workspace(repo), job="ask", journal_dir=runs)
    events = list(agent.stream({"task": "look"}, THREAD, stream_mode="custom"))
    outcome = Outcome.from_dict(events[-1]["outcome"])
    assert (outcome.status, outcome.steps) == ("done", 4)
    assert two.told() == ["In app.py:3.\n\nLines named:\napp.py:3: VALUE = 1  # 值 😀"]
    own = [event for event in events if event.get("agent")]
    assert [event["event"] for event in own] == ["model", "tool", "model"]
    assert {event["agent"] for event in own} == {"explore-1.1"}
    assert sum(event["cost"]["usd"] for event in events if event["event"] == "model") == (
        pytest.approx(outcome.cost.usd)
    )
    totals = [event["total_usd"] for event in events if event["event"] == "model"]
    assert totals == sorted(totals)
    assert totals[-1] == pytest.approx(outcome.cost.usd)
    assert [event["event"] for event in events].count("start") == 1
    assert [event["event"] for event in read_journal(runs / "thread-1")] == [
        event["event"] for event in events
    ]


def test_reads_only_and_sends_the_conversation_id_of_the_run(repo: Path) -> None:
    two = Two([ask("What is it?"), DONE], answers(Turn(content="A module.")))
    repository_agent(two.model(), Workspace(repo, permission="all")).invoke({"task": "x"}, THREAD)
    offered = {tool["function"]["name"] for tool in two.explored[0].tools}
    assert offered == {"read_file", "list_dir", "grep", "repo_map"}
    assert {each.conversation_id for each in two.asked + two.explored} == {"thread-1"}
    assert "What is it?" in str(two.explored[0].messages[-1]["content"])
    assert "<user_query>\nx\n" not in str(two.explored[0].messages)


def test_may_not_edit_run_or_explore_itself(repo: Path) -> None:
    tries = Turn(
        tool_calls=(
            ToolCall("write", {"file_path": "new.py", "content": "x"}),
            ToolCall("run_terminal_command", {"command": "touch new", "description": "x"}),
            ToolCall("explore", {"question": "again?"}),
        )
    )
    two = Two([ask("What?"), DONE], answers(tries, READ, Turn(content="Nothing.")))
    outcome = end(
        repository_agent(two.model(), Workspace(repo, permission="all")).invoke({"task": "x"})
    )
    assert (outcome.status, outcome.changed_files) == ("done", [])
    results = [m["content"] for m in two.explored[1].messages if m["role"] == "tool"]
    assert all(text.startswith("Error: ") for text in results)
    offered = {tool["function"]["name"] for tool in two.explored[0].tools}
    assert not {"explore", *EDITING_TOOLS} & offered


def test_its_reading_does_not_count_as_the_callers(repo: Path) -> None:
    edit = ToolCall(
        "search_replace", {"file_path": "app.py", "old_string": "VALUE", "new_string": "V"}
    )
    two = Two(
        [ask("What?"), Turn(tool_calls=(edit,)), DONE], answers(READ, Turn(content="app.py:3"))
    )
    repository_agent(two.model(), Workspace(repo)).invoke({"task": "x"})
    assert "has not been read yet" in two.told()[-1]


def test_places_that_do_not_exist_get_one_word_and_are_named(repo: Path) -> None:
    wrong = Turn(content="In app.py:99 and gone.py:1; also app.py:1-2.")
    two = Two([ask("Where?"), DONE], answers(wrong, wrong))
    repository_agent(two.model(), Workspace(repo), job="ask").invoke({"task": "x"})
    assert "app.py:99 (the file has 3 lines)" in str(two.explored[1].messages[-1]["content"])
    (told,) = two.told()
    assert "app.py:1-2: import os" in told
    assert "Not there:\napp.py:99: the file has 3 lines\ngone.py:1: gone.py does not exist" in told


def test_several_explore_at_the_same_time(repo: Path) -> None:
    meeting = threading.Barrier(4, timeout=30)

    def explorer(request: ChatRequest, number: int) -> Turn:
        meeting.wait()
        question = str(request.messages[-1]["content"]).partition("<user_query>\n")[2]
        return Turn(content=f"Answer to {question.partition(chr(10))[0]}")

    two = Two([ask("a?", "b?", "c?", "d?"), DONE], explorer)
    outcome = end(repository_agent(two.model(), Workspace(repo), job="ask").invoke({"task": "x"}))
    assert two.told() == [f"Answer to {name}?" for name in "abcd"]
    assert outcome.steps == 2 + 4


def test_its_words_are_not_streamed_as_the_callers(repo: Path) -> None:
    two = Two([ask("What?"), DONE], answers(Turn(content="Words of another.")))
    agent = repository_agent(two.model(), Workspace(repo), job="ask")
    parts: Any = agent.stream({"task": "x"}, stream_mode="messages")
    said = "".join(str(part[0].text) for part in parts if part[0].type == "AIMessageChunk")
    assert said == "Done."


def test_spends_the_budget_of_the_run(repo: Path) -> None:
    def looking(request: ChatRequest, number: int) -> Turn:
        return Turn(tool_calls=(ToolCall("grep", {"pattern": f"x{number}"}),))

    two = Two([ask("a?", "b?", "c?"), DONE], looking)
    agent = repository_agent(two.model(), Workspace(repo), budget=Budget(max_steps=10))
    outcome = end(agent.invoke({"task": "x"}))
    assert (outcome.status, outcome.limit) == ("over_budget", "steps")
    assert 10 <= outcome.steps <= 12  # each of the three may have had one under way
    assert outcome.steps == len(two.asked) + len(two.explored)


def test_one_that_never_stops_is_told_to_answer_with_its_last_request(repo: Path) -> None:
    def looking(request: ChatRequest, number: int) -> Turn:
        if "your last request" in str(request.messages[-1]["content"]):
            return Turn(content="As far as I see, Makefile:1.")
        return Turn(tool_calls=(ToolCall("grep", {"pattern": f"x{number}"}),))

    two = Two([ask("a?"), DONE], looking)
    outcome = end(repository_agent(two.model(), Workspace(repo), job="ask").invoke({"task": "x"}))
    assert two.told()[0].startswith("As far as I see, Makefile:1.\n\nLines named:\nMakefile:1: ")
    assert outcome.steps == 2 + MAX_REQUESTS


def test_cut_off_no_sub_agent_asks_anew(repo: Path) -> None:
    def looking(request: ChatRequest, number: int) -> Turn:
        return Turn(tool_calls=(ToolCall("grep", {"pattern": f"x{number}"}),))

    def cut(event: Any) -> None:  # as by Ctrl-C
        if event["event"] == "tool" and event.get("agent"):
            raise KeyboardInterrupt

    two = Two([ask("a?", "b?", "c?")], looking)
    agent = repository_agent(two.model(), Workspace(repo), job="ask", on_event=cut)
    with pytest.raises(KeyboardInterrupt):
        agent.invoke({"task": "x"})
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(30)
    assert len(two.explored) <= 2 * 3


def test_rules_of_the_caller_hold(repo: Path) -> None:
    (repo / "secret.txt").write_text("hidden words\n")
    read = Turn(tool_calls=(ToolCall("read_file", {"target_file": "secret.txt"}),))
    two = Two([ask("What?"), DONE], answers(read, Turn(content="Nothing.")))
    workspace = Workspace(repo, rules=Rules.of(deny=["Read(secret.txt)"]))
    repository_agent(two.model(), workspace, job="ask").invoke({"task": "x"})
    assert "hidden words" not in str(two.explored[-1].messages)


def test_stands_alone(repo: Path) -> None:
    two = Two([], answers(READ, Turn(content="app.py:3 sets it.")))
    tool = Explore(workspace=Workspace(repo), model=two.model())
    text = tool.invoke({"question": "Where?", "paths": ["app.py"]})
    assert text == "app.py:3 sets it.\n\nLines named:\napp.py:3: VALUE = 1  # 值 😀"
    assert "begin with: app.py" in str(two.explored[0].messages[-1]["content"])
    with pytest.raises(ToolError, match="does not exist"):
        tool.carry_out(ExploreArguments(question="Where?", paths=["gone"]))
    spent = Explore(workspace=Workspace(repo), model=two.model(), budget=Budget(max_usd=0))
    assert "over_budget" in spent.invoke({"question": "Where?"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see app.py:3, Makefile:1 and sub/x.py:2-4", ["app.py:3", "Makefile:1", "sub/x.py:2-4"]),
        ("at 12:30, note:5, http://localhost:80/a.py:1", []),
        ("`app.py:3`, (app.py:3) 在app.py:3。", ["app.py:3"]),
        ("没有.py:3", ["没有.py:3"]),
        ("app.py", []),
        ("", []),
    ],
)
def test_places(repo: Path, text: str, found: list[str]) -> None:
    assert [str(each) for each in places_in(text, Workspace(repo))] == found


def test_unsound_places(repo: Path) -> None:
    workspace = Workspace(repo)
    named = "app.py:0 app.py:3 app.py:4 app.py:3-2 ../x.py:1 /etc/passwd:1"
    wrong = [str(place) for place, _ in unsound(places_in(named, workspace), workspace)]
    assert wrong == ["app.py:0", "app.py:4", "app.py:3-2", "../x.py:1", "/etc/passwd:1"]
