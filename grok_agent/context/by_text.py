"""What was worked out of texts, remembered by their content in the user's cache folder."""

from collections.abc import Callable, Sequence
from hashlib import sha256

from grok_agent.context.content_cache import ContentCache


class ByText:
    """Values by text; only those of texts not seen before are worked out. To be closed after use.

    ``name`` and ``version`` are those of a :class:`ContentCache`. ``work`` gives the value of one
    text, or None where there is none, which is not remembered.
    """

    def __init__(self, name: str, version: str, work: Callable[[str], bytes | None]) -> None:
        self._cache = ContentCache(name, version)
        self._work = work

    def __call__(self, texts: Sequence[str]) -> list[bytes | None]:
        """The value of each of ``texts``."""
        keys = [sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in texts]
        known = self._cache.get_many(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        worked_out = ((key, self._work(text)) for key, text in missing.items())
        fresh = {key: value for key, value in worked_out if value is not None}
        self._cache.put_many(fresh)
        known |= fresh
        return [known.get(key) for key in keys]

    def close(self) -> None:
        """Close the cache's file."""
        self._cache.close()
