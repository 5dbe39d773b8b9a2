"""Definitions and imports by patterns, for code without a syntax tree.

A definition begins with a line such as ``pub fn name`` and ends before the next line that is not
indented deeper, or with it where that closes a block.
"""

import re
from collections.abc import Mapping
from functools import cache
from itertools import groupby, islice
from typing import NamedTuple

from grok_agent.context.import_statements import SCRIPTED, imports_in, required
from grok_agent.context.symbol_records import Definition, DefinitionKind, Import

MAX_SIGNATURE = 200
MAX_FOUND = 20_000
"""Definitions, and likewise imports, of one file."""

_LINE_CHARS = 1_000
_WORDS_OF_KINDS: Mapping[DefinitionKind, str] = {
    "class": "class object actor contract entity implementation",
    "constant": "const constant resource variable",
    "enum": "enum",
    "function": "def defp defn defun fn func fun function sub proc procedure task trigger",
    "impl": "impl",
    "interface": "interface protocol defprotocol service",
    "macro": "macro defmacro define",
    "method": "method rpc",
    "module": "module namespace package defmodule mod ns",
    "struct": "struct record message union table",
    "trait": "trait typeclass",
    "type": "type typedef data newtype typealias input scalar view",
}
_WORDS = {word: kind for kind, words in _WORDS_OF_KINDS.items() for word in words.split()}
_MODIFIERS = (
    "abstract|async|create|default|export|external|extern|final|inline|internal|local|open|or"
    "|override|private|protected|public|pub|replace|sealed|static|unsafe|virtual"
)
_KEYWORD = (
    rf"[(@]?(?:(?:{_MODIFIERS})[ \t]+){{0,4}}(?P<word>{'|'.join(_WORDS)})[*-]?[ \t]+"
    r"(?:\([^()\n]{0,200}\)[ \t]*|\"[\w.-]{0,80}\"[ \t]+)?"
    r"[\"'`]?(?P<name>[^\W\d][\w.:?!$-]{0,120})"
)
_ASSIGNED = (
    r"(?:(?:export|const|let|var|local|my|our)[ \t]+){0,3}(?P<name>[^\W\d][\w.$:]{0,120})[ \t]*"
    r"(?:=|<-)[ \t]*(?:async[ \t]+)?(?:function\b|\([^()\n]{0,500}\)[ \t]*=>|\w{1,80}[ \t]*=>)"
)
_C_LIKE = (
    r"(?!(?:return|else|new|throw|case|goto|delete|typedef|using|package|import)\b)"
    r"(?:[\w:<>,\[\]]{1,120}[ \t*&]{1,8}){1,6}(?P<name>[^\W\d][\w:~]{0,120})[ \t]*\([^;\n]{0,500}$"
)
_TYPED = r"(?P<name>[a-z_][\w']{0,120})[ \t]{1,40}::?[ \t]"
_CLAUSE = r"(?P<name>[a-z]\w{0,120})\([^\n]{0,500}->"
_MESSAGE = r"[-+][ \t]{0,8}\([^()\n]{1,120}\)[ \t]{0,8}(?P<name>\w{1,120})"
_BINDING = r"(?:let|and|val)[ \t]+(?:rec[ \t]+|inline[ \t]+)?(?P<name>[a-z_][\w']{0,120})[ \t]"

_C_LIKE_LANGUAGES = ("c", "cpp", "csharp", "d", "dart", "groovy", "java", "objective-c")
_MORE: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_C_LIKE_LANGUAGES, (_C_LIKE,)),
    "objective-c": (_C_LIKE, _MESSAGE),
    "elm": (_TYPED,),
    "erlang": (_CLAUSE,),
    "fsharp": (_BINDING,),
    "haskell": (_TYPED,),
    "ocaml": (_BINDING,),
}
_ANY_CASE = frozenset(
    {"ada", "fortran", "groovy", "pascal", "powershell", "sql", "vhdl", "visual-basic"}
)
_BY_NEXT = frozenset({"elm", "erlang", "fsharp", "haskell", "ocaml", "sql"})
"""Languages whose definitions end where the next one begins, whatever the indentation."""

_SCRIPT_IMPORT = re.compile(
    r"^[ \t]*(?:import|export)\b(?:(?!\n[ \t]*(?:import|export)\b)[^;'\"`()=]){0,2000}?"
    r"\bfrom\s*[\"'][^\"'\n]+[\"']"
    r"|^[ \t]*import\s*[\"'][^\"'\n]+[\"']",
    re.MULTILINE,
)
_IMPORT = re.compile(
    r"^[ \t]*[(#%@-]{0,2}(?:import|include|require|use|using|open|from|source)\b"
    r"[ \t(]*(?:qualified[ \t]+)?[\"'<]?(?P<module>[\w@./:\\-]{1,200})",
    re.MULTILINE,
)
_CLOSES = re.compile(r"[}\])]|(?:end|fi|done|esac)\b", re.IGNORECASE)
_GOES_ON = ("{", "#", "//", "--", "*", "/*", "<<<<<<<", "=======", ">>>>>>>")


