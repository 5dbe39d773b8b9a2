"""run_terminal_command: deadlines, output, environment, and what a command leaves behind."""

import gc
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool

from grok_agent import Workspace, repository_tools
from grok_agent.tools import jobs, launch
from grok_agent.tools.environment import command_environment
from grok_agent.tools.output import plain_text
from grok_agent.tools.run import RunTerminalCommand, run_command
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
    assert plain_text(b"gone\rover\r\nlast\r") == "over\nlast"


@pytest.mark.parametrize("piece", [b"x", b"\x1b]", b"\x1b[0", b"\r", b"\xff", b"\x1b[;", b"a\rb"])
def test_output_however_odd_is_read_in_one_go(piece: bytes) -> None:
    assert len(plain_text(piece * 100_000)) <= 100_000  # what looks twice would take minutes


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
        ({"is_background": True}, "[timeout: integer], [background: boolean]"),
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


# The working folder


def test_the_working_folder_lasts_until_the_next_call(workspace: Workspace) -> None:
    moved = execute(workspace, "mkdir -p sub/deep && cd sub && echo made > here")
    assert moved.text == "exit: 0\n[working folder: sub]\n"
    assert execute(workspace, "pwd; cat here; cd deep").text.splitlines() == [
        "exit: 0",
        "[working folder: sub/deep]",
        f"{workspace.root}/sub",
        "made",
    ]
    assert execute(workspace, "cd ../..; exit 7").text == "exit: 7\n[working folder: .]\n"
    assert execute(workspace, "cat sub/here").text == "exit: 0\nmade\n"


def test_a_folder_outside_does_not_last_nor_one_that_went(workspace: Workspace) -> None:
    execute(workspace, "mkdir sub && cd sub")
    assert execute(workspace, "cd /usr && pwd").text == "exit: 0\n[working folder: .]\n/usr\n"
    execute(workspace, "cd sub")
    (workspace.root / "sub").rmdir()
    assert execute(workspace, "pwd").text == f"exit: 0\n{workspace.root}\n"
    execute(workspace, "mkdir sub && cd sub")
    assert execute(workspace, "rmdir ../sub").artifact.exit_code == 0
    assert execute(workspace, "pwd").text == f"exit: 0\n{workspace.root}\n"


def test_a_folder_with_an_odd_name_is_found_again(workspace: Workspace) -> None:
    execute(workspace, "mkdir $'a \\n\\'b\\377' && cd a*")
    assert execute(workspace, "touch in; cd ..; ls a*").text.endswith("]\nin\n")


def test_a_check_runs_in_the_root_and_leaves_the_folder(workspace: Workspace) -> None:
    execute(workspace, "mkdir sub && cd sub")
    assert run_command(workspace, "pwd; cd /", 20).output == f"{workspace.root}\n"
    assert execute(workspace, "pwd").text == f"exit: 0\n{workspace.root}/sub\n"


def test_leave_for_the_root_is_none_for_another_folder(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "link").write_text("harmless")
    (root / "sub" / "link").symlink_to(tmp_path / "outside")
    workspace = Workspace(root, permission="edits")
    cd = {"command": "cd sub", "description": "A test."}
    workspace.grant("run_terminal_command", cd)
    assert execute(workspace, "cd sub").artifact.exit_code == 0
    message = execute(workspace, "cat link")
    assert (message.status, "secret" in message.text) == ("error", False)
    assert "leads out of the workspace" in message.text


# In the background


def job_tools(workspace: Workspace) -> tuple[BaseTool, BaseTool]:
    by_name = {tool.name: tool for tool in repository_tools(workspace)}
    return by_name["get_command_or_subagent_output"], by_name["kill_command_or_subagent"]


