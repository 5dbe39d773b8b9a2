"""Remembers in the user's cache folder which texts hold no secret by themselves."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from grok_agent.context.content_cache import ContentCache
from grok_agent.context.secret_patterns import find


class CleanTexts:
    """Whether texts are clean; only those not seen before are searched. To be closed after use.

    What is remembered holds for one version of the patterns: when their file changes, each text is
    searched again. Texts with secrets are not remembered at all.
    """

    def __init__(self) -> None:
        self._cache = ContentCache("clean-texts", _patterns())

    def __call__(self, texts: Sequence[str]) -> list[bool]:
        """For each of ``texts``, whether :func:`find` finds nothing in it."""
        keys = [sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in texts]
        clean = set(self._cache.get_many(keys))
        pairs = zip(keys, texts, strict=True)
        fresh = {key for key, text in pairs if key not in clean and not find(text)}
        self._cache.put_many(dict.fromkeys(fresh, b""))
        return [key in clean or key in fresh for key in keys]

    def close(self) -> None:
        """Close the cache's file."""
        self._cache.close()


def _patterns() -> str:
    source = Path(__file__).with_name("secret_patterns.py")
    return sha256(source.read_bytes()).hexdigest()[:16]
