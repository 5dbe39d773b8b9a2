"""The terminal of a workspace: its working folder, the commands that run there, how they end."""

import os
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from grok_agent.errors import ToolError
from grok_agent.tools.environment import command_environment
from grok_agent.tools.git_guard import GitGuard
from grok_agent.tools.output import excerpt
from grok_agent.tools.permission import reading_argv
from grok_agent.tools.process import Ended, Group, Running
from grok_agent.tools.results import CommandResult
from grok_agent.tools.sandbox import Limits, confinement, fence
from grok_agent.tools.shell import left_folder, through_shell, without_shell
from grok_agent.tools.workspace import Workspace


@dataclass(frozen=True)
class Execution:
    """A command that was started, and what is needed to tell how it went."""

    command: str
    running: Running
    log: Path
    folder_file: Path
    git: GitGuard | None
    notes: tuple[str, ...]
    started: float


@dataclass
class State:
    """What lasts from one command of a workspace to the next: the working folder, and commands in
    the background by their names, with how they went once that is known."""

    folder: Path
    jobs: dict[str, Execution] = field(default_factory=dict)
    results: dict[str, CommandResult] = field(default_factory=dict)

    def end_jobs(self) -> None:
        """End what still runs in the background."""
        for execution in self.jobs.values():
            with suppress(OSError):
                execution.running.end()


_states: weakref.WeakKeyDictionary[Workspace, State] = weakref.WeakKeyDictionary()


def state_of(workspace: Workspace) -> State:
    """The state of a workspace's terminal; jobs end with the workspace, or with the program."""
    if workspace not in _states:
        state = _states.setdefault(workspace, State(workspace.root))
        weakref.finalize(workspace, state.end_jobs)
    return _states[workspace]


class Terminal:
    """Runs the commands of one workspace, each in the folder to which the last one changed.

    All terminals of a workspace share the working folder and the jobs.
    """

    def __init__(self, workspace: Workspace, limits: Limits | None = None) -> None:
        self.workspace = workspace
        self.limits = limits or Limits()
        self.state = state_of(workspace)

    def run(self, command: str, deadline_s: float, folder: Path | None = None) -> CommandResult:
        """Run ``command`` and wait, at most ``deadline_s`` seconds.

        With a ``folder`` it runs there, and the terminal stays where it is. Everything that it
        started is ended with it. Raises ToolError when it cannot be started at all.
        """
        execution = self.start(command, deadline_s, folder)
        try:
            ended = execution.running.wait() or execution.running.end()
        except OSError as error:
            raise _not_started(error) from error
        except BaseException:
            execution.running.end()
            raise
        moved = self._follow(execution) if folder is None else ()
        return self.result(execution, ended, moved)

    def start(self, command: str, deadline_s: float, folder: Path | None = None) -> Execution:
        """Start ``command``; asks for no leave, callers do. Raises ToolError.

        A command known to read only runs without a shell and may write nothing. Before any other
        the files are remembered, so that the workspace's diff covers what it does.
        """
        folder = folder or self.state.folder
        argv = reading_argv(command, _Folder(self.workspace, folder))
        if argv is None:
            self._require_leave_here(command, folder)
            self.workspace.remember_all()
        box = self._box()
        environment = command_environment(os.environ, box)
        descriptor, name = tempfile.mkstemp(".log", "command-", self.workspace.scratch)
        log = Path(name)
        folder_file = box / f"{log.stem}.folder"
        words = without_shell(argv, environment)
        git = None
        if words is None and self.workspace.permission != "all":
            git = GitGuard(self.workspace.root)
        writable = [box] if words else [box, self.workspace.root]
        words = words or through_shell(command, environment, folder_file)
        started = time.monotonic()
        with os.fdopen(descriptor, "wb") as output:
            try:
                running = self._start(words, folder, environment, output, deadline_s, writable)
            except (OSError, ValueError) as error:
                raise _not_started(error) from error
        state = confinement()
        notes = () if state.confined else (f"unconfined: {state.missing}",)
        return Execution(command, running, log, folder_file, git, notes, started)

    def result(
        self, execution: Execution, ended: Ended, notes: Sequence[str] = ()
    ) -> CommandResult:
        """How a command went. The log is kept only where not all of it is shown."""
        restored = execution.git.restore() if execution.git else []
        put_back = (f"put back, since git would obey it: {name}" for name in restored)
        output = excerpt(execution.log)
        if not output.truncated:
            execution.log.unlink()
        return CommandResult(
            command=execution.command,
            exit_code=ended.exit_code,
            killed=ended.killed,
            output=output.text,
            truncated=output.truncated,
            total_bytes=output.total_bytes,
            full_output=str(execution.log) if output.truncated else "",
            seconds=round(time.monotonic() - execution.started, 3),
            notes=(*execution.notes, *put_back, *notes),
        )

    def _start(
        self,
        words: Sequence[str] | str,
        folder: Path,
        environment: Mapping[str, str],
        output: BinaryIO,
        deadline_s: float,
        writable: Sequence[Path],
    ) -> Running:
        limits, abi = self.limits, confinement().abi
        if has_warden() and not isinstance(words, str):
            from grok_agent.tools.warded import Warded

            return Warded.start(
                words,
                cwd=folder,
                environment=environment,
                output=output,
                deadline_s=deadline_s,
                limits=limits,
                fence=fence(writable, self.workspace.root),
                abi=abi,
            )
        return Group.start(
            words,
            cwd=folder,
            environment=environment,
            output=output,
            deadline_s=deadline_s,
            max_output_bytes=limits.max_output_bytes,
        )

    def _require_leave_here(self, command: str, folder: Path) -> None:
        """A command that reads only in the root may do more in another folder."""
        if self.workspace.permission != "all" and reading_argv(command, self.workspace):
            raise ToolError(
                f"In {self._shown(folder)} that command leads out of the workspace.",
                next_step="Name files inside the workspace, relative to this folder.",
            )

    def _box(self) -> Path:
        """The folder that commands have for themselves."""
        box = self.workspace.scratch / "box"
        (box / "tmp").mkdir(parents=True, exist_ok=True)
        return box

    def _follow(self, execution: Execution) -> tuple[str, ...]:
        """Stay in the folder in which the shell ended, if it lies in the workspace."""
        left, before = left_folder(execution.folder_file), self.state.folder
        if left is None or left == before:
            return ()
        inside = left.is_dir() and left.is_relative_to(self.workspace.root)
        self.state.folder = left if inside else self.workspace.root
        return (f"working folder: {self._shown(self.state.folder)}",)

    def _shown(self, folder: Path) -> str:
        return folder.relative_to(self.workspace.root).as_posix()


class _Folder:
    """A folder of a workspace, for the guard that judges commands which run there."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self._workspace, self._folder = workspace, folder

    def is_inside(self, path: str) -> bool:
        return self._workspace.is_inside(str(self._folder / path))

    def leaving_links(self) -> list[str]:
        return self._workspace.leaving_links()


def has_warden() -> bool:
    """True where commands run under a warden, confined or not."""
    return sys.platform == "linux" and bool(sys.executable)


def _not_started(error: Exception) -> ToolError:
    return ToolError(
        f"The command could not be started: {error}.", next_step="Use another program."
    )
