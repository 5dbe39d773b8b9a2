"""Takes parts in order of their worth until a budget of tokens is used up, exactly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from grok_agent.context.pack_text import MORE, body_tokens, file_block, head_tokens
from grok_agent.context.part_scores import Candidate
from grok_agent.context.parts import Lines, head
from grok_agent.context.spans import Span
from grok_agent.context.tokens import count

LONG_LINE_CHARS = 8_000
LONG_LINE_TOKENS = 400
"""Of a line of more than ``LONG_LINE_CHARS``, as in embedded data, this much is shown."""

_CLOSE = 24
"""Tokens of the budget that are not worth another look."""


@dataclass
class Choice:
    """What was taken so far. ``spans`` are in the order of taking; ``blocks`` by path."""

    budget: int
    texts: Mapping[str, Sequence[str]]
    tokens: int = 0
    spans: list[Span] = field(default_factory=list)
    shortened: list[Span] = field(default_factory=list)
    _of: dict[str, list[Lines]] = field(default_factory=dict)
    _blocks: dict[str, tuple[str, int]] = field(default_factory=dict)

    def take(self, candidates: Iterable[Candidate]) -> None:
        """Take each candidate that fits, in their order; the total never exceeds the budget."""
        for each in candidates:
            if self.budget - self.tokens < _CLOSE:
                break
            self._take(each.path, (each.first_line, each.last_line))

    def blocks(self) -> list[str]:
        """The text of each file with parts that were taken, in the order of paths."""
        return [self._blocks[path][0] for path in sorted(self._blocks)]

    def _take(self, path: str, part: Lines) -> None:
        body, is_short = _body(self.texts[path], part)
        known = self._of.get(path, [])
        around = MORE if known else head_tokens(path)
        left = self.budget - self.tokens
        # No token has more than 128 characters, so that huge parts need not be counted.
        if len(body) // 128 + around > left or body_tokens(body) + around > left + MORE:
            return
        together = sorted([*known, part])
        block = self._block(path, together)
        before = self._blocks.get(path, ("", 0))[1]
        tokens = count(block)
        if tokens - before > left:
            return
        self._of[path] = together
        self._blocks[path] = (block, tokens)
        self.tokens += tokens - before
        (self.shortened if is_short else self.spans).append(Span(path, *part))

    def _block(self, path: str, chosen: Sequence[Lines]) -> str:
        lines = self.texts[path]
        bodies: list[tuple[int, int, str]] = []
        for part in chosen:
            body, is_short = _body(lines, part)
            if bodies and bodies[-1][1] + 1 == part[0] and not is_short:
                first, _, before = bodies.pop()
                bodies.append((first, part[1], before + body))
            else:
                bodies.append((*part, body))
        return file_block(path, bodies)


def _body(lines: Sequence[str], part: Lines) -> tuple[str, bool]:
    """The text of the lines, and whether it is a single long line that was shortened."""
    first, last = part
    line = lines[first - 1]
    if first < last or len(line) <= LONG_LINE_CHARS:
        return "".join(lines[first - 1 : last]), False
    kept = head(line, LONG_LINE_TOKENS)
    return f"{kept}[... {len(line) - len(kept):,} more characters on this line]\n", True
