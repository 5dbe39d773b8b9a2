"""Takes a shell command line apart: every command, redirection and assignment in it.

tree-sitter's grammar of bash does the parsing (through ast-grep). What it cannot parse as a whole,
or what bash might read otherwise, is not taken apart at all.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ast_grep_py import SgNode, SgRoot

UNKNOWN = "\0"
"""Stands in a word for what only the shell will know: a variable, a pattern, another's output."""

HARMLESS_TARGETS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})
MAX_CHARACTERS = 20_000


@dataclass(frozen=True)
class ShellPart:
    """One thing that a command line does.

    ``kind`` is "command" (``words``: assignments before it, its name, its arguments), or "reads"
    or "writes" of a redirection (``words``: the file).
    """

    kind: Literal["command", "reads", "writes"]
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """The words with single blanks between them."""
        return " ".join(self.words)


def shell_parts(command: str) -> tuple[ShellPart, ...] | None:
    """All parts of ``command``, those of substitutions and subshells too, in no special order;
    None when it cannot be taken apart.

    What other programs start (``xargs``, ``bash -c``) is left to
    :func:`grok_agent.tools.shell_wrappers.commands_within`.
    """
    if sys.platform == "win32" or len(command) > MAX_CHARACTERS or _is_odd(command):
        return None
    root = SgRoot(command, "bash").root()
    try:
        return tuple(_parts(root, command))
    except (_NotUnderstoodError, RecursionError):
        return None


class _NotUnderstoodError(Exception):
    """The parser was not sure."""


_ODD = re.compile(r"[^\S \t\n]|[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\u200b-\u200f\u2028-\u202f]")
"""Blanks of other kinds, and control characters: parser and shell may see them differently."""


def _is_odd(command: str) -> bool:
    return bool(_ODD.search(command)) or (not command.isprintable() and _has_surrogates(command))


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


_WORDS = frozenset(
    {
        "word",
        "number",
        "string",
        "raw_string",
        "ansi_c_string",
        "translated_string",
        "concatenation",
        "simple_expansion",
        "expansion",
        "command_substitution",
        "process_substitution",
        "arithmetic_expansion",
        "brace_expression",
        "extglob_pattern",
        "regex",
        "array",
        "variable_assignment",
        "variable_name",
        "special_variable_name",
        "test_operator",
    }
)
RESERVED = frozenset(
    (
        *("{", "}", "!", "[[", "]]", "if", "then", "elif", "else", "fi", "for", "while", "until"),
        *("do", "done", "case", "esac", "in"),
    )
)
"""Words of the shell's grammar; the parser takes some of them for programs."""

_REDIRECTIONS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
_WHOLE = _WORDS | {"heredoc_body", "comment", "variable_name"}
"""Nodes whose text is looked at as one piece, so that no gap in them matters."""


def _parts(node: SgNode, source: str) -> Iterator[ShellPart]:
    kind = node.kind()
    if kind == "ERROR":
        raise _NotUnderstoodError
    children = node.children()
    if kind not in _WHOLE and children:
        _refuse_gaps(node, children, source)
    match kind:
        case "command" | "declaration_command" | "unset_command":
            yield ShellPart("command", _command_words(children))
        case "variable_assignment" if _parent_kind(node) not in ("command", "declaration_command"):
            yield ShellPart("command", (_word(node),))
        case "function_definition":
            yield ShellPart("command", (f"{children[0].text()}()", UNKNOWN))
        case "for_statement" | "select_statement":
            yield from _loop_variable(children)
        case "file_redirect":
            yield from _redirection(children)
        case "test_command" | "c_style_for_statement" | "arithmetic_expansion":
            # Arithmetic looks into its operands: a[$(rm x)] runs rm, also out of a quoted string.
            if "[" in node.text().strip("[]$()") or kind == "test_command":
                yield ShellPart("command", (children[0].text(), UNKNOWN))
        case "command_substitution" if node.text()[0] == "`" and "\\" in node.text():
            raise _NotUnderstoodError  # backslashes mean something else between backticks
    if any(child.kind() == "((" for child in children):
        yield ShellPart("command", ("((", UNKNOWN))
    for child in children:
        yield from _parts(child, source)


