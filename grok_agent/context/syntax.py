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
MAX_LINE_CHARS = 20_000
MAX_DEPTH = 200
MAX_UNCLOSED = 2_000

_PAIRS = (b"()", b"[]", b"{}", b"<>")


def parse(text: str, language: str) -> "SgNode | None":
    """The root of the syntax tree of ``text``; None where it has to be read without one.

    That is a language without a grammar, or a text that is too long, too deeply nested or in too
    long lines (minified code). The parser is C code that cannot be stopped, and such texts cost it
    minutes or gigabytes. Positions in the tree are characters of ``text``.
    """
    if language not in LANGUAGES or len(text) > MAX_CHARS:
        return None
    data = text.encode("utf-8", "replace")
    if _has_long_line(data) or _is_deeply_nested(data):
        return None
    from ast_grep_py import SgRoot

    return SgRoot(data.decode(), language).root()


def _has_long_line(data: bytes) -> bool:
    return len(data) > MAX_LINE_CHARS and max(map(len, data.split(b"\n"))) > MAX_LINE_CHARS


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
