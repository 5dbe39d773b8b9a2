"""The call ledger as text: recent calls line by line, older ones gathered by file."""

from collections.abc import Iterable, Sequence

from grok_agent.context.call_ledger import Entry

MAX_GATHERED = 60
"""Files, and as many other lines, that stand in the gathered part; older ones are counted only."""


def lines_of(entries: Sequence[Entry]) -> list[str]:
    """One line for each entry."""
    return [f"- {entry.line}" for entry in entries]


def gathered(entries: Sequence[Entry]) -> list[str]:
    """Fewer lines that say the same: one for each file read, each other thing once.

    Changes stay line by line; of the rest the most recent come, and how many do not is said.
    """
    read: dict[str, list[tuple[int, int]]] = {}
    other: dict[str, None] = {}
    for entry in entries:
        if entry.kind == "read":
            ranges = read.pop(entry.path, [])  # the file that was read last stands last
            read[entry.path] = _joined([*ranges, (entry.first, entry.last)])
        elif entry.kind != "change" and not entry.failed:
            other.pop(entry.line, None)
            other[entry.line] = None
    files = [f"{path} {_ranges(ranges)}" for path, ranges in read.items()]
    return [
        *_last(files, "read before", "files read"),
        *_last(list(other), "before", "calls"),
        *_last([entry.line for entry in entries if entry.kind == "change"], "before", "changes"),
    ]


def _last(lines: Sequence[str], mark: str, what: str) -> list[str]:
    left = len(lines) - MAX_GATHERED
    head = [f"- ({left} earlier {what} are not listed)"] if left > 0 else []
    return [*head, *(f"- {mark}: {line}" for line in lines[-MAX_GATHERED:])]


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def _ranges(ranges: Iterable[tuple[int, int]]) -> str:
    return ", ".join(f"{first}-{last}" for first, last in ranges)
