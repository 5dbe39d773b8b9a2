"""Calls of one answer run side by side, and none sees or spoils what it should not."""

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool

from grok_agent import Outcome, Workspace, offline_model
from grok_agent.graphs import repository_agent
from grok_agent.graphs.calls import MAX_CALLS, run_calls
from grok_agent.graphs.side_by_side import side_by_side
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn
from grok_agent.tools import repository_tools
from grok_agent.tools.edit_log import read_edits
from grok_agent.tools.terminal import Terminal

Named = tuple[str, dict[str, Any]]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "app.py").write_text("VALUE = 1\n")
    (tmp_path / "sub").mkdir()
    return Workspace(tmp_path, permission="all")


def command(line: str, **more: Any) -> Named:
    return "run_terminal_command", {"command": line, "description": "Because.", **more}


def write(path: str, content: str = "x\n") -> Named:
    return "write", {"file_path": path, "content": content}


def read(path: str) -> Named:
    return "read_file", {"target_file": path}


def edit(path: str, old: str, new: str) -> Named:
    return "search_replace", {"file_path": path, "old_string": old, "new_string": new}


def numbered(named: tuple[Named, ...]) -> list[Any]:
    return [
        {"name": name, "args": args, "id": str(number)} for number, (name, args) in enumerate(named)
    ]


def run(workspace: Workspace, *named: Named) -> list[ToolMessage]:
    tools = {each.name: each for each in repository_tools(workspace)}
    return [ran.message for ran in run_calls(numbered(named), tools, {}, {}, workspace)]


def groups(workspace: Workspace | None, *named: Named) -> list[list[int]]:
    parted = side_by_side(numbered(named), workspace)
    return [[int(call["id"] or "") for call in group] for group in parted]


def test_eight_commands_meet_each_other(workspace: Workspace) -> None:
    # Each ends well only once all eight have begun.
    meet = (
        "touch $TMPDIR/here-{0}; for i in $(seq 600); do"
        " [ $(ls $TMPDIR | grep -c here-) = 8 ] && echo met {0} && exit 0; sleep 0.05; done; exit 1"
    )
    messages = run(workspace, *[command(meet.format(n)) for n in range(8)])
    assert [each.text for each in messages] == [f"exit: 0\nmet {n}\n" for n in range(8)]


def test_a_read_sees_the_commands_and_edits_before_it(workspace: Workspace) -> None:
    messages = run(
        workspace,
        read("app.py"),
        edit("app.py", "VALUE = 1", "VALUE = 2"),
        command("sleep 0.1; cat app.py; echo 'VALUE = 3' > app.py"),
        read("app.py"),
    )
    assert ["VALUE = 1" in messages[0].text, "VALUE = 2" in messages[2].text] == [True, True]
    assert "VALUE = 3" in messages[3].text


def test_edits_of_one_file_keep_their_order(workspace: Workspace) -> None:
    steps = [edit("app.py", f"VALUE = {n}", f"VALUE = {n + 1}") for n in range(1, 9)]
    others = [write(f"new{n}.py") for n in range(8)]
    mixed = [call for pair in zip(steps, others, strict=True) for call in pair]
    messages = run(workspace, read("app.py"), *mixed)
    assert all(each.status == "success" for each in messages)
    assert (workspace.root / "app.py").read_text() == "VALUE = 9\n"


def test_a_command_that_moves_is_where_the_next_one_starts(workspace: Workspace) -> None:
    messages = run(workspace, command("cd sub"), command("pwd; true"), command("pwd; true"))
    assert all(each.text.endswith("/sub\n") for each in messages[1:])
    assert Terminal(workspace).state.folder == workspace.root / "sub"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ((read("a"), read("b"), command("ls sub")), [[0, 1, 2]]),
        ((write("a"), write("b"), write("./a")), [[0, 1], [2]]),
        ((write("a"), write("a/../a")), [[0], [1]]),
        ((read("app.py"), write("new.py"), read("new.py")), [[0, 1], [2]]),
        ((write("a"), ("grep", {"pattern": "x"})), [[0], [1]]),
        ((command("make a"), command("make b")), [[0, 1]]),
        ((command("cd a && make"), command("make b")), [[0], [1]]),
        ((command("source env.sh"), command("make")), [[0], [1]]),
        ((command("true; . env.sh"), command("make")), [[0], [1]]),
        ((command("pytest . -q"), command("grep cdx . ./a.py")), [[0, 1]]),
        ((command("make a", background=True), command("make b")), [[0], [1]]),
        ((command("make a"), write("a"), command("make b")), [[0], [1], [2]]),
        ((("rename_symbol", {}), read("a")), [[0], [1]]),
        ((("unheard_of", {}), ("unheard_of", {})), [[0], [1]]),
        ((("todo_write", {}), read("a"), ("todo_write", {})), [[0, 1], [2]]),
        ((write("/etc/passwd"), write("a")), [[0], [1]]),
        (((write("a")[0], {"file_path": ["a"]}), write("b")), [[0], [1]]),
    ],
)
def test_who_waits_for_whom(
    workspace: Workspace, named: tuple[Named, ...], expected: list[list[int]]
) -> None:
    assert groups(workspace, *named) == expected


