"""Counts the words of a text that could be identifiers."""

import re
from collections import Counter

_ASCII = re.compile(r"[A-Za-z_]\w+", re.ASCII)
_ANY = re.compile(r"[^\W\d]\w+")

MAX_CHARS = 80
"""Longer words are data, not names."""


def count_identifiers(text: str) -> tuple[tuple[str, int], ...]:
    """Each word of two characters or more that begins with a letter, and how often it stands there.

    In the order of their first use.
    """
    words = (_ASCII if text.isascii() else _ANY).findall(text)
    return tuple(item for item in Counter(words).items() if len(item[0]) <= MAX_CHARS)
