"""What requests have cost, for people and for the comparison with a gateway's own bill."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from rich.cells import cell_len

from grok_agent.console import printable
from grok_agent.errors import SettingsError
from grok_agent.gateway.attempt import Attempt
from grok_agent.gateway.bills import Bills
from grok_agent.gateway.ledger import TICKS_PER_USD
from grok_agent.gateway.totals import By, Substitution, Total

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula; names come from gateways."""


OFFLINE = "Answers of the embedded gateway cost nothing and are not recorded."


@dataclass(frozen=True)
class Currency:
    """A local currency: its code, and how much of it one US dollar costs."""

    code: str
    rate: Decimal

    def of(self, ticks: int) -> Decimal:
        """``ticks`` in this currency."""
        return _usd(ticks) * self.rate


@dataclass(frozen=True)
class Report:
    """The sums by group since a moment in UTC (None: since the beginning)."""

    by: By
    since: datetime | None
    groups: list[Total]
    substitutions: list[Substitution]
    currency: Currency | None

    @classmethod
    def of(
        cls, bills: Bills, by: By, *, since: datetime | None, currency: Currency | None
    ) -> "Report":
        """Read the ledger; raises SettingsError where its file cannot be used."""
        return cls(by, since, bills.totals(by, since), bills.substitutions(since), currency)

    @property
    def whole(self) -> Total:
        """All groups together."""
        return sum(self.groups, Total("total"))

    def to_json(self) -> str:
        """All figures as JSON: amounts as whole ticks and as exact decimal text."""
        return json.dumps(
            {
                "by": self.by,
                "since": self.since.isoformat() if self.since else None,
                "groups": [self._figures(group) for group in self.groups],
                "total": self._figures(self.whole),
                "substitutions": [asdict(each) for each in self.substitutions],
            },
            ensure_ascii=False,
            indent=2,
        )

    def _figures(self, total: Total) -> dict[str, Any]:
        figures = asdict(total) | {"ticks": total.ticks, "usd": f"{_usd(total.ticks):.10f}"}
        if self.currency:
            figures[self.currency.code] = f"{self.currency.of(total.ticks):f}"
        return figures


def moment(text: str) -> datetime:
    """A date or a date with time, in UTC where it names no zone; raises SettingsError."""
    try:
        given = datetime.fromisoformat(text.strip())
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise SettingsError(
            f"{text!r} is no date.", next_step="Write it as 2026-01-31, or 2026-01-31T08:00+08:00."
        ) from None


def render(report: Report) -> str:
    """The report as a table with what its figures rest on below."""
    if not report.groups:
        return f"No request has been recorded {'since then' if report.since else 'yet'}. {OFFLINE}"
    local = [report.currency.code] if report.currency else []
    head = [report.by, "requests", "cut", "failed", "tokens in", "cached", "out", "USD", *local]
    lines = [[*head, "unknown"]]
    lines += [_line(total, report.currency) for total in [*report.groups, report.whole]]
    return "\n".join([*_aligned(lines), "", *_remarks(report)]).rstrip()


def write_csv(
    bills: Bills, target: Path, *, since: datetime | None, currency: Currency | None
) -> int:
    """Write one row for each attempt to ``target`` (``-``: standard output); returns how many.

    Amounts are exact; a cost that is not known is an empty cell. Raises SettingsError where it
    cannot be written.
    """
    columns = [*CSV_COLUMNS, *([currency.code] if currency else [])]
    written = 0
    with _opened(target) as file:
        table = csv.writer(file)
        table.writerow(columns)
        for attempt in bills.attempts(since):
            table.writerow(_cells(attempt, currency))
            written += 1
    return written


CSV_COLUMNS = (
    "at",
    "request_id",
    "thread",
    "call",
    "key",
    "base_url",
    "model_asked",
    "model_served",
    "status",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "basis",
    "estimated",
    "cost_in_usd_ticks",
    "USD",
)


def _cells(attempt: Attempt, currency: Currency | None) -> list[Any]:
    texts = (
        attempt.request_id,
        attempt.thread,
        attempt.call,
        attempt.key_alias,
        attempt.base_url,
        attempt.model_asked,
        attempt.model_served,
        attempt.status,
    )
    return [
        attempt.at.isoformat(timespec="milliseconds"),
        *map(_plain_cell, texts),
        *(asdict(attempt.usage).values() if attempt.usage else [""] * 4),
        attempt.cost.basis,
        "yes" if attempt.estimated else "no",
        *_amounts(attempt, currency),
    ]


def _amounts(attempt: Attempt, currency: Currency | None) -> list[Any]:
    ticks = attempt.ticks
    if ticks is None:
        return ["", "", *([""] if currency else [])]
    return [ticks, f"{_usd(ticks):.10f}", *([f"{currency.of(ticks):f}"] if currency else [])]


def _plain_cell(text: str) -> str:
    text = printable(text)
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


@contextmanager
def _opened(target: Path) -> Iterator[TextIO]:
    if str(target) == "-":
        yield sys.stdout
        return
    try:
        with target.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise SettingsError(
            f"{target} cannot be written ({error.strerror or error}).",
            next_step="Name a file in a folder that exists and that you may write to.",
        ) from None


def _line(total: Total, currency: Currency | None) -> list[str]:
    usage = total.usage
    counts = (total.requests, total.cut, total.failed)
    tokens = (usage.input_tokens, usage.cached_tokens, usage.output_tokens)
    amounts = [_amount(total, _usd(total.ticks), 6)]
    if currency:
        amounts.append(_amount(total, currency.of(total.ticks), 4))
    figures = [f"{count:,}" for count in (*counts, *tokens)]
    return [
        printable(total.name).replace("\n", " ") or "-",
        *figures,
        *amounts,
        f"{total.unknown:,}",
    ]


def _amount(total: Total, amount: Decimal, places: int) -> str:
    """The known part; marked as the least where there is an unknown part too."""
    if total.unknown and not total.ticks:
        return "unknown"
    return f"{'≥' if total.unknown else ''}{amount:,.{places}f}"


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, figures to the right; wide characters count twice."""
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell))
            if place == 0
            else " " * (width - cell_len(cell)) + cell
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]


def _remarks(report: Report) -> Iterator[str]:
    whole = report.whole
    if whole.ticks:
        yield (
            f"Of this {_usd(whole.billed):,.6f} USD as billed, {_usd(whole.listed):,.6f} computed"
            f" from the list price, {_usd(whole.estimated):,.6f} estimated, for answers that were"
            " not whole or whose tokens the gateway did not count."
        )
    if whole.unknown:
        yield f"The cost of {whole.unknown:,} request(s) is not known and is in no sum."
    for each in report.substitutions:
        asked, served = printable(each.asked), printable(each.served)
        yield f"Another model than asked: {asked} -> {served}, {each.requests:,} request(s)."
    yield OFFLINE
    if report.currency:
        yield f"1 USD = {report.currency.rate:f} {report.currency.code}, as you set it."


def _usd(ticks: int) -> Decimal:
    return Decimal(ticks) / TICKS_PER_USD
