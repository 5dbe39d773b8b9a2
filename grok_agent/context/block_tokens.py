"""Counts blocks of text, and remembers in the user's cache folder what was counted before."""

from collections.abc import Sequence
from hashlib import sha256

from grok_agent.context.content_cache import ContentCache
from grok_agent.context.tokens import count

FORM = "1"
"""Grows when the same text has another number of tokens than before."""


class BlockTokens:
    """Numbers of tokens by the text of a block; to be closed after use."""

    def __init__(self) -> None:
        self._cache = ContentCache("tokens", FORM)

    def __call__(self, blocks: Sequence[str]) -> list[int]:
        """The tokens of each of ``blocks``; only those not seen before are counted."""
        keys = [sha256(block.encode("utf-8", "surrogatepass")).hexdigest() for block in blocks]
        known = {key: int(value) for key, value in self._cache.get_many(keys).items()}
        fresh = {
            key: count(block) for key, block in zip(keys, blocks, strict=True) if key not in known
        }
        self._cache.put_many({key: b"%d" % tokens for key, tokens in fresh.items()})
        known |= fresh
        return [known[key] for key in keys]

    def close(self) -> None:
        """Close the cache's file."""
        self._cache.close()
