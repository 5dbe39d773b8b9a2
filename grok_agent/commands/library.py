"""The verbs of the prompt library: ``grok-agent library ...``."""

from pathlib import Path
from typing import Annotated

import typer

from grok_agent.commands.options import AsJson

At = Annotated[
    str | None,
    typer.Option(
        "--library",
        metavar="PLACE",
        help="An SQLite file, or postgresql://user@host/name.  [env: GROK_LIBRARY]",
    ),
]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be repeated.")]
Number = Annotated[int, typer.Argument(min=1, metavar="ID", help="The prompt's number.")]
Limit = Annotated[int, typer.Option(min=1, help="Show at most so many.")]


def register(app: typer.Typer) -> None:
    """Add ``library`` with its verbs."""
    group = typer.Typer(
        help="Keep prompts and find them again.",
        no_args_is_help=True,
        epilog="Example: grok-agent library search '雨夜 portrait' --tag client-a",
    )
    group.command(epilog="Example: grok-agent library add prompt.json --tag client-a")(add)
    group.command("list", epilog="Example: grok-agent library list --tag client-a --limit 50")(
        list_prompts
    )
    group.command(epilog="Example: grok-agent library search '雨夜 auburn'")(search)
    group.command(epilog="Example: grok-agent library show 12 --json")(show)
    group.command(epilog="Example: grok-agent library export --out prompts.jsonl")(export)
    group.command("import", epilog="Example: grok-agent library import prompts.jsonl")(
        import_prompts
    )
    group.command(epilog="Example: grok-agent library tag 12 --add portrait --remove draft")(tag)
    group.command(epilog="Example: grok-agent library delete 12 13")(delete)
    app.add_typer(group, name="library")


def add(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="A picture or a file with a prompt; '-': stdin.")
    ],
    tags: Tags = None,
    name: Annotated[str, typer.Option(help="A name of your own for it.")] = "",
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Keep a prompt that lies in a file or in a picture."""
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json):
        from grok_agent import librarian

        librarian.add(source, tags=tags or [], name=name, at=at, as_json=as_json)


def list_prompts(
    tags: Tags = None, limit: Limit = 20, at: At = None, as_json: AsJson = False
) -> None:
    """Show the newest prompts."""
    search("", tags=tags, limit=limit, at=at, as_json=as_json)


def search(
    query: Annotated[str, typer.Argument(help="Words, in English, Chinese or both.")],
    tags: Tags = None,
    limit: Limit = 20,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Find prompts that hold every word, newest first."""
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json):
        from grok_agent import librarian

        librarian.search(query, tags=tags or [], limit=limit, at=at, as_json=as_json)


def show(number: Number, at: At = None, as_json: AsJson = False) -> None:
    """Show one prompt whole, and what it was derived from."""
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json):
        from grok_agent import librarian

        librarian.show(number, at=at, as_json=as_json)


def export(
    out: Annotated[
        Path | None, typer.Option(help="File; '.csv' makes a table, else JSON Lines. Else stdout.")
    ] = None,
    at: At = None,
) -> None:
    """Write every prompt as a line of JSON, or as a row of CSV."""
    from grok_agent.running import exit_codes

    with exit_codes():
        from grok_agent import librarian

        librarian.export(out, at=at)


def import_prompts(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines.")], at: At = None
) -> None:
    """Keep every prompt of an export; what is there already stays once."""
    from grok_agent.running import exit_codes

    with exit_codes():
        from grok_agent import librarian

        librarian.import_file(source, at=at)


def tag(
    number: Number,
    add_tags: Annotated[list[str] | None, typer.Option("--add", help="May be repeated.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="May be repeated.")] = None,
    at: At = None,
) -> None:
    """Change the tags of a prompt, and show them."""
    from grok_agent.running import exit_codes

    with exit_codes():
        from grok_agent import librarian

        librarian.tag(number, add=add_tags or [], remove=remove or [], at=at)


def delete(
    numbers: Annotated[list[int], typer.Argument(metavar="ID...", help="The prompts' numbers.")],
    at: At = None,
) -> None:
    """Take prompts out for good."""
    from grok_agent.running import exit_codes

    with exit_codes():
        from grok_agent import librarian

        librarian.delete(numbers, at=at)
