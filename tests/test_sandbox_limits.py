"""The sandbox: how much a command may use, and that nothing of it stays behind."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from sandboxed import is_alive, needs_sandbox, python, sh, with_limits

from grok_agent import Workspace

pytestmark = needs_sandbox


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "root"
    root.mkdir()
    return Workspace(root, permission="all")


def test_a_fork_bomb_is_held_back(workspace: Workspace) -> None:
    result = python(
        with_limits(workspace, max_tasks=40),
        """
        import ctypes, os, threading, time
        made = 0
        for make in (os.fork, lambda: ctypes.CDLL(None, use_errno=True).syscall(57)):
            try:
                for _ in range(200):
                    pid = make()
                    if pid == 0:
                        time.sleep(30)
                        os._exit(0)
                    if pid < 0:
                        raise OSError("fork")
                    made += 1
            except OSError as error:
                print("refused", error)
        try:
            threading.Thread(target=time.sleep, args=(30,)).start()
        except RuntimeError as error:
            print("refused", error)
        print(made)
        """,
    )
    assert result.output.count("refused") == 3
    assert 30 <= int(result.output.split()[-1]) < 40


def test_a_bomb_that_nobody_waits_for_ends_with_its_shell(workspace: Workspace) -> None:
    bomb = "b(){ b | b & }; b; echo lit"
    assert sh(with_limits(workspace, max_tasks=40), bomb).output.startswith("lit")


@pytest.mark.parametrize(
    "code",
    [
        "held = bytearray(1 << 30); held[::4096] = bytes([1]) * len(held[::4096])",
        "import os\nfor _ in range(8): os.fork()\nheld = b'x' * (8 << 20)",
    ],
)
def test_memory_is_bounded_for_all_its_processes_together(workspace: Workspace, code: str) -> None:
    limited = with_limits(workspace, max_memory_bytes=200 << 20)
    result = python(limited, f"{code}\nimport time\ntime.sleep(20)")
    assert result.killed == "memory limit"


def test_memory_is_not_hidden_in_files_without_a_name(workspace: Workspace) -> None:
    assert "OSError" in python(workspace, "import os; os.memfd_create('x')").output


def test_files_do_not_grow_without_bound(workspace: Workspace) -> None:
    limited = with_limits(workspace, max_file_bytes=1 << 20)
    result = python(
        limited,
        """
        import os, resource
        file = open("huge", "wb")
        for attempt in (
            lambda: file.truncate(1 << 30),
            lambda: os.posix_fallocate(file.fileno(), 0, 1 << 30),
            lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, 1 << 40)),
            lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1)),
        ):
            try:
                attempt()
                print("done")
            except (OSError, ValueError) as error:
                print("refused", error)
        """,
    )
    assert "done" not in result.output
    assert sh(limited, "head -c 5M /dev/zero > huge").exit_code != 0
    assert (workspace.root / "huge").stat().st_size <= 1 << 20


def test_nothing_outlives_the_deadline(workspace: Workspace) -> None:
    result = python(
        workspace,
        """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        def note(name):
            with open(name, "w") as file:
                file.write(str(os.getpid()))
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                note("orphan")
                time.sleep(60)
            note("stopped")
            os.kill(os.getpid(), signal.SIGSTOP)
        note("main")
        time.sleep(60)
        """,
        deadline_s=2,
    )
    assert result.killed == "timeout"
    for name in ("orphan", "stopped", "main"):
        assert not is_alive(int((workspace.root / name).read_text()))


def test_processes_may_clear_up_when_they_are_ended(workspace: Workspace) -> None:
    (workspace.root / "job.py").write_text(
        "import signal, sys, time\n"
        "def leave(*_):\n    open('cleared', 'w').close()\n    sys.exit()\n"
        "signal.signal(signal.SIGTERM, leave)\nopen('ready', 'w').close()\ntime.sleep(60)\n"
    )
    result = sh(workspace, "setsid python job.py & while [ ! -e ready ]; do sleep 0.05; done")
    assert result.exit_code == 0
    assert (workspace.root / "cleared").exists()


def test_a_command_ends_with_the_program_that_started_it(workspace: Workspace) -> None:
    program = textwrap.dedent(
        f"""
        from grok_agent import Workspace
        from grok_agent.tools.terminal import Terminal
        terminal = Terminal(Workspace({str(workspace.root)!r}, permission="all"))
        terminal.run("setsid sleep 60 & echo $! > pid.new; mv pid.new pid; sleep 60", 60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program]) as started:
        pid_file = workspace.root / "pid"
        deadline = time.monotonic() + 30
        while not pid_file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        started.send_signal(signal.SIGKILL)
    pid = int(pid_file.read_text())
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)
