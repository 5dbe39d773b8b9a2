"""Prompts from file to file without a model: what ``convert``, ``lint`` and ``import-image`` do."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from grok_agent.console import printable
from grok_agent.errors import GrokAgentError, SettingsError
from grok_agent.prompts.clip import clip_tokens
from grok_agent.prompts.critique import critique
from grok_agent.prompts.exporters import EXPORTERS, export
from grok_agent.prompts.exporting import Export, Note
from grok_agent.prompts.importers import MAX_CHARACTERS, import_picture, import_text
from grok_agent.prompts.importing import Import
from grok_agent.prompts.rendering import render
from grok_agent.settings import Settings

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".tif", ".tiff", ".bmp", ".heic")
FOUND_WEAKNESSES = 1


def convert_prompt(
    source: str, target: str, *, out: Path | None, repair: bool, as_json: bool
) -> None:
    """Print or write the prompt in ``source`` as ``target`` takes it, and tell what is lost."""
    if target == "list":
        print("\n".join(EXPORTERS))
        return
    imported = read_source(source, repair=repair)
    made = export(imported.spec, target)
    _tell(imported)
    if out:
        _tell_losses(made)
        write_whole(out, _payload(made) + "\n")
        _say(f"written to {out}")
    elif as_json:
        print(_as_json({**asdict(made), "imported_from": imported.source}))
    else:
        print_export(made)


def print_export(made: Export) -> None:
    """The payload on standard output, what was lost on standard error."""
    _tell_losses(made)
    print(_payload(made))


def lint_prompt(source: str, *, banned: Sequence[str], image: Path | None, as_json: bool) -> None:
    """Print the weaknesses of a prompt, also beside the measured ``image``; leaves with exit code 1
    if there are any."""
    imported = read_source(source)
    features = _measured(image) if image else None
    remarks = critique(imported.spec, banned=banned, features=features)
    tokens = clip_tokens(imported.spec.positive_text("en"))
    if as_json:
        print(_as_json({"remarks": [asdict(each) for each in remarks], "clip": asdict(tokens)}))
    else:
        _tell(imported)
        for remark in remarks:
            print(printable(str(remark)))
        print(f"{len(remarks)} weakness(es); {tokens.tokens} CLIP tokens in the positive keywords")
    if remarks:
        raise typer.Exit(FOUND_WEAKNESSES)


def import_pictures(images: Iterable[Path], *, save: bool, as_json: bool) -> None:
    """Print the prompt of each picture and keep it; leaves with 2 if any picture had none."""
    from grok_agent.library import PromptLibrary
    from grok_agent.vision.prepare import prepare

    failed = False
    with PromptLibrary(Settings.from_env().library_place) as library:
        for image in images:
            try:
                imported = import_picture(image)
            except GrokAgentError as error:
                failed = True
                _say(f"Error: {image}: {error}")
                continue
            number = (
                library.save(
                    imported.spec,
                    task=f"imported from {image.name}",
                    model=imported.source,
                    images=[prepare(image).sha256],
                )
                if save
                else None
            )
            _show_import(image, imported, number, as_json=as_json)
    if failed:
        raise typer.Exit(2)


def _measured(image: Path) -> dict[str, Any]:
    from grok_agent.vision.features import extract

    return extract(image).model_dump(mode="json")


def _show_import(image: Path, imported: Import, number: int | None, *, as_json: bool) -> None:
    if as_json:
        line = {
            "image": str(image),
            "id": number,
            "source": imported.source,
            "prompt": imported.spec.model_dump(),
            "changed": [asdict(note) for note in imported.changed],
            "left_out": dict(imported.left_out),
        }
        print(json.dumps(line, ensure_ascii=False))
        return
    kept = f", kept as prompt {number}" if number else ""
    print(printable(f"{image} ({imported.source}{kept})\n{render(imported.spec)}\n"))
    _tell(imported)


def read_source(source: str, *, repair: bool = False) -> Import:
    """The prompt in a picture, in a file or on standard input ("-")."""
    if source == "-":
        text = sys.stdin.buffer.read(MAX_CHARACTERS * 4 + 1).decode("utf-8", "replace")
        return import_text(text, repair=repair)
    path = Path(source).expanduser()
    if path.suffix.lower() in PICTURES:
        return import_picture(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CHARACTERS * 4 + 1)
    except OSError as error:
        raise SettingsError(
            f"{source} cannot be read: {error.strerror or error}.",
            next_step="Name a file with a prompt, or '-' for standard input.",
        ) from None
    return import_text(raw.decode("utf-8-sig", "replace"), repair=repair)


def _payload(made: Export) -> str:
    return made.payload if isinstance(made.payload, str) else _as_json(made.payload)


def _tell_losses(made: Export) -> None:
    for note in made.dropped:
        _say(f"dropped {note.field}: {note.why}")
    for note in made.rewritten:
        _say(f"rewritten {note.field}: {note.why}")


def _tell(imported: Import) -> None:
    for note in imported.changed:
        _say(f"changed {note.field}: {note.why}")
    for name, value in imported.left_out.items():
        _say(f"not taken over: {name}: {value[:80]}")


def _say(line: str) -> None:
    print(printable(line), file=sys.stderr)


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=_plain)


def _plain(value: object) -> object:
    return asdict(value) if isinstance(value, Note) else str(value)


def write_whole(path: Path, text: str) -> None:
    """Write beside the file and rename, so that a full disk leaves no half of it."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SettingsError(
            f"{path} cannot be written: {error.strerror or error}.",
            next_step="Name a file in a folder that exists and that you may write to.",
        ) from None
