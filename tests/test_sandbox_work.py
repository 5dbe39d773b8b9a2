"""The sandbox: what has to work in it, and what there is where the kernel has less of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandboxed import needs_sandbox, portrait, python, sh

from grok_agent import Workspace
from grok_agent.tools import launch, terminal
from grok_agent.tools.run import RunTerminalCommand
from grok_agent.tools.sandbox import Confinement, Limits

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


# Where there is less of a sandbox


@pytest.mark.parametrize("abi", [1, 2, 3, 5])
def test_older_kernels_fence_files_as_well(
    workspace: Workspace, outside: Path, monkeypatch: pytest.MonkeyPatch, abi: int
) -> None:
    for module in (launch, terminal):
        monkeypatch.setattr(module, "confinement", lambda limits: Confinement(abi))
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
        monkeypatch.setattr(module, "confinement", lambda limits: Confinement(0, "no Landlock"))
    tool = RunTerminalCommand(workspace=workspace)
    said = tool.invoke({"command": "echo hello", "description": "A test."})
    assert said == "exit: 0\n[unconfined: no Landlock]\nhello\n"


def test_the_sandbox_is_switched_off_by_name_only(workspace: Workspace, tmp_path: Path) -> None:
    free = Workspace(workspace.root, permission="all", limits=Limits(sandbox=False))
    result = sh(free, f"echo x > {tmp_path}/outside")
    assert (result.exit_code, result.notes) == (0, ("unconfined: the sandbox is switched off",))
    assert (tmp_path / "outside").read_text() == "x\n"


def test_more_places_can_be_opened(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("home/.m2/settings.xml", "home/.ssh/key", "cache/old"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(f"in {name}\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    limits = Limits(readable=(tmp_path / "home" / ".m2",), writable=(tmp_path / "cache",))
    opened = Workspace(workspace.root, permission="all", limits=limits)
    result = sh(opened, f"cat ~/.m2/*; touch {tmp_path}/cache/new; rm ~/.m2/*; cat ~/.ssh/key")
    assert result.output.startswith("in home/.m2/settings.xml\n")
    assert result.output.count("Permission denied") == 2
    assert (tmp_path / "cache" / "new").exists()


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
