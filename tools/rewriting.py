"""Turns a model's old and new lines at one place into splices that spare the lines in common."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from grok_agent.tools.alignment import Place, Span, marks_left_out_lines
from grok_agent.tools.lines import TYPOGRAPHY, Lines, Splice
from grok_agent.tools.refusals import stale, unclear

_MAX_COMPARISONS = 4_000_000
_MARK = "\0"

Change = tuple[int, int, int, int]
"""Old lines from the first to before the second become new lines, third to before the fourth."""


def splices_at(file: Lines, place: Place, lines: list[str], fresh: list[str]) -> list[Splice]:
    """What changes in the file so that ``lines`` at ``place`` become ``fresh``.

    A line that both have is context and stays as the file has it. Raises ToolError when a line
    that goes is not in the file as it is, or when it is unclear where a new line belongs.
    """
    lines, fresh = _typed(file, place, lines, fresh)
    fitted = _fitted(file, place, lines, fresh)
    splices = []
    for a, b, c, d in _changes(*_keys(file, place, lines, fitted)):
        _check_going(file, place, lines, range(a, b))
        gap = _gap(place, a)
        first = gap[1] if b > a else _insertion_point(gap, fitted[c:d])
        stop = place.spans[b - 1][1] if b > a else first
        if first < stop or c < d:
            splices.append(Splice(first, stop, tuple(fitted[c:d])))
    return splices


def _typed(
    file: Lines, place: Place, lines: list[str], fresh: list[str]
) -> tuple[list[str], list[str]]:
    """Both without the typographic characters that only the model has where the file is plain."""
    if all(line.isascii() for line in lines):
        return lines, fresh
    ours = {c for i, line in enumerate(lines) if i not in place.left_out for c in line}
    theirs = set("".join(file.texts[place.first : place.stop]))
    table = {ord(c): TYPOGRAPHY[ord(c)] for c in ours - theirs if ord(c) in TYPOGRAPHY}
    return [line.translate(table) for line in lines], [line.translate(table) for line in fresh]


def _fitted(file: Lines, place: Place, lines: list[str], fresh: list[str]) -> list[str]:
    """The new lines with the file's indentation, unless they have it already."""
    if not {line for line in lines if line.strip()}.intersection(fresh):
        there = {file.texts[first] for first, stop in place.spans if stop > first}
        if any(line.strip() and line in there for line in fresh):
            return fresh
    fitted = [_fitted_line(place, line) for line in fresh]
    if None in fitted:
        raise unclear(
            f"The lines from {place.first + 1} on are indented less than in old_string, and a new"
            " line has too little indentation to be moved with them",
            "Send old_string and new_string with the indentation of the file.",
        )
    return [line for line in fitted if line is not None]


def _fitted_line(place: Place, line: str) -> str | None:
    moved = place.reindent(line)
    if line.strip() or not line:
        return moved if line else line
    blank = "\t" if "\t" in line else " "
    return moved if moved and blank not in moved else line  # only tabs for spaces, or the reverse


def _keys(
    file: Lines, place: Place, lines: list[str], fitted: list[str]
) -> tuple[list[str], list[str]]:
    """What makes an old and a new line the same line: equal keys."""
    new_keys = [_MARK if place.left_out and marks_left_out_lines(line) else line for line in fitted]
    known = set(new_keys)
    old_keys: list[str] = []
    for i, line in enumerate(lines):
        ours = _MARK if i in place.left_out else _fitted_line(place, line) or line
        theirs = file.texts[place.spans[i][0]] if i in place.near else ours
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


def _check_going(file: Lines, place: Place, lines: list[str], going: range) -> None:
    """Raise unless every line that goes is in the file as the model has it."""
    for i in going:
        if i in place.near:
            number = place.spans[i][0]
            raise stale(number + 1, file.texts[number], lines[i])
        if i in place.left_out:
            raise unclear(
                f"Lines that old_string leaves out ({lines[i].strip()}) would go",
                "Write out the lines that are to go.",
            )


def _gap(place: Place, a: int) -> Span:
    """The blank lines of the file in front of old line ``a`` that the model does not have."""
    before = place.spans[a - 1][1] if a else place.first
    following = place.spans[a][0] if a < len(place.spans) else before
    return before, max(before, following)


def _insertion_point(gap: Span, coming: list[str]) -> int:
    """Where new lines stand that come between two lines with a gap of blank lines."""
    before, after = gap
    if before == after or not coming[-1].strip():
        return after
    if not coming[0].strip():
        return before
    raise unclear(
        f"The file has blank lines after line {before} that old_string lacks, and the new lines"
        " could stand before or after them",
        "Send old_string with these blank lines.",
    )
