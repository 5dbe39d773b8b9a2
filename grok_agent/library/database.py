"""What the library needs of a database, whichever it is."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

Row = tuple[Any, ...]


class Session(Protocol):
    """A connection inside a transaction. SQL is written with ``:name`` placeholders."""

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        """What a query finds, or what a statement with RETURNING gives back."""

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """Carry out a statement; returns how many rows it changed."""

    def index(self, number: int, text: str) -> None:
        """Put the searchable ``text`` of prompt ``number`` into the index, in place of an older."""

    def unindex(self, number: int) -> None:
        """Take prompt ``number`` out of the index."""

    def matching(self, terms: list[str]) -> "Matching":
        """How to find prompts that have all ``terms``, each as a phrase whose last word may go
        on."""


@dataclass(frozen=True)
class Matching:
    """Parts of a query over prompts ``p``: its source, a condition, the column to order by, and
    the values."""

    source: str = "prompts p"
    condition: str = "1 = 1"
    order: str = "p.id"
    values: Mapping[str, Any] = field(default_factory=dict)


class Database(Protocol):
    """Where prompts are kept."""

    name: str

    def reading(self) -> AbstractContextManager[Session]:
        """A session for queries."""

    def writing(self) -> AbstractContextManager[Session]:
        """A session whose changes hold as a whole or not at all."""

    def close(self) -> None:
        """Close it; closing twice does nothing."""