def test_a_command_in_the_background_is_looked_at_and_ended(workspace: Workspace) -> None:
    look, kill = job_tools(workspace)
    started = execute(workspace, "echo one; sleep 60 & echo $! > pid; wait", background=True).text
    assert started.startswith("command-1: running for ")
    deadline = time.monotonic() + 20
    while "one" not in (shown := look.invoke({"task_ids": ["command-1"]})):
        assert time.monotonic() < deadline
    log = shown.splitlines()[1].removeprefix("[output so far at: ").removesuffix("]")
    assert repository_tools(workspace)[0].invoke({"target_file": log}).startswith("1→one")
    ended = kill.invoke({"task_id": "command-1"})
    assert ended == "command-1: ended\nexit: killed (cancelled)\none\n"
    assert not is_alive(int((workspace.root / "pid").read_text()))
    assert look.invoke({"task_ids": ["command-1"], "timeout_ms": "100"}) == ended
    assert repository_tools(workspace)[0].invoke({"target_file": log}).startswith("1→one")


def test_waiting_for_commands_in_the_background(workspace: Workspace) -> None:
    look, _ = job_tools(workspace)
    execute(workspace, "while [ ! -e go ]; do sleep 0.02; done; echo first", background=True)
    execute(workspace, "while [ ! -e go ]; do sleep 0.02; done; exit 3", background=True)
    execute(workspace, "touch go")
    shown = look.invoke({"task_ids": ["command-1", "command-2"], "timeout_ms": 20_000})
    assert shown == "command-1: ended\nexit: 0\nfirst\n\n\ncommand-2: ended\nexit: 3\n"


def test_a_command_that_fails_at_once_says_so_at_once(workspace: Workspace) -> None:
    look, _ = job_tools(workspace)
    execute(workspace, "no-such-program", background=True)
    assert "exit: 127" in look.invoke({"task_ids": ["command-1"], "timeout_ms": 20_000})


