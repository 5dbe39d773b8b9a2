"""Definitions and imports out of a syntax tree."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from grok_agent.context.definition_names import Name, by_name
from grok_agent.context.fallback_symbols import fallback_definitions
from grok_agent.context.grammar import Grammar
from grok_agent.context.grammars import ERROR, grammar_of
from grok_agent.context.import_statements import SCRIPTED, imports_in, required
from grok_agent.context.symbol_records import Definition, DefinitionKind, Import

if TYPE_CHECKING:
    from ast_grep_py import Range, SgNode

MAX_SIGNATURE = 200

_HEAD_CHARS = 1000
_BEFORE_CHARS = 80
_MODIFIERS = re.compile(r"[\w() \t]*")  # "export const", "static inline"
_BETWEEN = re.compile(r"[\w\s]*")
_ATTRIBUTES = re.compile(r"(?:(?:@(?!interface\b)[\w.]+(?:\([^()]*\))?|#?\[[^\[\]]*\])\s+)+")
_WORD = re.compile(r"\w+")
_BEFORE_BODY = re.compile(r"\s*(?:=>|[{:=;])\s*$")
_OWNERS = frozenset({"class", "interface", "trait", "impl", "struct", "enum"})
_FUNCTIONS = frozenset({"function", "method"})
_C_FAMILY = frozenset({"c", "cpp"})
_LOCAL = frozenset({"constant", "variable"})
_WITHOUT_PARTS = frozenset({"constant", "variable", "type", "macro", "prototype", "property"})


class _Open(NamedTuple):
    """A definition that has not ended yet; ``path`` is its dotted name."""

    end: int
    path: str
    kind: DefinitionKind


class _Lead(NamedTuple):
    """A decorator or the like, which the next definition takes along."""

    end: int
    line: int


def definitions_and_imports(
    root: "SgNode", text: str, language: str
) -> tuple[tuple[Definition, ...], tuple[Import, ...]]:
    """All that ``text`` defines and imports, in its order; ``root`` is its tree."""
    grammar, rules = grammar_of(language)
    reader = _Reader(text, language, grammar)
    for node in root.find_all(any=rules):
        reader.read(node)
    reader.read_top_level(root)
    if language in SCRIPTED:
        reader.imports += required(text)
        reader.imports.sort(key=lambda found: found.line)
    definitions = reader.definitions()
    if reader.is_broken and language not in _C_FAMILY:  # whose declarations patterns cannot tell
        definitions = _completed(definitions, fallback_definitions(text, language))
    return definitions, tuple(reader.imports)


def _completed(
    definitions: Sequence[Definition], by_patterns: Iterable[Definition]
) -> tuple[Definition, ...]:
    """``definitions`` with those that were lost where the code is broken, outside of functions."""
    names = {definition.name for definition in definitions}
    bodies = [d for d in definitions if d.kind in _FUNCTIONS]
    inside = {line for body in bodies for line in range(body.first_line, body.last_line + 1)}
    lost = [
        found
        for found in by_patterns
        if found.kind in _OWNERS | _FUNCTIONS
        and found.name not in names
        and found.first_line not in inside
    ]
    return tuple(sorted([*definitions, *lost], key=lambda found: found.first_line))


class _Reader:
    """Takes the nodes of one file in their order."""

    def __init__(self, text: str, language: str, grammar: Grammar) -> None:
        self.imports: list[Import] = []
        self.is_broken = False
        self._text = text
        self._language = language
        self._grammar = grammar
        self._open: list[_Open] = []
        self._lead: _Lead | None = None
        self._found: list[tuple[int, Definition]] = []

    def definitions(self) -> tuple[Definition, ...]:
        """What was found, outer before inner."""
        self._found.sort(key=lambda found: found[0])
        return tuple(_without_twins(definition for _, definition in self._found))

    def read(self, node: "SgNode") -> None:
        """Take the next node of the search."""
        kind, place = node.kind(), node.range()
        if kind in self._grammar.imports:
            for module, names in imports_in(node.text(), self._language):
                self.imports.append(Import(module, names, place.start.line + 1))
        if kind == ERROR:
            self.is_broken = True
        elif kind in self._grammar.leading:
            self._lead = _Lead(place.end.index, self._first_line(place))
        elif kind in self._grammar.definitions:
            while self._open and self._open[-1].end <= place.start.index:
                self._open.pop()
            self._define(node, place, self._grammar.definitions[kind])

    def read_top_level(self, root: "SgNode") -> None:
        """Find what counts outside of other definitions only."""
        self._open.clear()
        waiting = [root] if self._grammar.top_level else []
        while waiting:
            for node in waiting.pop().children():
                kind = node.kind()
                if kind in self._grammar.containers:
                    waiting.append(node)
                elif kind in self._grammar.top_level:
                    self._define(node, node.range(), self._grammar.top_level[kind])

    def _define(self, node: "SgNode", place: "Range", kind: DefinitionKind) -> None:
        if kind in _LOCAL and any(outer.kind in _FUNCTIONS for outer in self._open):
            return
        names = list(self._grammar.names.get(node.kind(), by_name)(node))
        if not names:
            return
        start, end = place.start.index, place.end.index
        lines = self._first_line(place), place.end.line + (place.end.column > 0)
        signature = self._signature(node, start, end)
        outside = self._open[-1].path if self._open else ""
        kind = self._better_kind(kind, signature, names[0])
        for name, owner in names:
            parent = f"{outside}.{owner}" if outside and owner else outside or owner
            self._found.append((start, Definition(name, kind, *lines, signature, parent)))
        if kind not in _WITHOUT_PARTS:
            self._open.append(_Open(end, f"{parent}.{name}" if parent else name, kind))

    def _first_line(self, place: "Range") -> int:
        """Where the definition begins together with what leads it."""
        lead, self._lead = self._lead, None
        start = place.start
        if lead and (
            start.index < lead.end or _BETWEEN.fullmatch(self._text, lead.end, start.index)
        ):
            return lead.line
        return start.line + 1

    def _signature(self, node: "SgNode", start: int, end: int) -> str:
        text = self._text
        holder = node.field("value") or node.field("right") or node
        body = holder.field("body")
        stop = min(body.range().start.index if body else end, start + _HEAD_CHARS)
        if attributes := _ATTRIBUTES.match(text, start, stop):
            start = attributes.end()
        nearest = max(0, start - _BEFORE_CHARS)
        line_start = text.rfind("\n", nearest, start) + 1
        if (line_start or not nearest) and _MODIFIERS.fullmatch(text, line_start, start):
            start = line_start
        head = text[start:stop] if body else _first_statement(text[start:stop])
        line = _BEFORE_BODY.sub("", " ".join(head.split()))
        return line if len(line) <= MAX_SIGNATURE else f"{line[: MAX_SIGNATURE - 1]}…"

    def _better_kind(self, kind: DefinitionKind, signature: str, name: Name) -> DefinitionKind:
        if kind == "function" and (name[1] or (self._open and self._open[-1].kind in _OWNERS)):
            return "method"
        if kind == "variable" and self._language in _C_FAMILY:
            declared = signature.partition("=")[0]
            return "prototype" if f"{name[0]}(" in declared.replace(" (", "(") else kind
        if self._grammar.words and kind in ("class", "constant", "type"):
            for word in _WORD.findall(signature):
                if word in self._grammar.words:
                    return self._grammar.words[word]
        return kind


def _first_statement(head: str) -> str:
    """The first line, or more of them while a parenthesis is open; nothing from a block on."""
    end = head.find("\n")
    while end >= 0 and head.count("(", 0, end) > head.count(")", 0, end):
        end = head.find("\n", end + 1)
    return head[: end if end >= 0 else None]


def _without_twins(definitions: Iterable[Definition]) -> Iterator[Definition]:
    """``typedef struct node {...} node`` defines one thing."""
    last: Definition | None = None
    for definition in definitions:
        if last and last.kind == "type" and definition.name == last.name:
            last = replace(last, kind=definition.kind)
            continue
        if last:
            yield last
        last = definition
    if last:
        yield last
