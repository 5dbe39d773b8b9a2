"""``runs``, ``resume`` and ``fork`` as a person uses them."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from grok_agent.cli import app
from grok_agent.journal import read_journal
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.server import running
from grok_agent.run_lock import is_locked, locked

TASK = "rename the function area to surface"
CHECK = "python -B use.py"


def run(*arguments: str | Path, stdin: str = "") -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "shapes.py").write_text("def area(w, h):\n    return w * h\n")
    (root / "use.py").write_text("from shapes import area\n\nassert area(1, 1) == 1\n")
    return root


@pytest.fixture
def stopped(repository: Path) -> str:
    """The id of a run that has met its limit of steps."""
    given = ("--repo", repository, "--check", CHECK, "--max-steps", "2", TASK)
    assert run("refactor", "--offline", *given).exit_code == 5
    (only,) = listed()
    return str(only["id"])


def listed() -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run("runs", "--json").stdout)
    return found


def folder_of(run_id: str) -> Path:
    return Path(os.environ["GROK_STATE_DIR"]) / "runs" / run_id


def test_a_run_that_met_its_limit_goes_on(stopped: str, repository: Path) -> None:
    result = run("resume", stopped, "--max-steps", "30")
    assert result.exit_code == 0, result.output
    assert "def surface" in (repository / "shapes.py").read_text()
    assert "-def area(w, h):\n+def surface(w, h):" in result.stdout
    assert "check  python -B use.py -> exit 0" in result.stderr  # as it was started
    events = read_journal(folder_of(stopped))
    steps = [event["step"] for event in events if event["event"] == "model"]
    assert steps == list(range(1, len(steps) + 1))
    dollars = [event["total_usd"] for event in events if event["event"] == "model"]
    assert dollars == sorted(dollars)
    assert [event["event"] for event in events].count("survey") == 1
    assert events[-1]["outcome"]["steps"] == len(steps)


@pytest.mark.enable_socket
def test_a_run_that_the_gateway_failed_goes_on(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROK_API_KEY", "key-of-this-test")
    monkeypatch.setenv("GROK_MAX_RETRIES", "0")
    with running(OfflineGateway()) as address:
        nobody = address
    begun = run("refactor", "--base-url", nobody, "--repo", repository, "--permission", "all", TASK)
    assert begun.exit_code == 1
    (only,) = listed()
    assert (only["status"], only["resumable"]) == ("failed", True)
    assert f"Go on with it: grok-agent resume {only['id']}" in begun.stderr
    with running(OfflineGateway()) as address:
        result = run("resume", "last", "--base-url", address)
    assert result.exit_code == 0, result.output
    assert "def surface" in (repository / "shapes.py").read_text()


def test_limits_that_are_not_raised_still_hold(stopped: str) -> None:
    assert run("resume", "last").exit_code == 5


def test_a_run_that_is_done_says_so(stopped: str) -> None:
    assert run("resume", stopped, "--max-steps", "30").exit_code == 0
    result = run("resume", stopped)
    assert result.exit_code == 2
    assert "has ended: done" in result.stderr
    assert f"grok-agent fork {stopped} --at" in result.stderr


def test_a_beginning_of_an_id_is_enough(stopped: str) -> None:
    assert run("resume", stopped[:9], "--max-steps", "30").exit_code == 0
    for name in ("zzz", ""):
        result = run("resume", name)
        assert result.exit_code == 2
        assert "grok-agent runs" in result.stderr


def test_runs_tell_how_they_stand(stopped: str, repository: Path, tmp_path: Path) -> None:
    (only,) = listed()
    assert only["status"] == "over_budget"
    assert only["resumable"] is True
    assert (only["job"], only["task"], only["steps"]) == ("refactor", TASK, 2)
    assert only["repository"] == str(repository)
    assert isinstance(only["usd"], float)
    shown = run("runs").stdout
    assert f"{stopped}  " in shown
    assert "over_budget, can be resumed; 2 steps, nothing billed" in shown
    assert f"refactor: {TASK}  ({repository})" in shown
    assert json.loads(run("runs", "--json", "--repo", tmp_path).stdout) == []
    assert len(json.loads(run("runs", "--json", "--repo", repository).stdout)) == 1


def test_no_runs_yet() -> None:
    result = run("runs")
    assert result.exit_code == 0
    assert "No runs yet" in result.stdout


def test_newest_first_and_interrupted_ones_are_marked(stopped: str, repository: Path) -> None:
    assert run("ask", "--offline", "--repo", repository, "what is this").exit_code == 0
    newest, oldest = listed()
    assert (newest["job"], newest["status"], newest["resumable"]) == ("ask", "done", False)
    assert oldest["id"] == stopped
    journal = folder_of(stopped) / "journal.jsonl"
    journal.write_bytes(b"\n".join(journal.read_bytes().split(b"\n")[:-2]) + b'\n{"event": "e')
    assert listed()[1]["status"] == "interrupted"
    assert run("resume", stopped, "--max-steps", "30").exit_code == 0


def test_two_at_once(stopped: str) -> None:
    with locked(folder_of(stopped)):
        assert listed()[0]["status"] == "running"
        result = run("resume", stopped)
    assert result.exit_code == 2
    assert "under way in another process" in result.stderr
    assert not is_locked(folder_of(stopped))
    assert run("resume", stopped, "--max-steps", "30").exit_code == 0


def test_state_of_an_older_version(stopped: str) -> None:
    file = folder_of(stopped) / "checkpoints.bin"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"checkpoints 1\n", b"checkpoints 0\n", 1))
    result = run("resume", stopped)
    assert result.exit_code == 2
    assert "version 0; this program reads version 1" in result.stderr
    assert "Traceback" not in result.output
    file.write_bytes(whole)
    started = folder_of(stopped) / "run.json"
    started.write_text(started.read_text().replace('"version": 1', '"version": 99'))
    result = run("resume", stopped)
    assert result.exit_code == 2
    assert "another version" in result.stderr


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1}', "\0" * 50])
def test_a_damaged_record_of_the_start(stopped: str, damage: str) -> None:
    (folder_of(stopped) / "run.json").write_text(damage)
    result = run("resume", stopped)
    assert result.exit_code == 2
    assert "does not say how it was started" in result.stderr


def test_fork_goes_another_way_from_a_step(stopped: str, repository: Path) -> None:
    assert run("resume", stopped, "--max-steps", "30").exit_code == 0
    result = run("fork", stopped, "--at", "1")
    assert result.exit_code == 0, result.output
    assert "files are as they are now" in result.stderr
    newest, oldest = listed()
    assert oldest["id"] == stopped
    assert newest["id"] != stopped
    events = read_journal(folder_of(str(newest["id"])))
    steps = [event["step"] for event in events if event["event"] == "model"]
    assert steps[0] == 2
    assert (events[0]["forked_from"], events[0]["at_step"]) == (stopped, 1)


def test_fork_with_other_words(stopped: str, repository: Path) -> None:
    assert run("resume", stopped, "--max-steps", "30").exit_code == 0
    words = "rename the function surface to extent"
    assert run("fork", stopped, "--at", "5", "--max-steps", "30", words).exit_code == 0
    newest, _ = listed()
    assert newest["task"] == words
    assert newest["status"] == "done"


def test_fork_can_put_the_files_back(stopped: str, repository: Path) -> None:
    assert run("resume", stopped, "--max-steps", "30").exit_code == 0
    result = run("fork", stopped, "--at", "1", "--restore-files", "--json")
    assert result.exit_code == 0, result.output
    assert "def surface" in (repository / "shapes.py").read_text()  # renamed once more
    assert json.loads(result.stdout)["changed_files"] == ["shapes.py", "use.py"]


def test_fork_will_not_destroy_what_somebody_else_did(stopped: str, repository: Path) -> None:
    assert run("resume", stopped, "--max-steps", "30").exit_code == 0
    (repository / "shapes.py").write_text("mine\n")
    result = run("fork", stopped, "--at", "1", "--restore-files")
    assert result.exit_code == 2
    assert (repository / "shapes.py").read_text() == "mine\n"
    assert len(listed()) == 1


def test_fork_at_a_step_that_is_not_there(stopped: str) -> None:
    result = run("fork", stopped, "--at", "9")
    assert result.exit_code == 2
    assert "no finished step 9" in result.stderr
    assert "from 0 to 2" in result.stderr


def test_the_repository_receives_no_stray_file(stopped: str, repository: Path) -> None:
    assert run("resume", stopped, "--max-steps", "30").exit_code == 0
    assert sorted(path.name for path in repository.rglob("*")) == ["shapes.py", "use.py"]
    assert sorted(path.name for path in Path.cwd().rglob("*")) == []
    assert not [path for path in (folder_of(stopped) / "outputs").glob("*") if path.is_dir()]


def test_a_state_folder_that_cannot_be_written_costs_a_word(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GROK_STATE_DIR", str(tmp_path / "file"))
    result = run("ask", "--offline", "--repo", repository, "what is this repository")
    assert "cannot be resumed" in result.stderr
    assert "Traceback" not in result.output


def test_what_is_read_of_a_run_is_for_its_owner_only(stopped: str) -> None:
    folder = folder_of(stopped)
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("verb", ["runs", "resume", "fork"])
def test_help_has_an_example(verb: str) -> None:
    assert f"grok-agent {verb}" in run(verb, "--help").stdout
