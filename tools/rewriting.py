"""Writes the lines of one place anew: the file's own bytes for context, fitted new lines else."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from grok_agent.tools.alignment import Lines, Place, is_marker
from grok_agent.tools.refusals import stale, unclear

_MAX_COMPARISONS = 4_000_000
_LEFT_OUT = "\0"

Change = tuple[int, int, int, int]
"""Old lines from the first to before the second become new lines from the third on."""


def rewritten(file: Lines, lines: list[str], fresh: list[str], place: Place) -> str:
    """What stands at ``place`` after the edit.

    ``lines`` are the model's old lines and ``fresh`` its new ones. Raises ToolError when a line
    that goes is not in the file as it is, or when it is unclear where a new line belongs.
    """
    fitted = _fitted(file, fresh, place)
    out: list[tuple[str, str]] = []
    at = place.first
    for a, b, c, d in _changes(*_keys(file, lines, fitted, place)):
        kept = _kept_until(file, lines, place, (a, b), at)
        out += _numbered(file, at, kept)
        out += [(text, "") for text in fitted[c:d]]
        at = max(kept, place.spans[b - 1][1]) if b > a else kept
    out += _numbered(file, at, place.stop)
    return _joined(file, out, place)


def _fitted(file: Lines, fresh: list[str], place: Place) -> list[str]:
    """The new lines with the file's indentation, unless they have it already."""
    shifted = [place.reindent(line) if line.strip() else line.strip(" \t") for line in fresh]
    there = {file.texts[first].rstrip() for first, stop in place.spans if stop == first + 1} - {""}
    as_they_are = sum(line.rstrip() in there for line in fresh)
    if as_they_are > sum(line is not None and line.rstrip() in there for line in shifted):
        return fresh
    fitted = [line for line in shifted if line is not None]
    if len(fitted) < len(fresh):
        raise unclear(
            f"The lines at {place.first + 1} are indented less than in old_string, and a new line"
            " has too little indentation to be moved with them",
            "Send old_string and new_string with the indentation of the file.",
        )
    return fitted


def _keys(
    file: Lines, lines: list[str], fitted: list[str], place: Place
) -> tuple[list[str], list[str]]:
    """What makes an old and a new line the same line: equal keys."""
    new_keys = [
        _LEFT_OUT if place.left_out and is_marker(line) else line.rstrip() for line in fitted
    ]
    known = set(new_keys)
    old_keys = []
    for i, line in enumerate(lines):
        theirs = file.texts[place.spans[i][0]].rstrip() if i in place.near else None
        ours = (place.reindent(line) or "").rstrip()
        if i in place.left_out:
            old_keys.append(_LEFT_OUT)
        else:
            old_keys.append(theirs if theirs in known and ours not in known else ours)
    return old_keys, new_keys


def _changes(old: list[str], new: list[str]) -> Iterator[Change]:
    """The changes from old to new; lines that both begin or end with are context."""
    head = _common(old, new)
    tail = min(_common(old[::-1], new[::-1]), len(old) - head, len(new) - head)
    old_middle, new_middle = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(old_middle) * len(new_middle) > _MAX_COMPARISONS:
        yield head, len(old) - tail, head, len(new) - tail
        return
    matcher = SequenceMatcher(None, old_middle, new_middle, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            yield head + a, head + b, head + c, head + d


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines both begin with."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((i for i, (ours, theirs) in pairs if ours != theirs), min(len(old), len(new)))


def _kept_until(
    file: Lines, lines: list[str], place: Place, going: tuple[int, int], at: int
) -> int:
    """Where in the file the change begins; all before it stays. Raises for an unsafe change."""
    a, b = going
    for i in range(a, b):
        if i in place.near:
            number = place.spans[i][0]
            raise stale(number + 1, file.texts[number], lines[i])
        if i in place.left_out:
            raise unclear(
                f"Lines that old_string leaves out ({lines[i].strip()}) would go",
                "Write out the lines that are to go.",
            )
    before_change = place.spans[a - 1][1] if a else place.first
    start = place.spans[a][0] if a < len(lines) else before_change
    if a == b and max(at, before_change) < start:
        raise unclear(
            f"The file has blank lines after line {before_change} that old_string lacks, and the"
            " new lines could stand before or after them",
            "Send old_string with these blank lines.",
        )
    return max(at, start)


def _numbered(file: Lines, first: int, stop: int) -> list[tuple[str, str]]:
    return list(zip(file.texts[first:stop], file.ends[first:stop], strict=True))


def _joined(file: Lines, out: list[tuple[str, str]], place: Place) -> str:
    """The lines with their ends; a new line ends as the line before it does."""
    around = [*file.ends[place.first : place.stop], *reversed(file.ends[: place.first]), "\n"]
    end = next(end for end in around if end)
    text = []
    for line, own in out:
        end = own or end
        text += [line, end]
    if out and not file.ends[place.stop - 1]:
        text.pop()  # the file's last line stays without an end
    return "".join(text)
