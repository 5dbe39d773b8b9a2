"""The terminal of a workspace: its working folder, the commands that run there, how they end."""

import os
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from grok_agent.errors import ToolError
from grok_agent.tools.environment import command_environment
from grok_agent.tools.git_guard import GitWatch, Watched
from grok_agent.tools.launch import launch
from grok_agent.tools.output import excerpt
from grok_agent.tools.process import Ended, Running
from grok_agent.tools.reading_commands import reading_argv
from grok_agent.tools.results import CommandResult
from grok_agent.tools.sandbox import confinement
from grok_agent.tools.shell import left_folder, through_shell, without_shell
from grok_agent.tools.watch import WatchedCommand
from grok_agent.tools.workspace import Workspace


@dataclass(frozen=True)
class Execution:
    """A command that was started, and what is needed to tell how it went."""

    command: str
    running: Running
    log: Path
    folder_file: Path
    git: Watched | None
    files: WatchedCommand
    started: float


@dataclass
class State:
    """What lasts from one command of a workspace to the next: the working folder, and commands in
    the background by their names, with how they went once that is known. ``waited_for`` are the
    commands in the foreground, by their logs."""

    folder: Path
    git: GitWatch
    waited_for: dict[Path, Running] = field(default_factory=dict)
    jobs: dict[str, Execution] = field(default_factory=dict)
    results: dict[str, CommandResult] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def end_jobs(self) -> None:
        """End what still runs in the background."""
        for name in self.jobs.keys() - self.results.keys():
            with suppress(OSError):
                self.jobs[name].running.end()
            if guard := self.jobs[name].git:
                guard.restore()
            self.jobs[name].files.end()


_states: weakref.WeakKeyDictionary[Workspace, State] = weakref.WeakKeyDictionary()


def state_of(workspace: Workspace) -> State:
    """The state of a workspace's terminal; jobs end with the workspace, or with the program."""
    if workspace not in _states:
        state = _states.setdefault(workspace, State(workspace.root, GitWatch(workspace.root)))
        weakref.finalize(workspace, state.end_jobs)
    return _states[workspace]


def end_commands(workspace: Workspace) -> None:
    """End the commands for whose end somebody waits, on whatever thread."""
    for running in list(state_of(workspace).waited_for.values()):
        with suppress(OSError):
            running.end()


class Terminal:
    """Runs the commands of one workspace, each in the folder to which the last one changed.

    All terminals of a workspace share the working folder and the jobs.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.state = state_of(workspace)

    def run(self, command: str, deadline_s: float, folder: Path | None = None) -> CommandResult:
        """Run ``command`` and wait, at most ``deadline_s`` seconds.

        With a ``folder`` it runs there, and the terminal stays where it is. Everything that it
        started is ended with it. Raises ToolError when it cannot be started at all.
        """
        execution = self.start(command, deadline_s, folder)
        self.state.waited_for[execution.log] = execution.running
        try:
            ended = execution.running.wait() or execution.running.end()
        except BaseException as error:
            with suppress(OSError):
                execution.running.end()
            if execution.git:
                execution.git.restore()
            execution.files.end()
            if isinstance(error, OSError):
                raise _not_started(error) from error
            raise
        finally:
            del self.state.waited_for[execution.log]
        moved = self._follow(execution) if folder is None else ()
        return self.result(execution, ended, moved)

    def start(self, command: str, deadline_s: float, folder: Path | None = None) -> Execution:
        """Start ``command``; asks for no leave, callers do. Raises ToolError.

        A command known to read only runs without a shell and may write nothing; nor may one that
        the model runs in the mode ``plan``, as far as there is a sandbox. Before any other
        the files are remembered, so that the workspace's diff covers what it does.
        """
        closed = self.workspace.permission == "plan" and folder is None
        folder = folder or self._folder()
        argv, git, files = self._reading_argv(command, folder), None, WatchedCommand()
        if argv is None:
            files = self.workspace.command_begins()
            if self.workspace.permission != "all":
                git = self.state.git.begin()
        box = self._box()
        environment = command_environment(os.environ, box)
        descriptor, name = tempfile.mkstemp(".log", "command-", self.workspace.scratch)
        log, started = Path(name), time.monotonic()
        folder_file = box / f"{log.stem}.folder"
        with os.fdopen(descriptor, "wb") as output:
            try:
                running = launch(
                    without_shell(argv, environment)
                    or through_shell(command, environment, folder_file),
                    folder=folder,
                    workspace=self.workspace.root,
                    writable=[box] if argv or closed else [self.workspace.root, box],
                    environment=environment,
                    output=output,
                    deadline_s=deadline_s,
                    limits=self.workspace.limits,
                    ports=self._ports(),
                )
            except (OSError, ValueError) as error:
                if git:
                    git.restore()
                files.end()
                raise _not_started(error) from error
        return Execution(command, running, log, folder_file, git, files, started)

    def result(
        self,
        execution: Execution,
        ended: Ended,
        notes: Sequence[str] = (),
        *,
        keep_log: bool = False,
    ) -> CommandResult:
        """How a command went. The log goes, unless it is to be kept or shows more than this."""
        sandbox = confinement(self.workspace.limits)
        open_ = () if sandbox.confined else (f"unconfined: {sandbox.missing}",)
        restored = execution.git.restore() if execution.git else []
        unrecorded = execution.files.end()
        put_back = (f"put back, since git would obey it: {name}" for name in restored)
        output = excerpt(execution.log)
        if not (output.truncated or keep_log):
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
            notes=(*open_, *put_back, *unrecorded, *notes),
        )

    def _reading_argv(self, command: str, folder: Path) -> tuple[str, ...] | None:
        argv = reading_argv(command, _Folder(self.workspace, folder))
        # Leave was given for the root; elsewhere the same words may lead outside.
        elsewhere = folder != self.workspace.root and self.workspace.permission != "all"
        if argv is None and elsewhere and reading_argv(command, self.workspace):
            raise ToolError(
                f"In {self._shown(folder)} that command leads out of the workspace.",
                next_step="Name files inside the workspace, relative to this folder.",
            )
        return argv

    def _box(self) -> Path:
        """The folder that commands have for themselves."""
        box = self.workspace.scratch / "box"
        (box / "tmp").mkdir(parents=True, exist_ok=True)
        return box

    def _ports(self) -> Path:
        """Where the wardens of the workspace note the ports of its commands."""
        ports = self.workspace.scratch / "ports"
        ports.mkdir(exist_ok=True)
        return ports

    def _folder(self) -> Path:
        """The working folder; the root when that has gone, or became a link, meanwhile."""
        folder = self.state.folder
        if Path(os.path.realpath(folder)) != folder or not folder.is_dir():
            self.state.folder = self.workspace.root
        return self.state.folder

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

    def may_show(self, path: str) -> bool:
        return self._workspace.may_show(str(self._folder / path))

    def leaving_links(self) -> list[str]:
        return self._workspace.leaving_links()


def _not_started(error: Exception) -> ToolError:
    return ToolError(
        f"The command could not be started: {error}.", next_step="Use another program."
    )
