"""Joins partial results in levels: what one request is given is counted before it is sent."""

from collections.abc import Sequence

from grok_agent.context.tokens import count
from grok_agent.graphs.sweep_findings import as_line, by_severity
from grok_agent.graphs.sweep_state import Piece

MAX_RESULT_TOKENS = 4_000
CUT_MARK = "[... cut]"


def result_text(number: int, piece: Piece, files: Sequence[str], most: int) -> str:
    """What a shard gave, as the request that joins results reads it; at most ``most`` tokens.

    ``number`` of the shard counts from 0. The worst findings come first, so that a cut takes the
    least.
    """
    named = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
    parts = [f"shard {number + 1} ({named}): {piece.text.strip()}"]
    parts += [as_line(finding) for finding in by_severity(piece.findings)]
    return head("\n".join(parts), most)


def batches(texts: Sequence[str], room: int) -> list[list[str]]:
    """``texts`` in their order, joined as long as a batch has at most ``room`` tokens.

    A text that is larger than ``room`` is cut to it.
    """
    found: list[list[str]] = []
    left = 0
    for text in texts:
        text = head(text, room)
        tokens = count(text) + 1
        if not found or tokens > left:
            found.append([])
            left = room + 1
        found[-1].append(text)
        left -= tokens
    return found


def cap_of(room: int) -> int:
    """The most tokens that one result may have: two fit into a batch at least, so levels end."""
    return max(min(MAX_RESULT_TOKENS, (room - 2) // 2), 1)


def head(text: str, most: int) -> str:
    """The beginning of ``text`` that has at most ``most`` tokens, marked where it was cut."""
    if count(text) <= most:
        return text
    kept = text[: most * 8]
    mark = count(CUT_MARK) + 1
    while (tokens := count(kept)) + mark > most and kept:
        kept = kept[: min(int(len(kept) * 0.95 * max(most - mark, 0) / tokens), len(kept) - 1)]
    return f"{kept}\n{CUT_MARK}"
