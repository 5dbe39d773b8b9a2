"""The verbs that need no model: convert a prompt, look it over, take it out of a picture."""

from pathlib import Path
from typing import Annotated

import typer

from grok_agent.commands.options import AsJson

Source = Annotated[
    str,
    typer.Argument(
        metavar="IN",
        help="A picture, or a file with a prompt: our JSON, infotext, a ComfyUI graph and others;"
        " '-': standard input.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add ``convert``, ``lint`` and ``import-image``."""
    app.command(
        epilog="Example: grok-agent convert picture.png --to comfyui-sdxl --out graph.json"
    )(convert)
    app.command(epilog="Example: grok-agent lint prompt.json")(lint)
    app.command("import-image", epilog="Example: grok-agent import-image outputs/*.png")(
        import_image
    )


def convert(
    source: Source,
    to: Annotated[str, typer.Option("--to", help="Target; 'list' shows them all.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the result here; else standard output.")
    ] = None,
    repair: Annotated[
        bool, typer.Option(help="Take a JSON object out of prose and code fences, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a prompt in the form of another program; what is lost on the way is told."""
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json):
        from grok_agent.conversion import convert_prompt

        convert_prompt(source, to, out=out, repair=repair, as_json=as_json)


def lint(
    source: Source,
    banned: Annotated[
        list[str] | None, typer.Option("--banned", help="A word to warn of; may be repeated.")
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(help="The reference picture, with whose measurements the words must agree."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look a prompt over: contradictions, repetitions, lost words; exit code 1 if there are any."""
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json):
        from grok_agent.conversion import lint_prompt

        lint_prompt(source, banned=banned or [], image=image, as_json=as_json)


def import_image(
    images: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Picture files.")],
    save: Annotated[bool, typer.Option(help="Keep the prompts in the library.")] = True,
    as_json: AsJson = False,
) -> None:
    """Take the prompts out of generated pictures and keep them in the library."""
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json):
        from grok_agent.conversion import import_pictures

        import_pictures(images, save=save, as_json=as_json)
