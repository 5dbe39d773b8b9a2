"""Words of code and of prose: identifiers split into their parts, endings cut, noise left out."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

_WORD = re.compile(r"[^\W\d]\w*|\d{2,}")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z]+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{2,}")
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ers", "ed", "es", "er", "s")
_LONGEST_WORD = 80

NOISE = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "from",
        "has",
        "have",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "not",
        "of",
        "on",
        "or",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "we",
        "were",
        "when",
        "where",
        "which",
        "will",
        "with",
        "would",
        "can",
        "could",
        "should",
        "do",
        "does",
        "did",
        "no",
        "so",
        "than",
        "too",
        "very",
        "just",
        "also",
        "after",
        "before",
        "use",
        "used",
        "uses",
        "using",
        "make",
        "makes",
        "made",
        "fix",
        "fixes",
        "fixed",
        "add",
        "adds",
        "added",
        "remove",
        "removed",
        "change",
        "changes",
        "changed",
        "now",
        "new",
        "only",
        "instead",
        "some",
        "any",
        "more",
        "all",
        "other",
        "code",
        "file",
        "files",
        "line",
        "lines",
        "via",
        "see",
        "due",
        "what",
        "how",
        "why",
        "i",
        "you",
        "your",
        "our",
        "allow",
        "support",
        "update",
        "updated",
        "introduce",
        "improve",
        "refactor",
        "feat",
        "perf",
        "chore",
        "without",
        "while",
        "because",
        "since",
        "return",
        "returns",
        "true",
        "false",
        "none",
        "null",
        "self",
        "def",
        "class",
        "import",
        "function",
        "please",
        "want",
        "need",
        "my",
        "me",
        "let",
        "lets",
        "get",
        "gets",
        "way",
        "able",
    ]
)
"""Words too common in tasks and messages to find a file by."""


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
    found = [stem(part.lower()) for part in _split(word) if len(part) > 1]
    return (*found, f"={word.lower()}") if is_compound(word) else tuple(found)


def is_compound(word: str) -> bool:
    """Whether ``word`` is an identifier of several parts, as in read_file or readFile."""
    return word.isascii() and len(_PART.findall(word)) > 1


def words(text: str) -> list[str]:
    """Identifiers, words and numbers of two digits or more, as they stand and in their order."""
    found: list[str] = _WORD.findall(text)
    return found


def count_terms(text: str, known: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """How often each term stands in ``text``; ``known`` remembers the parts of words seen."""
    return count_parts(Counter(_WORD.findall(text)), known)


def count_parts(counted: Mapping[str, int], known: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """The same, for words counted already."""
    found: dict[str, int] = {}
    for word, number in counted.items():
        terms = known.get(word)
        if terms is None:
            terms = known[word] = parts(word)
        for term in terms:
            found[term] = found.get(term, 0) + number
    return found


def telling(found: Iterable[str]) -> list[str]:
    """Terms of ``found`` words, noise left out, in their order; repeated where they repeat."""
    return [term for word in found if word.lower() not in NOISE for term in _telling_parts(word)]


def _telling_parts(word: str) -> list[str]:
    noise = {stem(part.lower()) for part in _split(word) if part.lower() in NOISE}
    return [term for term in parts(word) if term not in noise]


def _split(word: str) -> list[str]:
    found: list[str] = _PART.findall(word)
    if word.isascii() or not _UNSPACED.search(word):
        return found
    pairs: list[str] = []
    for part in found:
        unspaced = len(part) > 2 and _UNSPACED.fullmatch(part)
        pairs += [part[i : i + 2] for i in range(len(part) - 1)] if unspaced else [part]
    return pairs
