"""run_terminal_command: deadlines, output, environment, and what a command leaves behind."""

import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from langchain_core.messages import ToolMessage

from grok_agent import Workspace, repository_tools
from grok_agent.tools.output import plain_text
from grok_agent.tools.run import RunTerminalCommand
from grok_agent.tools.sandbox import Limits

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the commands are POSIX ones")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, permission="all")


def execute(workspace: Workspace, command: str, **more: object) -> ToolMessage:
    arguments = {"command": command, "description": "A test.", **more}
    message = RunTerminalCommand(workspace=workspace).invoke(
        {"type": "tool_call", "name": "run_terminal_command", "id": "1", "args": arguments}
    )
    assert isinstance(message, ToolMessage)
    return message


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    if status.parent.parent.joinpath("self").exists():
        return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_exit_code_heads_both_outputs(workspace: Workspace) -> None:
    message = execute(workspace, "pwd; echo oops >&2; exit 3")
    assert message.text == f"exit: 3\n{workspace.root}\noops\n"
    assert message.status == "success"
    assert message.artifact.exit_code == 3


def test_python_and_ruff_are_those_of_this_environment(workspace: Workspace) -> None:
    shown = execute(workspace, "python -c 'import sys; print(sys.prefix)'; ruff --version")
    assert shown.text.splitlines()[1] == sys.prefix
    assert "ruff " in shown.text


def test_standard_input_is_empty(workspace: Workspace) -> None:
    assert execute(workspace, "cat; read x; echo done").text == "exit: 0\ndone\n"


def test_a_command_is_killed_at_its_deadline_with_all_it_started(workspace: Workspace) -> None:
    message = execute(
        workspace, "trap '' TERM; sleep 100 & echo $! > pids; echo $$ >> pids; wait", timeout=500
    )
    assert message.text == "exit: killed (timeout)\n"
    pids = [int(pid) for pid in (workspace.root / "pids").read_text().split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_alive, pids))


def test_what_runs_on_in_the_background_ends_with_the_command(workspace: Workspace) -> None:
    assert execute(workspace, "sleep 100 & echo $! > pid").artifact.exit_code == 0
    assert not is_alive(int((workspace.root / "pid").read_text()))


def test_a_signal_is_named(workspace: Workspace) -> None:
    assert execute(workspace, "kill -SEGV $$").text.startswith("exit: killed (signal 11)")


def test_long_output_keeps_head_and_tail_and_the_whole_on_disk(workspace: Workspace) -> None:
    message = execute(workspace, "seq 100000")
    assert message.text.splitlines()[1].startswith("[truncated: 588895 bytes; full output at: ")
    assert "\n1\n2\n3\n" in message.text
    assert message.text.endswith("\n99999\n100000\n")
    assert 20_000 < len(message.text) < 20_400
    kept = message.artifact.full_output
    assert Path(kept).read_text().count("\n") == 100_000
    read_file = repository_tools(workspace)[0]
    assert read_file.invoke({"target_file": kept, "offset": 5, "limit": 1}) == "5→5"
    assert not Path(kept).is_relative_to(workspace.root)


def test_endless_output_is_ended(tmp_path: Path) -> None:
    limits = Limits(max_output_bytes=100_000)
    message = execute(Workspace(tmp_path, permission="all", limits=limits), "yes")
    assert message.text.startswith("exit: killed (output limit)\n[truncated: 100000 bytes;")


def test_output_becomes_plain_text(workspace: Workspace) -> None:
    coloured = r"printf '\033[31mred\033[0m \033]0;title\007\r\n10%%\r100%%\n\377\000\a'"
    assert execute(workspace, coloured).text == "exit: 0\nred \n100%\n\ufffd"
    assert plain_text(b"\x1b[2K\x1b[1Gok\x1b(B") == "ok"


def test_keys_and_passwords_stay_out_of_the_environment(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GROK_BASE_URL", "XAI_API_KEY", "OPENAI_ORG", "My_Token", "DB_PASSWORD", "PLAIN"):
        monkeypatch.setenv(name, "hidden-value")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-value")
    monkeypatch.setenv("DATABASE_URL", "postgres://me:hidden-value@host/db")
    monkeypatch.setenv("RIPGREP_STYLE", "kept-value")
    text = execute(workspace, "env").text
    assert "hidden-value" not in text  # also where only the value gives it away: PLAIN
    assert "kept-value" in text


def test_relative_folders_are_taken_off_the_path(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = workspace.root / "id"
    planted.write_text("#!/bin/sh\necho planted\n")
    planted.chmod(0o755)
    monkeypatch.setenv("PATH", f".::{os.environ['PATH']}")
    assert "planted" not in execute(workspace, "id; true").text


def test_running_python_leaves_no_caches(workspace: Workspace) -> None:
    (workspace.root / "mod.py").write_text("x = 1\n")
    execute(workspace, "python -c 'import mod'; ruff check .")
    assert workspace.changed_files() == []
    assert [path.name for path in workspace.root.iterdir()] == ["mod.py"]


def test_a_projects_configuration_cannot_make_a_check_write(workspace: Workspace) -> None:
    (workspace.root / "pyproject.toml").write_text(
        '[tool.ruff]\nfix = true\nfix-only = true\ncache-dir = "cache"\n'
    )
    (workspace.root / "mod.py").write_text("import os\n")
    message = execute(Workspace(workspace.root, permission="plan"), "ruff check --select F401")
    assert message.artifact.exit_code == 1
    assert "F401" in message.text
    assert sorted(path.name for path in workspace.root.iterdir()) == ["mod.py", "pyproject.toml"]
    assert (workspace.root / "mod.py").read_text() == "import os\n"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"timeout": 0}, "timeout"),
        ({"timeout": 300_001}, "300000"),
        ({"is_background": True}, "command, description, timeout, background"),
        ({"command": ""}, "command"),
        ({"command": "nul\0"}, "could not be started"),
    ],
)
def test_calls_that_cannot_be_done_are_refused(
    workspace: Workspace, more: dict[str, object], words: str
) -> None:
    message = execute(workspace, **{"command": "true", **more})  # type: ignore[arg-type]
    assert message.status == "error"
    assert words in message.text


def test_a_command_that_is_missing_or_a_folder_that_went_is_said(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert execute(workspace, "no-such-program").artifact.exit_code == 127
    with monkeypatch.context() as without_scripts:
        without_scripts.setattr("sysconfig.get_path", lambda name: "/nonexistent")
        without_scripts.setattr(sys, "executable", "/nonexistent/python")
        without_scripts.setenv("PATH", "/bin:/usr/bin")
        message = execute(workspace, "ruff check")
    assert message.artifact.exit_code == 127
    assert "not found" in message.text
    shutil.rmtree(workspace.root)
    assert "could not be started" in execute(workspace, "true").text
