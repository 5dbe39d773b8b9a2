"""Carries lines from the indentation a model wrote to the indentation a file uses."""

import re
from collections.abc import Callable, Iterable

Reindent = Callable[[str], str | None]
"""Gives a line with the file's indentation; None when the line has too little to carry over."""

_TAB_WIDTHS = (4, 2, 8, 3, 1, 6, 5, 7)


def reindent_between(pairs: Iterable[tuple[str, str]]) -> Reindent | None:
    """The one change of indentation that takes each pair's first line to its second, if any.

    ``pairs`` are lines with text: as the model wrote them, and as they stand in the file. Tried in
    this order: no change, a prefix more, a prefix less, tabs for spaces or the reverse.
    """
    indents = list(dict.fromkeys((indent_of(ours), indent_of(theirs)) for ours, theirs in pairs))
    candidates = [lambda line: line, *_prefix_changes(indents[0]), *_tab_changes(indents)]
    for change in candidates:
        if all(change(ours + "x") == theirs + "x" for ours, theirs in indents):
            return change
    return None


def indent_of(line: str) -> str:
    """The blanks and tabs in front of ``line``."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def _prefix_changes(indents: tuple[str, str]) -> list[Reindent]:
    ours, theirs = indents
    if theirs.endswith(ours):
        more = theirs.removesuffix(ours)
        return [lambda line: more + line]
    if ours.endswith(theirs):
        less = ours.removesuffix(theirs)
        return [lambda line: line.removeprefix(less) if line.startswith(less) else None]
    return []


def _tab_changes(indents: list[tuple[str, str]]) -> list[Reindent]:
    """Tabs for spaces or the reverse; widths without any shift come first."""
    tabs = any("\t" in theirs for _, theirs in indents)
    ours, theirs = max(indents, key=lambda pair: len(pair[1]))
    changes = [
        (abs(shift), _retab(width, shift, tabs))
        for width in _TAB_WIDTHS
        for shift in [len(theirs.expandtabs(width)) - len(ours.expandtabs(width))]
    ]
    return [change for _, change in sorted(changes, key=lambda item: item[0] > 0)]


def _retab(width: int, shift: int, tabs: bool) -> Reindent:
    def change(line: str) -> str | None:
        indent = indent_of(line)
        columns = len(indent.expandtabs(width)) + shift
        if columns < 0:
            return None
        filled = " " * columns
        return (re.sub(" " * width, "\t", filled) if tabs else filled) + line[len(indent) :]

    return change
