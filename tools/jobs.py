"""Commands in the background, and the tools that look at them and end them."""

import time

from pydantic import Field

from grok_agent.errors import ToolError
from grok_agent.tools.output import excerpt
from grok_agent.tools.process import Ended
from grok_agent.tools.results import JobReport, JobReports
from grok_agent.tools.terminal import Execution, Terminal
from grok_agent.tools.workspace_tool import Arguments, WorkspaceTool

MAX_RUNNING = 8
MAX_WAIT_MS = 300_000
START_S = 0.2  # a command that cannot work has mostly said so by then


class GetOutputArguments(Arguments):
    """Arguments of ``get_command_or_subagent_output``."""

    task_ids: list[str] = Field(min_length=1, description="Names of commands in the background.")
    timeout_ms: int = Field(
        default=0,
        ge=0,
        le=MAX_WAIT_MS,
        description="Milliseconds to wait for them to end; 0 looks at once.",
    )


class GetOutput(WorkspaceTool):
    """Shows how commands in the background are getting on."""

    name: str = "get_command_or_subagent_output"
    description: str = (
        "See what commands started with background: true have written, and whether they ended."
    )
    arguments = GetOutputArguments

    def carry_out(self, arguments: GetOutputArguments) -> JobReports:
        """Look, after waiting for the end of all at most ``timeout_ms``. Raises ToolError."""
        terminal = Terminal(self.workspace)
        executions = [_job(terminal, id_) for id_ in arguments.task_ids]
        until = time.monotonic() + arguments.timeout_ms / 1000
        return JobReports(
            tuple(
                _report(terminal, id_, execution, max(0.0, until - time.monotonic()))
                for id_, execution in zip(arguments.task_ids, executions, strict=True)
            )
        )


class KillCommandArguments(Arguments):
    """Arguments of ``kill_command_or_subagent``."""

    task_id: str = Field(description="Name of a command in the background.")


class KillCommand(WorkspaceTool):
    """Ends a command in the background."""

    name: str = "kill_command_or_subagent"
    description: str = "End a command started with background: true, and all that it started."
    arguments = KillCommandArguments

    def carry_out(self, arguments: KillCommandArguments) -> JobReports:
        """End it; how it went. Raises ToolError."""
        terminal = Terminal(self.workspace)
        execution = _job(terminal, arguments.task_id)
        execution.running.end()
        return JobReports((_report(terminal, arguments.task_id, execution, 0),))


def start_job(terminal: Terminal, command: str, deadline_s: float) -> JobReport:
    """Start ``command`` in the background; it ends after ``deadline_s`` seconds, or with the
    workspace. Raises ToolError."""
    if terminal.workspace.permission == "plan":
        raise ToolError(
            "In the mode 'plan' nothing runs in the background.",
            next_step="Run it without background.",
        )
    state = terminal.state
    running = [id_ for id_ in state.jobs if id_ not in state.results]
    running = [id_ for id_ in running if _report(terminal, id_, state.jobs[id_], 0).result is None]
    if len(running) >= MAX_RUNNING:
        raise ToolError(
            f"{MAX_RUNNING} commands run in the background already: {', '.join(running)}.",
            next_step="End one with kill_command_or_subagent.",
        )
    id_ = f"command-{len(state.jobs) + 1}"
    execution = terminal.start(command, deadline_s)
    state.jobs[id_] = execution
    return _report(terminal, id_, execution, START_S)


def _job(terminal: Terminal, id_: str) -> Execution:
    jobs = terminal.state.jobs
    if id_ not in jobs:
        known = f"There are: {', '.join(jobs)}." if jobs else "None was started."
        raise ToolError(f"There is no background command {id_!r}.", next_step=known)
    return jobs[id_]


def _report(terminal: Terminal, id_: str, execution: Execution, wait_s: float) -> JobReport:
    results = terminal.state.results
    if id_ not in results:
        try:
            ended = execution.running.wait(wait_s)
        except OSError as error:
            ended = Ended(None, f"could not be started: {error}")
        with terminal.state.lock:
            if ended and id_ not in results:
                results[id_] = terminal.result(execution, ended, keep_log=True)
    result = results.get(id_)
    return JobReport(
        id=id_,
        command=execution.command,
        result=result,
        output="" if result else excerpt(execution.log).text,
        log=str(execution.log),
        seconds=result.seconds if result else time.monotonic() - execution.started,
    )
