"""The tool ``run_terminal_command``, and the running of commands in a workspace."""

from typing import Any

from pydantic import Field

from grok_agent.tools.jobs import start_job
from grok_agent.tools.results import CommandResult, JobReports
from grok_agent.tools.terminal import Terminal
from grok_agent.tools.workspace import Workspace
from grok_agent.tools.workspace_tool import Arguments, WorkspaceTool

DEFAULT_TIMEOUT_MS = 120_000
MAX_TIMEOUT_MS = 300_000
MAX_BACKGROUND_MS = 36_000_000
NO_NETWORK = "There is no network but to servers that it starts itself."


class RunTerminalCommandArguments(Arguments):
    """Arguments of ``run_terminal_command``."""

    command: str = Field(min_length=1, description="The command line.")
    description: str = Field(description="One sentence: why this command is run.")
    timeout: int | None = Field(
        default=None,
        ge=1,
        le=MAX_TIMEOUT_MS,
        description="Milliseconds after which it is killed; 120000 if not given.",
    )
    background: bool = Field(
        default=False,
        description="True: do not wait; look at it with get_command_or_subagent_output.",
    )


class RunTerminalCommand(WorkspaceTool):
    """Runs a command in the sandbox, with a deadline and without the keys of the caller."""

    name: str = "run_terminal_command"
    description: str = (
        "Run a command in a shell. It starts in the workspace root, or in the folder where the last"
        " command ended (cd). It may write in the workspace and in $TMPDIR, not in /tmp. {network}"
        " Standard input is empty. Everything it started ends with it, unless background is true."
        " Commands of one answer run at the same time: join with && what must come in order."
        " Python and ruff are on the PATH."
    )
    arguments = RunTerminalCommandArguments

    def model_post_init(self, context: Any, /) -> None:
        """Say what the workspace's limits mean for commands."""
        super().model_post_init(context)
        network = "" if self.workspace.limits.network else NO_NETWORK
        self.description = " ".join(self.description.format(network=network).split())

    def carry_out(self, arguments: RunTerminalCommandArguments) -> CommandResult | JobReports:
        """Run it; a failing command is a result, not an error. Raises ToolError."""
        terminal = Terminal(self.workspace)
        if arguments.background:
            most = arguments.timeout or MAX_BACKGROUND_MS
            return JobReports((start_job(terminal, arguments.command, most / 1000),))
        return terminal.run(arguments.command, (arguments.timeout or DEFAULT_TIMEOUT_MS) / 1000)


def run_command(workspace: Workspace, command: str, deadline_s: float) -> CommandResult:
    """Run ``command`` in the workspace's root and wait, at most ``deadline_s`` seconds.

    A command known to read only runs without a shell; before any other the files are remembered,
    so that the workspace's diff covers what it does. Everything it started is ended with it. Asks
    for no leave: callers do. Raises ToolError when it cannot be started at all.
    """
    return Terminal(workspace).run(command, deadline_s, workspace.root)
