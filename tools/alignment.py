"""Finds where a model's text stands in a file, from strict levels to tolerant ones.

All levels compare whole lines. What they look past grows: blanks at line ends, typography,
indentation, blank lines, a middle that the model left out, a slip of the pen in a line of context.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby

from grok_agent.tools.indentation import Reindent, reindent_between

Span = tuple[int, int]
"""Lines of the file from the first to before the second, counted from 0."""

MAX_PLACES = 1000
"""More places than this are not looked for."""

_MAX_NEAR_LINES = 400
_LONG_LINE = 10_000

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("‐‑‒–−", "-"),
        **dict.fromkeys("—―", "--"),
        **dict.fromkeys("\xa0\u1680\u202f\u205f\u3000", " "),
        **dict.fromkeys(map(chr, range(0x2000, 0x200B)), " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\xad", ""),
        **dict.fromkeys(map(chr, range(0xDC80, 0xDD00)), "\ufffd"),  # undecodable bytes as shown
        "…": "...",
    }
)
_MARKER = re.compile(
    r"""\s*(?:\#|//|/\*|--|<!--|;|%)?\s*            # an optional comment sign
    (?:(?:\.\.\.|…)(?:\s.*\b(?:existing|unchanged|rest|same|remaining|code)\b.*)?
     |.*(?:\.\.\.|…).*\b(?:existing|unchanged)\b.*)
    \s*(?:\.\.\.|…)?\s*(?:\*/|-->)?\s*""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Lines:
    """A text as lines: ``texts`` without their ends, and ``ends``, of which the last is empty.

    A lone carriage return ends a line only where the text has no line feed at all.
    """

    texts: list[str]
    ends: list[str]

    @classmethod
    def of(cls, text: str) -> "Lines":
        """Split ``text``; joining each line and its end gives it back."""
        if "\r" not in text or "\n" not in text:
            end = "\r" if "\r" in text else "\n"
            texts = text.split(end)
            return cls(texts, [end] * (len(texts) - 1) + [""])
        parts = re.split(r"(\r?\n)", text)
        return cls(parts[::2], [*parts[1::2], ""])


@dataclass(frozen=True)
class Place:
    """Where a model's lines stand: the ``spans`` of the file, one for each of its lines.

    A line that the file lacks has an empty span, a marker for left-out lines has all of them.
    By index, ``left_out`` are those markers and ``near`` the lines that agree but for a slip;
    ``reindent`` fits new lines in.
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


Level = Callable[[Sequence[str], Sequence[str]], list[Place]]
"""Takes the file's lines and the model's lines; gives every place, in order."""


def fold(line: str) -> str:
    """``line`` with typographic characters as a keyboard has them."""
    plain = line if line.isascii() else line.translate(_PLAIN)
    return plain.replace(" -- ", " - ")


def bare(line: str) -> str:
    """``line`` without typography and with single blanks; what two lines must have in common."""
    plain = fold(line)
    return plain.strip() if len(plain) > _LONG_LINE else " ".join(plain.split())


def is_marker(line: str) -> bool:
    """Whether ``line`` stands for lines that the model left out."""
    return len(line) < 200 and _MARKER.fullmatch(line) is not None


def with_same_lines(key: Callable[[str], str]) -> Level:
    """The level on which line after line must agree in ``key``."""

    def places(file: Sequence[str], lines: Sequence[str]) -> list[Place]:
        starts = _runs([key(x) for x in file], [key(x) for x in lines])
        numbers = range(len(lines))
        found = (
            _place(file, lines, {i: start + i for i in numbers if lines[i].strip()})
            for start in starts
        )
        return [place for place in found if place]

    return places


def without_blank_lines(file: Sequence[str], lines: Sequence[str]) -> list[Place]:
    """Places where the lines with text follow each other, whatever blank lines are between."""
    numbers, keys = _with_text(file)
    wanted, needle = _with_text(lines)
    found = (
        _place(file, lines, dict(zip(wanted, numbers[start : start + len(wanted)], strict=True)))
        for start in _runs(keys, needle)
    )
    return [place for place in found if place]


def with_left_out_lines(file: Sequence[str], lines: Sequence[str]) -> list[Place]:
    """Places where the parts between markers such as ``...`` follow each other in order."""
    parts = [
        (marker, list(group))
        for marker, group in groupby(range(len(lines)), lambda i: is_marker(lines[i]))
    ]
    if len(parts) < 2:
        return []
    numbers, keys = _with_text(file)
    chains: list[dict[int, int]] = [{}]
    for marker, part in parts:
        wanted = [i for i in part if lines[i].strip()]
        if marker or not wanted:
            continue
        starts = _runs(keys, [bare(lines[i]) for i in wanted])
        found = [dict(zip(wanted, numbers[s : s + len(wanted)], strict=True)) for s in starts]
        chains = [
            chain | more
            for chain in chains
            for more in found
            if max(chain.values(), default=-1) < more[wanted[0]]
        ][:MAX_PLACES]
    found_places = (_place(file, lines, chain) for chain in chains if chain)
    return [place for place in found_places if place]


def with_slips(file: Sequence[str], lines: Sequence[str]) -> list[Place]:
    """Places where all lines with text agree but a few, which differ by a slip of the pen."""
    numbers, keys = _with_text(file)
    wanted, needle = _with_text(lines)
    if not 2 <= len(wanted) <= _MAX_NEAR_LINES:
        return []
    found = []
    allowed = max(1, len(wanted) // 4)
    for start in _promising(keys, needle, len(wanted) - allowed):
        window = keys[start : start + len(wanted)]
        differing = [
            i for i, pair in enumerate(zip(needle, window, strict=True)) if pair[0] != pair[1]
        ]
        if all(is_slip(needle[i], window[i]) for i in differing):
            chain = dict(zip(wanted, numbers[start : start + len(wanted)], strict=True))
            near = frozenset(wanted[i] for i in differing)
            found.append(_place(file, lines, chain, near))
    return [place for place in found if place]


def is_slip(ours: str, theirs: str) -> bool:
    """Whether two bare lines differ by a letter or two, and in no number."""
    if min(len(ours), len(theirs)) < 8 or abs(len(ours) - len(theirs)) > 2:
        return False
    if max(len(ours), len(theirs)) > 1000 or re.findall(r"\d+", ours) != re.findall(r"\d+", theirs):
        return False
    changes = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    return sum(max(b - a, d - c) for kind, a, b, c, d in changes if kind != "equal") <= 2


LEVELS: tuple[Level, ...] = (
    with_same_lines(str.rstrip),
    with_same_lines(lambda line: fold(line).rstrip()),
    with_same_lines(bare),
    without_blank_lines,
)
"""From strict to tolerant; on all of these every line with text is in the file."""

GUESSING_LEVELS: tuple[Level, ...] = (with_left_out_lines, with_slips)
"""Tried last: some of the model's lines are not in the file."""


def _runs(keys: Sequence[str], needle: Sequence[str]) -> Iterator[int]:
    """Indexes at which ``needle`` stands in ``keys``, at most MAX_PLACES of them."""
    if not any(needle):
        return
    text, wanted = "\n".join(["", *keys, ""]), "\n".join(["", *needle, ""])
    line = seen = count = 0
    position = text.find(wanted)
    while position >= 0 and count < MAX_PLACES:
        line += text.count("\n", seen, position)
        yield line
        seen, count = position, count + 1
        position = text.find(wanted, position + 1)


def _with_text(lines: Sequence[str]) -> tuple[list[int], list[str]]:
    """Indexes and bare forms of the lines that have text."""
    pairs = [(i, key) for i, line in enumerate(lines) if (key := bare(line))]
    return [i for i, _ in pairs], [key for _, key in pairs]


def _promising(keys: Sequence[str], needle: Sequence[str], least: int) -> list[int]:
    """Starts of windows in ``keys`` that share at least ``least`` lines with ``needle``."""
    wanted = defaultdict(list)
    for i, key in enumerate(needle):
        wanted[key].append(i)
    votes = Counter(p - i for p, key in enumerate(keys) for i in wanted.get(key, ()))
    last = len(keys) - len(needle)
    starts = sorted(start for start, n in votes.items() if n >= least and 0 <= start <= last)
    return starts[:MAX_PLACES]


def _place(
    file: Sequence[str],
    lines: Sequence[str],
    chain: dict[int, int],
    near: frozenset[int] = frozenset(),
) -> Place | None:
    """The place at which line ``i`` stands on ``chain[i]``; None if no indentation fits."""
    reindent = reindent_between((lines[i], file[f]) for i, f in chain.items())
    if reindent is None:
        return None
    left_out = frozenset(i for i, line in enumerate(lines) if line.strip()) - chain.keys()
    return Place(_spans(file, lines, chain), reindent, left_out, near)


def _spans(file: Sequence[str], lines: Sequence[str], chain: dict[int, int]) -> list[Span]:
    """The spans of all lines, where only those with text are known."""
    spans: list[Span] = []
    for i, line in enumerate(lines):
        if i in chain:
            spans.append((chain[i], chain[i] + 1))
            continue
        following = next((chain[k] for k in range(i, len(lines)) if k in chain), None)
        here = spans[-1][1] if spans else _leading(file, lines, following or 0)
        if line.strip():
            spans.append((here, here if following is None else following))
        else:
            taken = here < len(file) - 1 and here != following and not file[here].strip()
            spans.append((here, here + taken))
    return spans


def _leading(file: Sequence[str], lines: Sequence[str], first: int) -> int:
    """Where the blank lines in front of line ``first`` begin, as many as ``lines`` starts with."""
    wanted = next(i for i, line in enumerate(lines) if line.strip())
    have = 0
    while have < wanted and have < first and not file[first - have - 1].strip():
        have += 1
    return first - have
