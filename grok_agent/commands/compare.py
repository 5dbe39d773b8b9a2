"""The verb that says whether a face stayed the same: ``grok-agent compare``."""

from pathlib import Path
from typing import Annotated

import typer

from grok_agent.commands.options import AsJson


def register(app: typer.Typer) -> None:
    """Add ``compare``."""
    app.command(
        epilog="Examples: grok-agent compare portrait.jpg derived.png  |  "
        "grok-agent compare --ref front.jpg --ref side.jpg out/*.png --html sheet.html"
    )(compare)


def compare(
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="REF DERIVED",
            help="The reference picture, then those derived from it; with --ref only the derived.",
        ),
    ],
    ref: Annotated[
        list[str] | None,
        typer.Option("--ref", metavar="REF", help="A reference picture; may be repeated."),
    ] = None,
    ref_face: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Which face of a reference, 1: the largest."),
    ] = 1,
    face: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Which face of a derived picture, 1: the largest."),
    ] = 1,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a contact sheet: pictures, landmarks, scores."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether the face in derived pictures is still that of the reference.

    Needs the extra 'face' of this package. Exit code 1 when a picture could not be judged.
    """
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json):
        from grok_agent.commands.comparing import compare_pictures, divide

        references, derived = divide(pictures, ref or [])
        compare_pictures(
            references, derived, ref_face=ref_face, face=face, html=html, as_json=as_json
        )