def test_commands_in_the_background_end_with_the_workspace(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, permission="all")
    execute(workspace, "echo $$ > pid.new; mv pid.new pid; sleep 60", background=True)
    deadline = time.monotonic() + 20
    while not (tmp_path / "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    pid = int((tmp_path / "pid").read_text())
    assert is_alive(pid)
    del workspace
    gc.collect()
    assert not is_alive(pid)


def test_too_many_commands_in_the_background_are_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_RUNNING", 1)
    execute(workspace, "sleep 60", background=True)
    message = execute(workspace, "sleep 60", background=True)
    assert (message.status, "command-1" in message.text) == ("error", True)
    job_tools(workspace)[1].invoke({"task_id": "command-1"})
    assert execute(workspace, "true", background=True).status == "success"


def test_an_unknown_command_in_the_background_is_refused(workspace: Workspace) -> None:
    look, kill = job_tools(workspace)
    assert "None was started" in look.invoke({"task_ids": ["command-9"]})
    assert "command-9" in kill.invoke({"task_id": "command-9"})


# What git would obey


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    subprocess.run(["git", "init", "-q", "root"], cwd=tmp_path, env=environment, check=True)
    return tmp_path / "root"


ATTACKS = (
    "git config core.fsmonitor evil",
    "echo evil > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit",
    "rm .git/config",
    "ln -sf /usr/bin/true .git/hooks/post-checkout",
    "mv .git/hooks .git/old; mkdir .git/hooks; echo evil > .git/hooks/pre-push",
    "rm -rf .git/hooks; ln -s .. .git/hooks",
    "echo '* filter=evil' > .git/info/attributes",
    "mv .git/hooks .git/old; ln -s ../../outside .git/hooks; echo evil > .git/config",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_git_would_obey_is_put_back(repository: Path, attack: str) -> None:
    def state() -> dict[str, bytes]:
        files = [repository / ".git" / "config", *(repository / ".git" / "hooks").rglob("*")]
        return {str(path): path.read_bytes() for path in files}

    workspace = Workspace(repository, permission="edits")
    workspace.grant("run_terminal_command", {"command": attack, "description": "A test."})
    (repository.parent / "outside").mkdir()
    before = state()
    message = execute(workspace, attack)
    assert "[put back, since git would obey it: .git/" in message.text
    assert state() == before
    assert not (repository / ".git" / "info" / "attributes").exists()
    assert list((repository.parent / "outside").iterdir()) == []


def test_another_repository_is_not_put_in_place_of_the_own(repository: Path) -> None:
    attack = "mkdir evil; echo evil > evil/config; mv .git gone; ln -s evil .git"
    workspace = Workspace(repository, permission="edits")
    workspace.grant("run_terminal_command", {"command": attack, "description": "A test."})
    assert "[put back, since git would obey it: .git" in execute(workspace, attack).text
    assert not (repository / ".git").is_symlink()
    assert (repository / "evil" / "config").read_text() == "evil\n"


def test_a_repository_can_be_made(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, permission="edits")
    workspace.grant("run_terminal_command", {"command": "git init -q", "description": "A test."})
    assert execute(workspace, "git init -q").text == "exit: 0\n"
    assert (tmp_path / ".git" / "config").exists()


def test_with_all_leave_git_is_configured_and_commits(repository: Path) -> None:
    workspace = Workspace(repository, permission="all")
    commit = "git config user.name n && git config user.email e && git add -A && git commit -qm m"
    (repository / "file").write_text("x")
    assert execute(workspace, commit).text == "exit: 0\n"
    assert execute(workspace, "git log --format=%an").text == "exit: 0\nn\n"


# The environment


NAMES = st.text("ABCXYZ_", min_size=1, max_size=8)


@given(
    key=st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=12, max_size=40),
    names=st.lists(NAMES, unique=True, max_size=6),
    before=st.text(max_size=5),
    hidden_by=st.sampled_from(["GITLAB_TOKEN", "my_api_key", "Db_Password", "XAI_API_KEY"]),
)
@settings(max_examples=60)
def test_no_value_of_a_key_passes_under_another_name(
    key: str, names: list[str], before: str, hidden_by: str
) -> None:
    environ = {hidden_by: key, "PATH": "/bin", "PLAIN": "value"}
    environ |= dict.fromkeys(names, f"{before}{key}!")
    passed = command_environment(environ, Path("/box"))
    assert not any(key in value for value in passed.values())
    assert passed["PLAIN"] == "value"


def test_a_key_from_the_settings_file_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("GROK_API_KEY=plain-looking-value\n")
    assert "COPY" not in command_environment({"COPY": "plain-looking-value"}, Path("/box"))


@pytest.mark.parametrize(
    "value",
    [
        "sk-proj-abcdefghijklmnop1234",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "AKIAIOSFODNN7EXAMPLE",
        "https://me:word@host/x",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_key_does_not_pass(value: str) -> None:
    assert "HARMLESS" not in command_environment({"HARMLESS": value}, Path("/box"))


# Where there is no warden


def test_a_process_group_does_for_other_systems(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "has_warden", lambda: False)
    assert execute(workspace, "echo said; exit 3").text.endswith("said\n")
    late = execute(workspace, "sleep 60 & echo $! > pid; wait", timeout=500)
    assert late.artifact.killed == "timeout"
    assert not is_alive(int((workspace.root / "pid").read_text()))
    assert execute(workspace, "kill -SEGV $$").artifact.killed == "signal 11"
    assert "could not be started" in execute(workspace, "nul\0").text
    workspace.limits = Limits(max_output_bytes=100_000)
    assert execute(workspace, "yes").artifact.killed == "output limit"


def test_a_process_group_runs_in_the_background_too(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "has_warden", lambda: False)
    look, kill = job_tools(workspace)
    execute(workspace, "echo $$ > pid; sleep 60", background=True)
    execute(workspace, "exit 4", background=True)
    shown = look.invoke({"task_ids": ["command-2"], "timeout_ms": 20_000})
    assert "exit: 4" in shown
    assert "killed (cancelled)" in kill.invoke({"task_id": "command-1"})
    assert not is_alive(int((workspace.root / "pid").read_text()))
