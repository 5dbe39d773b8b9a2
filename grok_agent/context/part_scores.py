"""Which parts of ranked files a task needs most: by their words and by their file's place."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log

from grok_agent.context.ranked_texts import RankedText
from grok_agent.context.spans import Span
from grok_agent.context.words import parts as terms_of
from grok_agent.context.words import words

WEIGHTS: Mapping[str, float] = {
    "behind": -0.55,
    "words": 4.27,
    "parts": -0.37,
    "aside": -2.0,
}
"""Learned by benchmarks/fit_pack.py, but for ``aside``: commits that only change tests or docs are
no cases there, and would teach to leave both out."""

SIZE_WEIGHT = -0.5
SMALLEST_CHARS = 300
MOST_CHARS = 20_000
"""The words of longer parts, which are single lines, are looked at only so far."""

_SATURATION = 1.5  # BM25's k1 (Robertson and Walker, 1994)
_LENGTH_SHARE = 0.5  # BM25's b


@dataclass(frozen=True, slots=True)
class Candidate:
    """A part of a file and what it is worth: the higher the score, the sooner it is taken."""

    span: Span
    score: float
    lines: Sequence[str] = field(repr=False)  # of the whole file


@dataclass(frozen=True, slots=True)
class PartSignals:
    """What is known of one part of ``file``; ``values`` are by the names in :data:`WEIGHTS`."""

    file: RankedText
    span: Span
    characters: int
    values: Mapping[str, float]


def candidates(files: Sequence[RankedText], wanted: Mapping[str, float]) -> list[Candidate]:
    """The parts of ``files``, best first, for a task whose terms weigh ``wanted``.

    The score is the logarithm of the odds that a part is needed (a logistic model), less half the
    logarithm of its size, so that of two parts as likely the smaller comes first.
    """
    found = []
    for order, part in enumerate(part_signals(files, wanted)):
        score = sum(WEIGHTS[name] * value for name, value in part.values.items())
        score += SIZE_WEIGHT * log(max(part.characters, SMALLEST_CHARS))
        found.append((-score, order, Candidate(part.span, score, part.file.lines)))
    return [candidate for *_, candidate in sorted(found, key=lambda row: row[:2])]


def part_signals(files: Sequence[RankedText], wanted: Mapping[str, float]) -> list[PartSignals]:
    """The signals of all parts of ``files``, file by file.

    ``behind`` is how far the file's score lies behind that of the first; ``words`` BM25 of the
    part, 1 for the best part of all; ``parts`` the logarithm of their number in the file; ``aside``
    1 for a file that is no source.
    """
    known: dict[str, tuple[str, ...]] = {}
    counted = [
        [
            _wanted_in("".join(file.lines[first - 1 : last])[:MOST_CHARS], wanted, known)
            for first, last in file.parts
        ]
        for file in files
    ]
    scores = _bm25(counted, wanted)
    best = max((score for row in scores for score in row), default=0.0) or 1.0
    found = []
    for file, row in zip(files, scores, strict=True):
        of_file = {
            "behind": file.behind,
            "parts": log(max(len(file.parts), 1)),
            "aside": float(file.kind != "source"),
        }
        for (first, last), score in zip(file.parts, row, strict=True):
            size = sum(map(len, file.lines[first - 1 : last]))
            span = Span(file.path, first, last)
            found.append(PartSignals(file, span, size, {**of_file, "words": score / best}))
    return found


@dataclass(frozen=True, slots=True)
class _Hits:
    """How often each wanted term stands in a text, and the number of words in it."""

    times: Mapping[str, int]
    words: int


def _wanted_in(text: str, wanted: Mapping[str, float], known: dict[str, tuple[str, ...]]) -> _Hits:
    counted = Counter(words(text))
    times: dict[str, int] = {}
    for word, number in counted.items():
        terms = known.get(word)
        if terms is None:
            terms = known[word] = tuple(term for term in terms_of(word) if term in wanted)
        for term in terms:
            times[term] = times.get(term, 0) + number
    return _Hits(times, counted.total())


def _bm25(counted: Sequence[Sequence[_Hits]], wanted: Mapping[str, float]) -> list[list[float]]:
    """BM25 of each part for the wanted terms, all parts taken together."""
    every = [hits for row in counted for hits in row]
    having = Counter(term for hits in every for term in hits.times)
    rarity = {
        term: log(1 + (len(every) - having[term] + 0.5) / (having[term] + 0.5)) for term in wanted
    }
    mean = sum(hits.words for hits in every) / max(len(every), 1) or 1.0

    def score(hits: _Hits) -> float:
        norm = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * hits.words / mean)
        return sum(
            rarity[term] * times * (_SATURATION + 1) / (times + norm)
            for term, times in hits.times.items()
        )

    return [[score(hits) for hits in row] for row in counted]
