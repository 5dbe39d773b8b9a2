"""Where a text may be cut: between definitions and statements, or between paragraphs of prose."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from grok_agent.context.languages import language_of
from grok_agent.context.syntax import parse

WITHIN_EXPRESSION = 100
"""Ranks from here on lie between the items of a list, table or argument list."""

WITHIN_TEXT = 900
"""The rank of a paragraph's beginning within a comment or a string."""

_STATEMENTS = re.compile(
    r"(^|_)(module|program|source_file|translation_unit|compilation_unit|chunk|stylesheet|document"
    r"|block|body|body_statement|statements|statement_list|compound_statement|declaration_list"
    r"|variant_list|enumerator_list|spec_list|do_group|switch_case|case_statement)$|^preproc_"
)
_GOES_WITH_NEXT = re.compile(r"comment|attribute|annotation|decorator|modifier")
_MARKS = " \t\r\f#/*!-;%"
_HEADING = re.compile(r"(#{1,6})[ \t]|<h([1-6])\b", re.IGNORECASE)
_UNDERLINE = re.compile(r"([=\-~^\"'*+#])\1{2,}[ \t]*$")


class Joint(NamedTuple):
    """A line, 1-based, before which a text may be cut; the lower the rank, the better."""

    line: int
    rank: int


def joints(text: str, path: str, min_lines: int) -> list[Joint]:
    """Places to cut ``text``, in order; pieces of under ``min_lines`` are not looked into.

    For languages with a grammar they lie between the children of one syntax node, so that no
    statement is cut unless the rank says so (:data:`WITHIN_EXPRESSION`); for other texts they
    follow headings, blank lines and indentation.
    """
    root = parse(text, language_of(path) or "")
    if root is None:
        return list(_of_prose(text.split("\n")))
    ranks = dict.fromkeys(_after_blank_lines(text.split("\n")), WITHIN_TEXT)
    for line, rank in _of_node(root, 0, min_lines):
        ranks[line] = min(rank, ranks.get(line, rank))
    return [Joint(line, rank) for line, rank in sorted(ranks.items())]


def _of_node(root: Any, depth: int, min_lines: int) -> Iterator[Joint]:
    waiting = [(root, depth)]
    while waiting:
        node, depth = waiting.pop()
        is_block = bool(_STATEMENTS.search(node.kind()))
        rank = depth if is_block else WITHIN_EXPRESSION + depth
        end, holds_next = -1, False
        for child in node.children():
            place = child.range()
            first = place.start.line
            last = place.end.line - (place.end.column == 0 and place.end.line > first)
            if last - first + 1 >= min_lines:
                waiting.append((child, depth + 1))
            if not child.is_named():
                end = max(end, last) if end >= 0 else end
                continue
            if 0 <= end < first and not (holds_next and first == end + 1):
                yield Joint(first + 1, rank)
            holds_next = bool(_GOES_WITH_NEXT.search(child.kind()))
            end = max(end, last)


def _after_blank_lines(lines: Sequence[str]) -> Iterator[int]:
    """Numbers of lines that begin a paragraph, comment marks on lines of their own left aside."""
    was_blank = False
    for number, line in enumerate(lines, start=1):
        is_blank = not line.strip(_MARKS)
        if was_blank and not is_blank:
            yield number
        was_blank = is_blank


def _of_prose(lines: list[str]) -> Iterator[Joint]:
    after_blank = False
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            after_blank = True
            continue
        if number > 1:
            if heading := _HEADING.match(line):
                yield Joint(number, int(heading[2]) if heading[2] else len(heading[1]))
            elif number < len(lines) and _UNDERLINE.match(lines[number]):
                yield Joint(number, 3)
            elif after_blank:
                yield Joint(number, 10 + min(len(line) - len(line.lstrip()), 80))
        after_blank = False
