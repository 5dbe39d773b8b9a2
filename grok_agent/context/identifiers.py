"""Counts the words of a text that could be identifiers."""

import re
from collections import Counter

_ASCII = re.compile(r"[A-Za-z_]\w+", re.ASCII)
_ANY = re.compile(r"[^\W\d]\w+")

MAX_CHARS = 80
"""Longer words are data, not names."""


def count_identifiers(text: str) -> str:
    """Each word of two characters or more that begins with a letter, and how often it stands there.

    Words and counts take turns, between blanks, in the order of the first use.
    """
    counts = Counter((_ASCII if text.isascii() else _ANY).findall(text))
    return " ".join([f"{word} {n}" for word, n in counts.items() if len(word) <= MAX_CHARS])
