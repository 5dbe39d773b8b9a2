"""Words of code and of prose: identifiers split into their parts, endings cut."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from grok_agent.context.common_words import NOISE

_WORD = re.compile(r"[^\W\d]\w*|\d{2,}")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_FOREIGN_PART = re.compile(r"[^\W\d_]+|\d+")
_UNSPACED = re.compile(
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003134f]+)"
)
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ers", "ed", "es", "er", "s")
_LONGEST_WORD = 80

MAX_KNOWN_WORDS = 300_000
"""A large repository has more words than are worth their memory."""


def stem(word: str) -> str:
    """``word`` without its ending, at least three letters long: "caching" gives "cach"."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def parts(word: str) -> tuple[str, ...]:
    """Terms of one word: the stem of each part; of a compound also ``=`` and the whole of it.

    "readFile" gives "read", "file" and "=readfile". Runs of a script without spaces between words
    (Han, Kana, Thai and others) give each pair of neighbours.
    """
    if len(word) > _LONGEST_WORD:
        return ()
    if not word.isascii():
        return tuple(_foreign_parts(word))
    split = _PART.findall(word)
    found = [stem(part.lower()) for part in split if len(part) > 1]
    return (*found, f"={word.lower()}") if len(split) > 1 else tuple(found)


def is_compound(word: str) -> bool:
    """Whether ``word`` is an identifier of several parts, as in read_file or readFile."""
    return word.isascii() and len(_PART.findall(word)) > 1


def words(text: str) -> list[str]:
    """Identifiers, words and numbers of two digits or more, as they stand and in their order."""
    found: list[str] = _WORD.findall(text)
    return found


def telling_parts(word: str) -> list[tuple[str, str]]:
    """Terms of a task's word, each with the part it was made of; none where it is only noise."""
    if word.lower() in NOISE or len(word) > _LONGEST_WORD:
        return []
    if not word.isascii():
        return [(part, part) for part in _foreign_parts(word)]
    split = [part.lower() for part in _PART.findall(word)]
    found = [(stem(part), part) for part in split if len(part) > 1 and part not in NOISE]
    return [*found, (f"={word.lower()}", word.lower())] if len(split) > 1 else found


def count_terms(text: str, known: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """How often each term stands in ``text``; ``known`` remembers the parts of words seen."""
    return count_parts(Counter(words(text)), known)


def count_parts(counted: Mapping[str, int], known: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """The same, for words counted already."""
    if len(known) > MAX_KNOWN_WORDS:
        known.clear()
    found: dict[str, int] = {}
    for word, number in counted.items():
        terms = known.get(word)
        if terms is None:
            terms = known[word] = parts(word)
        for term in terms:
            found[term] = found.get(term, 0) + number
    return found


def _foreign_parts(word: str) -> Iterator[str]:
    for number, piece in enumerate(_UNSPACED.split(word)):
        if number % 2:  # a run without spaces; what lies between is at even places
            yield from (piece[i : i + 2] for i in range(len(piece) - 1))
        elif piece.isascii():
            yield from parts(piece.strip("_"))
        else:
            yield from (part for part in _FOREIGN_PART.findall(piece.lower()) if len(part) > 1)
