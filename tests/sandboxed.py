"""What the tests of the sandbox share: commands run in it, and a look at what is outside."""

import textwrap
from pathlib import Path

import pytest

from grok_agent import Workspace
from grok_agent.tools.results import CommandResult
from grok_agent.tools.sandbox import Limits, confinement
from grok_agent.tools.terminal import Terminal

needs_sandbox = pytest.mark.skipif(
    not confinement().confined, reason=f"no sandbox here: {confinement().missing}"
)


def sh(workspace: Workspace, command: str, deadline_s: float = 30) -> CommandResult:
    """Run a command line."""
    return Terminal(workspace).run(command, deadline_s)


def python(workspace: Workspace, code: str, deadline_s: float = 30) -> CommandResult:
    """Run a Python program, which lies in the workspace as ``attempt.py``."""
    (workspace.root / "attempt.py").write_text(textwrap.dedent(code))
    return sh(workspace, "python attempt.py", deadline_s)


def with_limits(workspace: Workspace, **limits: int) -> Workspace:
    """The same folder with other limits."""
    return Workspace(workspace.root, permission="all", limits=Limits(**limits))  # type: ignore[arg-type]


def portrait(folder: Path) -> list[tuple[object, ...]]:
    """Everything about the files in a folder that a command could change."""
    found: list[tuple[object, ...]] = []
    for path in sorted([folder, *folder.rglob("*")]):
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        owner = (status.st_uid, status.st_gid)
        found.append((path, status.st_mode, owner, status.st_mtime_ns, data))
    return found


def is_alive(pid: int) -> bool:
    """True for a process that is there and no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it may go while it is read
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
