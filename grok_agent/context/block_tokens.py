"""Counts blocks of text, and remembers in the user's cache folder what was counted before."""

from collections.abc import Sequence

from grok_agent.context.by_text import ByText
from grok_agent.context.tokens import count

FORM = "1"
"""Grows when the same text has another number of tokens than before."""


class BlockTokens:
    """Numbers of tokens by the text of a block; to be closed after use."""

    def __init__(self) -> None:
        self._counted = ByText("tokens", FORM, lambda block: b"%d" % count(block))

    def __call__(self, blocks: Sequence[str]) -> list[int]:
        """The tokens of each of ``blocks``; only those not seen before are counted."""
        return [int(tokens or 0) for tokens in self._counted(blocks)]

    def close(self) -> None:
        """Close the cache's file."""
        self._counted.close()
