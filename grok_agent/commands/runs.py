"""The verbs for runs: list them, go on with one, fork one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grok_agent.commands.options import (
    AsJson,
    AsJsonl,
    BaseUrl,
    Check,
    MaxSeconds,
    MaxSteps,
    MaxUsd,
    Model,
    Permission,
    connect,
    settings_of,
)
from grok_agent.commands.worktree import going_on_in

if TYPE_CHECKING:
    from grok_agent.started import Started

RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="Its id, a beginning of it that fits no other, or last")
]
Offline = Annotated[
    bool | None,
    typer.Option("--offline/--online", help="The embedded gateway. Default: as it was started."),
]


def register(app: typer.Typer) -> None:
    """Add ``runs``, ``resume`` and ``fork``."""
    app.command(epilog="Example: grok-agent runs --repo .")(runs)
    app.command(epilog="Example: grok-agent resume last --max-usd 2")(resume)
    app.command(epilog="Example: grok-agent fork last --at 3 'use a dataclass instead'")(fork)


def runs(
    repo: Annotated[Path | None, typer.Option("--repo", help="Only those of this folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the runs, newest first: what they were to do, how they ended, what they cost."""
    from grok_agent.folders import RUNS_FOLDER
    from grok_agent.run_list import all_runs, print_runs
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json):
        folder = settings_of(offline=True).state_dir / RUNS_FOLDER
        where = str(repo.expanduser().resolve()) if repo else None
        found = [each for each in all_runs(folder) if where in (None, each.repository)]
        if as_json:
            print(json.dumps([each.to_dict() for each in found], ensure_ascii=False))
        else:
            print_runs(found)


def resume(
    run: RunName,
    check: Check = None,
    permission: Permission = None,
    max_usd: MaxUsd = None,
    max_steps: MaxSteps = None,
    max_seconds: MaxSeconds = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
    offline: Offline = None,
    base_url: BaseUrl = None,
    model: Model = None,
) -> None:
    """Go on with a run that was interrupted, killed, or ended by a limit or by the gateway.

    Nothing that it did is done again, no answer is paid for twice. Job, folder, check, permission
    and limits are those that it was started with, unless given here.
    """
    from grok_agent.repository_runs import resume_run
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json, as_jsonl=as_jsonl):
        limits = {"max_usd": max_usd, "max_steps": max_steps, "max_seconds": max_seconds}
        started = _as_given(_find(run), check, permission, offline)
        settings = _settings(started, limits, base_url, model)
        with going_on_in(settings.state_dir, started.run, started.task):
            resume_run(
                started.with_limits(settings),
                lambda: connect(settings, started.offline),
                settings,
                as_json=as_json,
                as_jsonl=as_jsonl,
            )


def fork(
    run: RunName,
    at: Annotated[int, typer.Option("--at", metavar="STEP", min=0, help="After which step.")],
    words: Annotated[
        str | None, typer.Argument(metavar="[WORDS]", help="What to do from there on.")
    ] = None,
    restore_files: Annotated[
        bool, typer.Option("--restore-files", help="Put the files back to what they were then.")
    ] = False,
    check: Check = None,
    permission: Permission = None,
    max_usd: MaxUsd = None,
    max_steps: MaxSteps = None,
    max_seconds: MaxSeconds = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
    offline: Offline = None,
    base_url: BaseUrl = None,
    model: Model = None,
) -> None:
    """Begin a new run with what an earlier one knew after one of its steps.

    What it had cost by then counts. The files stay as they are, unless --restore-files is given.
    """
    from grok_agent.repository_runs import fork_run
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json, as_jsonl=as_jsonl):
        limits = {"max_usd": max_usd, "max_steps": max_steps, "max_seconds": max_seconds}
        started = _as_given(_find(run), check, permission, offline)
        settings = _settings(started, limits, base_url, model)
        fork_run(
            started.with_limits(settings),
            at,
            (words or "").strip(),
            lambda: connect(settings, started.offline),
            settings,
            restore=restore_files,
            as_json=as_json,
            as_jsonl=as_jsonl,
        )


def _find(name: str) -> "Started":
    from grok_agent.folders import RUNS_FOLDER
    from grok_agent.journal import run_folder
    from grok_agent.run_list import find_run
    from grok_agent.started import Started

    folder = settings_of(offline=True).state_dir / RUNS_FOLDER
    return Started.read(run_folder(folder, find_run(folder, name)))


def _as_given(
    started: "Started", check: str | None, permission: str | None, offline: bool | None
) -> "Started":
    from grok_agent.running import permission_of

    if permission is not None:
        started = replace(started, permission=permission_of(permission, started.job))
    if offline is not None:
        started = replace(started, offline=offline)
    return replace(started, check=check) if check is not None else started


def _settings(
    started: "Started", limits: dict[str, Any], base_url: str | None, model: str | None
) -> Any:
    given = {name: value for name, value in limits.items() if value is not None}
    return settings_of(
        started.offline, base_url=base_url, model=model, **{**started.limits, **given}
    )
