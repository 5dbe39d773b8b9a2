"""Cuts a text into parts at its definitions, so that a part can be read by itself."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

from grok_agent.context.joints import WITHIN_EXPRESSION, Joint, joints
from grok_agent.context.tokens import count

Lines = tuple[int, int]
"""First and last line of a part, 1-based and inclusive."""

MOST_CHARS_PER_TOKEN = 16
"""A text of more characters a token is taken for too large without being counted."""

_CHARS_PER_TOKEN = 4.0
_TIGHTER = 0.7
_ANYWHERE = 1_000  # the rank of a cut between any two lines


def lines_of(text: str) -> list[str]:
    """The lines of ``text`` with their ends; only a line feed ends a line, as in git."""
    lines = text.split("\n")
    ended = [f"{line}\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def cut(text: str, path: str, max_tokens: int) -> list[Lines]:
    """Spans of lines that follow each other through ``text``, each of at most ``max_tokens``.

    They begin and end between definitions, or between statements where a definition is too large;
    items of one long list or table are the next resort, single lines the last. A single line that
    is longer than ``max_tokens`` is a span by itself: :func:`head` gives its beginning.
    """
    lines = lines_of(text)
    if not lines:
        return []
    if len(text) <= MOST_CHARS_PER_TOKEN * max_tokens and count(text) <= max_tokens:
        return [(1, len(lines))]
    places = joints(text, path, 2)
    sizes = [len(line) for line in lines]
    found: list[Lines] = []
    waiting = [(1, len(lines), max_tokens * _CHARS_PER_TOKEN)]
    while waiting:
        first, last, limit = waiting.pop()
        spans = divide(sizes, places, (first, last), limit, joined=limit)
        for start, end in spans:
            is_small = start == end or count("".join(lines[start - 1 : end])) <= max_tokens
            if is_small:
                found.append((start, end))
            else:
                waiting.append((start, end, limit * _TIGHTER))
    return sorted(found)


def divide(
    sizes: Sequence[int],
    places: Sequence[Joint],
    whole: Lines,
    limit: float,
    *,
    joined: float,
    hard: float = 0,
) -> list[Lines]:
    """Parts of the lines ``whole``, cut at the best of ``places`` where they are above ``limit``.

    ``sizes`` holds the size of each line of the text, in any unit. Neighbours of the same rank are
    joined while they have at most ``joined`` together. A statement is cut only above ``hard``, if
    that is more than ``limit``. A line above both is a part by itself.
    """
    ends = [0, *accumulate(sizes)]
    numbers = [place.line for place in places]

    def size(first: int, last: int) -> int:
        return ends[last] - ends[first - 1]

    found: list[Lines] = []
    waiting = [whole]
    while waiting:
        first, last = waiting.pop()
        if size(first, last) <= limit or first == last:
            found.append((first, last))
            continue
        inside = places[bisect_right(numbers, first) : bisect_right(numbers, last)]
        best = min((place.rank for place in inside), default=_ANYWHERE)
        if best >= WITHIN_EXPRESSION and size(first, last) <= hard:
            found.append((first, last))
        elif inside:
            starts = [first, *(place.line for place in inside if place.rank == best), last + 1]
            pieces = [(start, end - 1) for start, end in pairwise(starts)]
            waiting += _joined(pieces, size, joined)
        else:
            fitting = bisect_right(ends, ends[first - 1] + max(limit, hard)) - 1
            middle = min(max(fitting, first), last - 1)
            found.append((first, middle))
            waiting.append((middle + 1, last))
    return sorted(found)


def head(text: str, max_tokens: int) -> str:
    """A beginning of ``text`` of at most ``max_tokens``: the longest one of under 16 characters a
    token, to within a token."""
    low, high = 0, min(len(text), MOST_CHARS_PER_TOKEN * max(max_tokens, 0))
    if count(text[:high]) <= max_tokens:
        return text[:high]
    while high - low > 1:
        middle = (low + high) // 2
        if count(text[:middle]) <= max_tokens:
            low = middle
        else:
            high = middle
    return text[:low]


def _joined(pieces: Sequence[Lines], size: Callable[[int, int], int], most: float) -> list[Lines]:
    """``pieces``, neighbours joined while they stay small together."""
    found = [pieces[0]]
    for first, last in pieces[1:]:
        start = found[-1][0]
        if size(start, last) <= most:
            found[-1] = (start, last)
        else:
            found.append((first, last))
    return found
