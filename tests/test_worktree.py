"""``--worktree``: a run works on a copy and leaves a branch; the user's own things stay."""

import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from grok_agent import SettingsError
from grok_agent.cli import app
from grok_agent.tools.worktree import Worktree

SOURCE = "def foo():\n    return 1\n\n\nprint(foo())\n"


def git(repo: Path, *arguments: str) -> str:
    who = ("-c", "user.name=x", "-c", "user.email=x@y")
    done = subprocess.run(
        ["git", "-C", repo, *who, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    (repo / "a.py").write_text(SOURCE)
    (repo / ".gitignore").write_text("*.log\n")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "1")
    return repo


def state_of(repo: Path) -> tuple[object, ...]:
    """What a user would miss: files, index, branch, stash, and the configuration."""
    files = {path: path.read_bytes() for path in sorted(repo.iterdir()) if path.is_file()}
    index = (repo / ".git" / "index").read_bytes()
    config = (repo / ".git" / "config").read_bytes()
    return files, index, git(repo, "rev-parse", "HEAD"), git(repo, "stash", "list"), config


def refactor(repo: Path, *more: str) -> Result:
    arguments = ["refactor", "--offline", "--worktree", "--permission", "all", "--repo", str(repo)]
    return CliRunner().invoke(app, [*arguments, *more, "rename the function foo to bar"])


def branches(repo: Path) -> list[str]:
    return git(repo, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()


def test_a_run_leaves_a_branch_that_can_be_merged(repo: Path, empty_environment: Path) -> None:
    before = state_of(repo)
    done = refactor(repo)
    assert done.exit_code == 0, done.output
    assert state_of(repo) == before
    branch = next(name for name in branches(repo) if name.startswith("grok-agent/"))
    assert f"git merge {branch}" in done.output
    assert (empty_environment / "runs" / branch.removeprefix("grok-agent/")).is_dir()
    assert list((empty_environment / "worktrees").iterdir()) == []
    assert git(repo, "worktree", "list").count("\n") == 0
    git(repo, "merge", "-q", branch)
    assert (repo / "a.py").read_text() == SOURCE.replace("foo", "bar")


def test_what_is_not_committed_comes_along(repo: Path) -> None:
    (repo / "a.py").write_text("# mine\n" + SOURCE)
    (repo / "new.py").write_text("from a import foo\n")
    (repo / "staged.py").write_text("staged = 1\n")
    git(repo, "add", "staged.py")
    (repo / "noise.log").write_text("noise")
    (repo / ".env").write_text("KEY=secret")
    before = state_of(repo)
    done = refactor(repo)
    assert done.exit_code == 0, done.output
    assert state_of(repo) == before
    assert "named like secrets: .env" in done.output
    branch = next(name for name in branches(repo) if name.startswith("grok-agent/"))
    assert git(repo, "show", f"{branch}:a.py").startswith("# mine\ndef bar")
    named = git(repo, "ls-tree", "--name-only", branch).split()
    assert named == [".gitignore", "a.py", "new.py", "staged.py"]
    taken = next(line for line in done.output.splitlines() if "take it over" in line)
    subprocess.run(taken.partition(":")[2], shell=True, cwd=repo, check=True)
    assert (repo / "a.py").read_text() == "# mine\n" + SOURCE.replace("foo", "bar")
    assert (repo / ".env").read_text() == "KEY=secret"


def test_a_run_that_changed_nothing_leaves_nothing(repo: Path, tmp_path: Path) -> None:
    tree = Worktree.open(repo, tmp_path / "tree", "x")
    assert (tree.root / "a.py").read_text() == SOURCE
    left = tree.leave("nothing", keep=False)
    assert left.commit == ""
    assert branches(repo) == ["main"]
    assert not (tmp_path / "tree").exists()


def test_a_folder_of_a_repository_is_worked_in(repo: Path, tmp_path: Path) -> None:
    (repo / "sub").mkdir()
    (repo / "sub" / "b.py").write_text("b = 1\n")
    tree = Worktree.open(repo / "sub", tmp_path / "tree", "x")
    assert tree.root == tmp_path / "tree" / "sub"
    (tree.root / "b.py").write_text("b = 2\n")
    (tree.root / "c d.py").write_text("c = 2\n")
    left = tree.leave("done", keep=True)
    assert left.files == 2
    assert left.folder == tmp_path / "tree"
    assert git(repo, "show", "grok-agent/x:sub/b.py") == "b = 2"
    assert git(repo, "log", "-1", "--format=%s", "grok-agent/x") == "done"


def test_a_run_that_was_stopped_goes_on_there(repo: Path, empty_environment: Path) -> None:
    stopped = refactor(repo, "--max-steps", "2")
    assert stopped.exit_code == 5, stopped.output
    (kept,) = (path for path in (empty_environment / "worktrees").iterdir() if path.is_dir())
    assert str(kept) in stopped.output
    done = CliRunner().invoke(app, ["resume", kept.name, "--max-steps", "50"])
    assert done.exit_code == 0, done.output
    assert git(repo, "show", f"grok-agent/{kept.name}:a.py") == SOURCE.replace("foo", "bar").strip()
    assert list((empty_environment / "worktrees").iterdir()) == []


def test_a_second_commit_stands_on_the_first(repo: Path, tmp_path: Path) -> None:
    first = Worktree.open(repo, tmp_path / "tree", "x")
    (first.root / "a.py").write_text("a = 2\n")
    first.leave("first", keep=True)
    again = Worktree.reopen(tmp_path / "tree")
    assert again is not None
    (again.root / "b.py").write_text("b = 2\n")
    assert again.leave("second", keep=False).files == 2
    assert git(repo, "log", "--format=%s", "grok-agent/x").split() == ["second", "first", "1"]
    assert Worktree.reopen(tmp_path / "tree") is None


def test_an_identity_is_not_needed(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))
    tree = Worktree.open(repo, tmp_path / "tree", "x")
    (tree.root / "a.py").write_text("a = 2\n")
    assert tree.leave("done", keep=False).commit


def test_nothing_that_a_repository_names_is_started(repo: Path, tmp_path: Path) -> None:
    hook = repo / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    hook.chmod(0o755)
    git(repo, "config", "core.fsmonitor", f"touch {tmp_path}/started")
    tree = Worktree.open(repo, tmp_path / "tree", "x")
    # A command may turn the link to the repository to one of its own making.
    evil = tmp_path / "evil"
    git(tmp_path, "init", "-q", "--bare", str(evil))
    git(evil, "config", "core.fsmonitor", f"touch {tmp_path}/started")
    (tmp_path / "tree" / ".git").write_text(f"gitdir: {evil}\n")
    (tree.root / "a.py").write_text("a = 2\n")
    assert tree.leave("done", keep=True).files == 1
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("no repository", "not a git repository"),
        ("no commit", "no commit yet"),
        ("submodule", "submodules"),
        ("bare", "must be run in a work tree"),
        ("merge", "middle of a merge"),
        ("ignored", "not under version control"),
    ],
)
def test_where_there_can_be_none_it_is_said(
    repo: Path, tmp_path: Path, case: str, words: str
) -> None:
    place = tmp_path / "other"
    place.mkdir()
    if case == "no commit":
        git(place, "init", "-q")
    elif case == "bare":
        git(place, "init", "-q", "--bare")
    elif case == "submodule":
        head = git(repo, "rev-parse", "HEAD")
        git(repo, "update-index", "--add", "--cacheinfo", f"160000,{head},lib")
        place = repo
    elif case == "merge":
        blob = git(repo, "rev-parse", "HEAD:a.py")
        stages = "".join(f"100644 {blob} {stage}\tu.py\n" for stage in (1, 2, 3))
        subprocess.run(
            ["git", "-C", repo, "update-index", "--index-info"], input=stages, text=True, check=True
        )
        place = repo
    elif case == "ignored":
        (repo / ".gitignore").write_text("out\n")
        place = repo / "out"
        place.mkdir()
        (place / "x").write_text("x")
    with pytest.raises(SettingsError, match=words) as refusal:
        Worktree.open(place, tmp_path / "tree", "x")
    assert refusal.value.next_step
    assert not (tmp_path / "tree").exists()
    assert not [name for name in branches(repo) if name.startswith("grok-agent/")]


def test_without_git_it_is_said(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="not installed"):
        Worktree.open(repo, tmp_path / "tree", "x")


def test_a_state_folder_inside_of_the_repository_is_refused(repo: Path) -> None:
    with pytest.raises(SettingsError, match="inside of the repository"):
        Worktree.open(repo, repo / "state" / "tree", "x")
