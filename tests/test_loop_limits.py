"""Whatever a model, a gateway or a tool does, a run ends in an outcome that keeps the work."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool

from grok_agent import Budget, Outcome, SettingsError, Workspace, offline_model
from grok_agent.graphs import repository_agent
from grok_agent.graphs.calls import run_calls
from grok_agent.graphs.guards import count_repeats
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

READ = ToolCall("read_file", {"target_file": "app.py"})
WRITE = ToolCall("write", {"file_path": "new.py", "content": "new = 1\n"})
DONE = Turn(content="Done.")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "app.py").write_text("VALUE = 1\n")
    return Workspace(tmp_path)


class Endless:
    """A planner that repeats one turn, or answers by the number of the request (from 0)."""

    def __init__(self, turn: Turn | Callable[[int], Turn]) -> None:
        self.turn = turn
        self.requests: list[ChatRequest] = []

    def __call__(self, request: ChatRequest) -> Turn:
        self.requests.append(request)
        number = len(self.requests) - 1
        return self.turn if isinstance(self.turn, Turn) else self.turn(number)


def run(planner: Any, workspace: Workspace, *faults: Fault, **options: Any) -> Outcome:
    return watch(planner, workspace, *faults, **options)[1]


def watch(
    planner: Any, workspace: Workspace, *faults: Fault, task: str = "work", **options: Any
) -> tuple[list[dict[str, Any]], Outcome]:
    model = offline_model(OfflineGateway(planner=planner, faults=faults), max_retries=0)
    agent = repository_agent(model, workspace, **options)
    events = list(agent.stream({"task": task}, stream_mode="custom"))
    return events, Outcome.from_dict(events[-1]["outcome"])


def looking(number: int) -> Turn:
    """A different read each time."""
    return Turn(tool_calls=(ToolCall("grep", {"pattern": f"x{number}"}),))


# Budgets


def test_steps_end_the_run_and_the_work_is_kept(workspace: Workspace) -> None:
    planner = Endless(lambda number: Turn(tool_calls=(WRITE,)) if number == 0 else looking(number))
    outcome = run(planner, workspace, budget=Budget(max_steps=20))
    assert (outcome.status, outcome.limit, outcome.steps) == ("over_budget", "steps", 20)
    assert "--max-steps" in outcome.reason
    assert outcome.changed_files == ["new.py"]
    assert len(planner.requests) == 20


def test_an_answer_with_the_last_step_is_still_good(workspace: Workspace) -> None:
    planner = Endless(lambda number: looking(number) if number < 2 else DONE)
    assert run(planner, workspace, budget=Budget(max_steps=3)).status == "done"


def test_dollars_end_the_run(workspace: Workspace) -> None:
    outcome = run(Endless(looking), workspace, budget=Budget(max_usd=0.004))
    assert (outcome.status, outcome.limit) == ("over_budget", "usd")
    assert outcome.cost.usd
    assert 0.004 <= outcome.cost.usd < 0.008


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(max_usd=0), "usd"),
        (Budget(max_steps=0), "steps"),
        (Budget(max_seconds=0), "seconds"),
        (Budget(max_input_tokens=500), "input_tokens"),
    ],
)
def test_a_spent_budget_sends_nothing(workspace: Workspace, budget: Budget, limit: str) -> None:
    planner = Endless(DONE)
    outcome = run(planner, workspace, budget=budget)
    assert (outcome.status, outcome.limit, outcome.steps) == ("over_budget", limit, 0)
    assert planner.requests == []


def test_no_request_reaches_the_dear_tier(workspace: Workspace) -> None:
    budget = Budget(max_input_tokens=10_000_000, max_usd=None)
    planner = Endless(DONE)
    outcome = run(planner, workspace, budget=budget, task="many words " * 110_000)
    assert (outcome.status, outcome.limit) == ("over_budget", "input_tokens")
    assert planner.requests == []


def test_results_that_would_fill_the_request_leave_it(workspace: Workspace) -> None:
    (workspace.root / "big.txt").write_text("word another\n" * 900)
    reads = tuple(
        ToolCall("read_file", {"target_file": "big.txt", "offset": number})
        for number in range(1, 9)
    )
    planner = Endless(lambda n: Turn(tool_calls=reads[n : n + 1]) if n < len(reads) else DONE)
    events, outcome = watch(planner, workspace, budget=Budget(max_input_tokens=10_000))
    assert (outcome.status, outcome.steps) == ("done", len(reads) + 1)
    sizes = [each["usage"]["input_tokens"] for each in events if each["event"] == "model"]
    assert max(sizes) < 10_000


def test_unknown_cost_is_said_once_and_the_run_goes_on(workspace: Workspace) -> None:
    planner = Endless(lambda number: looking(number) if number < 3 else DONE)
    events, outcome = watch(planner, workspace, Fault("no_usage", times=None))
    notices = [event["text"] for event in events if event["event"] == "notice"]
    assert len(notices) == 1
    assert "not known" in notices[0]
    assert (outcome.status, outcome.cost.usd, outcome.cost.basis) == ("done", None, "unknown")


@pytest.mark.parametrize("name", ["max_usd", "max_steps", "max_seconds", "max_input_tokens"])
@pytest.mark.parametrize("value", [-1, float("nan")])
def test_budget_below_zero_is_the_callers_error(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=name):
        Budget(**{name: value})  # type: ignore[arg-type]


# Repetition


def test_same_reads_are_nudged_at_four_and_ended_at_eight(workspace: Workspace) -> None:
    planner = Endless(Turn(tool_calls=(READ,)))
    outcome = run(planner, workspace)
    assert (outcome.status, outcome.steps) == ("stuck", 8)
    nudged = [
        number
        for number, request in enumerate(planner.requests)
        if request.messages[-1]["role"] == "user" and number
    ]
    assert nudged == [4]


def test_same_actions_are_nudged_at_eight_and_ended_at_twelve(workspace: Workspace) -> None:
    planner = Endless(Turn(tool_calls=(READ, WRITE)))
    outcome = run(planner, workspace)
    assert (outcome.status, outcome.steps) == ("stuck", 12)
    assert outcome.changed_files == ["new.py"]
    assert planner.requests[8].messages[-1]["role"] == "user"


def test_different_calls_are_no_repetition(workspace: Workspace) -> None:
    planner = Endless(lambda number: looking(number % 2) if number < 20 else DONE)
    assert run(planner, workspace).status == "done"


@given(st.permutations([("grep", {"pattern": "a", "-i": True}), ("grep", {"pattern": "b"})]))
def test_order_of_calls_and_arguments_makes_no_difference(named: list[Any]) -> None:
    def step(pairs: list[Any]) -> list[Any]:
        return [{"name": name, "args": args, "id": "x"} for name, args in pairs]

    turned = [(name, dict(reversed(args.items()))) for name, args in named]
    once = count_repeats(step(named), {})
    assert count_repeats(step(turned[::-1]), once)["times"] == 2


# Answers that cannot be used


def test_cut_tool_call_never_runs(workspace: Workspace) -> None:
    planner = Endless(Turn(tool_calls=(WRITE,)))
    outcome = run(planner, workspace, Fault("bad_arguments", times=None))
    assert (outcome.status, outcome.error_kind) == ("failed", "IncompleteAnswerError")
    assert outcome.steps == 3
    assert outcome.changed_files == []


def test_incomplete_answer_is_asked_again_word_for_word_then_with_a_word(
    workspace: Workspace,
) -> None:
    planner = Endless(DONE)
    events, outcome = watch(planner, workspace, Fault("empty_answer", times=2))
    assert (outcome.status, outcome.steps) == ("done", 3)
    first, second, third = (request.messages for request in planner.requests)
    assert first == second
    assert third[:-1] == first
    assert "not whole" in third[-1]["content"]
    assert sum(event["event"] == "notice" for event in events) == 2


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("length", "values"),
        ("length", "messages"),
        ("cut_stream", "messages"),
        ("no_finish_reason", "messages"),
        ("bad_arguments", "messages"),
    ],
)
def test_call_of_an_answer_that_is_not_whole_never_runs(
    workspace: Workspace, kind: str, mode: Any
) -> None:
    planner = Endless(Turn(tool_calls=(WRITE,)))
    gateway = OfflineGateway(planner=planner, faults=[Fault(kind, times=None)])
    agent = repository_agent(offline_model(gateway, max_retries=0), workspace)
    list(agent.stream({"task": "write"}, stream_mode=mode))
    assert len(planner.requests) == 3
    assert workspace.changed_files() == []


def fake(*answers: AIMessage) -> Any:
    class Fake(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            return self

    return Fake(messages=iter(answers))


def run_fake(workspace: Workspace, *answers: AIMessage) -> Outcome:
    state = repository_agent(fake(*answers), workspace).invoke({"task": "work"})
    return Outcome.from_dict(state["outcome"])


INVALID = AIMessage(
    "", invalid_tool_calls=[{"name": "write", "args": "{", "id": "1", "error": None}]
)
CALL_WRITE: Any = {"name": "write", "args": WRITE.arguments, "id": "1"}


def test_other_models_get_one_word_of_repair(workspace: Workspace) -> None:
    for unusable in (AIMessage(""), AIMessage(" \n"), INVALID):
        assert run_fake(workspace, unusable, AIMessage("Done.")).status == "done"
        outcome = run_fake(workspace, unusable, unusable)
        assert (outcome.status, outcome.steps) == ("stuck", 2)


def test_other_models_cut_calls_do_not_run_either(workspace: Workspace) -> None:
    cut = AIMessage("", tool_calls=[CALL_WRITE], response_metadata={"finish_reason": "length"})
    mixed = INVALID.model_copy(update={"tool_calls": [CALL_WRITE]})
    assert run_fake(workspace, cut, cut, cut).error_kind == "IncompleteAnswerError"
    assert run_fake(workspace, mixed, mixed).status == "stuck"
    assert workspace.changed_files() == []


def test_calls_without_or_with_one_id_are_told_apart(workspace: Workspace) -> None:
    read: Any = {"name": "read_file", "args": READ.arguments}
    answer = AIMessage(
        "", tool_calls=[{**read, "id": "1"}, {**read, "id": "1"}, {**read, "id": None}]
    )
    state = repository_agent(fake(answer, AIMessage("Done.")), workspace).invoke({"task": "read"})
    results = [each for each in state["messages"] if isinstance(each, ToolMessage)]
    assert [each.status for each in results] == ["success"] * 3
    assert len({each.tool_call_id for each in results}) == 3


# The gateway fails


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("unauthorized", "failed", "AuthenticationError"),
        ("rate_limit", "failed", "RateLimitedError"),
        ("overloaded", "failed", "OverloadedError"),
        ("context_overflow", "failed", "ContextTooLongError"),
        ("wrong_model", "failed", "UnknownModelError"),
        ("html", "failed", "NotAGatewayError"),
        ("reset", "failed", "UnreachableError"),
        ("moderation", "refused", "ContentRefusedError"),
        ("content_filter", "refused", "ContentRefusedError"),
    ],
)
def test_failure_of_the_gateway_is_an_outcome_that_keeps_the_work(
    workspace: Workspace, kind: str, status: str, error: str
) -> None:
    planner = Endless(Turn(tool_calls=(WRITE,)))
    outcome = run(planner, workspace, Fault(kind, times=None, after=1))
    assert (outcome.status, outcome.error_kind) == (status, error)
    assert outcome.reason
    assert outcome.changed_files == ["new.py"]
    assert outcome.steps == 2


# Tools fail


def told(planner: Endless) -> str:
    return str(planner.requests[1].messages[-1]["content"])


def test_unknown_tool_is_answered_with_the_tools_there_are(workspace: Workspace) -> None:
    call = ToolCall("repo_teleport", {})
    planner = Endless(lambda number: DONE if number else Turn(tool_calls=(call,)))
    assert run(planner, workspace).status == "done"
    assert told(planner).startswith("Error: There is no tool repo_teleport. Tools: read_file, ")


def test_edit_tools_that_a_read_only_run_does_not_offer_are_refused(workspace: Workspace) -> None:
    planner = Endless(lambda number: DONE if number else Turn(tool_calls=(WRITE,)))
    outcome = run(planner, Workspace(workspace.root, permission="plan"))
    assert (outcome.status, outcome.error_kind) == ("refused", "PermissionDeniedError")
    assert "read only" in outcome.reason


def test_wrong_arguments_are_answered_with_the_right_ones(workspace: Workspace) -> None:
    call = ToolCall("read_file", {"path": "app.py"})
    planner = Endless(lambda number: DONE if number else Turn(tool_calls=(call,)))
    assert run(planner, workspace).status == "done"
    assert told(planner).startswith("Error: ")
    assert "target_file" in told(planner)


def run_stubs(*calls: tuple[str, dict[str, Any]], tools: list[Any]) -> list[ToolMessage]:
    named: list[Any] = [
        {"name": name, "args": args, "id": str(number)} for number, (name, args) in enumerate(calls)
    ]
    offered = {each.name: each for each in tools}
    return [ran.message for ran in run_calls(named, offered, {}, {})]


def test_tool_that_raises_becomes_a_message() -> None:
    @tool
    def grep(pattern: str) -> str:
        """Break."""
        raise RuntimeError(f"no {pattern}")

    (message,) = run_stubs(("grep", {"pattern": "luck"}), tools=[grep])
    assert (message.status, message.text) == ("error", "Error: grep broke: RuntimeError: no luck")


def test_foreign_tool_with_wrong_arguments_is_answered_with_its_schema() -> None:
    @tool
    def grep(pattern: int) -> str:
        """Count."""
        return str(pattern)

    (message,) = run_stubs(("grep", {"pattern": "x"}), tools=[grep])
    assert message.status == "error"
    assert "pattern: Input should be a valid integer" in message.text
    assert '"type": "integer"' in message.text


def test_reads_run_at_once_and_results_come_in_the_order_sent() -> None:
    meeting = threading.Barrier(8, timeout=30)

    @tool
    def read_file(number: int) -> str:
        """Return only when eight of these run at the same time."""
        meeting.wait()
        return f"read {number}"

    messages = run_stubs(*[("read_file", {"number": n}) for n in range(8)], tools=[read_file])
    assert [each.text for each in messages] == [f"read {n}" for n in range(8)]


def test_writes_run_in_the_order_sent_between_the_reads() -> None:
    log: list[str] = []

    @tool
    def read_file(number: int) -> str:
        """Note a read."""
        log.append("read")
        return ""

    @tool
    def write(number: int) -> str:
        """Note a write."""
        log.append(f"write {number}")
        return ""

    reads = [("read_file", {"number": 0})] * 3
    writes = [("write", {"number": 1}), ("write", {"number": 2})]
    run_stubs(*reads, *writes, *reads, tools=[read_file, write])
    assert log == [*["read"] * 3, "write 1", "write 2", *["read"] * 3]


def test_many_calls_in_one_answer(workspace: Workspace) -> None:
    many = tuple(ToolCall("grep", {"pattern": f"V{n % 3}"}) for n in range(60))
    planner = Endless(lambda number: DONE if number else Turn(tool_calls=many))
    assert run(planner, workspace).status == "done"
    assert sum(each["role"] == "tool" for each in planner.requests[1].messages) == 60


def test_text_of_any_script_and_size_passes(workspace: Workspace) -> None:
    content = "表情 😀 \u202e\x00 " * 50_000
    call = ToolCall("write", {"file_path": "表情.txt", "content": content})
    planner = Endless(lambda number: DONE if number else Turn(tool_calls=(call,)))
    assert run(planner, workspace, task="写 😀").status in ("done", "over_budget")


def test_our_limits_come_before_langgraphs(workspace: Workspace) -> None:
    planner = Endless(looking)
    agent = repository_agent(
        offline_model(OfflineGateway(planner=planner)), workspace, budget=Budget(max_steps=40)
    )
    state = agent.invoke({"task": "look"})
    assert state["outcome"]["limit"] == "steps"
