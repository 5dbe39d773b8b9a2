"""`grok-agent pack` and `grok-agent map`, and the map itself, as a person runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from grok_agent import Workspace
from grok_agent.commands import context
from grok_agent.context.repo_map import repo_map
from grok_agent.context.tokens import count
from grok_agent.tools import repository_tools

app = typer.Typer()
context.register(app)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "till.py").write_text(
        "class Till:\n    def refund(self, order: int) -> int:\n        return -order\n\n"
        "    def _open(self) -> None:\n        def inner():\n            pass\n"
    )
    (folder / "shop" / "stock.py").write_text(
        "from shop.till import Till\n\n\ndef refund_all(till: Till) -> None:\n    till.refund(1)\n"
    )
    (folder / "package-lock.json").write_text("{}\n")
    return folder


def test_a_whole_repository_goes_to_standard_output(repo: Path) -> None:
    done = run("pack", "--repo", str(repo))
    assert done.exit_code == 0
    assert done.stdout.startswith('<file path="shop/stock.py" lines="1-5">\nfrom shop.till')
    assert "2 files, " in done.stderr
    assert "tokens\nleft out: 1 lock file" in done.stderr


def test_out_is_written_in_one_step_and_not_packed_itself(repo: Path) -> None:
    out = repo / "context.txt"
    for _ in range(2):
        done = run("pack", "--repo", str(repo), "--out", str(out), "--count", "--json")
        facts = json.loads(done.stdout)
        assert facts["tokens"] == count(out.read_text())
        assert facts["files"] == 2
    assert [path.name for path in repo.iterdir() if path.name.startswith(".")] == []


def test_a_task_and_a_budget_choose(repo: Path) -> None:
    done = run("pack", "--repo", str(repo), "--for", "refund", "--budget", "120", "--explain")
    assert done.exit_code == 0
    assert 0 < count(done.stdout) <= 120
    assert " of 120 tokens" in done.stderr
    assert "lock file: package-lock.json" in done.stderr
    assert "   1 shop/" in done.stderr


def test_include_takes_in_what_is_left_out_otherwise(repo: Path) -> None:
    done = run("pack", "--repo", str(repo), "--budget", "900", "--include", "*.json", "--json")
    facts = json.loads(done.stdout)
    assert "package-lock.json" in {span["path"] for span in facts["spans"]}
    assert facts["tokens"] == count(facts["text"])


def test_a_dry_run_counts_and_writes_nothing(repo: Path, tmp_path: Path) -> None:
    out = tmp_path / "context.txt"
    whole = run("pack", "--repo", str(repo), "--out", str(out), "--dry-run")
    chosen = run("pack", "--repo", str(repo), "--for", "refund", "--out", str(out), "--dry-run")
    assert (whole.exit_code, chosen.exit_code) == (0, 0)
    assert (whole.stdout, chosen.stdout) == ("", "")
    assert "about" not in whole.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pack", "--repo", "nowhere"), "nowhere"),
        (("pack", "--repo", ".", "--out", "no/such/folder/a.txt"), "a folder that exists"),
        (("pack", "--repo", ".", "--json"), "Add --out FILE"),
        (("map", "--repo", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_file_that_cannot_be_replaced_stays(repo: Path, tmp_path: Path) -> None:
    out = tmp_path / "folder"
    out.mkdir()
    done = run("pack", "--repo", str(repo), "--out", str(out))
    assert done.exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "repo"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_is_said(repo: Path) -> None:
    done = run("pack", "--repo", str(repo), "--out", "/dev/full/a.txt")
    assert done.exit_code == 2
    command = [sys.executable, "-m", "grok_agent", "pack", "--repo", str(repo)]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 2
    assert b"has room" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_a_map_lists_signatures_within_its_budget(repo: Path) -> None:
    done = run("map", "--repo", str(repo), "--budget", "100")
    assert done.exit_code == 0
    assert done.stdout == (
        "<repository_map>\nshop/stock.py\n  def refund_all(till: Till) -> None\n"
        "shop/till.py\n  class Till\n    def refund(self, order: int) -> int\n"
        "    def _open(self) -> None\n      def inner()\n</repository_map>\n"
    )
    facts = json.loads(run("map", "--repo", str(repo), "--budget", "30", "--json").stdout)
    assert 0 < facts["tokens"] <= 30


def test_a_focus_puts_its_files_first(repo: Path) -> None:
    (repo / "zoo.py").write_text("def feed_lion() -> None: ...\n")
    assert repo_map(repo, 500, "feed the lion").files[0] == "zoo.py"
    assert "feed_lion" in repo_map(repo, 25, "feed the lion").text


def test_a_changed_body_leaves_the_map_as_it_is(repo: Path) -> None:
    before = repo_map(repo, 500)
    (repo / "shop/till.py").write_text((repo / "shop/till.py").read_text().replace("-order", "0"))
    assert repo_map(repo, 500) == before


@settings(max_examples=20)
@given(budget=st.integers(min_value=-5, max_value=150), focus=st.text(max_size=15))
def test_no_map_is_above_its_budget(budget: int, focus: str) -> None:
    found = repo_map(Path(__file__).parent, budget, focus)
    assert found.tokens == count(found.text) <= max(budget, 0)


def test_the_model_can_ask_for_a_map(repo: Path) -> None:
    tools = {tool.name: tool for tool in repository_tools(Workspace(repo, permission="plan"))}
    text = tools["repo_map"].invoke({"focus": "refund", "budget": "200"})
    assert "class Till" in text
    (repo / "shop" / "till.py").unlink()
    (repo / "shop" / "stock.py").unlink()
    assert "nothing to show" in tools["repo_map"].invoke({})
