"""The verb about money."""

from pathlib import Path
from typing import Annotated

import typer

from grok_agent.commands.options import AsJson, settings_of


def register(app: typer.Typer) -> None:
    """Add ``usage``."""
    app.command(epilog="Example: grok-agent usage --by model --since 2026-01-01 --rate 7.1")(usage)


def usage(
    by: Annotated[str, typer.Option(help="day (in UTC) | model | thread | key | call")] = "day",
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Leave out what was before, in UTC.")
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every request as a row; '-': standard output."),
    ] = None,
    currency: Annotated[
        str | None, typer.Option(metavar="CODE", help="Local currency.  [env: GROK_CURRENCY]")
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(help="What one US dollar costs in it.  [env: GROK_CURRENCY_RATE]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what requests have cost, cut answers included; what is not known is counted apart."""
    from grok_agent.running import exit_codes, show_usage

    with exit_codes(as_json=as_json):
        # offline: no gateway is asked
        settings = settings_of(offline=True, currency=currency, currency_rate=rate)
        show_usage(
            settings,
            by=by,
            since=since,
            csv=csv,
            in_currency=bool(currency),
            as_json=as_json,
        )
