"""Repositories that do not fit into one request, from the shell."""

import base64
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from grok_agent import Budget
from grok_agent.cli import app
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.server import running
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

DEFECTS = "def first(items=[]):\n    try:\n        return items[0]\n    except:\n        pass\n\n\n"
PARTS = [f"shop/part{n}.py" for n in range(6)]
SMALL = Budget(max_input_tokens=4_000)


def run(*arguments: str | Path, stdin: str | None = "") -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


def write(root: Path, lines: int) -> Path:
    """A repository with defects between comments that are all noise: many tokens in few bytes."""
    (root / "shop").mkdir(parents=True)
    noise = random.Random(7)
    for path in PARTS:
        comments = [f"# {base64.b64encode(noise.randbytes(48)).decode()}\n" for _ in range(lines)]
        (root / path).write_text(DEFECTS + "".join(comments))
    (root / "README.md").write_text("# Shop\n\nSells things to people.\n")
    (root / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    return root


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository that is too large all the same, since requests have to be small."""
    for place in ("running", "repository_runs"):
        monkeypatch.setattr(f"grok_agent.{place}.budget_of", lambda settings: SMALL)
    return write(tmp_path / "project", 15)


def test_a_repository_that_is_really_too_large(tmp_path: Path) -> None:
    repo = write(tmp_path / "project", 700)
    result = run("review", "--offline", "--repo", repo, "look for defects")
    assert result.exit_code == 0, result.output
    assert "Read 2 of 2 shards: 7 files" in result.stdout
    assert all(f"{path}:4 " in result.stdout for path in PARTS)
    journal = Path(result.stderr.split("journal: ")[1].strip())
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    sizes = [event["usage"]["input_tokens"] for event in events if event["event"] == "model"]
    assert 150_000 < max(sizes) < 200_000


def test_review_finds_defects_in_all_of_it(repository: Path) -> None:
    result = run("review", "--offline", "--repo", repository, "look for defects")
    assert result.exit_code == 0, result.output
    for path in PARTS:
        assert f"{path}:1 " in result.stdout
        assert f"{path}:4 " in result.stdout
    assert "> except:" in result.stdout
    assert "Read 2 of 2 shards: 7 files" in result.stdout
    assert "binary: 1 (logo.png)" in result.stdout
    assert "shard 2 of 2" in result.stderr
    assert "would have cost" in result.stderr
    assert "not grok-build-0.1" in result.stderr


def test_json_has_findings_and_what_was_left_out(repository: Path) -> None:
    result = run("review", "--offline", "--json", "--repo", repository, "look for defects")
    outcome = json.loads(result.stdout)
    assert len(outcome["findings"]) == 12
    assert outcome["findings"][0]["quote"] in DEFECTS
    assert outcome["left_out"] == [{"path": "logo.png", "reason": "binary"}]


def test_ask_answers_from_all_of_it(repository: Path) -> None:
    result = run("ask", "--offline", "--repo", repository, "what is this repository")
    assert result.exit_code == 0, result.output
    assert "Sells things to people." in result.stdout


def test_no_sweep_looks_around_with_tools(repository: Path) -> None:
    task = "what is this repository"
    result = run("ask", "--offline", "--no-sweep", "--repo", repository, task)
    assert result.exit_code == 0, result.output
    assert "Sells things to people." in result.stdout
    assert "shard" not in result.output


def test_a_dry_run_needs_no_key_and_sends_nothing(
    repository: Path, empty_environment: Path
) -> None:
    result = run("review", "--dry-run", "--repo", repository, "look for defects")
    assert result.exit_code == 0, result.output
    assert "2 shards, 7 files, 3 requests" in result.stdout
    assert "left out: binary: 1 (logo.png)" in result.stdout
    assert "if nothing is cached" in result.stdout
    assert "assumed: " in result.stdout
    assert result.stdout.endswith("Nothing was sent.\n")
    assert not (empty_environment / "runs").exists()


def test_a_dry_run_as_json_places_every_file(repository: Path) -> None:
    result = run("ask", "--dry-run", "--json", "--repo", repository, "what is this")
    plan = json.loads(result.stdout)
    read = [part["path"] for shard in plan["shards"] for part in shard["parts"]]
    assert sorted(read) == ["README.md", *PARTS]
    assert plan["is_due"] is True
    assert 0 < plan["estimate"]["usd"] <= plan["estimate"]["usd_uncached"] < 1
    assert all(0 < shard["tokens"] < 4_000 for shard in plan["shards"])


def test_a_dry_run_says_when_tools_would_be_used(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    result = run("review", "--dry-run", "--repo", tmp_path, "look for defects")
    assert result.stdout.startswith("It would be worked on with tools")
    assert "1 shards, 1 files" in result.stdout


@pytest.mark.parametrize("verb", ["refactor", "tests", "script"])
def test_verbs_that_write_have_no_sweep(verb: str) -> None:
    assert "--sweep" not in run(verb, "--help").stdout
    assert run(verb, "--offline", "--dry-run", "work").exit_code == 2


# A process that ends in the middle


class Slow:
    """Reports nothing of each shard; from the second one on it waits to be let go."""

    def __init__(self) -> None:
        self.shards: list[str] = []
        self.waiting = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, request: ChatRequest) -> Turn:
        text = str(request.messages[-1]["content"])
        if "<shard " not in text:
            return Turn(content="Joined.")
        self.shards.append(text[text.index("<shard ") :])
        if len(self.shards) == 2:
            self.waiting.set()
            self.let_go.wait(60)
        return Turn(tool_calls=(ToolCall("report_findings", {"findings": [], "notes": ""}),))


@contextmanager
def started(url: str, repo: Path) -> Iterator[subprocess.Popen[str]]:
    program = """if True:
        from grok_agent import Budget, cli, running
        from grok_agent.graphs.sweep_options import SweepOptions
        running.budget_of = lambda settings: Budget(max_input_tokens=4_000)
        SweepOptions.at_once = 1
        cli.app()
    """
    command = [sys.executable, "-c", program, "review", "--repo", str(repo), "look for defects"]
    environment = {**os.environ, "GROK_BASE_URL": url, "GROK_API_KEY": "k"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.enable_socket
def test_a_killed_sweep_pays_for_no_shard_twice(repository: Path) -> None:
    planner = Slow()
    with running(OfflineGateway(planner=planner)) as url:
        with started(url, repository) as process:
            assert planner.waiting.wait(60)
            process.kill()
        planner.let_go.set()
        with started(url, repository) as process:
            output, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "kept   shard 1 of 2" in said
    assert "Read 2 of 2 shards" in output
    assert len(planner.shards) == 3  # the second one was not answered before
    assert planner.shards[1] == planner.shards[2] != planner.shards[0]


@pytest.mark.enable_socket
@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_ctrl_c_twice_ends_at_once(repository: Path) -> None:
    planner = Slow()
    with running(OfflineGateway(planner=planner)) as url:
        with started(url, repository) as process:
            assert planner.waiting.wait(60)
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 130
        planner.let_go.set()
