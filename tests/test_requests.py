"""What an agent sends: small requests, the same beginning between two batches, nothing lost."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.exceptions import ContextOverflowError
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import Field

from grok_agent import Budget, HistoryLimits, Outcome, Workspace, offline_model
from grok_agent.context.tokens import count_messages
from grok_agent.graphs import repository_agent
from grok_agent.graphs.steering import Steering
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, Request, Response, ToolCall, Turn

TASK = "Rename VALUE, 改名 <b>exactly</b>\n  as it is written here."
THREAD: Any = {"configurable": {"thread_id": "thread-1"}}
SMALL = HistoryLimits(least_tokens=6_000, recent_tokens=600, working_tokens=800)
DONE = Turn(content="Done.")


class Wire(OfflineGateway):
    """The embedded gateway; keeps the bodies and conversation ids as they came."""

    def __init__(self, planner: Callable[[int, ChatRequest], Turn], *faults: Fault) -> None:
        self.bodies: list[bytes] = []
        self.ids: list[str] = []
        self.requests: list[ChatRequest] = []
        self._plan_numbered = planner
        super().__init__(planner=self._numbered, faults=faults)

    def handle(self, request: Request) -> Response:
        self.bodies.append(request.body)
        self.ids.append(request.headers.get("x-grok-conv-id", ""))
        return super().handle(request)

    def _numbered(self, request: ChatRequest) -> Turn:
        self.requests.append(request)
        return self._plan_numbered(len(self.requests) - 1, request)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    for name in ("a", "b", "c", "d"):
        lines = (f"{name}_{number} = compute({number})" for number in range(1_000))
        (tmp_path / f"{name}.py").write_text("\n".join(lines) + "\n")
    return tmp_path


def read(number: int, limit: int = 60) -> ToolCall:
    path = "abcd"[number % 4] + ".py"
    return ToolCall("read_file", {"target_file": path, "offset": number + 1, "limit": limit})


def reading(turns: int, limit: int = 60) -> Callable[[int, ChatRequest], Turn]:
    def plan(number: int, request: ChatRequest) -> Turn:
        if number >= turns:
            return DONE
        return Turn(reasoning=f"Thought {number}.", tool_calls=(read(number, limit),))

    return plan


def run(
    wire: Wire, workspace: Workspace, task: str = TASK, **options: Any
) -> tuple[list[dict[str, Any]], Outcome]:
    options.setdefault("history", SMALL)
    options.setdefault("budget", Budget(max_usd=None, max_steps=100))
    agent = repository_agent(offline_model(wire, max_retries=0), workspace, **options)
    events = list(agent.stream({"task": task}, THREAD, stream_mode="custom"))
    return events, Outcome.from_dict(events[-1]["outcome"])


def messages_as_sent(body: bytes) -> str:
    """The text of the list of messages, byte for byte, without its closing bracket."""
    text = body.decode()
    start = text.index('"messages":') + len('"messages":')
    _, end = json.JSONDecoder().raw_decode(text, start)
    return text[start : end - 1]


def tools_as_sent(body: bytes) -> str:
    return json.dumps(json.loads(body)["tools"])


def rewrites(wire: Wire) -> list[int]:
    """Numbers of the requests that do not begin with the one before."""
    sent = list(map(messages_as_sent, wire.bodies))
    return [n for n in range(1, len(sent)) if not sent[n].startswith(sent[n - 1])]


def texts(request: ChatRequest, role: str) -> list[str]:
    return [str(each["content"]) for each in request.messages if each["role"] == role]


def opening(request: ChatRequest) -> str:
    return texts(request, "user")[0]


def test_requests_only_grow_between_rare_batches(repo: Path) -> None:
    wire = Wire(reading(40))
    _, outcome = run(wire, Workspace(repo))
    assert (outcome.status, outcome.steps) == ("done", 41)
    changed = rewrites(wire)
    assert 2 <= len(changed) <= 14
    assert all(later - earlier >= SMALL.least_turns for earlier, later in pairwise(changed))
    assert len(set(map(tools_as_sent, wire.bodies))) == 1
    systems = {texts(request, "system")[0] for request in wire.requests}
    assert len(systems) == 1
    start, _, _ = opening(wire.requests[0]).partition("\n\nA first look")
    assert start.startswith("<repository>\n")
    assert all(opening(request).startswith(start) for request in wire.requests)
    assert "A first look" not in opening(wire.requests[-1])
    assert "git: not a git repository\n</repository>" in opening(wire.requests[-1])


def test_every_request_is_small_and_has_the_task_and_the_newest_results(repo: Path) -> None:
    wire = Wire(reading(40))
    run(wire, Workspace(repo))
    for number, request in enumerate(wire.requests):
        assert f"<user_query>\n{TASK}\n</user_query>" in opening(request)
        assert count_messages(request.messages, request.tools) < 12_000
        if number:
            path = "abcd"[(number - 1) % 4]
            assert texts(request, "tool")[-1].startswith(f"{number}→{path}_{number - 1} = ")


@settings(max_examples=4)
@given(widths=st.lists(st.integers(1, 6), min_size=8, max_size=16), least=st.integers(0, 9_000))
def test_calls_and_results_stay_together_whatever_leaves(
    tmp_path_factory: pytest.TempPathFactory, widths: list[int], least: int
) -> None:
    root = tmp_path_factory.mktemp("repo")
    for name in "abcd":
        (root / f"{name}.py").write_text("".join(f"{name}_{n} = {n}\n" for n in range(99)))

    def planner(number: int, request: ChatRequest) -> Turn:
        if number == len(widths):
            return DONE
        calls = (read(number + place, 40) for place in range(widths[number]))
        return Turn(content=f"Step {number}.", tool_calls=tuple(calls))

    wire = Wire(planner)  # answers with 400 where a call and its result are parted
    limits = HistoryLimits(least_tokens=least, recent_tokens=least // 4, least_turns=1)
    _, outcome = run(wire, Workspace(root), history=limits)
    assert (outcome.status, outcome.steps) == ("done", len(widths) + 1)
    for number, request in enumerate(wire.requests[1:]):
        newest = [each["role"] for each in request.messages[-widths[number] :]]
        assert newest == ["tool"] * widths[number]


def test_what_left_stands_in_the_ledger(repo: Path) -> None:
    edit = {"file_path": "a.py", "old_string": "a_7 = compute(7)", "new_string": "a_7 = 7"}
    plan = {"todos": [{"id": "one", "content": "rename it", "status": "in_progress"}]}
    first: list[Turn] = [
        Turn(tool_calls=(ToolCall("todo_write", plan),)),
        Turn(content="I begin with a.py.", tool_calls=(read(0),)),
        Turn(tool_calls=(ToolCall("search_replace", edit),)),
    ]
    later = reading(24)
    wire = Wire(lambda n, request: first[n] if n < len(first) else later(n, request))
    run(wire, Workspace(repo))
    said = opening(wire.requests[-1])
    assert "- [in_progress] one: rename it" in said
    assert "- you said: I begin with a.py." in said
    assert "- read a.py lines 1-60" in said
    assert '- changed a.py: "a_7 = compute(7)" -> "a_7 = 7"' in said
    assert "a_6 = compute(6)\na_7 = 7\na_8 = compute(8)" in said  # as the file is now


def test_eight_results_of_25000_tokens_in_one_turn(tmp_path: Path) -> None:
    line = "x = compute(alpha, beta)  # a line of some length, that says little\n"
    for number in range(8):
        (tmp_path / f"big{number}.py").write_text(f"# file {number}\n" + line * 990)
    calls = tuple(ToolCall("read_file", {"target_file": f"big{n}.py"}) for n in range(8))
    wire = Wire(lambda n, request: Turn(tool_calls=calls) if n < 3 else DONE)
    workspace = Workspace(tmp_path)
    _, outcome = run(wire, workspace, history=HistoryLimits())
    assert outcome.status == "done"
    for request in wire.requests:
        assert 1.1 * count_messages(request.messages, request.tools) < 200_000
    shown = texts(wire.requests[1], "tool")
    assert len(shown) == 8
    for number, text in enumerate(shown):
        assert text.startswith(f"1→# file {number}\n")
        assert count_messages([{"role": "tool", "content": text}]) > 10_000


def test_results_that_do_not_fit_say_where_all_of_them_is(repo: Path) -> None:
    calls = tuple(read(number, limit=390) for number in range(6))
    wire = Wire(lambda n, request: Turn(tool_calls=calls) if n < 2 else DONE)
    budget = Budget(max_usd=None, max_input_tokens=14_000)
    events, outcome = run(wire, Workspace(repo), budget=budget)
    assert outcome.status == "done"
    sizes = [each["usage"]["input_tokens"] for each in events if each["event"] == "model"]
    assert max(sizes) < 14_000
    for text in texts(wire.requests[1], "tool"):
        place = text.partition("all of it is in ")[2].partition(":")[0]
        assert Path(place).read_text().startswith(text[:200])


@pytest.mark.parametrize("times", [1, 2])
def test_an_overflow_answer_shrinks_the_request_and_the_run_goes_on(repo: Path, times: int) -> None:
    wire = Wire(reading(8, limit=900), Fault("context_overflow", times=times, after=6))
    events, outcome = run(wire, Workspace(repo), history=HistoryLimits())
    assert outcome.status == "done"
    sizes = [count_messages(json.loads(body)["messages"]) for body in wire.bodies]
    refused = sizes[6]
    assert all(size < 0.75 * refused for size in sizes[7 : 7 + times])
    assert sum("made smaller" in str(each.get("text")) for each in events) == times
    assert "read a.py lines 1-900" in opening(wire.requests[-1])


def test_an_overflow_that_nothing_can_mend_ends_the_run_with_its_work(repo: Path) -> None:
    wire = Wire(reading(8), Fault("context_overflow", times=None, after=1))
    _, outcome = run(wire, Workspace(repo), history=HistoryLimits())
    assert (outcome.status, outcome.error_kind) == ("failed", "ContextTooLongError")
    assert len(wire.bodies) < 12


class Narrow(GenericFakeChatModel):
    """Another chat model, which refuses requests above a size that nobody knows."""

    most_chars: int = 20_000
    asked: list[int] = Field(default_factory=list)

    def bind_tools(self, tools: Any, **options: Any) -> Any:
        return self

    def _generate(self, messages: Any, *args: Any, **options: Any) -> Any:
        self.asked.append(sum(len(str(each.content)) for each in messages))
        if self.asked[-1] > self.most_chars:
            raise ContextOverflowError("too long")
        return super()._generate(messages, *args, **options)


def answers(turns: int) -> Iterator[AIMessage]:
    for number in range(turns):
        call: Any = {"name": "read_file", "args": read(number).arguments, "id": str(number)}
        yield AIMessage("", tool_calls=[call])
    yield AIMessage("Done.")


def test_overflow_of_another_chat_model_shrinks_the_request_too(repo: Path) -> None:
    model = Narrow(messages=answers(16))
    state = repository_agent(model, Workspace(repo)).invoke({"task": TASK})
    assert state["outcome"]["status"] == "done"
    assert max(model.asked) > model.most_chars


def test_overflow_of_another_chat_model_that_nothing_mends_is_raised(repo: Path) -> None:
    model = Narrow(messages=answers(2), most_chars=10)
    with pytest.raises(ContextOverflowError):
        repository_agent(model, Workspace(repo)).invoke({"task": TASK})


def test_every_request_of_a_run_names_its_thread(repo: Path) -> None:
    wire = Wire(reading(12), Fault("empty_answer", times=1, after=3))
    run(wire, Workspace(repo), check="python a.py")
    assert len(wire.ids) > 12
    assert set(wire.ids) == {"thread-1"}


def test_reasoning_goes_back_with_its_answer_while_that_is_in_view(repo: Path) -> None:
    wire = Wire(reading(30))
    run(wire, Workspace(repo))
    assert rewrites(wire)
    for number, request in enumerate(wire.requests):
        answers = [each for each in request.messages if each["role"] == "assistant"]
        first = number - len(answers)
        thoughts = [each["reasoning_content"] for each in answers]
        assert thoughts == [f"Thought {n}." for n in range(first, number)]


def test_cached_share_is_high_between_batches(repo: Path) -> None:
    wire = Wire(reading(30))
    events, outcome = run(wire, Workspace(repo))
    assert outcome.usage.cached_tokens > 0.6 * outcome.usage.input_tokens
    bills = [each for each in events if each["event"] == "model"]
    assert sum(each["usage"]["cached_tokens"] for each in bills) == outcome.usage.cached_tokens


def stopped_at(number: int, turns: int) -> Callable[[int, ChatRequest], Turn]:
    plan = reading(turns)

    def planner(at: int, request: ChatRequest) -> Turn:
        if at == number:
            raise KeyboardInterrupt
        return plan(at, request)

    return planner


@pytest.mark.parametrize("number", [5, 13, 22])
def test_a_resumed_run_sends_the_request_that_it_was_about_to_send(repo: Path, number: int) -> None:
    saver = InMemorySaver()
    wire = Wire(stopped_at(number, 30))
    limits: Any = {"history": SMALL, "checkpointer": saver}
    agent = repository_agent(offline_model(wire, max_retries=0), Workspace(repo), **limits)
    with pytest.raises(KeyboardInterrupt):
        agent.invoke({"task": TASK}, THREAD)
    later = Wire(lambda n, request: DONE)
    resumed = repository_agent(offline_model(later, max_retries=0), Workspace(repo), **limits)
    state = resumed.invoke(None, THREAD)
    assert state["outcome"]["status"] == "done"
    assert messages_as_sent(later.bodies[0]) == messages_as_sent(wire.bodies[-1])


def test_what_a_person_says_to_a_run_stays_word_for_word(repo: Path) -> None:
    said = "Leave d.py alone, 请不要改。"
    steering = Steering()
    plan = reading(30)

    def planner(number: int, request: ChatRequest) -> Turn:
        if number == 4:
            steering.say(said)
        return plan(number, request)

    wire = Wire(planner)
    run(wire, Workspace(repo), steering=steering)
    assert rewrites(wire)
    for request in wire.requests[5:]:
        assert any(said in text for text in texts(request, "user"))


def test_arguments_of_279000_tokens_do_not_fill_the_next_request(repo: Path) -> None:
    lines = "".join(f"表 {number} 😀\n" for number in range(40_000))
    write = ToolCall("write", {"file_path": "表.txt", "content": lines})
    wire = Wire(lambda n, request: Turn(tool_calls=(write,)) if n == 0 else DONE)
    _, outcome = run(wire, Workspace(repo, max_file_bytes=20_000_000))
    assert outcome.status == "done"
    assert (repo / "表.txt").read_text() == lines
    assert len(wire.bodies[1]) < 200_000
    assert "characters left out here" in wire.bodies[1].decode()


def with_notes(words: str, turns: int) -> Callable[[int, ChatRequest], Turn]:
    plan, asked = reading(turns), iter(range(100))

    def planner(number: int, request: ChatRequest) -> Turn:
        if "about to leave" in texts(request, "user")[-1]:
            return Turn(content=words)
        return plan(next(asked), request)

    return planner


def test_a_summary_is_asked_on_the_same_prefix_and_stands_in_the_record(repo: Path) -> None:
    limits = HistoryLimits(**{**asdict(SMALL), "summary": True})
    wire = Wire(with_notes("compute() is defined nowhere.", 14))
    _, outcome = run(wire, Workspace(repo), history=limits)
    assert outcome.status == "done"
    sides = [n for n, body in enumerate(wire.bodies) if b"about to leave" in body]
    assert sides
    for number in sides:
        before, side = (messages_as_sent(wire.bodies[n]) for n in (number - 1, number))
        assert side.startswith(before)
        assert tools_as_sent(wire.bodies[number]) == tools_as_sent(wire.bodies[0])
    assert "what you noted yourself:\ncompute() is defined nowhere." in opening(wire.requests[-1])
    assert set(wire.ids) == {"thread-1"}
    assert outcome.steps == len(wire.bodies)


def test_a_summary_that_does_not_come_loses_nothing(repo: Path) -> None:
    limits = HistoryLimits(**{**asdict(SMALL), "summary": True})
    wire = Wire(with_notes("", 14))
    _, outcome = run(wire, Workspace(repo), history=limits)
    assert outcome.status == "done"
    assert "- read a.py lines 1-60" in opening(wire.requests[-1])


def batches(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (each for each in events if each["event"] == "history")


def test_batches_are_told(repo: Path) -> None:
    wire = Wire(reading(30))
    events, _ = run(wire, Workspace(repo))
    told = list(batches(events))
    assert len(told) == len(rewrites(wire))
    assert all(each["tokens"] < each["tokens_before"] for each in told)
