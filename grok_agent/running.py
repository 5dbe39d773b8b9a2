"""One run from the command line: build the agent, show its events, ask for leave, exit code."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import typer

from grok_agent import console
from grok_agent.errors import (
    GatewayError,
    GrokAgentError,
    MissingKeyError,
    PermissionDeniedError,
    SettingsError,
    SpendingCapError,
)
from grok_agent.folders import RUNS_FOLDER

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from grok_agent.chat_model import ChatGrokBuild
    from grok_agent.commands.guarding import Guarding
    from grok_agent.gateway.totals import By
    from grok_agent.graphs.repository import Job
    from grok_agent.graphs.state import Budget, Outcome
    from grok_agent.settings import Settings

DONE, FAILED, USAGE, NO_LEAVE, BUDGET, STEPS, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

KEY_ERRORS = {
    "AuthenticationError",
    "OutOfFundsError",
    "PermissionRefusedError",
    PermissionDeniedError.__name__,
    MissingKeyError.__name__,
}
READ_ONLY_JOBS = {"ask", "review"}
INTERRUPTION = "Interrupted; what was done so far stays."


@contextmanager
def exit_codes(*, as_json: bool = False, as_jsonl: bool = False) -> Iterator[None]:
    """Turn what goes wrong into one sentence on standard error and the right exit code."""
    try:
        yield
    except GrokAgentError as error:
        _report_failure(error, as_json=as_json, as_jsonl=as_jsonl)
        raise typer.Exit(code_of_error(error)) from None
    except KeyboardInterrupt:
        print(INTERRUPTION, file=sys.stderr)
        _print_failure(INTERRUPTION, "KeyboardInterrupt", as_json=as_json, as_jsonl=as_jsonl)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:  # the reader of our output has closed it: nothing is left to say
        sys.stderr.close()
        raise typer.Exit(DONE) from None


def code_of_error(error: GrokAgentError) -> int:
    """The exit code of an error that ended the program before or outside a run."""
    if type(error).__name__ in KEY_ERRORS:
        return NO_LEAVE
    if isinstance(error, SpendingCapError):
        return BUDGET
    return FAILED if isinstance(error, GatewayError) else USAGE


def code_of_outcome(outcome: "Outcome") -> int:
    """The exit code of a finished run."""
    if outcome.status == "done":
        return DONE
    if outcome.status == "over_budget":
        return STEPS if outcome.limit == "steps" else BUDGET
    return NO_LEAVE if outcome.error_kind in KEY_ERRORS else FAILED


def may_go_on(outcome: "Outcome") -> bool:
    """Whether a run that ended so may be resumed: it met a limit, or the gateway failed it."""
    return outcome.status == "over_budget" or (
        outcome.status == "failed" and bool(outcome.error_kind)
    )


def run_repository_job(
    job: "Job",
    task: str,
    *,
    repo: Path,
    model: "Callable[[], ChatGrokBuild]",
    settings: "Settings",
    check: str | None,
    permission: str | None,
    guarding: "Guarding",
    offline: bool,
    sweep: bool | None,
    as_json: bool,
    as_jsonl: bool,
    run_id: str = "",
) -> None:
    """Run one of the repository verbs and leave with its exit code.

    ``sweep``: whether to read the whole repository shard by shard; None leaves it to its size.
    ``run_id``: the run's name, ``""`` for a new one.
    """
    from grok_agent.journal import new_run_id
    from grok_agent.repository_runs import begin_run
    from grok_agent.started import Started, limits_of

    started = Started(
        run=run_id or new_run_id(),
        job=job,
        task=task,
        repo=str(repo.expanduser().absolute()),
        permission=permission_of(permission, job),
        check=check,
        sweep=sweep,
        offline=offline,
        guarding=guarding,
        limits=limits_of(settings),
    )
    begin_run(started, model, settings, as_json=as_json, as_jsonl=as_jsonl)


def show_features(image: Path, *, html: Path | None, as_json: bool) -> None:
    """Print the measured features of one picture; ``html`` is a file for its contact sheet."""
    from grok_agent.vision.features import extract

    features = extract(image)
    if html:
        from grok_agent.vision.sheet import contact_sheet

        contact_sheet(image).write(html)
    if as_json:
        print(features.model_dump_json(indent=2))
    else:
        console.print_features(image, features)


def show_models(settings: "Settings", *, offline: bool, as_json: bool) -> None:
    """Print the names that ``/v1/models`` answers with."""
    if offline:
        from grok_agent.offline import offline_models

        names = offline_models()
    else:
        from grok_agent.gateway.client import list_models

        settings.require_key()
        names = list_models(settings)
    if as_json:
        print(json.dumps(names))
        return
    for name in names:
        print(f"{name}  (in use)" if name == settings.model else name)


def show_usage(
    settings: "Settings",
    *,
    by: str,
    since: str | None,
    csv: Path | None,
    in_currency: bool,
    as_json: bool,
) -> None:
    """Print what requests have cost, and write them one by one to ``csv`` if that is given.

    ``in_currency`` insists on amounts in the local currency, which else follow from a rate.
    """
    from grok_agent.gateway.bills import bills_of
    from grok_agent.gateway.edge import LEDGER_FILE
    from grok_agent.usage_report import Currency, Report, moment, render, write_csv

    start = moment(since) if since else None
    rate = settings.currency_rate
    if in_currency and rate is None:
        raise SettingsError(
            f"A rate for {settings.currency} is not set, and none is looked up.",
            next_step="Add --rate, the price of one US dollar, or set GROK_CURRENCY_RATE.",
        )
    currency = Currency(settings.currency, rate) if rate is not None else None
    bills = bills_of(settings.state_dir / LEDGER_FILE)
    if csv:
        written = write_csv(bills, csv, since=start, currency=currency)
        where = "standard output" if str(csv) == "-" else csv
        print(f"{written} row(s) written to {where}", file=sys.stderr)
        return
    report = Report.of(bills, _group(by), since=start, currency=currency)
    print(report.to_json() if as_json else render(report))


def _group(by: str) -> "By":
    from grok_agent.gateway.totals import By

    groups = get_args(By)
    if by not in groups:
        raise SettingsError(
            f"--by {by} is not known.", next_step=f"Use one of: {', '.join(groups)}."
        )
    return cast(By, by)


def permission_of(given: str | None, job: str) -> Any:
    """The mode that was given, or the one that fits the job and the terminal."""
    modes = ("plan", "ask", "edits", "all")
    if given is None:
        return "plan" if job in READ_ONLY_JOBS else "ask" if sys.stdin.isatty() else "edits"
    if given not in modes:
        raise SettingsError(
            f"--permission {given} is not known.", next_step=f"Use one of: {', '.join(modes)}."
        )
    return given


def budget_of(settings: "Settings") -> "Budget":
    """Where a run with these settings ends at the latest."""
    from grok_agent.graphs.state import Budget

    return Budget(
        max_usd=settings.max_usd,
        max_steps=settings.max_steps,
        max_seconds=settings.max_seconds,
        max_total_tokens=settings.max_total_tokens,
    )


def finish_run(
    graph: "CompiledStateGraph[Any, Any, Any, Any]",
    given: dict[str, Any] | None,
    show: console.Reporter,
    settings: "Settings",
    *,
    as_json: bool,
    as_jsonl: bool,
    run_id: str = "",
) -> "Outcome":
    """Run the graph, print how it ended, and leave with its exit code unless it is done.

    ``given`` None goes on with the state that the graph has; ``run_id`` ``""`` is a new run.
    """
    from grok_agent.graphs.state import Outcome
    from grok_agent.journal import new_run_id

    run_id = run_id or new_run_id()
    try:
        with show:
            outcome = Outcome.from_dict(_drive(graph, given, run_id, show))
    except KeyboardInterrupt:
        if graph.checkpointer:
            print(f"Go on with it: grok-agent resume {run_id}", file=sys.stderr)
        raise
    journal = settings.state_dir / RUNS_FOLDER / run_id / "journal.jsonl"
    console.print_outcome(
        outcome,
        places={"journal": journal, "library": settings.library_place},
        as_json=as_json,
        as_jsonl=as_jsonl,
    )
    if graph.checkpointer and may_go_on(outcome):
        print(f"Go on with it: grok-agent resume {run_id}", file=sys.stderr)
    if (code := code_of_outcome(outcome)) != DONE:
        raise typer.Exit(code)
    return outcome


def _drive(
    graph: "CompiledStateGraph[Any, Any, Any, Any]",
    given: dict[str, Any] | None,
    run_id: str,
    show: console.Reporter,
) -> dict[str, Any]:
    """Run the graph to its end; each question on the way goes to the terminal.

    Events come by the listener and not by a stream, since for a stream LangGraph runs the steps
    on another thread, where Ctrl-C would have to wait for the request under way.
    """
    from langgraph.types import Command

    config: Any = {"configurable": {"thread_id": run_id}}
    # A step begins when the one before it is on the disk, so that nothing is done twice.
    options: Any = {"durability": "sync"} if graph.checkpointer else {}
    state = graph.invoke(given, config, **options)
    while questions := state.get("__interrupt__"):
        answer = show.ask_leave(questions[0].value)
        state = graph.invoke(Command(resume=answer), config, **options)
    return dict(state["outcome"])


def _report_failure(error: GrokAgentError, *, as_json: bool, as_jsonl: bool) -> None:
    print(console.printable(f"Error: {error}"), file=sys.stderr)
    _print_failure(str(error), type(error).__name__, as_json=as_json, as_jsonl=as_jsonl)


def _print_failure(reason: str, kind: str, *, as_json: bool, as_jsonl: bool) -> None:
    failure = {"status": "failed", "reason": reason, "error_kind": kind}
    if as_jsonl:
        print(json.dumps({"event": "end", "outcome": failure}, ensure_ascii=False))
    elif as_json:
        print(json.dumps(failure, ensure_ascii=False))
