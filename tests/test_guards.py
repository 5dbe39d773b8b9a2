"""A run that gets nowhere is told so, and ends in an outcome that keeps the work."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from grok_agent import Budget, Outcome, Workspace, offline_model
from grok_agent.graphs import repository_agent
from grok_agent.graphs.answers import MAX_ARGUMENT_BYTES
from grok_agent.graphs.progress import Seen, advanced
from grok_agent.graphs.repetition import repeated_end
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

DONE = Turn(content="Done.")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "app.py").write_text("A\n")
    return Workspace(tmp_path, permission="all")


class Script:
    """A planner that gives its turns one after the other, the last one for ever."""

    def __init__(self, *turns: Turn) -> None:
        self.turns = turns
        self.requests: list[ChatRequest] = []

    def __call__(self, request: ChatRequest) -> Turn:
        self.requests.append(request)
        return self.turns[min(len(self.requests), len(self.turns)) - 1]

    def told(self) -> list[int]:
        """The numbers, from 0, of the requests that end with a word of the loop."""
        return [
            n for n, each in enumerate(self.requests) if n and each.messages[-1]["role"] == "user"
        ]


def run(script: Script, workspace: Workspace, **options: Any) -> Outcome:
    model = offline_model(OfflineGateway(planner=script), max_retries=0)
    agent = repository_agent(model, workspace, **options)
    return Outcome.from_dict(agent.invoke({"task": "work"})["outcome"])


def calls(*named: tuple[str, dict[str, Any]]) -> Turn:
    return Turn(tool_calls=tuple(ToolCall(name, arguments) for name, arguments in named))


def command(line: str) -> tuple[str, dict[str, Any]]:
    return "run_terminal_command", {"command": line, "description": "Because."}


def write(content: str, path: str = "app.py") -> Turn:
    return calls(("write", {"file_path": path, "content": content}))


READ = calls(("read_file", {"target_file": "app.py"}))


# The same error


def test_the_same_error_is_named_at_three_and_ends_the_run_at_six(workspace: Workspace) -> None:
    def attempt(number: int) -> Turn:  # each time with another edit, so that no call is repeated
        line = "python -c 'raise SystemExit(1 + 1)' ; echo took 0.$RANDOM s; exit 3"
        return calls(("write", {"file_path": f"try{number}.py", "content": "x"}), command(line))

    script = Script(*[attempt(number) for number in range(20)])
    outcome = run(script, workspace)
    assert (outcome.status, outcome.steps) == ("stuck", 6)
    assert "The same error came 6 times: run_terminal_command" in outcome.reason
    assert script.told() == [3]
    assert len(outcome.changed_files) == 6


def test_an_error_that_changes_is_progress(workspace: Workspace) -> None:
    failing = [calls(command(f"echo {20 - number} failed; exit 1")) for number in range(20)]
    script = Script(*failing, DONE)
    assert run(script, workspace).status == "done"
    assert script.told() == []


def test_what_went_well_in_between_is_forgotten(workspace: Workspace) -> None:
    bad = calls(("search_replace", {"file_path": "app.py", "old_string": "X", "new_string": "Y"}))
    good = [write(f"{number}\n") for number in range(10)]
    edits = [
        calls(("search_replace", {"file_path": "app.py", "old_string": f"{n}", "new_string": "A"}))
        for n in range(10)
    ]
    turns = [turn for n in range(10) for turn in (good[n], bad, edits[n])]
    script = Script(READ, *turns, DONE)
    assert run(script, workspace).status == "done"
    assert script.told() == []


def test_failing_side_by_side_counts_once(workspace: Workspace) -> None:
    script = Script(calls(*[("read_file", {"target_file": "none.py"})] * 8), DONE)
    assert run(script, workspace).status == "done"
    assert script.told() == []


def test_calls_without_leave_are_no_errors(workspace: Workspace) -> None:
    plan = Workspace(workspace.root, permission="plan")
    script = Script(*[calls(command(f"make {n % 2}")) for n in range(15)], READ, DONE)
    assert run(script, plan, job="ask").status == "done"


# Edits that undo each other


def test_edits_that_undo_each_other_end_the_run(workspace: Workspace) -> None:
    script = Script(READ, *[write("BA"[number % 2] + "\n") for number in range(20)])
    outcome = run(script, workspace)
    assert outcome.status == "stuck"
    assert "edits of app.py undid each other" in outcome.reason
    assert outcome.steps == 1 + 5  # B, then four edits back and forth
    assert script.told() == [4]


def test_breaking_code_on_purpose_is_no_undoing(workspace: Workspace) -> None:
    tries = [turn for n in range(8) for turn in (write(f"broken {n}\n"), write("A\n"))]
    script = Script(READ, *tries, DONE)
    assert run(script, workspace).status == "done"
    assert script.told() == []


# Answers


@pytest.mark.parametrize("piece", ["I will now read the file. ", "我会再看一遍这个文件。😀\n"])
def test_text_in_a_loop_gets_one_word_and_then_ends_the_run(
    workspace: Workspace, piece: str
) -> None:
    loop = Turn(content="Well. " + piece * 100)
    assert run(Script(loop, DONE), workspace).status == "done"
    outcome = run(Script(loop), workspace)
    assert (outcome.status, outcome.steps) == ("stuck", 2)
    assert "again and again" in outcome.reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short " * 50,
        "-" * 5_000,
        "| --- | --- |\n" * 400,
        "".join(f"{number}. Item.\n" for number in range(800)),
        "word " * 800 + "The end of it all comes here, and says something else. " * 2,
    ],
)
def test_text_that_is_in_no_loop(text: str) -> None:
    assert repeated_end(text) == ""


@given(st.text(min_size=8, max_size=200).filter(lambda t: any(c.isalnum() for c in t.strip())))
def test_any_piece_often_enough_is_a_loop(piece: str) -> None:
    times = max(1_000 // len(piece.strip()) + 2, 6)
    assert repeated_end("Before. " + piece.strip() * times) != "" or len(piece.strip()) < 2


def test_an_argument_without_measure_is_not_run(workspace: Workspace) -> None:
    script = Script(write("汉字" * (MAX_ARGUMENT_BYTES // 5), "big.txt"), DONE)
    outcome = run(script, workspace, budget=Budget(max_usd=None))
    assert (outcome.status, outcome.changed_files) == ("done", [])
    assert "too large" in script.requests[1].messages[-1]["content"]
    assert len(json.dumps(script.requests[1].messages)) < 50_000


def test_length_asks_at_once_for_smaller_steps(workspace: Workspace) -> None:
    cut = AIMessage("x", response_metadata={"finish_reason": "length"})
    asked: list[Any] = []

    class Fake(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            return self

        def _generate(self, messages: Any, *rest: Any, **kwargs: Any) -> Any:
            asked.append(messages)
            return super()._generate(messages, *rest, **kwargs)

    agent = repository_agent(Fake(messages=iter([cut, AIMessage("Done.")])), workspace)
    assert agent.invoke({"task": "work"})["outcome"]["status"] == "done"
    assert "in smaller steps" in asked[1][-1].text


def test_arguments_in_a_string_are_opened(workspace: Workspace) -> None:
    inner = json.dumps({"target_file": "app.py"})
    invalid: Any = {"name": "read_file", "args": json.dumps(inner), "id": "1", "error": None}

    class Fake(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            return self

    answers = iter([AIMessage("", invalid_tool_calls=[invalid]), AIMessage("Done.")])
    state = repository_agent(Fake(messages=answers), workspace).invoke({"task": "read"})
    (result,) = [each for each in state["messages"] if isinstance(each, ToolMessage)]
    assert (result.status, result.text) == ("success", "1→A\n")


@pytest.mark.parametrize("mode", ["values", "messages"])
def test_a_gateway_may_encode_arguments_twice(workspace: Workspace, mode: Any) -> None:
    twice: Any = json.dumps({"target_file": "app.py"})
    script = Script(Turn(tool_calls=(ToolCall("read_file", twice),)), READ, DONE)
    agent = repository_agent(offline_model(OfflineGateway(planner=script)), workspace)
    list(agent.stream({"task": "read"}, stream_mode=mode))
    # A stream hands pieces on before it is known what they are, so there it is asked for again.
    told = script.requests[1 if mode == "values" else 2].messages[-1]
    assert (told["role"], told["content"]) == ("tool", "1→A\n")


# Calls


@pytest.mark.parametrize(
    ("name", "near"), [("read_files", "read_file"), ("search_and_replace", "search_replace")]
)
def test_unknown_tool_is_answered_with_the_nearest(
    workspace: Workspace, name: str, near: str
) -> None:
    script = Script(calls((name, {})), DONE)
    assert run(script, workspace).status == "done"
    told = script.requests[1].messages[-1]["content"]
    assert f'Did you mean {near}? Its parameters: {{"' in told
    assert "file" in told


def test_wrong_arguments_are_answered_with_all_names_and_types(workspace: Workspace) -> None:
    wrong = calls(("read_file", {"path": "app.py"}), ("todo_write", {}))
    script = Script(wrong, DONE)
    assert run(script, workspace).status == "done"
    told = [m["content"] for m in script.requests[1].messages if m["role"] == "tool"]
    assert "Its arguments are: target_file: string, [offset: integer]" in told[0]
    assert "todos: list of {id: string, content: string, status: pending|in_progress|" in told[1]


def test_a_result_for_no_call_is_left_out(workspace: Workspace) -> None:
    script = Script(DONE)
    agent = repository_agent(offline_model(OfflineGateway(planner=script)), workspace)
    said: list[AnyMessage] = [
        ToolMessage("for nothing", tool_call_id="none"),
        HumanMessage("look"),
        ToolMessage("for nothing either", tool_call_id="none"),
    ]
    assert agent.invoke({"messages": said})["outcome"]["status"] == "done"
    assert [each["role"] for each in script.requests[0].messages] == ["system", "user"]


# Tokens of the whole run


def test_tokens_of_the_whole_run_end_it(workspace: Workspace) -> None:
    script = Script(*[calls(("grep", {"pattern": f"x{n}"})) for n in range(50)])
    budget = Budget(max_total_tokens=20_000)
    outcome = run(script, workspace, budget=budget)
    used = outcome.usage.input_tokens + outcome.usage.output_tokens
    assert (outcome.status, outcome.limit) == ("over_budget", "total_tokens")
    assert "--max-total-tokens" in outcome.reason
    assert 20_000 <= used < 30_000


# What is remembered

STEPS = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["grep", "write", "run_terminal_command"]),
            st.text(max_size=5),
            st.text(max_size=20),
            st.booleans(),
        ),
        max_size=4,
    ),
    max_size=40,
)


@given(STEPS, st.lists(st.dictionaries(st.text(max_size=4), st.text(max_size=2)), min_size=40))
@settings(max_examples=40)
def test_what_is_remembered_stays_small_and_plain(steps: Any, files: Any) -> None:
    progress: dict[str, Any] = {}
    texts: dict[str, str] = {}
    for step, edited in zip(steps, files, strict=False):
        seen = [
            Seen({"name": name, "args": {"path": path}, "id": "1"}, text, is_error)
            for name, path, text, is_error in step
        ]
        before = {path: texts.get(path, "") for path in edited}
        texts |= edited
        progress = advanced(progress, seen, before, edited)
    assert len(json.dumps(progress)) < 12_000
