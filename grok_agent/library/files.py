"""Prompts in and out of files: JSON Lines for everything, CSV for tables."""

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from pydantic import ValidationError

from grok_agent.errors import SettingsError
from grok_agent.library.prompts import PromptLibrary
from grok_agent.library.records import Record
from grok_agent.prompts.problems import explain
from grok_agent.prompts.schema import PromptSpec

CSV_COLUMNS = (
    *("id", "created_at", "name", "title", "task", "positive_en", "positive_zh", "negative_en"),
    *("negative_zh", "width", "height", "steps", "sampler", "scheduler", "cfg", "seed", "target"),
    *("model", "cost_usd", "tags", "derived_from"),
)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def write_jsonl(records: Iterable[Record], out: TextIO) -> int:
    """One record a line, with every field; returns how many."""
    count = 0
    for record in records:
        out.write(json.dumps(record.to_dict(), ensure_ascii=False) + "\n")
        count += 1
    return count


def write_csv(records: Iterable[Record], out: TextIO) -> int:
    """One record a row, for spreadsheets: the fields that fit a table; returns how many.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    rows = csv.writer(out)
    rows.writerow(CSV_COLUMNS)
    count = 0
    for record in records:
        rows.writerow([_cell(record, column) for column in CSV_COLUMNS])
        count += 1
    return count


def read_jsonl(lines: Iterable[str], library: PromptLibrary) -> Iterator[tuple[int, str]]:
    """Store each line's record, or bare prompt; yields line numbers from 1 with what is wrong, ""
    where it was stored. Ids are given anew, and a lineage within the file follows them."""
    new_ids: dict[int, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            old, stored = _store(line, library, new_ids)
        except SettingsError as error:
            yield number, str(error)
            continue
        if old is not None:
            new_ids[old] = stored
        yield number, ""


def _store(line: str, library: PromptLibrary, new_ids: dict[int, int]) -> tuple[int | None, int]:
    data = _object(line)
    spec = _prompt(data.get("spec", data))
    given = data if "spec" in data else {}
    try:
        parent = given.get("derived_from")
        stored = library.save(
            spec,
            task=str(given.get("task", "imported")),
            model=str(given.get("model", "")),
            images=[str(image) for image in given.get("images") or ()],
            features=given.get("features"),
            cost_usd=given.get("cost_usd"),
            name=str(given.get("name") or ""),
            tags=[str(tag) for tag in given.get("tags") or ()],
            derived_from=new_ids.get(parent) if isinstance(parent, int) else None,
            scores={str(k): float(v) for k, v in (given.get("scores") or {}).items()},
            created_at=str(given.get("created_at") or ""),
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise SettingsError(
            f"A field has the wrong form ({error}).", next_step="Compare with an export."
        ) from None
    old = given.get("id")
    return (old if isinstance(old, int) else None), stored


def _object(line: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise SettingsError("This line is no JSON object.", next_step="Write one object a line.")
    return data


def _prompt(data: object) -> PromptSpec:
    try:
        return PromptSpec.model_validate(data, strict=False)
    except ValidationError as error:
        raise SettingsError(
            "This prompt is not valid: " + "; ".join(explain(error)[:5]),
            next_step="Correct the line and import the file again: what is stored stays once.",
        ) from None


def _cell(record: Record, column: str) -> str:
    spec = record.spec
    values = {
        "negative_en": spec.negative_text("en"),
        "negative_zh": spec.negative_text("zh"),
        "positive_en": spec.positive_text("en"),
        "positive_zh": spec.positive_text("zh"),
        "tags": ", ".join(record.tags),
    }
    value = values.get(column)
    if value is None:
        value = getattr(record, column) if hasattr(record, column) else getattr(spec, column)
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULAS) else text
