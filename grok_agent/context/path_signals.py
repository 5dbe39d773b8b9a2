"""What the path of a file says about a task: its words, its base name."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from grok_agent.context.content_signals import Scores, rarity
from grok_agent.context.words import parts, words

PREFIX_LETTERS = 4

_EMPTY_NAMES = frozenset(("init", "index", "mod", "main", "lib"))


@dataclass(frozen=True, slots=True)
class PathWords:
    """A path taken apart: its terms with their numbers (the base name's twice), its base name."""

    terms: Mapping[str, int]
    base: frozenset[str]


@dataclass(frozen=True, slots=True)
class PathSignals:
    """Scores of files by their paths.

    ``path`` sums the rarity of the task's terms in it. ``base`` is the share of the base name's
    words that the task has; ``prefix`` is 1 where it only begins like one of them. ``scope`` is the
    share of the words in front of the task's first colon.
    """

    path: Scores = field(default_factory=dict)
    base: Scores = field(default_factory=dict)
    prefix: Scores = field(default_factory=dict)
    scope: Scores = field(default_factory=dict)


def path_words(path: str, known: dict[str, tuple[str, ...]]) -> PathWords:
    """Take ``path`` apart. A file like ``__init__.py`` is called after its folder.

    ``known`` remembers the parts of words seen.
    """
    folder, _, name = path.rpartition("/")
    name = name.partition(".")[0] or name
    above = _terms(folder, known)
    base = _terms(name, known)
    counted: dict[str, int] = {}
    for term in (*above, *base, *base):
        counted[term] = counted.get(term, 0) + 1
    if not base or name.strip("_") in _EMPTY_NAMES:
        base = _terms(folder.rpartition("/")[2], known) or base
    return PathWords(counted, frozenset(t for t in base if t[0] != "="))


def path_signals(
    terms: Mapping[str, float], scope: Iterable[str], taken_apart: Sequence[PathWords]
) -> PathSignals:
    """Score the files whose paths are ``taken_apart``; ``terms`` are the task's by weight."""
    having = Counter(t for path in taken_apart for t in path.terms.keys() & terms.keys())
    worth = {t: rarity(len(taken_apart), having[t]) * terms[t] for t in having}
    starts = {t[:PREFIX_LETTERS] for t in terms if len(t) >= PREFIX_LETTERS and t[0] != "="}
    scopes = frozenset(scope)
    found = PathSignals()
    for place, path in enumerate(taken_apart):
        if hit := sorted(path.terms.keys() & worth.keys()):
            found.path[place] = sum(worth[t] * min(path.terms[t], 2) ** 0.5 for t in hit)
        if covered := len(path.base & terms.keys()):
            found.base[place] = covered / len(path.base)
        elif any(t[:PREFIX_LETTERS] in starts for t in path.base if len(t) >= PREFIX_LETTERS):
            found.prefix[place] = 1.0
        if scopes and (named := len(scopes & path.terms.keys())):
            found.scope[place] = named / len(scopes)
    return found


def _terms(text: str, known: dict[str, tuple[str, ...]]) -> list[str]:
    found: list[str] = []
    for word in words(text):
        if word not in known:
            known[word] = parts(word)
        found += known[word]
    return found
