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
    Place,
    Span,
    is_placeholder,
    marks_left_out_lines,
)
from grok_agent.tools.lines import Lines, bare
from grok_agent.tools.refusals import (
    already_applied,
    not_found,
    not_unique,
    nothing_to_change,
    unclear,
)
from grok_agent.tools.rewriting import splices_at

BOM = "\ufeff"
_END = re.compile(r"\r?\n")
_CR = re.compile(r"\r")
_TELLING_CHARS = 12
_UNDECODABLE = re.compile(r"[\udc80-\udcff]")
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
    if not old:
        raise unclear("old_string is empty", "Give the text to replace.")
    _check_for_placeholders(before, old, new)
    after = _replace_exactly(before, old, new, replace_all)
    if after is None:
        after = _replace_lines(before, old, new, replace_all)
    if after == before:
        raise nothing_to_change()
    if after.count("\ufffd") > before.count("\ufffd") and _UNDECODABLE.search(before):
        raise unclear(
            "The lines hold bytes that are shown as \ufffd, and would be lost",
            "Send an edit that leaves these lines as they are, or changes a part without them.",
        )
    return after


def _check_for_placeholders(before: str, old: str, new: str) -> None:
    """Raise for a comment in new that stands for code the model did not write out."""
    for line in new.splitlines() if "..." in new or "…" in new else ():
        if is_placeholder(line) and line.strip() not in before and not _has_marks(old):
            raise unclear(
                f"new_string has the placeholder {line.strip()}, which is no code",
                "Write out these lines, or edit only the lines that change.",
            )


def _has_marks(old: str) -> bool:
    return any(marks_left_out_lines(line) for line in old.splitlines())


def _replace_exactly(before: str, old: str, new: str, replace_all: bool) -> str | None:
    """The edit where old stands literally or with the file's line ends; None if nowhere."""
    for wanted in dict.fromkeys([old, _with_ends(old, _end_near(before, 0), before)]):
        start = before.find(wanted)
        if start < 0 or _halves_a_line_end(before, start, start + len(wanted)):
            continue
        ends = set(_END.findall(wanted))
        fitted = new if len(ends) > 1 else _with_ends(new, _end_near(before, start), before)
        if _only_inside(before, wanted, fitted):
            raise already_applied([_line_number(before, before.find(fitted))])
        if replace_all:
            return before.replace(wanted, fitted)
        if before.find(wanted, start + 1) >= 0:
            raise not_unique(_line_numbers(before, wanted), before.count(wanted))
        return before[:start] + fitted + before[start + len(wanted) :]
    return None


def _halves_a_line_end(text: str, start: int, stop: int) -> bool:
    return any(text[max(0, at - 1) : at + 1] == "\r\n" for at in (start, stop))


def _replace_lines(before: str, old: str, new: str, replace_all: bool) -> str:
    """The edit where old stands line by line, at the strictest level that finds it."""
    file, (lines, fresh) = Lines.of(before), _model_lines(old, new)
    telling = _is_telling(lines, fresh)
    for level in LEVELS:
        places = level(file, lines)
        applied = level(file, fresh) if places or telling else []
        remaining = [place for place in places if not _is_inside(place, applied)]
        if remaining:
            return _replace_places(file, remaining, lines, fresh, replace_all)
        if applied:
            raise already_applied([place.first + 1 for place in applied])
    if applied := LEVELS[-1](file, fresh) if sum(map(len, fresh)) >= _TELLING_CHARS else []:
        raise already_applied([place.first + 1 for place in applied])
    for level in GUESSING_LEVELS:
        if places := level(file, lines):
            return _replace_places(file, places, lines, fresh, replace_all)
    raise not_found(file, lines)


def _model_lines(old: str, new: str) -> tuple[list[str], list[str]]:
    """The lines of both, without the line end that both close with."""
    lines, fresh = Lines.of(old).texts, Lines.of(new).texts
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
        if not fresh[-1]:
            fresh.pop()
    return lines, fresh


def _is_telling(lines: Sequence[str], fresh: Sequence[str]) -> bool:
    """Whether the new lines, found in a file, show that the edit was made: they add something."""
    known = {bare(line) for line in lines}
    added = [key for line in fresh if (key := bare(line)) not in known]
    return bool(added) and sum(map(len, fresh)) >= _TELLING_CHARS


def _is_inside(place: Place, others: Sequence[Place]) -> bool:
    return any(other.first <= place.first and place.stop <= other.stop for other in others)


def _replace_places(
    file: Lines, places: list[Place], lines: list[str], fresh: list[str], replace_all: bool
) -> str:
    """The text with its one place rewritten, or with all of them."""
    if replace_all:
        apart = _without_overlap(places)
        return file.spliced([s for place in apart for s in splices_at(file, place, lines, fresh)])
    starts = sorted({place.first for place in places})
    if len(starts) > 1:
        raise not_unique([start + 1 for start in starts], len(starts))
    first, *others = [splices_at(file, place, lines, fresh) for place in places]
    if any(other != first for other in others):
        raise not_unique([splices[0].first + 1 for splices in (first, *others)], len(places))
    return file.spliced(first)


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
        any(
            _ends_as_well(before, (at, at + len(old)), (around, around + len(new)))
            for around in _positions(before, new, max(0, at - reach), at + len(new))
        )
        for at in _positions(before, old)
    )


def _ends_as_well(text: str, inner: Span, outer: Span) -> bool:
    """Whether ``outer`` has whole lines if ``inner`` has, and does not end within a word."""
    whole_start, whole_stop = _at_line_ends(text, inner)
    start, stop = _at_line_ends(text, outer)
    in_word = text[outer[1] - 1 : outer[1] + 1].isalnum() and outer[1] < len(text)
    return (start or not whole_start) and (stop or not whole_stop) and not in_word


def _at_line_ends(text: str, span: Span) -> tuple[bool, bool]:
    first, last = text[max(0, span[0] - 1) : span[0] + 1], text[span[1] - 1 : span[1] + 1]
    starts = span[0] == 0 or first[0] in "\r\n"
    return starts, span[1] == len(text) or bool(set(last) & {"\r", "\n"})


def _positions(text: str, wanted: str, start: int = 0, stop: int | None = None) -> Iterator[int]:
    """Where ``wanted`` stands in ``text[start:stop]``, also where matches overlap."""
    at = text.find(wanted, start, stop)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1, stop)


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
