"""Rewriting what an ast-grep pattern matches in one text."""

import ast
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grok_agent.context.syntax import parse
from grok_agent.errors import ToolError

if TYPE_CHECKING:
    from ast_grep_py import SgNode

VARIABLE = re.compile(r"(\$\$\$|\$)([A-Z][A-Z0-9_]*)")
_STRINGS = re.compile("string|heredoc|template")


@dataclass(frozen=True)
class Match:
    """A matched stretch of the text, and those that its holes took, by name."""

    start: int
    end: int
    holes: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Rewrite:
    """The new text; ``lines`` (1-based, of the old text) say where a match was rewritten."""

    text: str
    lines: tuple[int, ...]


def check_pattern(pattern: str, rewrite: str, language: str) -> None:
    """Raise ToolError for a pattern that ast-grep refuses, or a hole that only ``rewrite`` has."""
    if not VARIABLE.sub("", pattern).strip():
        raise ToolError(
            "The pattern matches everything, or nothing.",
            next_step="Write the code to look for, such as load($PATH).",
        )
    unknown = {m[0] for m in VARIABLE.finditer(rewrite)} - {
        m[0] for m in VARIABLE.finditer(pattern)
    }
    if unknown:
        raise ToolError(
            f"rewrite uses {', '.join(sorted(unknown))}, which the pattern does not have.",
            next_step="Use the pattern's own variables: $NAME for one node, $$$NAME for several.",
        )
    root = parse("", language)
    assert root is not None  # the caller has looked whether there is a grammar
    try:
        root.find_all(pattern=pattern)
    except RuntimeError as error:
        reason = str(error).partition("\n\nStack backtrace")[0].strip().splitlines()[-1].strip()
        raise ToolError(
            f"The pattern is no {language} code that can be searched for ({reason}).",
            next_step="Write one whole expression or statement, with $NAME or $$$NAME as holes.",
        ) from None


def rewritten(text: str, pattern: str, rewrite: str, language: str) -> Rewrite | None:
    """``text`` with every match replaced, also those inside of others.

    None where the text cannot be parsed safely (too long, too deep). Lines of the replacement
    take the indentation of the place. Raises ToolError when the result would no longer parse.
    """
    root = parse(text, language)
    if root is None:
        return None
    names = {(m[1], m[2]) for m in VARIABLE.finditer(pattern)}
    matches = _matches(root, pattern, names)
    after = _Rewriter(text, rewrite, language).expand(0, len(text), matches)
    lines = tuple(text.count("\n", 0, match.start) + 1 for match in matches)
    if matches and _is_broken(text, after, language):
        raise ToolError(f"the result would be no valid {language} any more (line {lines[0]}).")
    return Rewrite(after, lines)


def _matches(root: "SgNode", pattern: str, names: set[tuple[str, str]]) -> list[Match]:
    """All matches, outer ones before those in them, each stretch once."""
    found: dict[tuple[int, int], Match] = {}
    for node in root.find_all(pattern=pattern):
        start, end = _stretch(node, node)
        found.setdefault((start, -end), Match(start, end, _holes(node, names)))
    return [found[key] for key in sorted(found)]


def _holes(node: "SgNode", names: set[tuple[str, str]]) -> dict[str, tuple[int, int]]:
    holes = {}
    for sigil, name in names:
        if sigil == "$":
            one = node.get_match(name)
            taken = [one] if one else []
        else:
            taken = node.get_multiple_matches(name)
        if taken:
            holes[sigil + name] = _stretch(taken[0], taken[-1])
    return holes


def _stretch(first: "SgNode", last: "SgNode") -> tuple[int, int]:
    return first.range().start.index, last.range().end.index


@dataclass(frozen=True)
class _Rewriter:
    text: str
    rewrite: str
    language: str

    def expand(self, start: int, end: int, matches: list[Match]) -> str:
        """The stretch with its matches replaced; all of ``matches`` lie in it."""
        parts, at = [], start
        for index, match in enumerate(matches):
            if match.start < at:
                continue  # inside of the one before, which has taken it along
            inner = [m for m in matches[index + 1 :] if m.end <= match.end and m.start < match.end]
            parts += [self.text[at : match.start], self._replacement(match, inner)]
            at = match.end
        return "".join([*parts, self.text[at:end]])

    def _replacement(self, match: Match, inner: list[Match]) -> str:
        indentation = self._indentation(match.start)
        lines = self.rewrite.split("\n")
        lines = [lines[0], *(indentation + line if line.strip() else line for line in lines[1:])]
        return "\n".join(
            VARIABLE.sub(
                lambda hole, line=line, first=number == 0: self._value(  # type: ignore[misc]
                    match,
                    inner,
                    hole[0],
                    indentation + ("" if first else _blank(line, indentation)),
                ),
                line,
            )
            for number, line in enumerate(lines)
        )

    def _value(self, match: Match, inner: list[Match], hole: str, indentation: str) -> str:
        if hole not in match.holes:
            return ""
        start, end = match.holes[hole]
        taken = self.expand(start, end, [m for m in inner if start <= m.start and m.end <= end])
        return _moved(taken, self._indentation(start), indentation, self.language)

    def _indentation(self, position: int) -> str:
        line = self.text[self.text.rfind("\n", 0, position) + 1 : position]
        return _leading(line)


def _leading(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _blank(line: str, indentation: str) -> str:
    """What ``line`` is indented beyond ``indentation``."""
    return _leading(line)[len(indentation) :]


def _moved(text: str, old: str, new: str, language: str) -> str:
    """``text`` with its further lines indented by ``new`` in place of ``old``; the inside of
    strings stays."""
    if old == new or "\n" not in text:
        return text
    kept = _lines_in_strings(text, language)
    first, *rest = text.split("\n")
    moved = [
        new + line.removeprefix(old) if line.strip() and number not in kept else line
        for number, line in enumerate(rest, 1)
    ]
    return "\n".join([first, *moved])


def _lines_in_strings(text: str, language: str) -> set[int]:
    """0-based numbers of the lines that begin inside of a string."""
    root = parse(text, language)
    kept: set[int] = set()
    waiting = [root] if root else []
    while waiting:
        node = waiting.pop()
        stretch = node.range()
        if stretch.start.line == stretch.end.line:
            continue
        if _STRINGS.search(node.kind()):
            kept.update(range(stretch.start.line + 1, stretch.end.line + 1))
        else:
            waiting += node.children()
    return kept


def _is_broken(before: str, after: str, language: str) -> bool:
    if language == "python" and _is_python(before):
        return not _is_python(after)
    return _errors(after, language) > _errors(before, language)


def _is_python(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text.encode("utf-8", "replace"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _errors(text: str, language: str) -> int:
    root = parse(text, language)
    return len(root.find_all(kind="ERROR")) if root else 0
