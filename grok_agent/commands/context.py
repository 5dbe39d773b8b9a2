"""The verbs that show what a model would be given to read of a repository."""

from pathlib import Path
from typing import Annotated

import typer

from grok_agent.commands.options import AsJson, Repo

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write it there instead of standard output."),
]


def register(app: typer.Typer) -> None:
    """Add ``pack`` and ``map``."""
    app.command(
        epilog="Example: grok-agent pack --repo . --for 'retry when the server is busy' --budget"
        " 32000 --out context.txt"
    )(pack)
    app.command("map", epilog="Example: grok-agent map --repo . --focus 'parsing of dates'")(
        map_of_repository
    )


def pack(
    repo: Repo = Path(),
    task: Annotated[
        str, typer.Option("--for", metavar="TASK", help="Choose what matters for this task.")
    ] = "",
    budget: Annotated[
        int | None,
        typer.Option(min=0, help="At most so many tokens. Default: 32000 with --for, else all."),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A path or pattern of files to show although they look generated, minified,"
            " locked or secret; may be repeated.",
        ),
    ] = None,
    out: Out = None,
    count: Annotated[
        bool, typer.Option("--count", help="Count the tokens of a whole repository exactly.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be in.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say why it is in, or not.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a repository, or what a task needs of it, into one text within a budget of tokens."""
    from grok_agent.commands.packing import pack_for_task, pack_whole
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json):
        if task.strip() or budget is not None:
            pack_for_task(
                repo,
                task,
                budget=budget,
                named=include or (),
                out=None if dry_run else out,
                dry_run=dry_run,
                explain=explain,
                as_json=as_json,
            )
        else:
            pack_whole(
                repo,
                named=include or (),
                out=None if dry_run else out,
                exact=count or dry_run,
                dry_run=dry_run,
                explain=explain,
                as_json=as_json,
            )


def map_of_repository(
    repo: Repo = Path(),
    budget: Annotated[int, typer.Option(min=0, help="At most so many tokens.")] = 2_000,
    focus: Annotated[str, typer.Option(metavar="WORDS", help="What the map is wanted for.")] = "",
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """List the signatures of a repository that tell the most about it."""
    from grok_agent.commands.packing import draw_map
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json):
        draw_map(repo, budget=budget, focus=focus, out=out, as_json=as_json)
