"""The options that say what a run may do besides its ``--permission``: rules and the sandbox."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from grok_agent.tools.rules import Rules
    from grok_agent.tools.sandbox import Limits

GIB = 1 << 30

Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="RULE",
        help="Run without asking, e.g. 'run_terminal_command(pytest *)' or 'write(docs/**)'."
        " Can be given more than once, as --ask and --deny; deny wins over ask, ask over allow.",
    ),
]
Ask = Annotated[
    list[str] | None, typer.Option("--ask", metavar="RULE", help="Ask each time, in every mode.")
]
Deny = Annotated[
    list[str] | None, typer.Option("--deny", metavar="RULE", help="Never run, in every mode.")
]
Network = Annotated[
    bool, typer.Option("--network", help="Let commands reach the network and other programs.")
]
NoSandbox = Annotated[
    bool, typer.Option("--no-sandbox", help="Run commands unconfined; they can touch anything.")
]
Readable = Annotated[
    list[Path] | None,
    typer.Option(
        "--readable",
        metavar="PATH",
        help="Let commands read a place that the sandbox hides, such as ~/.npmrc.",
    ),
]
Writable = Annotated[
    list[Path] | None,
    typer.Option("--writable", metavar="PATH", help="Let commands write outside the repository."),
]
SharedMemory = Annotated[
    bool, typer.Option("--shared-memory", help="Open /dev/shm, which multiprocessing needs.")
]
MemoryGb = Annotated[
    float | None,
    typer.Option("--memory-gb", min=0.1, help="Memory of one command, GiB.  [default: 8]"),
]
MaxTasks = Annotated[
    int | None,
    typer.Option("--max-tasks", min=1, help="Threads of one command's processes. [default: 1024]"),
]


@dataclass(frozen=True)
class Guarding:
    """What was given on the command line of rules and sandbox."""

    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    network: bool = False
    sandbox: bool = True
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    shared_memory: bool = False
    memory_gb: float | None = None
    max_tasks: int | None = None

    def rules(self) -> "Rules":
        """These rules and those of the user's own file. Raises SettingsError."""
        from grok_agent.tools.rules import Rules
        from grok_agent.tools.user_rules import user_rules

        return user_rules() + Rules.of(deny=self.deny, ask=self.ask, allow=self.allow)

    def limits(self) -> "Limits":
        """What one command may touch and use."""
        from grok_agent.tools.sandbox import Limits

        usual = Limits()
        memory, tasks = self.memory_gb, self.max_tasks
        return Limits(
            sandbox=self.sandbox,
            readable=tuple(path.expanduser() for path in self.readable),
            writable=tuple(path.expanduser() for path in self.writable),
            network=self.network,
            shared_memory=self.shared_memory,
            max_memory_bytes=int(memory * GIB) if memory else usual.max_memory_bytes,
            max_tasks=tasks or usual.max_tasks,
        )
