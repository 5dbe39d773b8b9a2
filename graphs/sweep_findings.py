"""What a model reports of one shard, read leniently, and kept only where the quoted line exists."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from grok_agent.context.shard_text import escaped

REPORT_TOOL = "report_findings"
Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
MIN_QUOTE_CHARS = 4
"""Shorter quotes, such as a brace, prove nothing unless they are the whole line at that place."""

_NOTES = "What whoever joins the reports must know of these files, in under 300 words."


class Finding(BaseModel):
    """One finding, with the line of a file that shows it."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    file: str = Field(min_length=1, description="Path as in its <file> tag, or from the root.")
    line: int = Field(ge=0, description="Number of the line, counted from 1.")
    quote: str = Field(min_length=1, description="That line, copied exactly.")
    severity: Severity = Field(
        default="info", description="How bad a defect is; info for what only bears on a question."
    )
    what: str = Field(min_length=1, description="What is wrong, or what it says, in a sentence.")


@dataclass(frozen=True)
class Proven:
    """Findings whose quoted line exists, at its real place, and how many were dropped."""

    findings: tuple[Finding, ...]
    dropped: int


def report_schema() -> dict[str, Any]:
    """The reporting tool as the API takes it; the same bytes in each request."""
    return {
        "type": "function",
        "function": {
            "name": REPORT_TOOL,
            "description": "Report what you found in the files of <shard>. Call it once.",
            "parameters": parameters(notes={"type": "string", "description": _NOTES}),
        },
    }


def parameters(**further: dict[str, Any]) -> dict[str, Any]:
    """The reporting tool's parameters: the findings, and what is ``further`` asked for."""
    findings = {"type": "array", "items": _plain(Finding)}
    return {
        "type": "object",
        "properties": {"findings": findings, **further},
        "required": ["findings", *further],
    }


def read_report(arguments: Mapping[str, Any]) -> tuple[list[Finding], str, int]:
    """Findings, notes, and how many findings could not be read; nothing is raised."""
    given = arguments.get("findings")
    found: list[Finding] = []
    items = given if isinstance(given, list) else []
    for item in items:
        try:
            found.append(Finding.model_validate(_mended(item)))
        except ValidationError:
            continue
    notes = arguments.get("notes")
    return found, notes if isinstance(notes, str) else "", len(items) - len(found)


def proven(
    findings: Iterable[Finding],
    lines_of: Callable[[str], Sequence[str] | None],
    shown: Callable[[str], str] = escaped,
) -> Proven:
    """The findings whose quote stands in its file, each once, with the line where it stands.

    ``lines_of`` gives a file's lines, None for a file that there is not; ``shown`` is how the model
    saw a line. Of several places the one nearest to the reported line is taken.
    """
    kept: dict[tuple[str, int, str], Finding] = {}
    bare: dict[str, list[str]] = {}
    dropped = 0
    for finding in findings:
        if finding.file not in bare:
            bare[finding.file] = [_bare(shown(line)) for line in lines_of(finding.file) or ()]
        place = _place(finding, bare[finding.file])
        if place is None:
            dropped += 1
        else:
            key = (finding.file, place, finding.what)
            kept.setdefault(key, finding.model_copy(update={"line": place}))
    return Proven(tuple(kept.values()), dropped)


def by_severity(findings: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The worst first, then by file and line."""
    return sorted(
        findings, key=lambda f: (SEVERITIES.index(f["severity"]), str(f["file"]), int(f["line"]))
    )


def as_line(finding: Mapping[str, Any]) -> str:
    """A finding for people and for the request that joins reports."""
    quote = " ".join(str(finding["quote"]).split())[:200]
    place = f"{finding['file']}:{finding['line']}"
    return f"[{finding['severity']}] {place} {finding['what']}\n    > {quote}"


def _place(finding: Finding, bare: Sequence[str]) -> int | None:
    """The 1-based line at which the quote begins, None for none.

    A line that the quote is the whole of comes before lines that hold it, then the nearest.
    """
    wanted = [text for line in finding.quote.splitlines() if (text := _bare(line))]
    if not wanted:
        return None
    at = finding.line - 1
    if sum(map(len, wanted)) < MIN_QUOTE_CHARS:
        return finding.line if 0 <= at < len(bare) and bare[at] == wanted[0] else None
    places = [
        number
        for number, line in enumerate(bare)
        if wanted[0] in line and _follow(wanted[1:], bare, number + 1)
    ]
    if not places:
        return None
    return min(places, key=lambda number: (bare[number] != wanted[0], abs(number - at))) + 1


def _follow(wanted: Sequence[str], bare: Sequence[str], start: int) -> bool:
    """Whether the lines from ``start`` on, blank ones aside, hold the rest of a quote."""
    following = iter(line for line in bare[start : start + 3 * len(wanted) + 3] if line)
    return all(text in next(following, "") for text in wanted)


def _bare(line: str) -> str:
    """A line without blanks at its ends and without the number that the model saw before it."""
    text = " ".join(line.split())
    number, arrow, rest = text.partition("→")
    return rest.strip() if arrow and number.isdigit() else text


def _mended(item: Any) -> Any:
    """An item as models also send it: ``./`` before the path, a severity unknown or in capitals."""
    if not isinstance(item, Mapping):
        return item
    severity = str(item.get("severity") or "info").lower()
    path = unescape(str(item.get("file") or "")).strip().removeprefix("./")
    return {**item, "file": path, "severity": severity if severity in SEVERITIES else "info"}


def _plain(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    properties = {
        name: {key: value for key, value in each.items() if key not in ("title", "default")}
        for name, each in schema["properties"].items()
    }
    return {"type": "object", "properties": properties, "required": schema["required"]}
