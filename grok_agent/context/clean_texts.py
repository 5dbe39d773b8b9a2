"""Remembers in the user's cache folder which texts hold no secret by themselves."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from grok_agent.context.by_text import ByText
from grok_agent.context.secret_patterns import find


class CleanTexts:
    """Whether texts are clean; only those not seen before are searched. To be closed after use.

    What is remembered holds for one version of the patterns: when their file changes, each text is
    searched again. Texts with secrets are not remembered at all.
    """

    def __init__(self) -> None:
        self._clean = ByText("clean-texts", _patterns(), lambda text: None if find(text) else b"")

    def __call__(self, texts: Sequence[str]) -> list[bool]:
        """For each of ``texts``, whether :func:`find` finds nothing in it."""
        return [mark is not None for mark in self._clean(texts)]

    def close(self) -> None:
        """Close the cache's file."""
        self._clean.close()


@cache
def _patterns() -> str:
    source = Path(__file__).with_name("secret_patterns.py")
    return sha256(source.read_bytes()).hexdigest()[:16]
