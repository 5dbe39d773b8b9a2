"""What a run changed is recorded as it happens, and ``grok-agent undo`` puts it back."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from grok_agent import ToolError, Workspace, repository_tools
from grok_agent.cli import app
from grok_agent.tools.edit_log import FILE_NAME, EditLog, during_call, edits_of_call, read_edits
from grok_agent.tools.run import run_command
from grok_agent.tools.undo import carry_out, plan_undo

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_text("a = 1\n")
    (root / "b.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    return root


@pytest.fixture
def record(empty_environment: Path) -> Path:
    return empty_environment / "runs" / "20260101-000000-abcdef"


def recorded(root: Path, record: Path, step: int = 1) -> Workspace:
    workspace = Workspace(root, permission="all")
    workspace.record_to(record, step)
    return workspace


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file, link and folder below ``root`` with its mode and content."""
    found = {}
    for path in sorted(root.rglob("*")):
        if ".git" not in path.relative_to(root).parts:
            status = path.lstat()
            content = (
                os.fsencode(path.readlink())
                if path.is_symlink()
                else path.read_bytes()
                if path.is_file()
                else b""
            )
            found[str(path.relative_to(root))] = (status.st_mode, content)
    return found


def undo(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["undo", *map(str, arguments)])


def test_edits_are_taken_back_byte_for_byte_and_again_forward(root: Path, record: Path) -> None:
    before = snapshot(root)
    workspace = recorded(root, record)
    workspace.write("src/a.py", "a = 2\n")
    workspace.write("b.txt", "one\n2\n")
    workspace.write("new/deep/c.py", "c = 1\n")
    workspace.write("new/deep/d.py", "d = 1\n")
    after = snapshot(root)
    done = undo("--repo", root, "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.output)
    assert facts["files"] == ["b.txt", "new/deep/c.py", "new/deep/d.py", "src/a.py"]
    assert "-a = 2\n+a = 1\n" in facts["diff"]
    assert snapshot(root) == before
    assert undo(facts["undo"]).exit_code == 0
    assert snapshot(root) == after


def test_a_look_changes_nothing_and_a_step_can_be_named(root: Path, record: Path) -> None:
    workspace = recorded(root, record)
    for step in (1, 2, 3):
        workspace.record_to(record, step)
        workspace.write("src/a.py", f"a = {step}0\n")
    before = snapshot(root)
    shown = undo("--repo", root / "src", "--dry-run")
    assert "-a = 30\n+a = 1\n" in shown.output
    assert snapshot(root) == before
    assert undo("--repo", root, "--to", "2").exit_code == 0
    assert (root / "src" / "a.py").read_text() == "a = 20\n"
    assert undo("--repo", root).exit_code == 0
    assert (root / "src" / "a.py").read_text() == "a = 1\n"
    assert "already as they were" in undo("--repo", root).output


def test_what_others_changed_is_refused_and_named(root: Path, record: Path) -> None:
    workspace = recorded(root, record)
    workspace.write("src/a.py", "a = 2\n")
    workspace.write("b.txt", "x\n")
    (root / "src" / "a.py").write_text("a = 3\n")
    before = snapshot(root)
    refused = undo("--repo", root)
    assert refused.exit_code == 1
    assert "src/a.py: it was changed since" in refused.output
    assert "b.txt:" not in refused.output
    assert snapshot(root) == before
    assert undo("--repo", root, "--force").exit_code == 0
    assert (root / "src" / "a.py").read_text() == "a = 1\n"


def test_what_somebody_changed_between_two_steps_is_refused(root: Path, record: Path) -> None:
    workspace = recorded(root, record)
    workspace.write("src/a.py", "a = 2\n")
    (root / "src" / "a.py").write_text("a = 2  # theirs\n")
    workspace.write("src/a.py", "a = 3  # theirs\n")
    refused = undo("--repo", root)
    assert refused.exit_code == 1
    assert "between two steps" in refused.output


@posix
def test_what_commands_changed_is_taken_back(root: Path, record: Path) -> None:
    (root / "gone.sh").write_text("#!/bin/sh\n")
    (root / "gone.sh").chmod(0o751)
    (root / "link").symlink_to("src/a.py")
    (root / "bytes").write_bytes(bytes(range(256)))
    (root / "turned").mkdir()
    (root / "turned" / "x").write_text("x")
    before = snapshot(root)
    workspace = recorded(root, record)
    run_command(
        workspace,
        "rm gone.sh link; ln -s b.txt new-link; chmod 600 src/a.py; printf z >> bytes;"
        " rm -r turned; echo file > turned; mkdir -p d/e; echo 1 > d/e/f; ln -s x 'with\nline';"
        " echo x > 'name\nline'",
        9,
    )
    workspace.record_to(record, 2)
    run_command(workspace, "rm src/a.py; mkdir src/a.py; echo y > src/a.py/y", 9)
    after = snapshot(root)
    shown = undo("--repo", root, "--dry-run").output
    assert "src/a.py/y" in shown
    done = undo("--repo", root, "--json")
    assert done.exit_code == 0, done.output
    assert snapshot(root) == before
    assert undo(json.loads(done.output)["undo"]).exit_code == 0
    assert snapshot(root) == after


def test_a_command_does_not_count_what_others_or_our_edits_changed(
    root: Path, record: Path
) -> None:
    workspace = recorded(root, record)
    run_command(workspace, "echo 1 > made; true", 9)
    (root / "b.txt").write_text("theirs")
    workspace.write("src/a.py", "a = 2\n")
    run_command(workspace, "echo 2 > made; true", 9)
    changed = [(edit.path, edit.by) for edit in read_edits(record)]
    assert changed == [("made", "command"), ("src/a.py", "edit"), ("made", "command")]


def test_files_that_were_ignored_are_not_taken_for_new(root: Path, record: Path) -> None:
    (root / ".gitignore").write_text("kept\n")
    (root / "kept").write_text("precious")
    os.utime(root / "kept")
    workspace = recorded(root, record)
    import time

    time.sleep(0.05)  # the clock of the file system is coarse
    run_command(workspace, "echo > .gitignore; true", 9)
    assert undo("--repo", root).exit_code == 0
    assert (root / "kept").read_text() == "precious"
    assert (root / ".gitignore").read_text() == "kept\n"


def test_a_file_too_large_to_keep_is_named_and_the_rest_is_put_back(
    root: Path, record: Path
) -> None:
    (root / "large").write_bytes(b"x" * 2_100_000)
    workspace = recorded(root, record)
    run_command(workspace, "echo more >> large; echo more >> b.txt; true", 9)
    refused = undo("--repo", root)
    assert refused.exit_code == 1
    assert "large cannot be put back" in refused.output
    assert undo("--repo", root, "--force").exit_code == 1
    assert (root / "b.txt").read_bytes() == b"\xef\xbb\xbfone\r\ntwo\r\n"
    assert (root / "large").stat().st_size == 2_100_005


def test_more_than_can_be_kept_is_still_compared(
    root: Path, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grok_agent.tools.watch.MAX_KEPT_TOTAL_BYTES", 30)
    (root / "z").write_bytes(b"z" * 40)
    workspace = recorded(root, record)
    for text in ("1", "2"):
        run_command(workspace, f"echo {text} > src/a.py; true", 9)
    run_command(workspace, "echo more >> z; true", 9)
    assert [edit.path for edit in read_edits(record)] == ["src/a.py", "src/a.py", "z"]
    recorded(root, record).command_begins().end()  # another process goes on
    assert len(read_edits(record)) == 3
    assert undo("--repo", root, "--force").exit_code == 1
    assert (root / "src" / "a.py").read_text() == "a = 1\n"
    assert (root / "z").stat().st_size == 45


def test_records_inside_of_the_repository_are_no_files_of_it(root: Path) -> None:
    record = root / ".state" / "runs" / "r"
    before = snapshot(root)
    workspace = recorded(root, record)
    run_command(workspace, "echo 1 > made; true", 9)
    (root / ".state" / "ledger").write_text("bills")
    run_command(workspace, "echo 2 > made; true", 9)
    assert {edit.path for edit in read_edits(record)} == {"made"}
    list(carry_out(plan_undo(record), root / ".state" / "undos" / "u"))
    assert (root / ".state" / "ledger").read_text() == "bills"
    after = {path: kept for path, kept in snapshot(root).items() if not path.startswith(".state")}
    assert after == before


def test_the_index_of_git_is_left_alone(root: Path, record: Path) -> None:
    git = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@y"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "1"]):
        subprocess.run([*git, *arguments], check=True)
    (root / "src" / "a.py").write_text("a = 2\n")
    subprocess.run([*git, "add", "."], check=True)
    workspace = recorded(root, record)
    workspace.write("src/a.py", "a = 3\n")
    index = (root / ".git" / "index").read_bytes()
    assert undo("--repo", root).exit_code == 0
    assert (root / ".git" / "index").read_bytes() == index
    assert (root / "src" / "a.py").read_text() == "a = 2\n"


def test_a_renaming_over_many_files_is_taken_back(root: Path, record: Path) -> None:
    for name in ("x", "y"):
        (root / "src" / f"{name}.py").write_text("from src.a import a\nprint(a)\n")
    (root / "src" / "__init__.py").write_text("")
    before = snapshot(root)
    tools = {tool.name: tool for tool in repository_tools(recorded(root, record))}
    with during_call("call-7"):
        tools["rename_symbol"].invoke({"target": "src/a.py:a", "new_name": "first"})
    assert "first" in (root / "src" / "y.py").read_text()
    assert len(edits_of_call(record, "call-7")) == 3
    assert edits_of_call(record, "call-8") == []
    assert undo("--repo", root).exit_code == 0
    assert snapshot(root) == before


def test_it_stops_where_the_disk_refuses_and_says_so(
    root: Path, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = recorded(root, record)
    workspace.write("src/a.py", "a = 2\n")
    workspace.write("b.txt", "x\n")
    replace = os.replace

    def full(source: str, target: str, **options: int) -> None:
        if target == "a.py":
            raise OSError(28, "No space left on device")
        replace(source, target, **options)

    monkeypatch.setattr(os, "replace", full)
    stopped = undo("--repo", root)
    assert stopped.exit_code == 1
    assert "No space left" in stopped.output
    assert "Put back" not in stopped.output
    assert (root / "src" / "a.py").read_text() == "a = 2\n"
    assert (root / "b.txt").read_bytes().startswith(b"\xef\xbb\xbfone")
    assert sorted(path.name for path in (root / "src").iterdir()) == ["a.py"]
    monkeypatch.setattr(os, "replace", replace)
    assert undo("--repo", root).exit_code == 0
    assert (root / "src" / "a.py").read_text() == "a = 1\n"


def test_an_edit_that_failed_is_no_edit(
    root: Path, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = recorded(root, record)

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(ToolError), during_call("call-1"):
            workspace.write("src/a.py", "a = 2\n")
    assert [edit.done for edit in edits_of_call(record, "call-1")] in ([], [False])
    assert not plan_undo(record).restorations


def test_nothing_is_changed_that_cannot_be_recorded(
    root: Path, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = recorded(root, record)
    before, open_ = snapshot(root), os.open

    def full(path: str | Path, flags: int, *arguments: int, **options: int) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(record)):
            raise OSError(28, "No space left on device")
        return open_(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(ToolError, match="No space left"):
        workspace.write("src/a.py", "a = 2\n")
    with pytest.raises(ToolError, match="was not run, since what it changes cannot be recorded"):
        run_command(workspace, "echo > src/a.py", 9)
    assert snapshot(root) == before


def test_an_edit_that_was_cut_off_is_judged_by_the_file(root: Path, record: Path) -> None:
    workspace = recorded(root, record)
    with during_call("call-1"):
        workspace.write("src/a.py", "a = 2\n")
    with during_call("call-2"):
        workspace.write("src/a.py", "a = 3\n")
    lines = (record / FILE_NAME).read_text().splitlines()
    cut = [line for line in lines if '"settled"' not in line]
    (record / FILE_NAME).write_text("\n".join(cut) + '\n{"event": "edi')
    assert [edit.done for edit in read_edits(record)] == [True, True]
    (root / "src" / "a.py").write_text("a = 2\n")
    assert [edit.done for edit in read_edits(record)] == [True, False]
    (root / "src" / "a.py").write_text("somebody else's")
    assert [edit.done for edit in read_edits(record)] == [True, None]
    recorded(root, record).write("b.txt", "goes on\n")
    assert read_edits(record)[-1].path == "b.txt"


def test_what_a_command_did_that_was_cut_off_needs_force(root: Path, record: Path) -> None:
    before = snapshot(root)
    workspace = recorded(root, record)
    workspace.command_begins()
    (root / "b.txt").write_text("half")
    (root / "made").write_text("half")
    del workspace
    refused = undo("--repo", root)
    assert refused.exit_code == 1
    assert "b.txt: a command or an edit was cut off" in refused.output
    assert undo("--repo", root, "--force").exit_code == 0
    assert snapshot(root) == before


def test_what_it_cannot_find_is_said(root: Path, record: Path) -> None:
    assert "No run has changed files" in undo("--repo", root).output
    assert undo("nonsense").exit_code == 2
    recorded(root, record)
    assert "No run has changed files" in undo("--repo", root).output
    recorded(root, record).write("c", "c")
    (root / "c").unlink()
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    root.rmdir()
    gone = undo(record.name)
    assert gone.exit_code == 2
    assert "is gone" in gone.output


@posix
def test_no_link_leads_it_outside(root: Path, record: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "a.py").write_text("theirs")
    recorded(root, record).write("src/a.py", "a = 2\n")
    (root / "src").rename(root / "old")
    (root / "src").symlink_to("../outside")
    undo("--repo", root, "--force")
    assert (outside / "a.py").read_text() == "theirs"


@posix
def test_records_are_for_their_owner_only(root: Path, record: Path) -> None:
    workspace = recorded(root, record)
    workspace.write("src/a.py", "a = 2\n")
    run_command(workspace, "echo 1 > made; true", 9)
    assert stat.S_IMODE(record.stat().st_mode) == 0o700
    list(carry_out(plan_undo(record), record.parent / "undo"))
    for path in record.parent.rglob("*"):
        if path.is_file() and path.name != "baseline.json":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_whole_run_is_taken_back(root: Path) -> None:
    source = "def foo():\n    return 1\n\n\nprint(foo())\n"
    (root / "m.py").write_text(source)
    before = snapshot(root)
    task = ["refactor", "--offline", "--permission", "all", "--repo", str(root)]
    check = ["--check", "echo checked > log.txt", "rename the function foo to bar"]
    assert CliRunner().invoke(app, [*task, *check]).exit_code == 0
    assert "bar" in (root / "m.py").read_text()
    assert (root / "log.txt").read_text() == "checked\n"
    assert undo("--repo", root).exit_code == 0
    assert snapshot(root) == before


def test_what_could_not_be_recorded_is_recorded_with_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, record = tmp_path / "root", tmp_path / "record"
    root.mkdir()
    workspace = Workspace(root, permission="all")
    workspace.record_to(record, step=1)
    first = workspace.command_begins()
    (root / "first.txt").write_text("1")

    def full(*given: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(EditLog, "found", full)
        assert "not recorded" in first.end()[0]
    second = workspace.command_begins()
    (root / "second.txt").write_text("2")
    assert second.end() == ()
    assert {edit.path for edit in read_edits(record)} == {"first.txt", "second.txt"}