def _refuse_gaps(node: SgNode, children: list[SgNode], source: str) -> None:
    """Raise when the parser passed over anything but blanks, or made up what is missing."""
    at = node.range().start.index
    for child in children:
        span = child.range()
        gap = source[at : span.start.index]
        plain = gap.replace("\\\n", "")
        if plain.strip() or (gap and not plain):  # a continued line, or a continued word
            raise _NotUnderstoodError
        if span.start.index == span.end.index and not child.kind().startswith("heredoc"):
            raise _NotUnderstoodError
        at = max(at, span.end.index)
    if source[at : node.range().end.index].replace("\\\n", "").strip():
        raise _NotUnderstoodError


def _command_words(children: list[SgNode]) -> tuple[str, ...]:
    words = []
    for child in children:
        if child.kind() == "command_name":
            inner = child.children()
            if len(inner) != 1:
                raise _NotUnderstoodError
            if inner[0].text() in RESERVED:
                raise _NotUnderstoodError
            words.append(_word(inner[0]))
        elif child.kind() not in _REDIRECTIONS:
            words.append(_word(child))
    return tuple(words)


def _loop_variable(children: list[SgNode]) -> Iterator[ShellPart]:
    """A loop sets a variable; one in capitals may be PATH or its like."""
    name = children[1].text()
    if not name.islower():
        yield ShellPart("command", (f"{name}={UNKNOWN}",))


def _redirection(children: list[SgNode]) -> Iterator[ShellPart]:
    described = [child for child in children if child.kind() != "file_descriptor"]
    operator, targets = described[0].text(), described[1:]
    if len(targets) != 1:  # the grammar takes further arguments of the command for targets
        if targets or not operator.endswith("&-"):
            raise _NotUnderstoodError
        return
    target = _word(targets[0])
    if operator in (">&", "<&") and re.fullmatch(r"\d*-?", target):
        return
    if target not in HARMLESS_TARGETS:
        yield ShellPart("reads" if operator in ("<", "<&") else "writes", (target,))


def _word(node: SgNode) -> str:
    """What the shell makes of a word, as far as that is known."""
    text = node.text()
    match node.kind():
        case "word" | "number" | "variable_name" | "test_operator":
            return _unquoted(text)
        case "raw_string":
            return text[1:-1]
        case "string":
            return _with_unknowns(node, text[1:-1], 1)
        case "concatenation":
            return _joined(node, text)
        case "variable_assignment":
            return _assignment(node)
        case _ if not node.is_named():
            return UNKNOWN if "$" in text else text
        case _:
            return UNKNOWN


def _assignment(node: SgNode) -> str:
    parts = node.children()
    if len(parts) != 3 or parts[0].kind() != "variable_name":
        value = UNKNOWN
        return f"{re.split(r'[+=[]', node.text())[0]}={value}"
    return f"{parts[0].text()}{parts[1].text()}{_word(parts[2])}"


def _joined(node: SgNode, text: str) -> str:
    if text == "{}":  # of find and xargs
        return text
    unquoted = "".join(child.text() for child in node.children() if child.kind() == "word")
    if "{" in unquoted or "[" in unquoted:
        return UNKNOWN  # may become several words
    at, words = node.range().start.index, []
    for child in node.children():
        span = child.range()
        words += [UNKNOWN] if span.start.index != at else []
        words.append(_word(child))
        at = span.end.index
    return "".join(words)


def _with_unknowns(node: SgNode, inner: str, offset: int) -> str:
    """The text of a string in double quotes, each expansion in it unknown."""
    start = node.range().start.index + offset
    pieces, at = [], 0
    for child in node.children():
        if child.kind() in ("string_content", '"'):
            continue
        span = child.range()
        pieces += [inner[at : span.start.index - start], UNKNOWN]
        at = span.end.index - start
    pieces.append(inner[at:])
    return "".join(
        piece if piece == UNKNOWN else re.sub(r'\\([$`"\\])', r"\1", piece.replace("\\\n", ""))
        for piece in pieces
    )


_SPECIAL = re.compile(r"\\(.)|([*?\[\]{}]|^~|(?<=[:=])~)", re.DOTALL)


def _unquoted(text: str) -> str:
    """A bare word: escapes taken away; patterns, braces and the home folder are unknown."""
    return _SPECIAL.sub(
        lambda found: found[1] if found[1] is not None else UNKNOWN, text.replace("\\\n", "")
    )


def _parent_kind(node: SgNode) -> str:
    parent = node.parent()
    return parent.kind() if parent else ""
