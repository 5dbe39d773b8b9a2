"""What ``grok-agent compare`` does: look at each picture once, print the judgements."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from grok_agent.console import printable
from grok_agent.errors import GrokAgentError, SettingsError
from grok_agent.running import FAILED
from grok_agent.vision.compare import Bands, FaceComparison, compare_seen
from grok_agent.vision.compare_seen import SeenPicture, see_face
from grok_agent.vision.sheet import comparison_sheet


@dataclass(frozen=True)
class Compared:
    """One derived picture; without a comparison where it could not be read."""

    name: str
    seen: SeenPicture | None
    comparison: FaceComparison | None
    error: GrokAgentError | None = None


def divide(pictures: Sequence[str], references: Sequence[str]) -> tuple[list[str], list[str]]:
    """References and derived pictures; the first picture is the reference if none was named."""
    if references:
        return list(references), list(pictures)
    if len(pictures) < 2:
        raise SettingsError(
            "There is only one picture, and a face is compared with another one.",
            next_step="Give the reference and then the derived pictures: "
            "grok-agent compare portrait.jpg derived.png",
        )
    return [pictures[0]], list(pictures[1:])


def compare_pictures(
    references: Sequence[str],
    derived: Sequence[str],
    *,
    ref_face: int,
    face: int,
    html: Path | None,
    as_json: bool,
) -> None:
    """Compare, print, write the sheet; leaves with FAILED when a picture was not judged.

    A derived picture that cannot be read does not stop the others; it raises only when none can.
    """
    seen = [see_face(reference, number=ref_face) for reference in references]
    results = [_compared(name, seen, face) for name in derived]
    errors = [one.error for one in results if one.error]
    if len(errors) == len(results):
        raise errors[0]
    if html:
        sheet = comparison_sheet(
            seen, [(one.seen, one.comparison) for one in results if one.seen and one.comparison]
        )
        sheet.write(html)
    print(_as_json(results) if as_json else _as_text(results))
    if not all(one.comparison and one.comparison.judged for one in results):
        raise typer.Exit(FAILED)


def _compared(given: str, references: Sequence[SeenPicture], face: int) -> Compared:
    name = given.encode("utf-8", "replace").decode("utf-8")  # names on disk may be any bytes
    try:
        seen = see_face(given, number=face)
    except GrokAgentError as error:
        return Compared(name, None, None, error)
    return Compared(name, seen, compare_seen(references, seen, Bands()))


def _as_json(results: Sequence[Compared]) -> str:
    return json.dumps(
        {
            "comparisons": [
                {"picture": one.name, **one.comparison.model_dump(mode="json")}
                for one in results
                if one.comparison
            ],
            "errors": [{"picture": one.name, "error": one.error} for one in results if one.error],
        },
        ensure_ascii=False,
        indent=2,
    )


def _as_text(results: Sequence[Compared]) -> str:
    lines = []
    for one in results:
        lines.append(one.name)
        if one.comparison:
            lines += [f"  {one.comparison.sentence}", f"  {one.comparison.sentence_zh}"]
            lines += [f"  note: {note}" for note in one.comparison.notes]
        else:
            lines.append(f"  Error: {one.error}")
    return printable("\n".join(lines))
