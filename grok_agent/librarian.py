"""What the verbs of ``grok-agent library`` do."""

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grok_agent.console import printable
from grok_agent.conversion import read_source
from grok_agent.errors import SettingsError
from grok_agent.library import PromptLibrary, Record
from grok_agent.library.files import read_jsonl, write_csv, write_jsonl
from grok_agent.prompts.rendering import render
from grok_agent.settings import Settings

UNUSABLE_LINES = 2


def open_library(at: str | None) -> PromptLibrary:
    """The library at ``at``, else where the settings say."""
    return PromptLibrary(at or Settings.from_env().library_place)


def add(source: str, *, tags: Sequence[str], name: str, at: str | None, as_json: bool) -> None:
    """Keep one prompt and print its number."""
    imported = read_source(source)
    with open_library(at) as library:
        number = library.save(
            imported.spec,
            task=f"added from {'standard input' if source == '-' else Path(source).name}",
            model=imported.source,
            tags=tags,
            name=name,
        )
        place = library.place
    print(json.dumps({"id": number}) if as_json else f"kept as prompt {number} in {place}")


def search(query: str, *, tags: Sequence[str], limit: int, at: str | None, as_json: bool) -> None:
    """Print what was found: a table, or a line of JSON for each."""
    with open_library(at) as library:
        found = library.search(query, tags=tags, limit=limit)
    if as_json:
        write_jsonl(found, sys.stdout)
        return
    Console(highlight=False).print(_table(found))
    if len(found) == limit:
        print(f"The newest {limit} are shown; --limit shows more.", file=sys.stderr)


def show(number: int, *, at: str | None, as_json: bool) -> None:
    """Print one prompt."""
    with open_library(at) as library:
        record, *ancestors = library.lineage(number)
    if as_json:
        print(json.dumps(record.to_dict(), ensure_ascii=False, indent=2))
        return
    lines = [
        f"Prompt {record.id}{f' ({record.name})' if record.name else ''}, {record.created_at},"
        f" {record.model or 'no model'}",
        f"Task: {record.task}",
        render(record.spec),
    ]
    if record.tags:
        lines.append(f"Tags: {', '.join(record.tags)}")
    if record.scores:
        lines.append("Scores: " + ", ".join(f"{k} {v:g}" for k, v in record.scores.items()))
    if ancestors:
        lines.append("Derived from: " + " <- ".join(str(each.id) for each in ancestors))
    print(printable("\n".join(lines)))


def export(out: Path | None, *, at: str | None) -> None:
    """Write every prompt to a file, or to standard output."""
    with open_library(at) as library, contextlib.ExitStack() as stack:
        if out is None:
            write_jsonl(library, sys.stdout)
            return
        part = out.with_name(f".{out.name}.part")
        try:
            file = stack.enter_context(part.open("w", encoding="utf-8", newline=""))
            count = (write_csv if out.suffix.lower() == ".csv" else write_jsonl)(library, file)
            stack.close()
            part.replace(out)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise SettingsError(
                f"{out} cannot be written: {error.strerror or error}.",
                next_step="Name a file in a folder that exists and that you may write to.",
            ) from None
    print(f"{count} prompt(s) written to {out}", file=sys.stderr)


def import_file(source: Path, *, at: str | None) -> None:
    """Keep every prompt of a file; leaves with 2 if a line could not be used."""
    bad = good = 0
    try:
        file = source.open(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise SettingsError(
            f"{source} cannot be read: {error.strerror or error}.",
            next_step="Name a file of JSON Lines, as 'library export' writes it.",
        ) from None
    with file, open_library(at) as library:
        before = library.count()
        for number, problem in read_jsonl(file, library):
            if problem:
                bad += 1
                print(printable(f"Error: line {number}: {problem}"), file=sys.stderr)
            else:
                good += 1
        new = library.count() - before
    print(f"{new} new prompt(s), {good - new} that were there already, {bad} unusable line(s)")
    if bad:
        raise typer.Exit(UNUSABLE_LINES)


def tag(number: int, *, add: Sequence[str], remove: Sequence[str], at: str | None) -> None:
    """Change tags and print them."""
    with open_library(at) as library:
        record = library.tag(number, add=add, remove=remove)
    print(printable(f"prompt {number}: {', '.join(record.tags) or 'no tags'}"))


def delete(numbers: Sequence[int], *, at: str | None) -> None:
    """Take prompts out, and say so."""
    with open_library(at) as library:
        for number in numbers:
            library.delete(number)
            print(f"prompt {number} deleted")


def _table(records: Sequence[Record]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("id", "created", "title", "keywords 关键词", "size", "tags"):
        table.add_column(heading, overflow="fold")
    for record in records:
        spec = record.spec
        words = f"{spec.positive_text('en')}\n{spec.positive_text('zh')}"
        cells = (
            str(record.id),
            record.created_at[:10],
            record.name or spec.title,
            words,
            f"{spec.width}x{spec.height}",
            ", ".join(record.tags),
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table
