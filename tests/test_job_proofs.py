"""What each job must show of its work before it is done, over the embedded gateway."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_planner import Script, calls

from grok_agent import Outcome, Workspace
from grok_agent.graphs import repository_agent
from grok_agent.graphs.emptied import emptied_functions
from grok_agent.offline.wire import Turn
from grok_agent.verification_words import in_words

MONEY = '''\
"""Money."""


def total(prices):
    """The sum."""
    result = 0
    for price in prices:
        result += price
    return result


def _rounded(value):
    return round(value, 2)
'''
GOOD = "from money import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
EMPTY = "from money import total\n\n\ndef test_total():\n    total([1, 2])\n"
WRONG = GOOD.replace("== 3", "== 4")
DONE = Turn(content="Done.")
SLOW_PLUGINS = (
    "langsmith_plugin",
    "hypothesispytest",
    "syrupy",
    "recording",
    "codspeed",
    "asyncio",
)
WITHOUT_PLUGINS = " ".join(f"-p no:{name}" for name in (*SLOW_PLUGINS, "nbmake", "benchmark"))


def write(path: str, content: str) -> Turn:
    return calls(("write", {"file_path": path, "content": content}))


def shell(command: str) -> Turn:
    return calls(("run_terminal_command", {"command": command, "description": "Because."}))


READ = calls(("read_file", {"target_file": "money.py"}))


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "money.py").write_text(MONEY)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = {WITHOUT_PLUGINS}\n")
    return tmp_path


def run(repo: Path, job: Any, script: Script, **options: Any) -> Outcome:
    options.setdefault("workspace", Workspace(repo, permission="all"))
    agent = repository_agent(script.model(), job=job, **options)
    return Outcome.from_dict(agent.invoke({"task": "do it"})["outcome"])


def test_good_tests_pass_notice_broken_code_and_cover_more(repo: Path) -> None:
    outcome = run(repo, "tests", Script(write("test_money.py", GOOD), DONE))
    assert outcome.status == "done"
    facts = outcome.verification
    assert (facts["new_tests"], facts["passed"]) == (["test_money.py"], True)
    assert facts["broken_on_purpose"] == [{"function": "money.py:4 total", "noticed": True}]
    coverage = facts["coverage"]
    assert (coverage["files"], coverage["before"]) == (["money.py"], 0.0)
    assert coverage["after"] > 50
    assert (repo / "money.py").read_text() == MONEY
    assert sorted(path.name for path in repo.iterdir()) == [
        *("money.py", "pytest.ini", "test_money.py")
    ]


def test_tests_that_assert_nothing_go_back_to_the_model(repo: Path) -> None:
    read = calls(("read_file", {"target_file": "test_money.py"}))
    script = Script(write("test_money.py", EMPTY), DONE, read, write("test_money.py", GOOD), DONE)
    outcome = run(repo, "tests", script)
    assert outcome.status == "done"
    assert outcome.verification["broken_on_purpose"][0]["noticed"]
    asked = [str(each["content"]) for each in script.requests[-1].messages]
    assert any("still pass when the whole body" in text and "total" in text for text in asked)


def test_failing_tests_are_never_done(repo: Path) -> None:
    script = Script(write("test_money.py", WRONG), DONE, DONE, DONE)
    outcome = run(repo, "tests", script)
    assert (outcome.status, outcome.verification["passed"]) == ("failed", False)
    assert "do not pass" in outcome.reason


def test_no_test_written_is_never_done(repo: Path) -> None:
    outcome = run(repo, "tests", Script(DONE, DONE, DONE))
    assert (outcome.status, outcome.verification["new_tests"]) == ("failed", [])


def test_tests_in_another_language_are_said_not_to_be_tried(repo: Path) -> None:
    outcome = run(repo, "tests", Script(write("money.test.js", "test('x', () => {})\n"), DONE))
    assert outcome.status == "done"
    assert "Python" in outcome.verification["not_tried"]


def test_a_refactoring_tells_how_the_public_names_changed(repo: Path) -> None:
    edit = {
        "file_path": "money.py",
        "old_string": "def total(prices):",
        "new_string": "def sum_of(prices, start=0):",
    }
    hidden = {"file_path": "money.py", "old_string": "_rounded(", "new_string": "_short("}
    script = Script(READ, calls(("search_replace", edit), ("search_replace", hidden)), DONE)
    outcome = run(repo, "refactor", script, check="python -c pass")
    assert (outcome.status, outcome.verification["check_before"]) == ("done", 0)
    assert outcome.verification["public_api"] == [
        "+ money.py: def sum_of(prices, start=0)",
        "- money.py: def total(prices)",
    ]


def test_a_check_that_failed_before_is_told_to_the_model(repo: Path) -> None:
    script = Script(DONE)
    outcome = run(repo, "refactor", script, check="python -c 'raise SystemExit(7)'")
    assert outcome.verification["check_before"] == 7
    assert "fails before any change (exit 7)" in str(script.requests[0].messages)


def finding(**given: Any) -> dict[str, Any]:
    usual = {"file": "money.py", "line": 1, "quote": "    return result", "severity": "low"}
    return {**usual, "what": "It is wrong.", **given}


def report(*findings: Any) -> Turn:
    return calls(("report_findings", {"findings": list(findings)}))


def test_a_finding_needs_a_line_that_exists(repo: Path) -> None:
    script = Script(
        report(
            finding(),
            finding(quote="return nonsense", what="Invented."),
            finding(file="../etc/passwd", what="Outside."),
            finding(severity="HIGH", quote="result += price", what="Worse."),
            "no finding",
        ),
        DONE,
    )
    outcome = run(repo, "review", script, workspace=Workspace(repo, permission="plan"))
    assert outcome.status == "done"
    kept = [(each["severity"], each["line"], each["what"]) for each in outcome.findings]
    assert kept == [("high", 8, "Worse."), ("low", 9, "It is wrong.")]
    assert "Invented." in script.told()


def test_a_review_without_a_report_is_asked_for_it_once(repo: Path) -> None:
    workspace = Workspace(repo, permission="plan")
    script = Script(DONE, report(), DONE)
    outcome = run(repo, "review", script, workspace=workspace)
    assert (outcome.status, outcome.findings, script.turns) == ("done", [], [])
    stubborn = Script(DONE, DONE)
    assert run(repo, "review", stubborn, workspace=workspace).status == "done"


def test_wrong_arguments_of_a_report_are_answered(repo: Path) -> None:
    script = Script(calls(("report_findings", {"findings": "none"})), report(), DONE)
    run(repo, "review", script, workspace=Workspace(repo, permission="plan"))
    assert any("is no list" in str(each["content"]) for each in script.requests[1].messages)


def test_a_script_must_have_run_after_its_last_change(repo: Path) -> None:
    script = Script(write("tool.py", "print(1)\n"), DONE, shell("python tool.py"), DONE)
    outcome = run(repo, "script", script)
    assert (outcome.status, outcome.verification["ran"]) == ("done", ["python tool.py"])
    assert script.turns == []


def test_a_script_that_failed_has_not_run(repo: Path) -> None:
    broken = write("tool.py", "raise SystemExit(3)\n")
    script = Script(broken, shell("python tool.py"), DONE, DONE)
    assert run(repo, "script", script).verification["ran"] == []


@given(st.text(max_size=300))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert emptied_functions([text], {"a.py": text}) == []


def test_functions_are_emptied_whole_and_one_at_a_time() -> None:
    source = (
        "class Box:\n"
        "    @property\n"
        "    def size(self):\n"
        '        """Size."""\n'
        "        return 1\n\n"
        "    async def fill(self, *, much=2):\n"
        "        if much:\n"
        "            return 3\n"
        "        return 4\n\n"
        "    def open(self): return 5\n\n"
        "    def shut(self):\n"
        "        raise NotImplementedError\n"
    )
    test = "from src.a import Box\nBox().size()\nBox().fill()\nBox().fill()\nBox().open().shut()\n"
    found = emptied_functions([test], {"src/a.py": source, "b.py": source})
    assert [(each.name, each.line) for each in found] == [("Box.fill", 7), ("Box.size", 3)]
    assert "much=2):\n        return None\n\n    def open" in found[0].text
    assert '"""Size."""\n        return None\n\n' in found[1].text


def test_the_terminal_tells_what_was_found_out() -> None:
    lines = in_words(
        {
            "check_before": 1,
            "public_api": ["- a.py: def f()"],
            "new_tests": ["test_a.py"],
            "passed": True,
            "broken_on_purpose": [{"function": "a.py:1 f", "noticed": False}],
            "coverage": {"files": ["a.py"], "before": 10.0, "after": 90.5},
            "ran": [],
        }
    )
    assert "with the body of a.py:1 f removed, they do not notice it" in lines
    assert "coverage of a.py: 10.0 % before, 90.5 % now" in lines
    assert len(lines) == 7
    assert in_words({}) == []
