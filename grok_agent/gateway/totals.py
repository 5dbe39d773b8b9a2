"""Sums over the ledger, exact to the tick: by day, model, thread, key or call."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self

from grok_agent.gateway.ledger import Usage
from grok_agent.profile import is_same_model

By = Literal["day", "model", "thread", "key", "call"]

_GROUPS: dict[By, str] = {
    "day": "substr(at, 1, 10)",
    "model": "CASE model_served WHEN '' THEN model_asked ELSE model_served END",
    "thread": "thread",
    "key": "key_alias",
    "call": "call",
}

_SUMS = """
SELECT {group},
    count(*),
    count(*) FILTER (WHERE status = 'cut'),
    count(*) FILTER (WHERE status = 'failed'),
    total(input_tokens),
    total(cached_tokens),
    total(output_tokens),
    total(reasoning_tokens),
    sum(ticks) FILTER (WHERE basis = 'billed'),
    sum(ticks) FILTER (WHERE basis = 'list_price' AND NOT estimated),
    sum(ticks) FILTER (WHERE basis = 'list_price' AND estimated),
    count(*) FILTER (WHERE ticks IS NULL)
FROM attempts WHERE at >= ? GROUP BY 1 ORDER BY min(id)
"""

SERVED = """
SELECT model_asked, model_served, count(*) FROM attempts
WHERE at >= ? AND model_served <> '' GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Total:
    """What a group of requests used and cost; amounts in ticks, 1e-10 US dollars each.

    ``billed`` is the gateways' own bills, ``listed`` computed from the price list, ``estimated``
    the same for unfinished answers and for tokens counted here or by a proxy. ``unknown`` counts
    requests whose cost is in no sum.
    """

    name: str
    requests: int = 0
    cut: int = 0
    failed: int = 0
    usage: Usage = field(default_factory=Usage)
    billed: int = 0
    listed: int = 0
    estimated: int = 0
    unknown: int = 0

    @property
    def ticks(self) -> int:
        """All that is known to be spent."""
        return self.billed + self.listed + self.estimated

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """The total in one row of :func:`sums_query`."""
        name, requests, cut, failed, *counts, billed, listed, estimated, unknown = row
        return cls(
            name=name,
            requests=requests,
            cut=cut,
            failed=failed,
            usage=Usage(*map(int, counts)),
            billed=billed or 0,
            listed=listed or 0,
            estimated=estimated or 0,
            unknown=unknown,
        )

    def __add__(self, other: "Total") -> "Total":
        figures = [each.name for each in fields(self) if each.name != "name"]
        sums = {each: getattr(self, each) + getattr(other, each) for each in figures}
        return replace(self, **sums)


def sums_query(by: By) -> str:
    """A query for the rows of :meth:`Total.of`; its one parameter is the earliest time."""
    return _SUMS.format(group=_GROUPS[by])


@dataclass(frozen=True)
class Substitution:
    """How many requests for the model ``asked`` another one has ``served``."""

    asked: str
    served: str
    requests: int


def substitutions(rows: Iterable[tuple[str, str, int]]) -> list[Substitution]:
    """Those of the ``rows`` of SERVED whose models differ by more than a prefix or a date."""
    return [Substitution(*row) for row in rows if not is_same_model(row[0], row[1])]
