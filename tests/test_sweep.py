"""A repository larger than one request, read in shards over the embedded gateway."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from grok_agent import Budget, Outcome, SettingsError, Workspace, offline_model
from grok_agent.context.tokens import count, count_messages
from grok_agent.graphs import repository_agent, sqlite_checkpointer, sweep_agent
from grok_agent.graphs.sweep_findings import Finding, proven, read_report
from grok_agent.graphs.sweep_options import SweepOptions
from grok_agent.graphs.sweep_reduce import batches, cap_of, head
from grok_agent.graphs.sweep_route import points_at_files
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

THREAD: Any = {"configurable": {"thread_id": "thread-1"}}
SMALL = Budget(max_input_tokens=5_000, max_usd=None)
ALL = sorted([*(f"m{n}.py" for n in range(16)), "README.md"])
FUNCTION = "def {name}(a, b):\n    total = a + b * {number}\n    return total\n\n\n"
FILE = re.compile(r'^<file path="([^"]+)".* lines="\d+-\d+">$', re.MULTILINE)


def module(name: str, functions: int = 50) -> str:
    return "".join(FUNCTION.format(name=f"{name}_{n}", number=n) for n in range(functions))


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    for n in range(16):
        (root / f"m{n}.py").write_text(f"import m{(n + 1) % 16}\n\n\n" + module(f"m{n}"))
    (root / "README.md").write_text("# Numbers\n\nAdds and multiplies.\n")
    (root / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    return root


def files_in(request: ChatRequest) -> list[str]:
    return [found[1] for found in FILE.finditer(last_text(request))]


def last_text(request: ChatRequest) -> str:
    return str(request.messages[-1]["content"])


def report(notes: str = "Notes.", *findings: dict[str, Any]) -> Turn:
    return Turn(tool_calls=(ToolCall("report_findings", {"findings": findings, "notes": notes}),))


def finding(file: str, line: int, quote: str, severity: str = "high") -> dict[str, Any]:
    return {"file": file, "line": line, "quote": quote, "severity": severity, "what": "Wrong."}


class Model:
    """Reports one real and one invented finding of each shard, and joins results in words."""

    def __init__(self, shard: Callable[[ChatRequest], Turn] | None = None) -> None:
        self.requests: list[ChatRequest] = []
        self._shard = shard or self.two_findings

    def __call__(self, request: ChatRequest) -> Turn:
        self.requests.append(request)
        if "<shard " in last_text(request):
            return self._shard(request)
        return Turn(content="Joined.")

    @property
    def shards(self) -> list[ChatRequest]:
        return [each for each in self.requests if "<shard " in last_text(each)]

    @property
    def joins(self) -> list[ChatRequest]:
        return [each for each in self.requests if "<results " in last_text(each)]

    def two_findings(self, request: ChatRequest) -> Turn:
        file = next(name for name in files_in(request) if name.endswith(".py"))
        real = finding(file, 90, "    total = a + b * 3")
        return report("Notes.", real, finding(file, 4, "import antigravity"))


def run(model: Model, repo: Path, *faults: Fault, **options: Any) -> Outcome:
    return watch(model, repo, *faults, **options)[1]


def watch(
    model: Model, repo: Path, *faults: Fault, task: str = "Look for defects.", **options: Any
) -> tuple[list[dict[str, Any]], Outcome]:
    events: list[dict[str, Any]] = []
    agent = sweep_agent(
        offline_model(OfflineGateway(planner=model, faults=faults), max_retries=0),
        Workspace(repo, permission="plan"),
        **{"budget": SMALL, "on_event": events.append, **options},
    )
    return events, Outcome.from_dict(agent.invoke({"task": task}, THREAD)["outcome"])


def test_all_files_are_read_in_requests_of_a_safe_size(repo: Path) -> None:
    model = Model()
    outcome = run(model, repo)
    assert (outcome.status, outcome.reason, outcome.run_id) == ("done", "", "thread-1")
    assert len(model.shards) > 2
    assert outcome.steps == len(model.requests) == len(model.shards) + 1
    read = [name for request in model.shards for name in files_in(request)]
    assert sorted(read) == ALL
    assert outcome.left_out == [{"path": "logo.png", "reason": "binary"}]
    for request in model.requests:
        assert count_messages(request.messages, request.tools) < 5_000
    assert outcome.summary.startswith("Joined.")
    assert "17 files" in outcome.summary
    assert "binary: 1 (logo.png)" in outcome.summary
    assert outcome.cost.usd
    assert outcome.diff == ""


def test_all_requests_share_their_beginning_and_their_conversation(repo: Path) -> None:
    model = Model()
    outcome = run(model, repo)
    texts = [last_text(request) for request in model.requests]
    lead = texts[0][: texts[0].index("<shard ")]
    assert lead.startswith("<repository_map>")
    assert all(text.startswith(lead) for text in texts)
    assert all(text.endswith("<user_query>\nLook for defects.\n</user_query>") for text in texts)
    assert len({str((each.messages[0], each.tools)) for each in model.requests}) == 1
    assert {request.conversation_id for request in model.requests} == {"thread-1"}
    assert outcome.usage.cached_tokens > 0


def test_findings_are_kept_only_with_a_line_that_exists(repo: Path) -> None:
    model = Model()
    events, outcome = watch(model, repo)
    assert len(outcome.findings) == len(model.shards)
    for found in outcome.findings:
        lines = (repo / found["file"]).read_text().splitlines()
        assert lines[found["line"] - 1].strip() == "total = a + b * 3"  # the model said line 90
    assert "import antigravity" not in outcome.summary
    assert f"Dropped: {len(model.shards)} findings" in outcome.summary
    shards = [event for event in events if event["event"] == "shard"]
    assert {(event["findings"], event["dropped"]) for event in shards} == {(1, 1)}


def test_the_worst_findings_come_first(repo: Path) -> None:
    grades = iter(["low", "critical", "medium", "high", "info", *["low"] * 20])

    def shard(request: ChatRequest) -> Turn:
        file = next(name for name in files_in(request) if name.endswith(".py"))
        return report("", finding(file, 1, "    return total", next(grades)))

    outcome = run(Model(shard), repo, options=SweepOptions(width=1))
    order = [found["severity"] for found in outcome.findings]
    assert order[:4] == ["critical", "high", "medium", "low"]
    assert order == sorted(order, key=["critical", "high", "medium", "low", "info"].index)


def test_a_sequential_sweep_carries_notes_forward(repo: Path) -> None:
    numbers = iter(range(100))
    model = Model(lambda request: report(f"Note {next(numbers)}. " + "word " * 4_000))
    outcome = run(model, repo, options=SweepOptions(mode="sequential"))
    assert outcome.status == "done"
    texts = [last_text(request) for request in model.shards]
    assert "<notes>" not in texts[0]
    for number, text in enumerate(texts[1:]):
        notes = text[text.index("<notes>") : text.index("</notes>")]
        assert f"Note {number}. " in notes
        assert "[... cut]" in notes
    assert all(count_messages(r.messages, r.tools) < 5_000 for r in model.requests)


def test_results_are_joined_in_levels_that_fit(repo: Path) -> None:
    model = Model(lambda request: report("An important note. " * 400))
    events, outcome = watch(model, repo)
    assert outcome.status == "done"
    levels = [event["level"] for event in events if event["event"] == "join"]
    assert max(levels) >= 2
    assert levels == sorted(levels)
    assert levels.count(max(levels)) == 1
    assert all(count_messages(r.messages, r.tools) < 5_000 for r in model.requests)


def test_parallel_requests_are_bounded(repo: Path) -> None:
    waves = [
        [event["number"] for event in events]
        for events in _waves(watch(Model(), repo, options=SweepOptions(width=2))[0])
    ]
    assert all(len(wave) <= 2 for wave in waves)


def _waves(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    shards = [event for event in events if event["event"] == "shard"]
    return [shards[n : n + 2] for n in range(0, len(shards), 2)]


def test_a_question_is_answered_from_all_shards(repo: Path) -> None:
    model = Model()
    outcome = run(model, repo, job="ask", task="Where is m7_3 defined?")
    assert outcome.status == "done"
    assert outcome.summary.startswith("Joined.\n\nRead ")  # the answer, not a list of findings
    assert "m7.py" in files_in(model.shards[0]) + files_in(model.shards[1])  # likely ones first
    assert "Job: ask" in str(model.requests[0].messages[0]["content"])


# What goes wrong


def test_a_refused_shard_is_left_out_with_the_reason(repo: Path) -> None:
    def shard(request: ChatRequest) -> Turn:
        if "m3.py" in files_in(request):
            return Turn(content="No.", refusal="I will not read this.")
        return model.two_findings(request)

    model = Model(shard)
    outcome = run(model, repo)
    assert outcome.status == "done"
    assert {"path": "m3.py", "reason": "I will not read this."} in outcome.left_out
    assert len(outcome.findings) == len(model.shards) - 1
    assert "I will not read this." in outcome.summary


def test_all_refused_is_a_refusal(repo: Path) -> None:
    model = Model(lambda request: Turn(content="No.", refusal="Never."))
    outcome = run(model, repo)
    assert outcome.status == "refused"
    assert outcome.reason.startswith("Never. 0 of ")
    assert len(model.requests) == 4  # the others are not tried


def test_a_key_that_is_refused_ends_the_sweep_at_once(repo: Path) -> None:
    model = Model()
    outcome = run(model, repo, Fault("unauthorized", times=None), options=SweepOptions(width=2))
    assert (outcome.status, outcome.error_kind) == ("failed", "AuthenticationError")
    assert "0 of " in outcome.reason
    assert len(outcome.left_out) == 18
    assert model.requests == []


def test_an_answer_that_is_cut_is_asked_for_again(repo: Path) -> None:
    outcome = run(Model(), repo, Fault("cut_stream", times=1))
    assert outcome.status == "done"
    assert len(outcome.left_out) == 1


@pytest.mark.parametrize("kind", ["context_overflow", "too_large"])
def test_a_shard_that_the_gateway_finds_too_large_is_read_in_halves(repo: Path, kind: str) -> None:
    model = Model(lambda request: report("Notes."))
    events, outcome = watch(model, repo, Fault(kind, times=1), options=SweepOptions(width=1))
    assert outcome.status == "done"
    assert outcome.left_out == [{"path": "logo.png", "reason": "binary"}]
    read = [name for request in model.shards for name in files_in(request)]
    assert sorted(read) == ALL
    planned = next(event for event in events if event["event"] == "plan")
    assert len(model.shards) > len(planned["shards"])


def test_a_gateway_that_finds_everything_too_large_is_given_up(repo: Path) -> None:
    model = Model()
    events, outcome = watch(model, repo, Fault("too_large", times=None))
    assert (outcome.status, outcome.error_kind) == ("failed", "RequestTooLargeError")
    assert len([event for event in events if event["event"] == "shard"]) <= 20
    assert len(outcome.left_out) == len(ALL) + 1


def test_a_limit_of_graph_steps_ends_the_sweep_with_what_it_has(repo: Path) -> None:
    model = Model()
    agent = sweep_agent(
        offline_model(OfflineGateway(planner=model)),
        Workspace(repo),
        budget=SMALL,
        options=SweepOptions(width=1),
    )
    config = THREAD | {"recursion_limit": 10}
    outcome = agent.invoke({"task": "Look for defects."}, config)["outcome"]
    assert (outcome["status"], outcome["limit"]) == ("over_budget", "steps")
    assert "recursion_limit" in outcome["reason"]
    assert outcome["findings"]


def test_a_repository_that_changes_between_two_processes_is_read_as_it_is_now(
    repo: Path, tmp_path: Path
) -> None:
    checkpointer = sqlite_checkpointer(tmp_path / "checkpoints.sqlite")
    before = unfinished(repo, checkpointer=checkpointer, options=SweepOptions(width=1))
    for n in range(16):
        (repo / f"m{n}.py").write_text("changed = 1\n")
    model = Model(lambda request: report())
    agent = sweep_agent(
        offline_model(OfflineGateway(planner=model)),
        Workspace(repo),
        budget=SMALL,
        options=SweepOptions(width=1),
        checkpointer=checkpointer,
    )
    outcome = Outcome.from_dict(agent.invoke(None, THREAD)["outcome"])
    checkpointer.conn.close()
    assert outcome.status == "done"
    assert sorted(name for each in model.shards for name in files_in(each)) == ALL
    assert outcome.findings == []  # what was found before stands in no file any more
    assert outcome.steps == len(before.requests) + len(model.requests)


def test_an_answer_in_plain_words_counts_as_notes(repo: Path) -> None:
    model = Model(lambda request: Turn(content="Nothing special in here."))
    outcome = run(model, repo)
    assert (outcome.status, outcome.findings) == ("done", [])
    assert "Nothing special in here." in last_text(model.joins[0])


def test_results_that_are_not_joined_stay_as_they_are(repo: Path) -> None:
    class NeverJoins(Model):
        def __call__(self, request: ChatRequest) -> Turn:
            turn = super().__call__(request)
            is_join = "<results " in last_text(request)
            return Turn(content="No.", refusal="I do not join.") if is_join else turn

    outcome = run(NeverJoins(), repo)
    assert outcome.status == "done"
    assert outcome.findings
    assert "Findings: " in outcome.summary


def test_a_file_that_changes_while_it_is_read_is_left_out(repo: Path) -> None:
    def shard(request: ChatRequest) -> Turn:
        (repo / "README.md").unlink(missing_ok=True)
        for n in range(16):
            if f"m{n}.py" not in files_in(request):
                (repo / f"m{n}.py").write_text("changed = 1\n")
        return report("Notes.")

    outcome = run(Model(shard), repo, options=SweepOptions(width=1))
    assert {each["reason"] for each in outcome.left_out} >= {"binary", "changed"}
    assert outcome.status == "done"


def test_a_folder_without_anything_to_read_fails(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\0\0")
    outcome = run(Model(), tmp_path)
    assert (outcome.status, outcome.steps) == ("failed", 0)
    assert "no file to read" in outcome.reason


# Budgets


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(max_usd=0, max_input_tokens=5_000), "usd"),
        (Budget(max_steps=0, max_input_tokens=5_000), "steps"),
        (Budget(max_seconds=0, max_input_tokens=5_000), "seconds"),
        (Budget(max_input_tokens=500), "input_tokens"),
    ],
)
def test_a_spent_budget_sends_nothing(repo: Path, budget: Budget, limit: str) -> None:
    model = Model()
    outcome = run(model, repo, budget=budget)
    assert (outcome.status, outcome.limit, outcome.steps) == ("over_budget", limit, 0)
    assert model.requests == []


def test_steps_end_reading_and_what_was_read_is_joined(repo: Path) -> None:
    model = Model()
    outcome = run(model, repo, budget=Budget(max_steps=4, max_input_tokens=5_000))
    assert (outcome.status, outcome.limit) == ("over_budget", "steps")
    assert 2 <= len(model.shards) < 4
    assert len(model.joins) == 1
    assert outcome.steps <= 4
    assert outcome.findings
    assert "--max-steps" in outcome.reason
    unread = [each["path"] for each in outcome.left_out if each["reason"] == "not read: steps"]
    assert unread
    assert not set(unread) & {name for each in model.shards for name in files_in(each)}


def test_dollars_end_reading_with_enough_left_to_join(repo: Path) -> None:
    model = Model()
    events, outcome = watch(model, repo, budget=Budget(max_usd=0.03, max_input_tokens=5_000))
    assert (outcome.status, outcome.limit) == ("over_budget", "usd")
    assert outcome.cost.usd
    assert outcome.cost.usd <= 0.03
    assert len(model.joins) == 1
    assert any("The whole sweep would cost about" in event.get("text", "") for event in events)


# Going on


class Interrupting(Model):
    """Breaks off at the third shard, as Ctrl-C or a crash does."""

    def __call__(self, request: ChatRequest) -> Turn:
        if len(self.shards) == 2:
            raise KeyboardInterrupt
        return super().__call__(request)


def unfinished(repo: Path, **options: Any) -> Model:
    model = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        run(model, repo, **options)
    assert len(model.shards) == 2
    return model


def test_an_interrupted_sweep_goes_on_where_it_stopped(repo: Path, tmp_path: Path) -> None:
    checkpointer = sqlite_checkpointer(tmp_path / "state" / "checkpoints.sqlite")
    before = unfinished(repo, checkpointer=checkpointer, options=SweepOptions(width=1))
    model = Model()
    agent = sweep_agent(  # as in another process: nothing but the checkpoints is left
        offline_model(OfflineGateway(planner=model)),
        Workspace(repo, permission="plan"),
        budget=SMALL,
        options=SweepOptions(width=1),
        checkpointer=checkpointer,
    )
    outcome = Outcome.from_dict(agent.invoke(None, THREAD)["outcome"])
    checkpointer.conn.close()
    read = [name for each in (before, model) for r in each.shards for name in files_in(r)]
    assert sorted(read) == ALL
    assert outcome.status == "done"
    assert outcome.steps == len(before.requests) + len(model.requests)
    assert len(outcome.findings) == len(before.shards) + len(model.shards)
    assert (tmp_path / "state" / "checkpoints.sqlite").stat().st_size < 1_000_000


@pytest.mark.parametrize("mode", ["parallel", "sequential"])
def test_what_was_read_before_is_not_paid_for_twice(repo: Path, tmp_path: Path, mode: Any) -> None:
    options = SweepOptions(mode=mode, width=1, kept_dir=tmp_path / "kept")
    before = unfinished(repo, options=options)
    events, outcome = watch(model := Model(), repo, options=options)
    read = [name for each in (before, model) for r in each.shards for name in files_in(r)]
    assert sorted(read) == ALL
    assert outcome.status == "done"
    assert outcome.steps == len(model.requests)
    assert len(outcome.findings) == len(before.shards) + len(model.shards)
    assert [event["kept"] for event in events if event["event"] == "shard"][:3] == [
        True,
        True,
        False,
    ]
    # A finished sweep is forgotten: the same task is done anew.
    run(again := Model(), repo, options=options)
    assert len(again.shards) == len(before.shards) + len(model.shards)


def test_a_sweep_over_budget_goes_on_with_a_larger_one(repo: Path, tmp_path: Path) -> None:
    options = SweepOptions(kept_dir=tmp_path / "kept")
    first = run(
        one := Model(), repo, options=options, budget=Budget(max_steps=3, max_input_tokens=5_000)
    )
    assert first.limit == "steps"
    second = run(other := Model(), repo, options=options)
    assert second.status == "done"
    read = [name for each in (one, other) for r in each.shards for name in files_in(r)]
    assert sorted(read) == ALL


def test_another_task_or_a_changed_file_is_asked_about_anew(repo: Path, tmp_path: Path) -> None:
    options = SweepOptions(width=1, kept_dir=tmp_path / "kept")
    before = unfinished(repo, options=options)
    changed = files_in(before.shards[0])[0]
    (repo / changed).write_text((repo / changed).read_text().replace("total", "whole"))
    run(other := Model(), repo, options=options, task="Something else.")
    assert len(other.shards) > len(before.shards)
    run(same := Model(lambda request: report()), repo, options=options)
    assert changed in [name for request in same.shards for name in files_in(request)]
    assert len(same.shards) < len(other.shards)


def test_kept_answers_that_are_damaged_are_asked_for_again(repo: Path, tmp_path: Path) -> None:
    options = SweepOptions(width=1, kept_dir=tmp_path / "kept")
    unfinished(repo, options=options)
    (journal,) = (tmp_path / "kept").rglob("*.jsonl")
    journal.write_bytes(
        b'{"event": "piece", "name": 3}\n{"event": "pie' + journal.read_bytes()[:40]
    )
    model = Model()
    assert run(model, repo, options=options).status == "done"
    assert len(model.shards) > 2


def test_a_folder_for_answers_that_cannot_be_written_is_no_error(
    repo: Path, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("a file")
    assert run(Model(), repo, options=SweepOptions(kept_dir=tmp_path / "kept")).status == "done"


def test_a_second_run_of_a_thread_starts_from_nothing(repo: Path) -> None:
    model = Model()
    agent = sweep_agent(
        offline_model(OfflineGateway(planner=model)),
        Workspace(repo, permission="plan"),
        budget=SMALL,
        checkpointer=InMemorySaver(),
    )
    first = agent.invoke({"task": "Look for defects."}, THREAD)
    second = agent.invoke({"task": "And now for typos."}, THREAD)
    assert second["outcome"]["steps"] == len(model.requests) - first["outcome"]["steps"]
    assert "Look for defects." in str(model.requests[-1].messages)  # what was said before
    assert [message.type for message in second["messages"]] == ["human", "ai", "human", "ai"]


def test_asynchronous_runs_do_the_same(repo: Path) -> None:
    model = Model()
    agent = sweep_agent(offline_model(OfflineGateway(planner=model)), Workspace(repo), budget=SMALL)
    outcome = asyncio.run(agent.ainvoke({"task": "Look for defects."}, THREAD))["outcome"]
    assert outcome["status"] == "done"
    assert len(outcome["findings"]) == len(model.shards)


# When a sweep is chosen


def chosen(repo: Path, task: str, **options: Any) -> str:
    model = Model()
    agent = repository_agent(
        offline_model(OfflineGateway(planner=model)),
        Workspace(repo, permission="plan"),
        **{"job": "review", "budget": SMALL, **options},
    )
    outcome = Outcome.from_dict(agent.invoke({"task": task}, THREAD)["outcome"])
    assert outcome.status == "done"
    return "sweep" if model.shards else "tools"


def test_reviews_and_questions_sweep_what_does_not_fit(repo: Path) -> None:
    assert chosen(repo, "Look for defects.") == "sweep"
    assert chosen(repo, "What is this?", job="ask") == "sweep"
    assert chosen(repo, "Look for defects.", sweep="never") == "tools"
    assert chosen(repo, "Look for defects.", budget=Budget()) == "tools"  # it fits
    assert chosen(repo, "Look for defects.", budget=Budget(), sweep="always") == "sweep"
    dear = Budget(max_input_tokens=5_000, max_usd=0.01)
    assert chosen(repo, "What is this?", job="ask", budget=dear) == "tools"


def test_a_task_that_points_at_files_is_worked_on_with_tools(repo: Path) -> None:
    assert chosen(repo, "Review m3.py, please.") == "tools"


@pytest.mark.parametrize(
    ("task", "points"),
    [
        ("Review `src/app.py:12`.", True),
        ("Look at src/ only", True),
        ("what does app.py do?", True),
        ("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@", True),
        ("Look for defects, e.g. races.", False),
        ("Is 3.11 enough? And/or 3.12?", False),
        ("Review /etc/passwd and ../other", False),
        ("nothing.py is missing", False),
        (". .. / ./ \x00 " + "x" * 5_000 + ".py", False),
    ],
)
def test_what_points_at_files(tmp_path: Path, task: str, points: bool) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("x = 1\n")
    assert points_at_files(task, Workspace(tmp_path)) is points


@pytest.mark.parametrize("options", [{"job": "refactor", "sweep": "always"}, {"sweep": "maybe"}])
def test_a_sweep_that_cannot_be(repo: Path, options: Any) -> None:
    with pytest.raises(SettingsError):
        chosen(repo, "work", **options)
    with pytest.raises(SettingsError):
        SweepOptions(width=0)


# The parts


def test_reports_are_read_leniently() -> None:
    found, notes, unreadable = read_report(
        {
            "findings": [
                finding("./a.py", 1, "x", "HIGH") | {"line": "7", "extra": 1},
                finding("a.py", 1, "x", "terrible"),
                {"file": "a.py"},
                "text",
                None,
            ],
            "notes": ["no text"],
        }
    )
    assert [(each.file, each.line, each.severity) for each in found] == [
        ("a.py", 7, "high"),
        ("a.py", 1, "info"),
    ]
    assert (notes, unreadable) == ("", 3)
    assert read_report({"findings": "none"}) == ([], "", 0)


@pytest.mark.parametrize(
    ("line", "quote", "place"),
    [
        (2, "return total", 2),
        (9, "   return   total ", 2),  # the whole line
        (9, "turn total", 4),  # the nearest
        (1, "10→return total", 2),
        (3, "}", 3),  # short, but the whole line at its place
        (2, "}", None),
        (1, "def f():\n    return total", 1),
        (1, "def f():\n    return nothing", None),
        (1, "retrun total", None),
        (1, " \n ", None),
    ],
)
def test_where_a_quote_stands(line: int, quote: str, place: int | None) -> None:
    lines = ["def f():", "    return total", "}", "x = 1; return total"]
    said = Finding(file="a.py", line=line, quote=quote, what="Wrong.")
    checked = proven([said, said], {"a.py": lines}.get)
    assert [each.line for each in checked.findings] == ([place] if place else [])
    assert checked.dropped == (0 if place else 2)


def test_batches_hold_all_texts_and_are_never_too_large() -> None:
    texts = [f"text {n} " + "word " * (n * 37 % 200) for n in range(40)]
    found = batches(texts, 250)
    assert [text for batch in found for text in batch] == texts
    assert all(sum(count(text) for text in batch) <= 250 for batch in found)
    assert cap_of(250) * 2 <= 250
    assert count(head("word " * 5_000, 100)) <= 100
    assert head("short", 100) == "short"
