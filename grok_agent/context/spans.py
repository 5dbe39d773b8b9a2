"""Which lines of a repository are in a context, and what was left out."""

from typing import NamedTuple


class Span(NamedTuple):
    """Lines of a file, 1-based and inclusive; ``path`` is posix and relative to the repository."""

    path: str
    first_line: int
    last_line: int


class LeftOut(NamedTuple):
    """A file, or lines of it as ``path:first-last``, that is not in; ``tokens`` of it where they
    were counted, else 0."""

    path: str
    reason: str
    tokens: int = 0
