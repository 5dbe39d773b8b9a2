"""What the text of files says about a task: BM25 in fields (Robertson, Zaragoza 2009)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from math import log, sqrt

from grok_agent.context.term_index import Posting

K1 = 6.0
B = 0.6
MARKED_WEIGHT = 4.0
PATH_WEIGHT = 5.0

Scores = dict[int, float]
"""A number for each file (by its place in the list of files) that has any."""


def rarity(documents: int, having: int) -> float:
    """How much a term says that ``having`` of ``documents`` have (always above 0)."""
    return log(1 + (documents - having + 0.5) / (having + 0.5))


def normed_lengths(
    lengths: Mapping[int, int], core: Collection[int] | None = None
) -> dict[int, float]:
    """Length of each document relative to the mean (of ``core``), softened as BM25 does."""
    core = lengths if core is None else core
    mean = sum(lengths[n] for n in core) / max(len(core), 1) or 1.0
    return {number: 1 - B + B * length / mean for number, length in lengths.items()}


def content_signals(
    weights: Mapping[str, float],
    postings: Mapping[str, Sequence[Posting]],
    path_terms: Mapping[str, Mapping[int, int]],
    norms: Mapping[int, float],
    places: Mapping[int, Sequence[int]],
    core: frozenset[int],
) -> tuple[dict[str, Scores], dict[str, float]]:
    """Scores by signal, and the rarity of each term.

    ``weights`` are the terms of the task; ``postings`` are theirs in the index, ``path_terms``
    those in paths, by file; ``norms`` are normed lengths and ``places`` the files, each by number
    of a document; ``total`` is the number of files.
    """
    fields: Scores = defaultdict(float)
    body: Scores = defaultdict(float)
    marked: Scores = defaultdict(float)
    cover: Scores = defaultdict(float)
    rarities: dict[str, float] = {}
    for term, weight in weights.items():
        times_in: dict[int, tuple[float, float]] = {}
        for number, times, marks in postings.get(term, ()):
            norm = norms.get(number)
            if norm is None:
                continue
            pair = times / norm, marks / sqrt(norm) if norm > 1 else marks
            for place in places[number]:
                times_in[place] = pair
        in_path = path_terms.get(term, {})
        if not times_in and not in_path:
            continue
        in_path_only = sum(place not in times_in and place in core for place in in_path)
        having = len(core.intersection(times_in)) + in_path_only
        rare = rarities[term] = rarity(len(core), having)
        worth = rare * weight
        for place, (times_, marks_) in times_in.items():
            in_fields = times_ + MARKED_WEIGHT * marks_ + PATH_WEIGHT * in_path.get(place, 0)
            fields[place] += worth * in_fields * (K1 + 1) / (in_fields + K1)
            body[place] += worth * times_ * (K1 + 1) / (times_ + K1)
            cover[place] += worth
            if marks_:
                marked[place] += worth * marks_ * (K1 + 1) / (marks_ + K1)
        for place, times_ in in_path.items():
            if place not in times_in:
                in_fields = PATH_WEIGHT * times_
                fields[place] += worth * in_fields * (K1 + 1) / (in_fields + K1)
    return {"fields": fields, "body": body, "marked": marked, "cover": cover}, rarities
