"""Text as the search index holds it: Chinese has no blanks, so each of its characters is a word.

A run of Chinese characters in a query is looked for as a phrase, so that any part of a sentence
is found, also a word of two characters, which an index of trigrams cannot find.
"""

import re
from collections.abc import Iterable

MAX_TERMS = 32

_HAN = re.compile(
    r"([\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])"
)
_TERMS = re.compile(r"\w+")


def searchable(texts: Iterable[str]) -> str:
    """``texts`` as one line of words, in lower case, as :func:`terms` looks for them."""
    return " ".join(" ".join(_TERMS.findall(_spaced(text))) for text in texts)


def terms(query: str) -> list[str]:
    """What to look for: words, and phrases of blank-separated characters; all must be there.

    At most 32 are taken. Empty for a query without letters or digits.
    """
    found = [" ".join(_TERMS.findall(_spaced(word))) for word in query.lower().split()]
    return list(dict.fromkeys(term for term in found if term))[:MAX_TERMS]


def _spaced(text: str) -> str:
    plain = text.lower().replace("_", " ").encode("utf-8", "ignore").decode("utf-8")
    return _HAN.sub(r" \1 ", plain)
