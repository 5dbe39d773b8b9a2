"""Ten thousand paths against the guard, links that change under its feet, and kills at any time."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from grok_agent import ToolError, Workspace
from grok_agent.tools.edit_log import read_edits
from grok_agent.tools.undo import carry_out, plan_undo

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX links and signals")

SECRET = "the secret outside"
LEADS = ["", "", "", "./", "/", "//", "{root}/", "{root}/../", "{outside}/", "\\", "C:\\", "~/"]
NAMES = [
    *("..", ".", "", "...", " ", "a.py", "src", "deep", "secret.txt", "outside", "root", "~"),
    *("leaves", "inside", "up", "loop", "broken", "absolute", "file-link", "flip", "flip-file"),
    *(".git", ".GIT", ".git ", "git~1", ".g\u200cit", "\uff0egit", ".git::$DATA", "config"),
    *(
        "nul\0",
        "new\nline",
        "\ud800",
        "\udcff",
        "A.PY",
        "ａ.py",
        "é",
        "e\u0301",
        "x" * 255,
        "x" * 256,
    ),
    *("CON", "aux.txt", "%2e%2e", "..\\..", "pipe", "C:", "$HOME", "`id`", "-rf", "*"),
]
GAPS = ["/", "/", "/", "//", "/./", "\\", "/../"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with links of all kinds beside a folder that must stay out of reach."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # what it is for is not tested here
    outside, root = tmp_path / "outside", tmp_path / "root"
    (outside / "deep").mkdir(parents=True)
    for place in (outside / "secret.txt", outside / "a.py", outside / "deep" / "a.py"):
        place.write_text(SECRET)
    (root / "src" / "deep").mkdir(parents=True)
    (root / "src" / "a.py").write_text("a = 1\n")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text(SECRET)
    links = {
        "leaves": "../outside",
        "inside": "src",
        "src/up": "..",
        "loop": "loop",
        "broken": "nowhere",
        "absolute": str(outside),
        "file-link": "../outside/secret.txt",
        "g": ".git",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    os.mkfifo(root / "pipe")
    return root


def paths(root: Path, seed: int, count: int) -> Iterator[str]:
    """Paths as a model that means harm, or is confused, may write them."""
    dice = random.Random(seed)
    for _ in range(count):
        names = [dice.choice([*NAMES, "flip", "leaves"]) for _ in range(dice.randint(0, 6))]
        path = "".join(name + dice.choice(GAPS) for name in names[:-1]) + "".join(names[-1:])
        lead = dice.choice(LEADS).format(root=root, outside=root.parent / "outside")
        yield lead + path


def outside_of(root: Path) -> dict[Path, bytes | None]:
    """All that lies beside the workspace or in git's own data."""
    beside = [path for path in root.parent.rglob("*") if not path.is_relative_to(root)]
    kept = [*beside, *(root / ".git").rglob("*")]
    return {path: path.read_bytes() if path.is_file() else None for path in kept}


def attack(workspace: Workspace, path: str) -> bool:
    """Read and write by this path; whether the guard let either through."""
    passed = False
    with suppress(ToolError):
        assert SECRET not in workspace.read(path).text, path
        passed = True
    with suppress(ToolError):
        workspace.write(path, "written by the model\n")
        passed = True
    return passed


def test_no_path_reads_or_writes_outside(root: Path) -> None:
    workspace, before = Workspace(root, permission="all"), outside_of(root)
    passed = sum(attack(workspace, path) for path in paths(workspace.root, 1, 8_000))
    assert passed > 300  # or nothing was tested
    assert outside_of(root) == before


FLIP = """
import os, shutil, sys, time
os.chdir(sys.argv[1])
print("ready", flush=True)
while True:
    for name, target in (("flip", "../outside"), ("flip-file", "../outside/secret.txt")):
        try:
            os.rename(name, "gone")
            os.symlink(target, name)
            time.sleep(0.00005)
            os.unlink(name)
            shutil.copytree("src", name) if name == "flip" else shutil.copy("src/a.py", name)
            time.sleep(0.00005)
        except OSError:
            pass
        shutil.rmtree("gone", ignore_errors=True)
        try:
            os.unlink("gone")
        except OSError:
            pass
"""
"""Exchanges a folder and a file for links out of the workspace, and back, without end."""


@contextmanager
def flipping(root: Path) -> Iterator[None]:
    (root / "src" / "up").unlink()
    (root / "flip").mkdir()
    (root / "flip-file").write_text("a = 1\n")
    program = [sys.executable, "-I", "-S", "-c", FLIP, str(root)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield
            assert process.poll() is None
        finally:
            process.kill()


def test_links_changed_under_its_feet_lead_nowhere(root: Path) -> None:
    workspace, before = Workspace(root, permission="all"), outside_of(root)
    dice = random.Random(2)
    tails = ["secret.txt", "a.py", "deep/a.py", "../a.py", "new", "deep/new/x"]
    with flipping(root):
        for path in paths(workspace.root, 3, 1_000):
            attack(workspace, path)
        for _ in range(1_000):
            attack(workspace, dice.choice([f"flip/{dice.choice(tails)}", "flip-file"]))
    assert outside_of(root) == before


# Killed at any time

CHILD = """
import sys
from pathlib import Path
from grok_agent import Workspace
from grok_agent.tools.edit_log import during_call

root, record, first = sys.argv[1:]
workspace = Workspace(root)
for number in range(int(first), 200):
    name = f"f{number % 7}.txt"
    workspace.record_to(record, number + 1)
    with during_call(f"call-{number}"):
        workspace.write(name, f"edit {number}\\n" * 5_000)
    print(number, flush=True)
"""


def test_a_killed_process_leaves_whole_files_and_a_true_record(
    tmp_path: Path, empty_environment: Path
) -> None:
    root, record = tmp_path / "root", empty_environment / "runs" / "r"
    root.mkdir()
    (root / "f0.txt").write_text("as it was\n")
    dice, begun, kills = random.Random(4), 0, 0
    while begun < 200:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(root), str(record), str(begun)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout
        for _ in range(dice.randint(1, 60)):
            child.stdout.readline()
        threading.Event().wait(dice.random() * 0.004)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        kills += child.returncode == -signal.SIGKILL
        begun = judge(root, record)
    assert kills >= 3
    list(carry_out(plan_undo(record), empty_environment / "undos" / "u"))
    assert {path.name: path.read_text() for path in root.iterdir() if path.suffix == ".txt"} == {
        "f0.txt": "as it was\n"
    }


def judge(root: Path, record: Path) -> int:
    """Compare the files with what the record says of them; how many edits were made."""
    expected: dict[str, str] = {"f0.txt": "as it was\n"}
    done = [edit for edit in read_edits(record) if edit.done]
    assert not [edit for edit in read_edits(record) if edit.done is None]
    for edit in done:
        number = int(edit.label.call.removeprefix("call-"))
        assert edit.label.step == number + 1
        assert edit.path == f"f{number % 7}.txt"
        expected[edit.path] = f"edit {number}\n" * 5_000
    files = {path.name: path.read_text() for path in root.iterdir() if path.suffix == ".txt"}
    assert files == expected
    return len({edit.label.call for edit in done})
