"""A text as lines that can be compared loosely and replaced without touching their neighbours."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_LONG_LINE = 10_000

TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("‐‑‒–−", "-"),
        **dict.fromkeys("—―", "--"),
        **dict.fromkeys("\xa0\u1680\u202f\u205f\u3000", " "),
        **dict.fromkeys(map(chr, range(0x2000, 0x200B)), " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\xad", ""),
        **dict.fromkeys(map(chr, range(0xDC80, 0xDD00)), "\ufffd"),  # undecodable bytes as shown
        "…": "...",
    }
)
"""What typographic characters are on a keyboard, for ``str.translate``."""


@dataclass(frozen=True)
class Splice:
    """The lines from ``first`` to before ``stop``, counted from 0, become ``texts``."""

    first: int
    stop: int
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Lines:
    """A text as lines: ``texts`` without their ends, and ``ends``, of which the last is empty.

    A lone carriage return ends a line only where the text has no line feed at all.
    """

    texts: list[str]
    ends: list[str]
    _keys: dict[Callable[[str], str], list[str]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, text: str) -> "Lines":
        """Split ``text``; joining each line and its end gives it back."""
        if "\r" not in text or "\n" not in text:
            end = "\r" if "\r" in text else "\n"
            texts = text.split(end)
            return cls(texts, [end] * (len(texts) - 1) + [""])
        parts = re.split(r"(\r?\n)", text)
        return cls(parts[::2], [*parts[1::2], ""])

    def keys(self, key: Callable[[str], str]) -> list[str]:
        """``key`` of every line, computed once."""
        if key not in self._keys:
            self._keys[key] = [key(text) for text in self.texts]
        return self._keys[key]

    def spliced(self, splices: Sequence[Splice]) -> str:
        """The text after ``splices``, which are in order and apart.

        A new line ends as the line it replaces, or the nearest line that has an end. Whether the
        text closes with a line end stays as it is.
        """
        texts: list[str] = []
        ends: list[str] = []
        kept = 0
        for splice in splices:
            texts += self.texts[kept : splice.first]
            ends += self.ends[kept : splice.first]
            end = self._end_near(splice.first)
            texts += splice.texts
            ends += [end] * len(splice.texts)
            kept = splice.stop
        texts += self.texts[kept:]
        ends += self.ends[kept:]
        whole = [end or self._end_near(len(self.texts) - 1) for end in ends[:-1]]
        return "".join(map(str.__add__, texts, [*whole, ""]))

    def _end_near(self, number: int) -> str:
        if len(self.ends) < 2:
            return "\n"
        return self.ends[min(number, len(self.ends) - 2)]


def fold(line: str) -> str:
    """``line`` with typographic characters as a keyboard has them."""
    plain = line if line.isascii() else line.translate(TYPOGRAPHY)
    return plain.replace(" -- ", " - ")


def bare(line: str) -> str:
    """``line`` without typography and with single blanks; what two lines must have in common."""
    plain = fold(line)
    return plain.strip() if len(plain) > _LONG_LINE else " ".join(plain.split())
