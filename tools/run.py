"""The tool ``run_terminal_command``, and the running of commands in a workspace."""

import os
import re
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field

from grok_agent.errors import ToolError
from grok_agent.tools.permission import reading_argv
from grok_agent.tools.process import Ended, run_to_end
from grok_agent.tools.results import CommandResult
from grok_agent.tools.workspace import Workspace
from grok_agent.tools.workspace_tool import Arguments, WorkspaceTool

DEFAULT_TIMEOUT_MS = 120_000
MAX_TIMEOUT_MS = 300_000
MAX_OUTPUT_CHARS = 20_000
MAX_LOG_BYTES = 100_000_000

SECRET_NAME = re.compile(
    r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|COOKIE|AUTH"
    r"|^(GROK|XAI|OPENAI|LANGSMITH|LANGCHAIN|RUFF)_",
    re.IGNORECASE,
)
SECRET_VALUE = re.compile(r"://[^/\s:@]*:[^/\s@]+@")  # a URL with a password
TERMINAL_CODE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\)"  # OSC and the like: titles, links
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)


class RunTerminalCommandArguments(Arguments):
    """Arguments of ``run_terminal_command``."""

    command: str = Field(min_length=1, description="The command line, run in the workspace root.")
    description: str = Field(description="One sentence: why this command is run.")
    timeout: int = Field(
        default=DEFAULT_TIMEOUT_MS,
        ge=1,
        le=MAX_TIMEOUT_MS,
        description="Milliseconds after which it is killed.",
    )
    background: bool = Field(default=False, description="Not supported: leave it out.")


class RunTerminalCommand(WorkspaceTool):
    """Runs a command in the workspace root, with a deadline and without the keys of the caller."""

    name: str = "run_terminal_command"
    description: str = (
        "Run a command in a shell, in the workspace root; each call starts afresh there. Standard"
        " input is empty, and everything the command started ends with it. Python and ruff are on"
        " the PATH."
    )
    arguments = RunTerminalCommandArguments

    def carry_out(self, arguments: RunTerminalCommandArguments) -> CommandResult:
        """Run it; a failing command is a result, not an error. Raises ToolError."""
        if arguments.background:
            raise ToolError(
                "Commands are not run in the background here.",
                next_step="Run it without background and give a timeout in milliseconds.",
            )
        return run_command(self.workspace, arguments.command, arguments.timeout / 1000)


def run_command(workspace: Workspace, command: str, deadline_s: float) -> CommandResult:
    """Run ``command`` in the workspace's root and wait, at most ``deadline_s`` seconds.

    A command known to read only runs without a shell; before any other the files are remembered,
    so that the workspace's diff covers what it does. Everything it started is ended with it. Asks
    for no leave: callers do. Raises ToolError when it cannot be started at all.
    """
    argv = reading_argv(command, workspace)
    if argv is None:
        workspace.remember_all()
    environment = command_environment(os.environ, workspace.scratch)
    started = time.monotonic()
    descriptor, log = tempfile.mkstemp(prefix="command-", suffix=".log", dir=workspace.scratch)
    with os.fdopen(descriptor, "wb") as output:
        try:
            ended = run_to_end(
                _without_shell(argv, environment) or _shell(command, environment),
                cwd=workspace.root,
                environment=environment,
                output=output,
                deadline_s=deadline_s,
                max_output_bytes=MAX_LOG_BYTES,
            )
        except (OSError, ValueError) as error:
            raise ToolError(
                f"The command could not be started: {error}.", next_step="Use another program."
            ) from error
    return _result(command, ended, Path(log), time.monotonic() - started)


def command_environment(environ: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """``environ`` for a command: without keys and passwords, the running Python first on PATH.

    Caches of Python go to ``scratch``, so that running code leaves no files in the workspace.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if not SECRET_NAME.search(name) and not SECRET_VALUE.search(value)
    }
    path = [folder for folder in kept.get("PATH", os.defpath).split(os.pathsep) if folder]
    first = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    return kept | {
        "PATH": os.pathsep.join(dict.fromkeys([*first, *filter(os.path.isabs, path)])),
        "PYTHONPYCACHEPREFIX": str(scratch / "pycache"),
        "RUFF_CACHE_DIR": str(scratch / "ruff"),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_PAGER": "cat",
        "PAGER": "cat",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }


def plain_text(raw: bytes) -> str:
    """Output as text: no colours or cursor movements, lines as a terminal would leave them."""
    text = TERMINAL_CODE.sub("", raw.decode("utf-8", "replace")).replace("\r\n", "\n")
    text = re.sub(r"[^\n]*\r(?=[^\n])", "", text)
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text)


def _without_shell(
    argv: tuple[str, ...] | None, environment: Mapping[str, str]
) -> Sequence[str] | None:
    """The program by its path; None where there is none, so that the shell says so."""
    program = argv and shutil.which(argv[0], path=environment["PATH"])
    return (program, *argv[1:]) if argv and program else None


def _shell(command: str, environment: Mapping[str, str]) -> Sequence[str] | str:
    if sys.platform == "win32":
        return f'{environment.get("COMSPEC", "cmd.exe")} /d /s /c "{command}"'
    return [shutil.which("bash", path=environment["PATH"]) or "/bin/sh", "-c", command]


def _result(command: str, ended: Ended, log: Path, seconds: float) -> CommandResult:
    size = log.stat().st_size
    room = 8 * MAX_OUTPUT_CHARS
    with log.open("rb") as file:
        head = file.read(size if size <= 2 * room else room)
        file.seek(max(size - room, len(head)))
        tail = file.read()
    output = plain_text(head) if not tail else ""
    half = MAX_OUTPUT_CHARS // 2
    truncated = bool(tail) or len(output) > MAX_OUTPUT_CHARS
    if truncated:
        first, last = plain_text(head)[:half], plain_text(tail or head)[-half:]
        output = f"{first}\n... [the middle was left out] ...\n{last}"
    else:
        log.unlink()
    return CommandResult(
        command=command,
        exit_code=ended.exit_code,
        killed=ended.killed,
        output=output,
        truncated=truncated,
        total_bytes=size,
        full_output=str(log) if truncated else "",
        seconds=round(seconds, 3),
    )