CALLS = st.sampled_from(
    [read("a"), read("b"), write("a"), write("b"), command("make"), command("cd x"), ("grep", {})]
)


@given(st.lists(CALLS, max_size=12))
def test_groups_hold_every_call_once_and_in_order(named: list[Named]) -> None:
    found = groups(None, *named)
    assert [number for group in found for number in group] == list(range(len(named)))
    for group in found:
        written = [named[n][1]["file_path"] for n in group if named[n][0] == "write"]
        assert len(set(written)) == len(written)


def test_more_calls_than_one_answer_may_hold(workspace: Workspace) -> None:
    many = Turn(tool_calls=tuple(ToolCall(*write(f"{n}.txt")) for n in range(300)))
    asked: list[ChatRequest] = []

    def planner(request: ChatRequest) -> Turn:
        asked.append(request)
        return many if len(asked) == 1 else Turn(content="Done.")

    model = offline_model(OfflineGateway(planner=planner))
    state = repository_agent(model, workspace).invoke({"task": "write"})
    assert Outcome.from_dict(state["outcome"]).status == "done"
    assert len(list(workspace.root.glob("*.txt"))) == MAX_CALLS
    results = [each["content"] for each in asked[1].messages if each["role"] == "tool"]
    assert len(results) == 300
    assert [text.startswith("Error: Not run: ") for text in results] == [
        number >= MAX_CALLS for number in range(300)
    ]


def test_cut_in_the_middle_the_commands_under_way_end(workspace: Workspace) -> None:
    terminal = Terminal(workspace)

    @tool
    def run_terminal_command(command: str) -> str:
        """Run it; the one that is to be cut is cut, as by Ctrl-C, once the other one runs."""
        if command != "cut":
            return str(terminal.run(command, 60).killed)
        while not terminal.state.waited_for:
            time.sleep(0.01)
        raise KeyboardInterrupt

    calls = numbered((("run_terminal_command", {"command": "cut"}), command("sleep 60")))
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(run_calls(calls, {"run_terminal_command": run_terminal_command}, {}, {}, workspace))
    while terminal.state.waited_for:
        time.sleep(0.01)
    assert time.monotonic() - before < 50


def test_what_they_change_is_recorded(workspace: Workspace, tmp_path_factory: Any) -> None:
    record = tmp_path_factory.mktemp("run")
    workspace.record_to(record, step=1)
    run(workspace, *[command(f"echo {n} > new{n}.txt") for n in range(8)])
    assert {edit.path for edit in read_edits(record) if edit.done} == {
        f"new{n}.txt" for n in range(8)
    }


def test_what_one_command_planted_is_not_kept_by_another(tmp_path: Path) -> None:
    (tmp_path / ".git" / "hooks").mkdir(parents=True)
    (tmp_path / ".git" / "config").write_text("[core]\n")
    hook = tmp_path / ".git" / "hooks" / "pre-commit"
    terminal = Terminal(Workspace(tmp_path, permission="ask"))
    first = terminal.start(f"echo planted > {hook}; sleep 60", 60)
    while not hook.exists():
        time.sleep(0.01)
    second = terminal.start("sleep 60", 60)
    terminal.result(first, first.running.end())
    assert not hook.exists()
    terminal.result(second, second.running.end())
    assert not hook.exists()
    hook.write_text("by the user, while no command runs")
    terminal.run("true; true", 60)
    assert hook.exists()
