"""What tidying and reviewing share: the paths that a task names, ruff's call, ruff's absence."""

import re
import shlex

from grok_agent.offline.skills.outputs import Command, read_command
from grok_agent.offline.transcript import Exchange, Transcript
from grok_agent.offline.wire import ToolCall

SHELL = "run_terminal_command"
INSTALL = "Install it with `python -m pip install ruff`, then ask again."
PATH = re.compile(
    r"(?<![\w:/.-])(?P<path>(?:\./)?[\w][\w.-]*(?:/[\w.-]+)*(?:\.pyi?|\.ipynb)\b"
    r"|(?:\./)?[\w][\w.-]*(?:/[\w.-]+)*/)"
    r"|(?:\b(?:in|under|inside|of|folder|directory|package)\s+|[`'\"])"
    r"(?P<slashed>(?:\./)?[\w][\w.-]*(?:/[\w.-]+)+)",
    re.ASCII | re.IGNORECASE,
)
NOT_INSTALLED = re.compile(
    r"ruff[^\n]*(?:not found|no such file|is not recognized)|No module named ruff", re.IGNORECASE
)


def paths_in(task: str) -> list[str]:
    """The files and folders that a task names, else the whole repository."""
    found = [match["path"] or match["slashed"] for match in PATH.finditer(task)]
    return list(dict.fromkeys(path.rstrip("/.") or "." for path in found)) or ["."]


def ruff_call(arguments: str, paths: list[str], why: str, *, module: bool = False) -> ToolCall:
    """A call of the shell tool; ``module`` goes through Python's own interpreter."""
    program = "python -m ruff" if module else "ruff"
    command = f"{program} {arguments} {shlex.join(paths)}"
    return ToolCall(SHELL, {"command": command, "description": why})


def runs_of(transcript: Transcript, arguments: str) -> list[Exchange]:
    """The commands run so far that call ruff with ``arguments``."""
    wanted = f"ruff {arguments}"
    return [e for e in transcript.results(SHELL) if wanted in str(e.arguments.get("command"))]


def is_missing(run: Command) -> bool:
    """Ruff is not installed where the command ran."""
    return run.code == 127 or (run.code not in (0, None) and bool(NOT_INSTALLED.search(run.output)))


def finished(exchange: Exchange) -> Command | None:
    """The command's result, or None when it was refused or never ran."""
    run = read_command(exchange.result)
    return None if exchange.is_error or (run.code is None and not run.killed) else run
