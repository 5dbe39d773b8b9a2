"""What the text of files says about a task: BM25 over fields (Robertson and Zaragoza, 2009)."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt

from grok_agent.context.term_index import Posting

K1 = 6.0
B = 0.6
DEFINED_WEIGHT = 4.0
PATH_WEIGHT = 5.0

Scores = dict[int, float]
"""A number for each file (by its place in the list of files) that has any."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The files as documents of an index.

    ``places`` are the files by number of a document, several where contents are the same;
    ``lengths`` are in terms, by number. ``core`` are the files whose words count when it is asked
    how rare a term is: translations and test data do not make a word common.
    """

    places: Mapping[int, Sequence[int]]
    lengths: Mapping[int, int]
    core: frozenset[int]


@dataclass(frozen=True, slots=True)
class ContentSignals:
    """``fields`` score the words of the whole task, ``subject`` those of its first line.

    ``cover`` is the summed weight of the terms that a file has, however often. ``rarity`` tells
    how much each term says.
    """

    fields: Scores
    subject: Scores
    cover: Scores
    rarity: dict[str, float]


def rarity(documents: int, having: int) -> float:
    """How much a term says that ``having`` of ``documents`` have; always above 0."""
    return log(1 + (documents - having + 0.5) / (having + 0.5))


def normed_lengths(
    lengths: Mapping[int, int], counted: Collection[int] | None = None
) -> dict[int, float]:
    """Length of each document relative to the mean (of ``counted``), softened as BM25 does."""
    among = [lengths[number] for number in (lengths if counted is None else counted)]
    mean = sum(among) / max(len(among), 1) or 1.0
    return {number: 1 - B + B * length / mean for number, length in lengths.items()}


def content_signals(
    terms: Mapping[str, float],
    subject: Mapping[str, float],
    postings: Mapping[str, Sequence[Posting]],
    path_terms: Mapping[str, Mapping[int, int]],
    corpus: Corpus,
) -> ContentSignals:
    """Score the files of ``corpus``.

    ``terms`` and ``subject`` are those of the task by weight; ``postings`` are where they stand in
    contents, and ``path_terms`` how often in paths, by file.
    """
    core_numbers = {n for n, files in corpus.places.items() if not corpus.core.isdisjoint(files)}
    norms = normed_lengths(corpus.lengths, core_numbers)
    found = ContentSignals(defaultdict(float), defaultdict(float), defaultdict(float), {})
    for term, weight in terms.items():
        amounts = _amounts(postings.get(term, ()), norms, corpus.places)
        for place, times in path_terms.get(term, {}).items():
            amounts[place] = amounts.get(place, 0.0) + PATH_WEIGHT * times
        if not amounts:
            continue
        having = len(corpus.core.intersection(amounts))
        rare = found.rarity[term] = rarity(len(corpus.core), having)
        in_all, in_subject = rare * weight, rare * subject.get(term, 0.0)
        for place, amount in amounts.items():
            share = amount * (K1 + 1) / (amount + K1)
            found.fields[place] += in_all * share
            found.cover[place] += in_all
            if in_subject:
                found.subject[place] += in_subject * share
    return found


def _amounts(
    postings: Sequence[Posting],
    norms: Mapping[int, float],
    places: Mapping[int, Sequence[int]],
) -> Scores:
    """How much of a term each file has, with regard to its length; definitions count more."""
    amounts: Scores = {}
    for number, times, defined in postings:
        norm = norms.get(number)
        if norm is None:
            continue
        amount = times / norm
        if defined:
            amount += DEFINED_WEIGHT * (defined / sqrt(norm) if norm > 1 else defined)
        for place in places[number]:
            amounts[place] = amount
    return amounts
