"""Takes parts in order of their worth until a budget of tokens is used up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from grok_agent.context.pack_text import MORE, body_tokens, file_block, head_tokens
from grok_agent.context.part_scores import Candidate
from grok_agent.context.parts import Lines, head
from grok_agent.context.spans import Span
from grok_agent.context.tokens import count

LONG_LINE_CHARS = 8_000
LONG_LINE_TOKENS = 400
"""Of a line of more than ``LONG_LINE_CHARS`` this much is shown."""

_ROUNDS = 3
_LEAST_ROOM = 24
_LEAST_SHARE = 0.005
_MOST_CHARS_PER_TOKEN = 6  # a part above it is taken for too large without being counted


@dataclass
class Choice:
    """What was taken so far, at most ``budget`` tokens by our count; ``tokens`` is exact.

    Of a single line that is very long, as in embedded data, only the beginning is taken.
    """

    budget: int
    tokens: int = 0
    _texts: dict[str, Sequence[str]] = field(default_factory=dict)
    _order: list[Span] = field(default_factory=list)
    _blocks: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """Tokens that are still to be had; 0 when they are too few to look on."""
        left = self.budget - self.tokens
        return left if left >= max(_LEAST_ROOM, _LEAST_SHARE * self.budget) else 0

    @property
    def spans(self) -> list[Span]:
        """What is in, in the order in which it was taken."""
        return [span for span in self._order if not _is_long(self._texts[span.path], span)]

    @property
    def shortened(self) -> list[Span]:
        """Single lines of which only the beginning is in."""
        return [span for span in self._order if _is_long(self._texts[span.path], span)]

    @property
    def blocks(self) -> list[str]:
        """The text of each file of which parts were taken, in the order of paths."""
        return [self._blocks[path][0] for path in sorted(self._blocks)]

    def has_all_of(self, path: str) -> bool:
        """Whether each line of a file is in."""
        lines = sum(last - first + 1 for at, first, last in self.spans if at == path)
        return path in self._texts and lines == len(self._texts[path])

    def take(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Take each candidate that fits, in their order, and give back the others.

        Neighbours take less room together than apart, so what was passed is looked at again.
        """
        passed = list(candidates)
        for _ in range(_ROUNDS):
            if self.room:
                passed = self._take_once(passed)
        return passed

    def _take_once(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        left = self.room
        passed: list[Candidate] = []
        changed: set[str] = set()
        for each in candidates:
            cost = self._cost(each, left) if left >= _LEAST_ROOM else left + 1
            if cost > left:
                passed.append(each)
                continue
            left -= cost
            changed.add(each.span.path)
            self._texts[each.span.path] = each.lines
            self._order.append(each.span)
        self._settle(changed)
        while self.tokens > self.budget:
            self._settle({self._order.pop().path})
        return passed

    def _cost(self, each: Candidate, left: int) -> int:
        """Tokens of a part that is not joined to its neighbours, an upper bound for nearly all."""
        body = _body(each.lines, each.span)
        around = MORE if each.span.path in self._texts else head_tokens(each.span.path)
        if len(body) > _MOST_CHARS_PER_TOKEN * left:
            return left + 1
        return around + body_tokens(body)

    def _settle(self, changed: Iterable[str]) -> None:
        """Write the blocks of the ``changed`` files, and count them."""
        parts: dict[str, list[Lines]] = {path: [] for path in changed}
        for span in self._order:
            if span.path in parts:
                parts[span.path].append((span.first_line, span.last_line))
        for path, chosen in parts.items():
            self.tokens -= self._blocks.pop(path, ("", 0))[1]
            if chosen:
                block = _block(path, self._texts[path], sorted(chosen))
                self._blocks[path] = (block, count(block))
                self.tokens += self._blocks[path][1]


def _block(path: str, lines: Sequence[str], chosen: Sequence[Lines]) -> str:
    bodies: list[tuple[int, int, str]] = []
    for first, last in chosen:
        body = _body(lines, Span(path, first, last))
        if bodies and bodies[-1][1] + 1 == first:
            start, _, before = bodies.pop()
            bodies.append((start, last, before + body))
        else:
            bodies.append((first, last, body))
    return file_block(path, bodies)


def _body(lines: Sequence[str], span: Span) -> str:
    if not _is_long(lines, span):
        return "".join(lines[span.first_line - 1 : span.last_line])
    line = lines[span.first_line - 1]
    kept = head(line, LONG_LINE_TOKENS)
    return f"{kept}[... {len(line) - len(kept):,} more characters on this line]\n"


def _is_long(lines: Sequence[str], span: Span) -> bool:
    return span.first_line == span.last_line and len(lines[span.first_line - 1]) > LONG_LINE_CHARS