def fallback_definitions(text: str, language: str) -> tuple[Definition, ...]:
    """Definitions that patterns find in ``text``, in its order."""
    starts = _starts(text, language)
    if not starts:
        return ()
    lines = text.split("\n")
    ends = _ends_by_next(lines, starts) if language in _BY_NEXT else _ends(lines, starts)
    found: list[Definition] = []
    outer: list[Definition] = []
    for start, end in zip(starts, ends, strict=True):
        while outer and outer[-1].last_line < start.line:
            outer.pop()
        if start.kind == "constant" and any(around.kind == "function" for around in outer):
            continue
        parent = ".".join(filter(None, (outer[-1].parent, outer[-1].name))) if outer else ""
        head = " ".join(lines[start.line - 1][:_LINE_CHARS].split())
        signature = head.rstrip("{:= ")[:MAX_SIGNATURE]
        found.append(Definition(start.name, start.kind, start.line, end, signature, parent))
        outer.append(found[-1])
    return tuple(found)


def fallback_imports(text: str, language: str) -> tuple[Import, ...]:
    """Imports that patterns find in ``text``, in its order."""
    found: list[Import] = []
    lines = _LineCounter(text)
    for match in (_SCRIPT_IMPORT if language in SCRIPTED else _IMPORT).finditer(text):
        line = lines.at(match.start())
        if language in SCRIPTED:
            statement = match[0].strip()
            found += [Import(*module, line) for module in imports_in(statement, "javascript")]
        else:
            found.append(Import(match["module"], (), line))
        if len(found) >= MAX_FOUND:
            break
    if language in SCRIPTED:
        found += required(text)[:MAX_FOUND]
    return tuple(sorted(found, key=lambda taken: taken.line))


class _Start(NamedTuple):
    line: int
    indent: int
    name: str
    kind: DefinitionKind


class _LineCounter:
    """Line numbers of rising positions in a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line = 1
        self._position = 0

    def at(self, position: int) -> int:
        """The line of ``position``, which is not in front of the one asked for before."""
        self._line += self._text.count("\n", self._position, position)
        self._position = position
        return self._line


def _starts(text: str, language: str) -> list[_Start]:
    found: dict[int, _Start] = {}
    for pattern in _patterns(language):
        lines = _LineCounter(text)
        for match in islice(pattern.finditer(text), MAX_FOUND):
            line = lines.at(match.start())
            kind = _WORDS[word.lower()] if (word := match["word"]) else "function"
            name = match["name"].rstrip(".:")
            found.setdefault(line, _Start(line, _width(match["indent"]), name, kind))
    starts = [found[line] for line in sorted(found)]
    return _first_clauses(starts) if language in _BY_NEXT else starts


@cache
def _patterns(language: str) -> tuple[re.Pattern[str], ...]:
    flags = re.MULTILINE | (re.IGNORECASE if language in _ANY_CASE else 0)
    sources = [_KEYWORD, *(f"(?P<word>){more}" for more in (*_MORE.get(language, ()), _ASSIGNED))]
    return tuple(re.compile(rf"^(?P<indent>[ \t]*){source}", flags) for source in sources)


def _first_clauses(starts: list[_Start]) -> list[_Start]:
    """One for all the clauses of a function, which follow each other under the same name."""
    return [next(clauses) for _, clauses in groupby(starts, key=lambda start: start.name)]


def _ends_by_next(lines: list[str], starts: list[_Start]) -> list[int]:
    ends = [start.line - 1 for start in starts[1:]] + [len(lines)]
    return [_last_filled(lines, start.line, end) for start, end in zip(starts, ends, strict=True)]


def _last_filled(lines: list[str], first: int, last: int) -> int:
    while last > first and not lines[last - 1].strip():
        last -= 1
    return last


def _ends(lines: list[str], starts: list[_Start]) -> list[int]:
    """The last line of each definition, by the indentation of what follows it."""
    ends = [0] * len(starts)
    running: list[int] = []
    upcoming = 0
    filled = 0
    for number, line in enumerate(lines, start=1):
        stripped = line.lstrip()
        if not stripped:
            continue
        indent = _width(line[: len(line) - len(stripped)])
        if not stripped.startswith(_GOES_ON):
            while running and indent <= starts[running[-1]].indent:
                closes = indent == starts[running[-1]].indent and _CLOSES.match(stripped)
                ends[running.pop()] = number if closes else filled
                if closes:
                    break
        if upcoming < len(starts) and starts[upcoming].line == number:
            running.append(upcoming)
            upcoming += 1
        filled = number
    for index in running:
        ends[index] = filled
    return ends


def _width(indent: str) -> int:
    return len(indent.expandtabs(8))
