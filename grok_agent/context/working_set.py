"""The parts of files that matter now, as they stand now: what was changed, or read again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from grok_agent.context.call_ledger import Entry
from grok_agent.context.tokens import count

Look = Callable[[str], str | None]
"""The current text of a file by its path, None where it cannot be read."""

LINES_AROUND = 5
"""Shown before and after a change."""

LEAST_PART_TOKENS = 100
MAX_PART_LINES = 120
RECENT_ENTRIES = 60
RECENT_CHANGES = 6


@dataclass(frozen=True, slots=True)
class Part:
    """Lines ``first`` to ``last`` (from 1) of a file."""

    path: str
    first: int
    last: int


def working_set(entries: Sequence[Entry], look: Look, max_tokens: int) -> str:
    """Current lines of the parts that were changed or read twice, the most recent first.

    Reading once is no sign that a part will be needed again; a second reading and a change are.
    At most ``max_tokens``; "" where there is nothing to show.
    """
    shown: list[Part] = []
    blocks: list[str] = []
    left = max_tokens
    for path, part in _wanted(entries[-RECENT_ENTRIES:], look):
        if left < LEAST_PART_TOKENS:
            break
        if any(_overlap(part, other) for other in shown):
            continue
        block = _block(part, path)
        if (tokens := count(block)) <= left:
            left -= tokens
            shown.append(part)
            blocks.append(block)
    return "\n\n".join(blocks)


def _wanted(entries: Sequence[Entry], look: Look) -> Iterator[tuple[list[str], Part]]:
    texts: dict[str, list[str]] = {}
    changes = 0
    seen: list[Part] = []
    for entry in reversed(entries):
        if entry.kind not in ("change", "read") or not entry.path:
            continue
        changes += entry.kind == "change"
        read = Part(entry.path, entry.first, entry.last)
        again = entry.kind == "read" and any(_overlap(read, other) for other in seen)
        if entry.kind == "read":
            seen.append(read)
        if not again and not (entry.kind == "change" and changes <= RECENT_CHANGES):
            continue
        if entry.path not in texts:
            texts[entry.path] = (look(entry.path) or "").split("\n")
        lines = texts[entry.path]
        part = read if again else _around(entry, lines)
        if part and part.last - part.first < MAX_PART_LINES and part.first <= len(lines):
            yield lines, part


def _around(change: Entry, lines: Sequence[str]) -> Part | None:
    """Where the text that a change put in stands now; None where it does not."""
    wanted = [line.strip() for line in change.text.split("\n") if line.strip()]
    wanted = sorted(wanted, key=len, reverse=True)[:1]
    at = next((number for number, line in enumerate(lines, 1) if wanted == [line.strip()]), None)
    if at is None:
        return None
    return Part(change.path, max(at - LINES_AROUND, 1), min(at + LINES_AROUND, len(lines)))


def _overlap(one: Part, other: Part) -> bool:
    return one.path == other.path and one.first <= other.last and other.first <= one.last


def _block(part: Part, lines: Sequence[str]) -> str:
    """The part under its name, numbered as read_file numbers lines."""
    last = min(part.last, len(lines))
    numbered = (
        f"{number}→{line}" if number == part.first or number % 10 == 0 else line
        for number, line in enumerate(lines[part.first - 1 : last], part.first)
    )
    return "\n".join([f"--- {part.path} lines {part.first}-{last} ---", *numbered])
