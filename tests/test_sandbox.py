"""The sandbox: what a command tries to reach outside stays as it was; what it needs works."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grok_agent import Workspace
from grok_agent.tools import launch, terminal
from grok_agent.tools.results import CommandResult
from grok_agent.tools.run import RunTerminalCommand
from grok_agent.tools.sandbox import Confinement, Limits, confinement
from grok_agent.tools.terminal import Terminal

pytestmark = pytest.mark.skipif(
    not confinement().confined, reason=f"no sandbox here: {confinement().missing}"
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "root"
    root.mkdir()
    return Workspace(root, permission="all")


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder beside the workspace; whatever happens, it stays as it is."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_text("as it was")
    before = portrait(folder)
    yield folder
    assert portrait(folder) == before


def portrait(folder: Path) -> list[tuple[object, ...]]:
    found = []
    for path in sorted([folder, *folder.rglob("*")]):
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        owner = (status.st_uid, status.st_gid)
        found.append((path, status.st_mode, owner, status.st_mtime_ns, data))
    return found


def sh(workspace: Workspace, command: str, deadline_s: float = 30) -> CommandResult:
    return Terminal(workspace).run(command, deadline_s)


def python(workspace: Workspace, code: str, deadline_s: float = 30) -> CommandResult:
    (workspace.root / "attempt.py").write_text(textwrap.dedent(code))
    return sh(workspace, "python attempt.py", deadline_s)


def with_limits(workspace: Workspace, **limits: int) -> Workspace:
    return Workspace(workspace.root, permission="all", limits=Limits(**limits))  # type: ignore[arg-type]


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


# Files


@pytest.mark.parametrize(
    "command",
    [
        "echo x > {0}/new",
        "echo x >> {0}/file",
        "mkdir {0}/folder",
        "rm {0}/file",
        "mv {0}/file taken",
        "mv attempt {0}/given",
        "ln {0}/file hard && echo x >> hard",
        "ln -s {0} link && echo x > link/file",
        "ln -s {0}/file link && echo x > link",
        "mkdir a && cd a && ln -s ../../outside b && cp ../attempt b/file",
        "truncate -s 0 {0}/file",
        "chmod 777 {0}/file",
        "chmod 700 {0}",
        "ln -s {0}/file link && chmod 777 link",
        "exec 5<{0}/file; chmod 777 /proc/self/fd/5 || chmod 777 /dev/fd/5",
        "touch {0}/file",
        "touch -d 2001-01-01 ../outside/file",
        "cp -p attempt {0}/file",
        "chown 1:1 {0}/file",
        "mkfifo {0}/pipe",
        "echo x > /dev/shm/grok-agent-test",
        "echo x > $HOME/grok-agent-test",
    ],
)
def test_nothing_outside_is_changed(workspace: Workspace, outside: Path, command: str) -> None:
    (workspace.root / "attempt").write_text("x")
    result = sh(workspace, command.format(outside))
    assert result.exit_code not in (0, None)
    assert not Path("/dev/shm/grok-agent-test").exists()
    assert not Path("~/grok-agent-test").expanduser().exists()


def test_descriptors_do_not_lead_outside_either(workspace: Workspace, outside: Path) -> None:
    result = python(
        workspace,
        f"""
        import os
        file = os.open({str(outside / "file")!r}, os.O_RDONLY)
        folder = os.open({str(outside)!r}, os.O_RDONLY)
        for attempt in (
            lambda: os.fchmod(file, 0o777),
            lambda: os.chmod("file", 0o777, dir_fd=folder),
            lambda: os.utime(file),
            lambda: os.utime("file", ns=(1, 1), dir_fd=folder),
            lambda: os.fchown(file, 1, 1),
            lambda: os.ftruncate(file, 0),
            lambda: os.setxattr({str(outside / "file")!r}, "user.x", b"1"),
            lambda: os.open({str(outside / "file")!r}, os.O_RDONLY | os.O_TRUNC),
            lambda: os.open("new", os.O_WRONLY | os.O_CREAT, dir_fd=folder),
        ):
            try:
                attempt()
                print("done")
            except OSError as error:
                print("refused", error)
        """,
    )
    assert "done" not in result.output
    assert result.output.count("refused") == 9


def test_in_the_workspace_and_its_own_folder_it_does_as_it_likes(workspace: Workspace) -> None:
    result = sh(
        workspace,
        "mkdir d && echo x > d/f && chmod 751 d/f && touch -d @981173106.789 d/f && ln -s f d/l"
        " && cp -a d e && mv e/f g && stat -c '%a %.3Y' g && stat -c %F e/l && mktemp -u"
        " && echo y > $(mktemp) && echo to-stderr > /dev/stderr && cat <(echo piped)",
    )
    lines = result.output.splitlines()
    assert lines[:2] == ["751 981173106.789", "symbolic link"]
    assert Path(lines[2]).is_relative_to(workspace.scratch)
    assert lines[3:] == ["to-stderr", "piped"]


def test_places_of_keys_are_not_read(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    for name in (".ssh/id_ed25519", ".aws/credentials", ".netrc", ".config/gh/hosts.yml"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("the-secret")
    (home / ".config" / "tool.ini").write_text("harmless")
    (home / "shortcut").symlink_to(".ssh")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / ".env").write_text("XAI_API_KEY=the-secret")
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("HOME", str(home))
    result = sh(
        workspace,
        "cat ~/.ssh/id_ed25519 ~/shortcut/id_ed25519 ~/.aws/credentials ~/.netrc"
        f" ~/.config/gh/hosts.yml {tmp_path}/elsewhere/.env; ls ~/.ssh; cat ~/.config/tool.ini",
    )
    assert "the-secret" not in result.output
    assert result.output.count("Permission denied") == 7
    assert result.output.endswith("harmless")


# Other programs


@pytest.mark.enable_socket
def test_no_other_program_is_reached(workspace: Workspace, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as local,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        local.bind(str(tmp_path / "s"))
        local.listen()
        datagrams.bind(str(tmp_path / "d"))
        abstract.bind("\0grok-agent-test")
        abstract.listen()
        (workspace.root / "link").symlink_to(tmp_path / "s")
        port = server.getsockname()[1]
        result = python(
            workspace,
            f"""
            from socket import *
            MSG_FASTOPEN = 0x20000000
            def tcp(family, address):
                socket(family, SOCK_STREAM).connect(address)
            def unix(kind, address):
                socket(AF_UNIX, kind).connect(address)
            for attempt in (
                lambda: tcp(AF_INET, ("127.0.0.1", {port})),
                lambda: tcp(AF_INET, ("0.0.0.0", {port})),
                lambda: tcp(AF_INET6, ("::ffff:127.0.0.1", {port})),
                lambda: tcp(AF_INET6, ("::1", {port})),
                lambda: tcp(AF_INET, ("192.0.2.1", 443)),
                lambda: tcp(AF_INET6, ("2001:db8::1", 443)),
                lambda: socket().sendto(b"x", MSG_FASTOPEN, ("127.0.0.1", {port})),
                lambda: socket().sendmsg([b"x"], [], MSG_FASTOPEN, ("127.0.0.1", {port})),
                lambda: socket(AF_INET, SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)),
                lambda: socket(AF_INET6, SOCK_DGRAM),
                lambda: socket(AF_INET, SOCK_RAW, IPPROTO_ICMP),
                lambda: socket(AF_INET, SOCK_STREAM, 262),
                lambda: socket(AF_PACKET, SOCK_RAW),
                lambda: socket(AF_VSOCK, SOCK_STREAM),
                lambda: socket(AF_ALG, SOCK_SEQPACKET),
                lambda: socket(AF_NETLINK, SOCK_RAW, 12),
                lambda: socket().bind(("192.0.2.1", 0)),
                lambda: unix(SOCK_STREAM, {str(tmp_path / "s")!r}),
                lambda: unix(SOCK_STREAM, "../s"),
                lambda: unix(SOCK_STREAM, "link"),
                lambda: unix(SOCK_DGRAM, {str(tmp_path / "d")!r}),
                lambda: socketpair(AF_UNIX, SOCK_DGRAM),
                lambda: unix(SOCK_STREAM, "\\0grok-agent-test"),
                lambda: socket(AF_UNIX).bind({str(tmp_path / "new")!r}),
            ):
                try:
                    attempt()
                    print("done")
                except OSError as error:
                    print("refused", error)
            """,
        )
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert "done" not in result.output
    assert result.output.count("refused [") == 24


def test_it_may_talk_to_itself(workspace: Workspace) -> None:
    result = python(
        workspace,
        """
        import socket, threading
        from multiprocessing import Manager
        def ask(listening, address):
            threading.Thread(target=lambda: listening.accept()[0].sendall(b"hello")).start()
            with socket.socket(listening.family) as client:
                client.connect(address)
                print(client.recv(9), listening.getsockname()[0])
        if __name__ == "__main__":
            for host in ("127.0.0.1", ""):
                server = socket.create_server((host, 0))
                ask(server, ("127.0.0.1", server.getsockname()[1]))
            server = socket.socket()
            server.listen()
            ask(server, server.getsockname())
            local = socket.socket(socket.AF_UNIX)
            local.bind("local")
            local.listen()
            ask(local, "local")
            left, right = socket.socketpair()
            with Manager() as manager:
                print(manager.list([1]))
        """,
    )
    answers = ["b'hello' 127.0.0.1"] * 3 + ["b'hello' l", "[1]"]
    assert result.output.splitlines() == answers


@pytest.mark.enable_socket
def test_the_network_is_there_when_it_is_allowed(workspace: Workspace, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as local,
    ):
        local.bind(str(tmp_path / "s"))
        local.listen()
        result = python(
            with_limits(workspace, network=True),
            f"""
            from socket import *
            create_connection(("127.0.0.1", {server.getsockname()[1]})).close()
            socket(AF_INET, SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
            print("reached")
            socket(AF_UNIX).connect({str(tmp_path / "s")!r})
            """,
        )
    assert result.output.startswith("reached\n")
    assert "PermissionError" in result.output


def test_the_program_that_runs_it_is_out_of_reach(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XAI_API_KEY", "the-secret-key")
    result = python(
        workspace,
        f"""
        import ctypes, os, resource
        libc = ctypes.CDLL(None, use_errno=True)
        def ptrace(pid):
            if libc.ptrace(16, pid, 0, 0):
                raise OSError(ctypes.get_errno(), "ptrace")
        def parent(pid):
            return int(open(f"/proc/{{pid}}/stat").read().rpartition(")")[2].split()[1])
        warden = parent(os.getppid())
        assert parent(warden) == {os.getpid()}
        for pid in (warden, {os.getpid()}):
            for attempt in (
                lambda: open(f"/proc/{{pid}}/environ", "rb").read(),
                lambda: open(f"/proc/{{pid}}/mem", "rb"),
                lambda: os.listdir(f"/proc/{{pid}}/cwd"),
                lambda: os.readlink(f"/proc/{{pid}}/fd/0"),
                lambda: ptrace(pid),
                lambda: os.kill(pid, 0),
                lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (9, 9)),
            ):
                try:
                    print("done", attempt())
                except OSError as error:
                    print("refused", error)
        print(dict(os.environ))
        """,
    )
    assert "done" not in result.output
    assert result.output.count("refused") == 14
    assert "the-secret-key" not in result.output


def test_the_back_doors_of_the_kernel_are_shut(workspace: Workspace) -> None:
    result = python(
        workspace,
        """
        import ctypes, os
        from grok_agent.tools.syscalls import ADMINISTRATION, DETOURS, numbers
        libc = ctypes.CDLL(None, use_errno=True)
        known = numbers(os.uname().machine)
        for name in sorted(ADMINISTRATION | DETOURS):
            if name in known and libc.syscall(known[name], 0, 0, 0, 0, 0, 0) != -1:
                print(name, "worked")
            elif name in known and ctypes.get_errno() not in (1, 38):
                print(name, os.strerror(ctypes.get_errno()))
        if os.uname().machine == "x86_64":
            assert libc.syscall(0x40000000 + known["socket"], 2, 1, 0) == -1
        print("looked at all")
        """,
    )
    assert result.output == "looked at all\n"
    result = sh(
        workspace, "unshare -Ur true; mount -t tmpfs none /mnt; chroot / true; mknod d c 1 3"
    )
    assert result.exit_code != 0
    assert not (workspace.root / "d").exists()


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="32-bit calls of x86")
def test_the_foreign_way_of_calling_is_shut(workspace: Workspace) -> None:
    result = python(
        workspace,
        """
        import ctypes, mmap
        # mov eax, 359 (socket); mov ebx, 2; mov ecx, 1; xor edx, edx; int 0x80; ret
        code = bytes.fromhex("b867010000 bb02000000 b901000000 31d2 cd80 c3")
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(code)
        call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        print("survived", call())
        """,
    )
    assert "survived" not in result.output


# Limits


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


# Where there is less of a sandbox


@pytest.mark.parametrize("abi", [1, 2, 3, 5])
def test_older_kernels_fence_files_as_well(
    workspace: Workspace, outside: Path, monkeypatch: pytest.MonkeyPatch, abi: int
) -> None:
    for module in (launch, terminal):
        monkeypatch.setattr(module, "confinement", lambda: Confinement(abi))
    (workspace.root / "d").mkdir()
    result = python(
        workspace,
        f"""
        import os
        name = {str(outside / "file")!r}
        open("d/inside", "w").write("xy")
        os.rename("d/inside", "d/renamed")
        with open("d/renamed", "r+") as file:
            file.truncate(1)
        for attempt in (
            lambda: os.truncate(name, 0),
            lambda: os.open(name, os.O_RDONLY | os.O_TRUNC),
            lambda: os.open(name, os.O_WRONLY),
            lambda: os.chmod(name, 0o777),
        ):
            try:
                attempt()
                print("done")
            except OSError as error:
                print("refused", error)
        """,
    )
    assert "done" not in result.output
    assert result.output.count("refused") == 4


def test_a_command_without_a_sandbox_says_so(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (launch, terminal):
        monkeypatch.setattr(module, "confinement", lambda: Confinement(0, "no Landlock"))
    tool = RunTerminalCommand(workspace=workspace)
    said = tool.invoke({"command": "echo hello", "description": "A test."})
    assert said == "exit: 0\n[unconfined: no Landlock]\nhello\n"


def test_a_sandbox_works_inside_a_sandbox(workspace: Workspace, outside: Path) -> None:
    result = python(
        workspace,
        f"""
        from grok_agent import Workspace
        from grok_agent.tools.sandbox import confinement
        from grok_agent.tools.terminal import Terminal
        inner = Terminal(Workspace(".", permission="all"))
        print(confinement().confined)
        print(inner.run("echo inside > made; cat made; echo x > {outside}/file", 20).output)
        """,
    )
    assert result.output.startswith("True\ninside\n")
    assert "Permission denied" in result.output


# Work


@pytest.mark.parametrize(
    ("program", "command", "said"),
    [
        ("git", "git init -q . && echo x > f && git add f && git status --short", "A  f"),
        (
            "git",
            "git init -q . && echo x > f && git add f && git -c user.name=n -c user.email=e"
            " commit -qm m && echo y >> f && git diff && git log --oneline | wc -l",
            "+y",
        ),
        ("make", "printf 'all:\\n\\t@echo made\\n' > Makefile && make -j2", "made"),
        (
            "gcc",
            "printf 'int main(void){return 42;}' > m.c && gcc -O1 m.c -o m && ./m; echo $?",
            "42",
        ),
        ("node", "node -e 'console.log(6 * 7)'", "42"),
        (
            "node",
            'node -e \'const s=require("http").createServer((q,r)=>r.end("served")).listen(0,'
            "()=>fetch(`http://127.0.0.1:${s.address().port}`).then(r=>r.text()).then(console.log)"
            ".then(()=>s.close()))'",
            "served",
        ),
        (
            "tar",
            "mkdir d && date > d/f && tar czf d.tgz d && rm -r d && tar xzf d.tgz && ls d",
            "f",
        ),
    ],
)
def test_toolchains_work(workspace: Workspace, program: str, command: str, said: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    result = sh(workspace, command)
    assert result.exit_code == 0, result.output
    assert said in result.output


def test_a_test_suite_runs(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace.root / "test_it.py").write_text(
        "import subprocess, sys, tempfile, threading\n"
        "def test_files(tmp_path):\n"
        "    (tmp_path / 'f').write_text('x')\n"
        "    tempfile.TemporaryFile().close()\n"
        "def test_programs():\n"
        "    assert subprocess.run([sys.executable, '-c', 'print(1)'],"
        " capture_output=True, check=True).stdout == b'1\\n'\n"
        "def test_threads():\n"
        "    thread = threading.Thread(target=print)\n"
        "    thread.start()\n"
        "    thread.join()\n"
    )
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the plugins load slowly
    result = sh(
        workspace,
        "python -m pytest -q test_it.py && ruff check --select F . && python -m compileall -q .",
    )
    assert result.exit_code == 0, result.output
    assert "3 passed" in result.output
