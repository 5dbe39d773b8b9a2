"""Applies a model's edit to a text: the right result, or a refusal that says what to do.

Five rules decide. A line common to old and new is context, and the file's own bytes stand. Lines
that go must be in the file, blanks and typography aside. There must be one place only, at the
loosest level used. New lines take the file's indentation and line ends. An edit that was already
made is noticed.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from grok_agent.tools.alignment import (
    GUESSING_LEVELS,
    LEVELS,
    Lines,
    Place,
    bare,
)
from grok_agent.tools.refusals import (
    already_applied,
    not_found,
    not_unique,
    nothing_to_change,
    unclear,
)
from grok_agent.tools.rewriting import rewritten

BOM = "\ufeff"
_END = re.compile(r"\r?\n")
_CR = re.compile(r"\r")
_ANY_END = re.compile(r"\r\n|\r|\n")


def apply_edit(before: str, old: str, new: str, replace_all: bool = False) -> str:
    """``before`` with ``old`` replaced by ``new`` at its one place, or at all with ``replace_all``.

    An exact match is taken as it is; else the lines are matched more and more tolerantly. Raises
    ToolError when there is no place, more than one, or nothing to do; the model can mend it, and
    the text names the place, the number of matches or the nearest lines.
    """
    if before.startswith(BOM) and not old.startswith(BOM):
        return BOM + apply_edit(before[1:], old, new.removeprefix(BOM), replace_all)
    if old == new:
        raise nothing_to_change()
    if not old.strip("\r\n"):
        raise unclear("old_string is empty or only line ends", "Name the lines to replace.")
    after = _replace_exactly(before, old, new, replace_all)
    if after is None:
        after = _replace_lines(before, old, new, replace_all)
    if after == before:
        raise nothing_to_change()
    return after


def _replace_exactly(before: str, old: str, new: str, replace_all: bool) -> str | None:
    """The edit where old stands literally or with the file's line ends; None if nowhere."""
    for wanted in dict.fromkeys([old, _with_ends(old, _end_near(before, 0), before)]):
        start = before.find(wanted)
        if start < 0:
            continue
        fitted = _with_ends(new, _end_near(before, start), before)
        if _only_inside(before, wanted, fitted):
            raise already_applied([_line_number(before, before.find(fitted))])
        if replace_all:
            return before.replace(wanted, fitted)
        if before.find(wanted, start + 1) >= 0:
            raise not_unique(_line_numbers(before, wanted), before.count(wanted))
        return before[:start] + fitted + before[start + len(wanted) :]
    return None


def _replace_lines(before: str, old: str, new: str, replace_all: bool) -> str:
    """The edit where old stands line by line, at the strictest level that finds it."""
    file, (lines, fresh) = Lines.of(before), _model_lines(old, new)
    for level in LEVELS:
        places = level(file.texts, lines)
        applied = level(file.texts, fresh) if places or _is_telling(fresh) else []
        remaining = [place for place in places if not _is_inside(place, applied)]
        if applied and not remaining:
            raise already_applied([place.first + 1 for place in applied])
        if remaining:
            return _replace_places(file, lines, fresh, remaining, replace_all)
    for level in GUESSING_LEVELS:
        if places := level(file.texts, lines):
            return _replace_places(file, lines, fresh, places, replace_all)
    raise not_found(file.texts, lines)


def _model_lines(old: str, new: str) -> tuple[list[str], list[str]]:
    """The lines of both, without the line end that both close with."""
    lines, fresh = Lines.of(old).texts, Lines.of(new).texts
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
        if not fresh[-1]:
            fresh.pop()
    return lines, fresh


def _is_telling(fresh: Sequence[str]) -> bool:
    """Whether finding these lines in a file can be no accident."""
    return sum(len(bare(line)) for line in fresh[:50]) >= 12


def _is_inside(place: Place, others: Sequence[Place]) -> bool:
    return any(other.first <= place.first and place.stop <= other.stop for other in others)


def _replace_places(
    file: Lines, lines: list[str], fresh: list[str], places: list[Place], replace_all: bool
) -> str:
    """The text with the one place rewritten, or with all places from the last to the first."""
    starts = sorted({place.first for place in places})
    if replace_all:
        return _rewrite(file, lines, fresh, _without_overlap(places))
    results = {_rewrite(file, lines, fresh, [place]) for place in places[:20]}
    if len(starts) > 1 or len(results) > 1:
        raise not_unique([start + 1 for start in starts], len(places))
    return results.pop()


def _rewrite(file: Lines, lines: list[str], fresh: list[str], places: list[Place]) -> str:
    parts: list[str] = []
    kept = 0
    for place in places:
        parts += map(str.__add__, file.texts[kept : place.first], file.ends[kept : place.first])
        parts.append(rewritten(file, lines, fresh, place))
        kept = place.stop
    parts += map(str.__add__, file.texts[kept:], file.ends[kept:])
    return "".join(parts)


def _without_overlap(places: list[Place]) -> list[Place]:
    apart: list[Place] = []
    for place in places:
        if not apart or apart[-1].stop <= place.first:
            apart.append(place)
    return apart


def _only_inside(before: str, old: str, new: str) -> bool:
    """Whether new stands in the text, and old nowhere but inside of it."""
    if old not in new or new not in before:
        return False
    reach = len(new) - len(old)
    return all(
        before.find(new, max(0, at - reach), at + len(new)) >= 0 for at in _positions(before, old)
    )


def _positions(text: str, wanted: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def _end_near(text: str, at: int) -> str:
    """The line end that is used at or after ``at``, else before it, else a line feed."""
    if "\r" not in text:
        return "\n"
    pattern = _END if "\n" in text else _CR
    found = pattern.search(text, at) or pattern.search(text)
    return found[0] if found else "\n"


def _with_ends(text: str, end: str, like: str) -> str:
    """``text`` with every line end as ``end``; a lone \\r counts as one where ``like`` uses it."""
    if "\n" not in text and "\r" not in text:
        return text
    return (_END if "\n" in like or "\r" not in like else _ANY_END).sub(end, text)


def _line_number(text: str, at: int) -> int:
    return text.count(_line_sign(text), 0, at) + 1


def _line_numbers(text: str, wanted: str) -> list[int]:
    """Lines, counted from 1, at which the first twenty matches begin."""
    return [_line_number(text, at) for at in islice(_positions(text, wanted), 20)]


def _line_sign(text: str) -> str:
    return "\r" if "\r" in text and "\n" not in text else "\n"
