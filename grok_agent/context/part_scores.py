"""Which parts of ranked files a task needs most: their words, their file's place, their size."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, log1p

from grok_agent.context.file_kinds import Kind
from grok_agent.context.parts import Lines
from grok_agent.context.spans import Span
from grok_agent.context.words import parts as terms_of
from grok_agent.context.words import words

_SATURATION = 1.5  # BM25's k1 (Robertson and Walker, 1994)
_LENGTH_SHARE = 0.5  # BM25's b

WEIGHTS: Mapping[str, float] = {
    "place": -0.45,  # of the file, log(1 + place from 0)
    "first places": 2.5,  # 1 / (1 + place)
    "words": 4.5,  # BM25 of the part, 1 for the best part of all
    "covered": 1.0,  # share of the task's words, weighed by rarity
    "parts": -0.3,  # of the file, log of their number
    "aside": -2.5,  # tests, documentation, data: the file is not source
}
COST_POWER = 0.3


@dataclass(frozen=True, slots=True)
class RankedText:
    """A file at its ``place`` in the ranking (from 0), its lines and the parts it was cut into."""

    path: str
    place: int
    kind: Kind
    lines: Sequence[str]
    parts: Sequence[Lines]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A part of a file and what it is worth: the higher the score, the sooner it is taken."""

    span: Span
    score: float

    @property
    def path(self) -> str:
        """The file's path."""
        return self.span.path


def candidates(files: Sequence[RankedText], wanted: Mapping[str, float]) -> list[Candidate]:
    """The parts of ``files``, best first, for a task whose terms weigh ``wanted``.

    The score estimates how likely the part is needed (a logistic model), divided by a power of its
    size, so that of two parts as likely the smaller comes first.
    """
    known: dict[str, tuple[str, ...]] = {}
    found = [
        (file, part, _wanted_in("".join(file.lines[part[0] - 1 : part[1]]), wanted, known))
        for file in files
        for part in file.parts
    ]
    worth = _worth([hits for _, _, (hits, _) in found], wanted)
    mean = sum(length for *_, (_, length) in found) / max(len(found), 1) or 1.0
    bm25 = [_bm25(hits, length / mean, worth) for *_, (hits, length) in found]
    best, total = max(bm25, default=0.0) or 1.0, sum(worth.values()) or 1.0
    scored = []
    for (file, (first, last), (hits, _)), words_score in zip(found, bm25, strict=True):
        signals = {
            "place": log1p(file.place),
            "first places": 1 / (1 + file.place),
            "words": words_score / best,
            "covered": sum(worth[term] for term in hits) / total,
            "parts": log(len(file.parts)),
            "aside": float(file.kind != "source"),
        }
        needed = sum(WEIGHTS[name] * value for name, value in signals.items())
        size = max(sum(map(len, file.lines[first - 1 : last])), 120)
        score = 1 / (1 + exp(6 - needed)) / size**COST_POWER
        scored.append((-score, file.place, first, Candidate(Span(file.path, first, last), score)))
    return [candidate for *_, candidate in sorted(scored, key=lambda row: row[:3])]


def _wanted_in(
    text: str, wanted: Mapping[str, float], known: dict[str, tuple[str, ...]]
) -> tuple[dict[str, int], int]:
    """How often each wanted term stands in ``text``, and the number of words in it."""
    counted = Counter(words(text))
    hits: dict[str, int] = {}
    for word, number in counted.items():
        terms = known.get(word)
        if terms is None:
            terms = known[word] = tuple(term for term in terms_of(word) if term in wanted)
        for term in terms:
            hits[term] = hits.get(term, 0) + number
    return hits, counted.total()


def _worth(hits: Sequence[Mapping[str, int]], wanted: Mapping[str, float]) -> dict[str, float]:
    """Rarity of each term among the parts (BM25's idf)."""
    having = Counter(term for each in hits for term in each)
    return {
        term: log(1 + (len(hits) - having[term] + 0.5) / (having[term] + 0.5)) for term in wanted
    }


def _bm25(hits: Mapping[str, int], length: float, worth: Mapping[str, float]) -> float:
    norm = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length)
    return sum(
        worth[term] * times * (_SATURATION + 1) / (times + norm) for term, times in hits.items()
    )
