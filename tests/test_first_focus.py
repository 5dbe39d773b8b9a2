"""The first look at a repository that was never ranked."""

from pathlib import Path

import pytest

from grok_agent import Workspace
from grok_agent.context import repo_map as mapping
from grok_agent.context.first_focus import first_focus
from grok_agent.context.repo_map import repo_map
from grok_agent.context.searched import is_indexed
from grok_agent.graphs.survey import survey


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(mapping, "FEW_FILES", 3)
    root = tmp_path / "shop"
    root.mkdir()
    for number in range(6):
        (root / f"part{number}.py").write_text(f"def part_{number}():\n    return 'shop'\n")
    (root / "billing.py").write_text("def charge(invoice):\n    return invoice.total\n")
    (root / "basket.py").write_text(
        "def add(item):\n    # the invoice comes later\n    return item\n"
    )
    return root


def test_it_finds_what_holds_the_rarest_words_and_builds_no_index(repo: Path) -> None:
    text = survey(Workspace(repo), None, "round the total of each Invoice")
    assert "best first: billing.py, basket.py" in text
    assert "def charge(invoice)" in text
    assert not is_indexed(repo)


def test_a_small_or_known_repository_is_ranked(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo_map(repo, 800, "invoice")
    assert is_indexed(repo)
    monkeypatch.setattr(mapping, "first_focus", None)
    assert repo_map(repo, 800, "invoice", is_first_look=True).files[0] == "billing.py"


def test_a_named_file_comes_first(repo: Path) -> None:
    paths = sorted(path.name for path in repo.iterdir())
    assert first_focus(repo, paths, "invoices are wrong, see part3.py:1")[0] == "part3.py"


@pytest.mark.parametrize("focus", ["", "的 是", "-e --files $(x) \0 *[", "\ud800", "zzz" * 5_000])
def test_any_words_can_be_looked_for(repo: Path, focus: str) -> None:
    assert first_focus(repo, ["billing.py", "gone.py"], focus) == []
