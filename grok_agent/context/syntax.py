"""Parses code into a syntax tree, but no text that would take the parser minutes or gigabytes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ast_grep_py import SgNode

LANGUAGES = frozenset(
    {
        *("bash", "c", "cpp", "csharp", "go", "java", "javascript", "kotlin", "lua"),
        *("php", "python", "ruby", "rust", "scala", "swift", "tsx", "typescript"),
    }
)
"""Those that have a grammar here."""

MAX_CHARS = 1_000_000
MAX_CHARS_OF = {"lua": 30_000, "scala": 50_000}
"""Less where the parser takes quadratic time for a text that is another language after all."""

MAX_LINE_CHARS = 50_000
MAX_DEPTH = 200
MAX_UNCLOSED = 2_000
"""Brackets inside each other, and those without a partner."""

MAX_STRANGE = 200
"""NUL bytes, lines that begin with a tag, comments without an end."""

MANY_LINES, MAX_REPEATED = 1_000, 50
"""From so many lines on, each may stand there so often on average."""

_WITH_MARKUP = frozenset({"javascript", "php", "tsx", "typescript"})
_PAIRS = (b"()", b"[]", b"{}", b"<>")


def parse(text: str, language: str) -> "SgNode | None":
    """The root of the syntax tree of ``text``; None where it has to be read without one.

    That is a language without a grammar, or a text that is too long, too deeply nested, in too long
    lines (minified code) or no code at all. The parser is C code that cannot be stopped, and such
    texts cost it minutes or gigabytes. Positions in the tree are characters of ``text``.
    """
    if language not in LANGUAGES or len(text) > MAX_CHARS_OF.get(language, MAX_CHARS):
        return None
    data = text.encode("utf-8", "replace")
    if _is_no_code(data, language) or _has_odd_lines(data) or _is_deeply_nested(data):
        return None
    from ast_grep_py import SgRoot

    return SgRoot(data.decode(), language).root()


def _is_no_code(data: bytes, language: str) -> bool:
    """Whether there are NUL bytes, lines of markup, or comments without an end in numbers.

    For each comment without an end the parser reads all the rest.
    """
    markup = 0 if language in _WITH_MARKUP else data.count(b"\n<")
    comments = data.count(b"/*", data.rfind(b"*/") + 1)
    return max(data.count(b"\0"), markup, comments) > MAX_STRANGE


def _has_odd_lines(data: bytes) -> bool:
    """Whether a line is too long, or nearly all of many are the same."""
    lines = data.split(b"\n")
    if max(map(len, lines)) > MAX_LINE_CHARS:
        return True
    return len(lines) > MANY_LINES and len(set(lines)) * MAX_REPEATED < len(lines)


def _is_deeply_nested(data: bytes) -> bool:
    """Whether brackets stand inside each other too often, or too many stay open.

    Each round takes away the innermost pairs. Comparisons and arrows disturb the pairs of ``<>``
    only, so these are looked at by themselves.
    """
    return _is_deep(data, _PAIRS[:3]) or _is_deep(data, _PAIRS[3:])


def _is_deep(data: bytes, pairs: Sequence[bytes]) -> bool:
    kept = b"".join(pairs)
    left = data.translate(None, bytes(set(range(256)) - set(kept)))
    for _ in range(MAX_DEPTH):
        before = len(left)
        for pair in pairs:
            left = left.replace(pair, b"")
        if len(left) == before:
            return sum(left.count(pair[:1]) for pair in pairs) > MAX_UNCLOSED
    return True
