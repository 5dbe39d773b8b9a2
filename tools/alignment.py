"""Finds where a model's lines stand in a file, from strict levels to tolerant ones.

What the levels look past grows: blanks at line ends, typography, indentation, blank lines, a
middle that the model left out, a slip of the pen in a line of context.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby

from grok_agent.tools.indentation import Reindent, reindent_between
from grok_agent.tools.lines import Lines, bare, fold

Span = tuple[int, int]
"""Lines of the file from the first to before the second, counted from 0."""

Chain = dict[int, int]
"""On which line of the file each of the model's lines stands, by index."""

MAX_PLACES = 1000
"""More places than this are not looked for."""

_MAX_CHAINS = 50
_MAX_LINES_WITH_SLIPS = 400
_MAX_SLIP_CHARS = 1000
_SMALLEST_LINE_WITH_SLIP = 8

_WORDS = r"\b(?:existing|unchanged|remaining|rest[ ]of|same[ ]as)\b"
_LEFT_OUT = re.compile(
    rf"""\s*(?:\#|//|/\*|--|<!--|;|%)?\s*
    (?:(?:\.\.\.|…)(?:\s.*{_WORDS}.*)? | .*{_WORDS}.*(?:\.\.\.|…))
    \s*(?:\.\.\.|…)?\s*(?:\*/|-->)?\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_COMMENT_WITH_WORDS = re.compile(rf"\s*(?:#|//|/\*|--|<!--|;|%).*{_WORDS}", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """Where a model's lines stand: the ``spans`` of the file, one for each of its lines.

    A line that the file lacks has an empty span, a mark for left-out lines has all of them. By
    index, ``left_out`` are those marks and ``near`` the lines that agree but for a slip;
    ``reindent`` carries new lines to the file's indentation.
    """

    spans: list[Span]
    reindent: Reindent
    left_out: frozenset[int] = frozenset()
    near: frozenset[int] = frozenset()

    @property
    def first(self) -> int:
        """Index of the first line of the file that is covered."""
        return self.spans[0][0]

    @property
    def stop(self) -> int:
        """Index after the last line of the file that is covered."""
        return self.spans[-1][1]


Level = Callable[[Lines, Sequence[str]], list[Place]]
"""Takes the file and the model's lines; gives every place, in order."""


def marks_left_out_lines(line: str) -> bool:
    """Whether ``line`` stands for others, as ``...`` and ``# ... existing code ...`` do."""
    return len(line) < 200 and _LEFT_OUT.fullmatch(line) is not None


def is_placeholder(line: str) -> bool:
    """Whether ``line`` is a comment that says in words that others were left out."""
    return marks_left_out_lines(line) and _COMMENT_WITH_WORDS.match(line) is not None


def with_same_lines(key: Callable[[str], str]) -> Level:
    """The level on which line after line must agree in ``key``."""

    def places(file: Lines, lines: Sequence[str]) -> list[Place]:
        with_text = [i for i, line in enumerate(lines) if line.strip()]
        starts = _runs(file.keys(key), [key(line) for line in lines])
        return _places(file, lines, ({i: start + i for i in with_text} for start in starts))

    return places


def without_blank_lines(file: Lines, lines: Sequence[str]) -> list[Place]:
    """Places where the lines with text follow each other, whatever blank lines are between."""
    return _places(file, lines, _chains(file, lines, range(len(lines))))


def with_left_out_lines(file: Lines, lines: Sequence[str]) -> list[Place]:
    """Places where the parts between marks for left-out lines follow each other in order."""
    numbers = range(len(lines))
    groups = groupby(numbers, key=lambda i: marks_left_out_lines(lines[i]))
    parts = [(marked, list(group)) for marked, group in groups]
    texts = [part for marked, part in parts if not marked and any(lines[i].strip() for i in part)]
    if len(parts) == 1 or not texts:
        return []
    chains: list[Chain] = [{}]
    for part in texts:
        longer = _longer_chains(chains, list(_chains(file, lines, part)))
        chains = list(longer)
        if len(chains) > _MAX_CHAINS:
            return []
    return _places(file, lines, chains)


def with_slips(file: Lines, lines: Sequence[str]) -> list[Place]:
    """Places where all lines with text agree but a few, which differ by a slip of the pen."""
    numbers, keys = _with_text(file.keys(bare))
    wanted, needle = _with_text([bare(line) for line in lines])
    if not 2 <= len(wanted) <= _MAX_LINES_WITH_SLIPS:
        return []
    places = []
    for start in _promising(keys, needle, least=len(wanted) - max(1, len(wanted) // 4)):
        pairs = list(zip(needle, keys[start : start + len(wanted)], strict=True))
        differing = [i for i, (ours, theirs) in enumerate(pairs) if ours != theirs]
        if all(is_slip(*pairs[i]) for i in differing):
            chain = dict(zip(wanted, numbers[start : start + len(wanted)], strict=True))
            near = frozenset(wanted[i] for i in differing)
            places += _places(file, lines, [chain], near)
    return places


def is_slip(ours: str, theirs: str) -> bool:
    """Whether two bare lines differ by a letter or two, and in no number."""
    short, long = sorted((ours, theirs), key=len)
    if len(short) < _SMALLEST_LINE_WITH_SLIP or len(long) > min(len(short) + 2, _MAX_SLIP_CHARS):
        return False
    if re.findall(r"\d+", ours) != re.findall(r"\d+", theirs):
        return False
    changes = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    return sum(max(b - a, d - c) for kind, a, b, c, d in changes if kind != "equal") <= 2


def _folded_right(line: str) -> str:
    return fold(line).rstrip()


LEVELS: tuple[Level, ...] = (
    with_same_lines(str.rstrip),
    with_same_lines(_folded_right),
    with_same_lines(bare),
    without_blank_lines,
)
"""From strict to tolerant; on all of these every line with text is in the file."""

GUESSING_LEVELS: tuple[Level, ...] = (with_left_out_lines, with_slips)
"""Tried last: some of the model's lines are not in the file."""


def _runs(keys: Sequence[str], needle: Sequence[str]) -> Iterator[int]:
    """Indexes at which ``needle`` stands in ``keys``, at most MAX_PLACES of them."""
    if not any(needle) or not set(needle).issubset(keys):
        return
    text, wanted = "\n".join(["", *keys, ""]), "\n".join(["", *needle, ""])
    line = seen = count = 0
    position = text.find(wanted)
    while position >= 0 and count < MAX_PLACES:
        line += text.count("\n", seen, position)
        yield line
        seen, count = position, count + 1
        position = text.find(wanted, position + 1)


def _chains(file: Lines, lines: Sequence[str], part: Sequence[int]) -> Iterator[Chain]:
    """Where those of ``lines`` that are in ``part`` and have text follow each other."""
    numbers, keys = _with_text(file.keys(bare))
    places, needle = _with_text([bare(lines[i]) for i in part])
    for start in _runs(keys, needle):
        yield {part[p]: numbers[start + k] for k, p in enumerate(places)}


def _longer_chains(chains: Sequence[Chain], more: Sequence[Chain]) -> Iterator[Chain]:
    """Every chain continued by every part that stands after it, a few more than the limit."""
    count = 0
    for chain in chains:
        last = max(chain.values(), default=-1)
        for part in more:
            if last < min(part.values()) and count <= _MAX_CHAINS:
                count += 1
                yield chain | part


def _with_text(keys: Sequence[str]) -> tuple[list[int], list[str]]:
    """Indexes and keys of the lines that are not blank."""
    numbers = [i for i, key in enumerate(keys) if key]
    return numbers, [keys[i] for i in numbers]


def _promising(keys: Sequence[str], needle: Sequence[str], least: int) -> list[int]:
    """Starts of windows in ``keys`` that share at least ``least`` lines with ``needle``."""
    wanted = defaultdict(list)
    for i, key in enumerate(needle):
        wanted[key].append(i)
    votes = Counter(p - i for p, key in enumerate(keys) for i in wanted.get(key, ()))
    last = len(keys) - len(needle)
    starts = sorted(start for start, n in votes.items() if n >= least and 0 <= start <= last)
    return starts[:MAX_PLACES]


def _places(
    file: Lines,
    lines: Sequence[str],
    chains: Iterator[Chain] | Sequence[Chain],
    near: frozenset[int] = frozenset(),
) -> list[Place]:
    """The places of the chains whose change of indentation is the same on every line."""
    with_text = frozenset(i for i, line in enumerate(lines) if line.strip())
    places = []
    for chain in chains:
        reindent = reindent_between((lines[i], file.texts[f]) for i, f in chain.items())
        if reindent is not None:
            spans = _spans(file.texts, lines, chain)
            places.append(Place(spans, reindent, with_text - chain.keys(), near))
    return places


def _spans(file: Sequence[str], lines: Sequence[str], chain: Chain) -> list[Span]:
    """The spans of all lines, where only those with text are known."""
    first = chain[min(chain)]
    here = first - _blank_lines_before(file, lines, first)
    following = _next_known(lines, chain)
    spans: list[Span] = []
    for i, line in enumerate(lines):
        if i in chain:
            here = chain[i]
            stop = here + 1
        elif line.strip():  # a mark for left-out lines: all that is before the next known line
            known = following[i]
            stop = here if known is None else known
        else:
            is_free = here < len(file) - 1 and here != following[i]
            stop = here + (is_free and not file[here].strip())
        spans.append((here, stop))
        here = stop
    return spans


def _next_known(lines: Sequence[str], chain: Chain) -> list[int | None]:
    """For each line, where the next line stands whose place is known."""
    following: list[int | None] = []
    known = None
    for i in reversed(range(len(lines))):
        known = chain.get(i, known)
        following.append(known)
    return following[::-1]


def _blank_lines_before(file: Sequence[str], lines: Sequence[str], first: int) -> int:
    """How many of the blank lines that ``lines`` starts with are in front of line ``first``."""
    wanted = next(i for i, line in enumerate(lines) if line.strip())
    have = 0
    while have < min(wanted, first) and not file[first - have - 1].strip():
        have += 1
    return have
