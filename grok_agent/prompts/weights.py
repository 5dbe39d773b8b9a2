"""Weighted keywords as Stable Diffusion web UIs write them, read and written.

The grammar is that of AUTOMATIC1111's web UI (2022): ``(w:1.2)``, ``(w)`` for 1.1, ``[w]`` for
1 / 1.1, nesting multiplies, a backslash takes a bracket's meaning away. ComfyUI knows the round
brackets only. One rule is our own: a group with the explicit weight 1, which has no other use,
holds together a keyword with a comma.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

ROUND = 1.1
"""What one pair of round brackets multiplies by; a square pair divides by it."""

MAX_DEPTH = 50

_EXPLICIT = re.compile(r"^(?P<text>.*):\s*(?P<weight>[+-]?(?:\d+\.?\d*|\.\d+))\s*$", re.DOTALL)
_SPACES = re.compile(r"\s+")
_COMMA = "\x00"  # stands for a comma that separates keywords, once brackets are understood
_HOLD = "\x01"  # stands for a comma inside a keyword


@dataclass(frozen=True)
class Dialect:
    """How a program tells brackets from text: its tokens, and what needs a backslash."""

    tokens: re.Pattern[str]
    special: re.Pattern[str]


WEB_UI = Dialect(re.compile(r"\\[()\[\]\\]|[()\[\]]|[^\\()\[\]]+|\\"), re.compile(r"([()\[\]\\])"))
COMFY_UI = Dialect(re.compile(r"\\[()]|[()]|[^\\()]+|\\"), re.compile(r"([()])"))


@dataclass(frozen=True)
class Weighted:
    """A keyword in plain text, brackets and backslashes resolved; ``weight`` 1 is neutral.

    ``mixed`` says that only a part of it had this weight.
    """

    text: str
    weight: float = 1.0
    mixed: bool = False


def read_weighted(text: str, dialect: Dialect = WEB_UI) -> list[Weighted]:
    """The keywords of ``text`` in their order; separators are commas, also ``，``, and new lines.

    Never raises: brackets without a partner are text. Weights are rounded to four digits.
    """
    plain = text.replace(_COMMA, "").replace(_HOLD, "").replace("，", ",").replace("\n", ",")
    keywords: list[list[_Run]] = [[]]
    for run in _Reader(plain, dialect).runs():
        pieces = run.text.split(_COMMA)
        for number, piece in enumerate(pieces):
            if number:
                keywords.append([])
            keywords[-1].append(_Run(piece, run.weight))
    return [word for runs in keywords if (word := _keyword(runs)).text]


def write_weighted(words: Iterable[Weighted], dialect: Dialect = WEB_UI) -> str:
    """The keywords joined by commas; :func:`read_weighted` gives them back."""
    return ", ".join(_written(word, dialect) for word in words)


def one_line(text: str) -> str:
    """``text`` with every run of white space as one blank."""
    return _SPACES.sub(" ", text).strip()


def escape(text: str, dialect: Dialect = WEB_UI) -> str:
    """``text`` on one line, with backslashes before what would be read as brackets."""
    return dialect.special.sub(r"\\\1", one_line(text))


def _written(word: Weighted, dialect: Dialect) -> str:
    text = escape(word.text, dialect)
    if "," in text or "，" in text:
        text = f"({text}:1)"
    elif word.weight == 1 and _EXPLICIT.match(text) is None:
        return text
    return text if word.weight == 1 else f"({text}:{word.weight:.4g})"


@dataclass
class _Run:
    """A stretch of text with one weight."""

    text: str
    weight: float = 1.0


@dataclass
class _Reader:
    """Reads brackets by recursive descent; ``_at`` is the next token."""

    text: str
    dialect: Dialect
    _tokens: list[str] = field(init=False)
    _at: int = 0

    def __post_init__(self) -> None:
        self._tokens = self.dialect.tokens.findall(self.text)
        self._partners = _partners(self._tokens)

    def runs(self) -> Iterator[_Run]:
        """The text in stretches of one weight, separating commas marked."""
        yield from self._until(len(self._tokens))

    def _until(self, end: int) -> Iterator[_Run]:
        while self._at < end:
            token = self._tokens[self._at]
            closing = self._partners.get(self._at)
            self._at += 1
            if closing is not None and token in "([":
                yield from self._group(token, closing)
            elif len(token) == 2 and token[0] == "\\":
                yield _Run(token[1])
            else:
                yield _Run(token.replace(",", _COMMA))

    def _group(self, opening: str, closing: int) -> Iterator[_Run]:
        inside = _joined(self._until(closing))
        self._at = closing + 1
        explicit = _EXPLICIT.match(inside[-1].text) if inside and opening == "(" else None
        if explicit is None or self._tokens[closing - 1].startswith("\\"):
            weight = ROUND if opening == "(" else 1 / ROUND
            yield from (_Run(run.text, run.weight * weight) for run in inside)
            return
        weight = float(explicit["weight"])
        inside[-1] = _Run(explicit["text"], inside[-1].weight)
        held = weight == 1
        for run in inside:
            text = run.text.replace(_COMMA, _HOLD) if held else run.text
            yield _Run(text, run.weight * weight)


def _partners(tokens: list[str]) -> dict[int, int]:
    """The index of the closing bracket for each opening one that has it; deeper nests are text."""
    found: dict[int, int] = {}
    open_at: list[int] = []
    for index, token in enumerate(tokens):
        if token in ("(", "["):
            open_at.append(index)
        elif token in (")", "]"):
            wanted = "(" if token == ")" else "["
            if open_at and tokens[open_at[-1]] == wanted:
                start = open_at.pop()
                if len(open_at) < MAX_DEPTH:
                    found[start] = index
    closed = {end: start for start, end in found.items()}
    return found | closed


def _joined(runs: Iterable[_Run]) -> list[_Run]:
    """Neighbours of one weight as one stretch."""
    joined: list[_Run] = []
    for weight, group in groupby(runs, key=lambda run: run.weight):
        joined.append(_Run("".join(run.text for run in group), weight))
    return joined


def _keyword(runs: list[_Run]) -> Weighted:
    text = "".join(run.text for run in runs).replace(_HOLD, ",")
    weights = {round(run.weight, 4) for run in runs if run.text.strip()}
    strongest = max(weights, key=lambda weight: abs(weight - 1), default=1.0)
    return Weighted(one_line(text), strongest, mixed=len(weights) > 1)
