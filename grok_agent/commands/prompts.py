"""The verbs for pictures and prompts that a model helps with."""

from pathlib import Path
from typing import Annotated

import typer

from grok_agent.commands.options import (
    AsJson,
    AsJsonl,
    BaseUrl,
    MaxSeconds,
    MaxSteps,
    MaxUsd,
    Model,
    Offline,
    Task,
    connect,
    read_task,
    settings_of,
)


def register(app: typer.Typer) -> None:
    """Add ``prompt``, ``translate`` and ``features``."""
    app.command(
        epilog="Example: grok-agent prompt --image face.jpg '35mm portrait, rain, no text'"
    )(prompt)
    app.command(epilog="Example: grok-agent translate picture.png --out prompt.json")(translate)
    app.command(epilog="Example: grok-agent features portrait.jpg --json")(features)


def prompt(
    text: Task = None,
    image: Annotated[
        list[Path] | None, typer.Option("--image", help="Reference picture; may be repeated.")
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            help="portrait | reference | creative | strict | wireframe | moodboard | diagram"
        ),
    ] = "",
    target: Annotated[
        list[str] | None,
        typer.Option("--target", help="Write it for this program too; 'convert --to list'."),
    ] = None,
    number: Annotated[
        int, typer.Option("--n", min=1, max=20, help="So many prompts, with one identity.")
    ] = 1,
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", help="A field in which they differ.  [default: light, composition]"),
    ] = None,
    banned: Annotated[
        list[str] | None, typer.Option("--banned", help="A word that it must not hold.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="In place of the preset's.")
    ] = None,
    save: Annotated[bool, typer.Option(help="Keep it in the library.")] = True,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the prompts here, as JSON Lines.")
    ] = None,
    max_usd: MaxUsd = None,
    max_steps: MaxSteps = None,
    max_seconds: MaxSeconds = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
    offline: Offline = False,
    base_url: BaseUrl = None,
    model: Model = None,
) -> None:
    """Turn a description, a reference picture or both into a structured bilingual prompt."""
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json, as_jsonl=as_jsonl):
        from grok_agent.graphs.prompt import PromptRequest
        from grok_agent.prompting import run_prompt

        request = PromptRequest(
            preset=preset, variants=number, banned=banned or (), vary=vary or PromptRequest.vary
        )
        limits = {"max_usd": max_usd, "max_steps": max_steps, "max_seconds": max_seconds}
        settings = settings_of(offline, base_url=base_url, model=model, **limits)
        images = image or []
        words = text if images and text else read_task(text, needed=not images)
        run_prompt(
            words or "Write a structured prompt for the reference picture.",
            images=images,
            request=request,
            targets=target or (),
            model=lambda: connect(settings, offline, temperature=temperature),
            settings=settings,
            save=save,
            out=out,
            as_json=as_json,
            as_jsonl=as_jsonl,
        )


def translate(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN", help="A picture, or a file with a prompt; '-': standard input."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it here; else standard output.")
    ] = None,
    offline: Offline = False,
    base_url: BaseUrl = None,
    model: Model = None,
) -> None:
    """Say every word of a prompt in English and Chinese; prints the prompt as JSON."""
    from grok_agent.running import exit_codes

    with exit_codes():
        from grok_agent.prompting import translate_prompt

        settings = settings_of(offline, base_url=base_url, model=model)
        translate_prompt(source, model=lambda: connect(settings, offline), out=out)


def features(
    image: Annotated[Path, typer.Argument(help="A picture file.")],
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with landmarks, palette and light drawn."),
    ] = None,
    as_json: AsJson = False,
    offline: Annotated[bool, typer.Option("--offline", hidden=True)] = False,
    base_url: Annotated[str | None, typer.Option("--base-url", hidden=True)] = None,
    model: Annotated[str | None, typer.Option("--model", hidden=True)] = None,
) -> None:
    """Measure a picture on this machine: palette, light, composition, faces, boxes, metadata ..."""
    from grok_agent.running import exit_codes, show_features

    with exit_codes(as_json=as_json):
        show_features(image, html=html, as_json=as_json)
