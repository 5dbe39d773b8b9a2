"""The command ``grok-agent doctor``: says its price, asks the gateway, shows what it found."""

import json
import sys
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grok_agent.console import cost_in_words, printable
from grok_agent.running import DONE, FAILED, KEY_ERRORS, NO_LEAVE

if TYPE_CHECKING:
    import httpx2

    from grok_agent.gateway.probe_report import Report
    from grok_agent.settings import Settings

PIPE_WIDTH = 200  # columns, where no terminal says how many there are
STYLES = {"ok": "green", "no": "red", "unknown": "yellow"}


def run_doctor(settings: "Settings", *, offline: bool, as_json: bool) -> None:
    """Examine the gateway of ``settings`` and leave with the exit code.

    0: the agents can work there, 1: they cannot, 3: the key is not good. What was found is kept in
    ``state_dir`` and heeded by later requests. Raises SettingsError without a usable key.
    """
    from grok_agent.gateway.bills import bills_of
    from grok_agent.gateway.capabilities import remember
    from grok_agent.gateway.edge import LEDGER_FILE
    from grok_agent.gateway.probe import examine

    if offline:
        report = examine(settings, http_client=_embedded())
    else:
        settings.require_key()
        _say_price(settings)
        bills = bills_of(settings.state_dir / LEDGER_FILE)
        report = examine(settings, record=bills.record)
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    else:
        _print_table(report)
    if (code := _exit_code(report)) == DONE:
        remember(settings.state_dir, settings.base_url, settings.model, report.to_dict())
    else:
        raise typer.Exit(code)


def _embedded() -> "httpx2.Client":
    import httpx2

    from grok_agent.offline.gateway import OfflineGateway
    from grok_agent.offline.transport import OfflineTransport

    return httpx2.Client(transport=OfflineTransport(OfflineGateway()))


def _say_price(settings: "Settings") -> None:
    from grok_agent.gateway.probe_report import REQUESTS, price_before

    price = price_before(settings.model)
    known = f"at most about {price:.2f} USD" if price is not None else "an unknown price"
    print(f"{REQUESTS} short requests, for {known} by the price list.", file=sys.stderr)


def _print_table(report: "Report") -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "verdict", "found", "what follows"):
        table.add_column(heading, overflow="fold")
    for row in report.rows:
        table.add_row(
            row.name.replace("_", " "),
            Text(row.verdict, STYLES[row.verdict]),
            Text(printable(row.found)),
            Text(printable(row.follows)),
        )
    out = Console(highlight=False)
    if not out.is_terminal:
        out.width = PIPE_WIDTH
    out.print(printable(f"{report.model} at {report.base_url}"), style="bold", markup=False)
    out.print(table)
    end = Console(stderr=True, highlight=False, soft_wrap=True)
    cost = f"; {cost_in_words(report.cost)}" if report.cost else ""
    end.print(f"{report.requests} requests{cost}", markup=False)
    verdict = "The agents can work here." if report.usable else "The agents cannot work here."
    end.print(verdict, style="green" if report.usable else "red", markup=False)


def _exit_code(report: "Report") -> int:
    if report.usable:
        return DONE
    return NO_LEAVE if report.error_kind in KEY_ERRORS else FAILED
