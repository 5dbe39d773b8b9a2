"""Texts that a task quotes, looked for word for word in the files that hold all their words."""

from collections.abc import Callable, Mapping, Sequence

from grok_agent.context.content_signals import Scores
from grok_agent.context.term_index import Posting
from grok_agent.context.words import telling_parts, words

MAX_READ = 24
MAX_HAVING = 8
"""A text that more files hold says little of each."""


def exact_text(
    quotes: Sequence[str],
    postings: Mapping[str, Sequence[Posting]],
    places: Mapping[int, Sequence[int]],
    read: Callable[[int], str],
) -> Scores:
    """How much each file is meant by the quotes in it: 1 for a text that is nowhere else.

    ``places`` are the files by number of a document, and ``read`` gives a file's text by its place.
    """
    texts: dict[int, str] = {}
    found: Scores = {}
    for quote in quotes:
        candidates = _having_all(quote, postings, places)
        for place in candidates:
            if place not in texts and len(texts) < MAX_READ:
                texts[place] = read(place)
        having = [place for place in candidates if quote in texts.get(place, "")]
        if 0 < len(having) <= MAX_HAVING:
            for place in having:
                found[place] = found.get(place, 0.0) + 1 / len(having)
    return {place: min(score, 1.0) for place, score in found.items()}


def _having_all(
    quote: str, postings: Mapping[str, Sequence[Posting]], places: Mapping[int, Sequence[int]]
) -> list[int]:
    """Files that hold all words of ``quote``; none for quotes without at least two words."""
    terms = {term for word in words(quote) for term, _ in telling_parts(word)}
    if len(terms) < 2:
        return []
    having = [{posting.number for posting in postings.get(term, ())} for term in terms]
    numbers = sorted(set.intersection(*having))
    return [place for number in numbers for place in places.get(number, ())]
