"""The sandbox: what a command tries to reach outside stays as it was, and out of reach."""

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandboxed import needs_sandbox, portrait, python, sh, with_limits

from grok_agent import Workspace
from grok_agent.tools.sandbox import confinement
from grok_agent.tools.terminal import Terminal

pytestmark = needs_sandbox


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
            local.bind("s")
            local.listen()
            ask(local, "s")
            left, right = socket.socketpair()
            with Manager() as manager:
                print(manager.list([1]))
        """,
    )
    answers = ["b'hello' 127.0.0.1"] * 3 + ["b'hello' s", "[1]"]
    assert result.output.splitlines() == answers


def test_commands_of_one_workspace_reach_each_other(workspace: Workspace) -> None:
    terminal = Terminal(workspace)
    server = terminal.start("python -u -m http.server 0", 60)
    said = ""
    while "port" not in said:
        time.sleep(0.05)
        said = server.log.read_text()
    port = re.search(r"port (\d+)", said)
    assert port
    url = f"http://127.0.0.1:{port[1]}"
    fetch = f"python -c 'import urllib.request as u; print(u.urlopen(\"{url}\"))'"
    assert "HTTPResponse" in sh(workspace, fetch).output
    stranger = Workspace(workspace.root, permission="all")
    assert "Connection refused" in sh(stranger, fetch).output
    server.running.end()
    assert "Connection refused" in sh(workspace, fetch).output


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
        kills = [lambda: os.kill(pid, 0)] if {confinement().abi} >= 6 else []
        for pid in (warden, {os.getpid()}):
            for attempt in (
                *kills,
                lambda: open(f"/proc/{{pid}}/environ", "rb").read(),
                lambda: open(f"/proc/{{pid}}/mem", "rb"),
                lambda: os.listdir(f"/proc/{{pid}}/cwd"),
                lambda: os.readlink(f"/proc/{{pid}}/fd/0"),
                lambda: ptrace(pid),
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
    assert result.output.count("refused") == (14 if confinement().abi >= 6 else 12)
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


def test_no_call_however_odd_brings_its_guard_down(workspace: Workspace) -> None:
    result = python(
        workspace,
        """
        import ctypes, os, random, socket
        from grok_agent.tools.syscalls import METADATA, numbers
        libc = ctypes.CDLL(None, use_errno=True)
        known = numbers(os.uname().machine)
        names = [name for name in (*sorted(METADATA), "connect", "bind", "listen") if name in known]
        path = ctypes.create_string_buffer(b"attempt.py", 4096)
        ends = [bytes([1, 0]) + b"s", bytes([2, 0, 1, 2, 127, 0, 0, 1]), bytes([10, 0]) + bytes(26)]
        addresses = [ctypes.create_string_buffer(end, 128) for end in ends]
        values = [0, 1, 2, 3, 16, 110, 256, -1, -100, 99, 1 << 31, 1 << 32, -(1 << 63)]
        values += [socket.socket(kind).detach() for kind in (1, 2, 10)]
        values += [os.open("attempt.py", 0), ctypes.addressof(path) + 4090]
        values += [ctypes.addressof(buffer) for buffer in (path, *addresses)]
        chance = random.Random(7)
        for _ in range(2000):
            number = known[chance.choice(names)]
            libc.syscall(*[ctypes.c_long(n) for n in (number, *chance.choices(values, k=6))])
        print("still there")
        """,
    )
    assert result.output == "still there\n"
