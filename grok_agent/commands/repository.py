"""The verbs for repositories: refactor, tests, review, script, ask."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grok_agent.commands.guarding import (
    Allow,
    Ask,
    Deny,
    Guarding,
    MaxTasks,
    MemoryGb,
    Network,
    NoSandbox,
    Readable,
    SharedMemory,
    Writable,
)
from grok_agent.commands.options import (
    AsJson,
    AsJsonl,
    BaseUrl,
    Check,
    MaxSeconds,
    MaxSteps,
    MaxTotalTokens,
    MaxUsd,
    Model,
    Offline,
    Permission,
    Repo,
    Task,
    connect,
    read_task,
    settings_of,
)
from grok_agent.commands.worktree import InWorktree, working_in

if TYPE_CHECKING:
    from grok_agent.graphs.repository import Job

SWEEPING_JOBS = ("review", "ask")
"""Verbs that can read a repository in shards."""

Sweep = Annotated[
    bool | None,
    typer.Option(
        "--sweep/--no-sweep",
        help="Read the whole repository, in shards. Default: if it does not fit into one request.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Show shards, tokens, seconds and dollars; send nothing."),
]

JOBS: "dict[Job, tuple[str, str]]" = {
    "refactor": (
        "Change code and keep its behaviour.",
        "grok-agent refactor --repo . --check 'pytest -q' 'rename the function foo to bar'",
    ),
    "tests": (
        "Write tests for code that has none.",
        "grok-agent tests --repo . --permission all 'write smoke tests for src/app/io.py'",
    ),
    "review": (
        "Look for defects; changes nothing.",
        "git diff | grok-agent review --repo . --jsonl -",
    ),
    "script": (
        "Write an engineering script.",
        "grok-agent script --repo . 'a script that lists unused dependencies'",
    ),
    "ask": (
        "Answer a question about a repository; changes nothing.",
        "grok-agent ask --repo . 'what is this repository'",
    ),
}


def register(app: typer.Typer) -> None:
    """Add one command for each job."""
    for job in JOBS:
        _add_job(app, job)


def _add_job(app: typer.Typer, job: "Job") -> None:
    """Register one repository verb; those that only read can sweep the whole repository."""
    what, example = JOBS[job]

    def command(
        task: Task = None,
        repo: Repo = Path(),
        check: Check = None,
        permission: Permission = None,
        allow: Allow = None,
        ask: Ask = None,
        deny: Deny = None,
        network: Network = False,
        no_sandbox: NoSandbox = False,
        readable: Readable = None,
        writable: Writable = None,
        shared_memory: SharedMemory = False,
        memory_gb: MemoryGb = None,
        max_tasks: MaxTasks = None,
        max_usd: MaxUsd = None,
        max_steps: MaxSteps = None,
        max_seconds: MaxSeconds = None,
        max_total_tokens: MaxTotalTokens = None,
        as_json: AsJson = False,
        as_jsonl: AsJsonl = False,
        offline: Offline = False,
        base_url: BaseUrl = None,
        model: Model = None,
        sweep: Sweep = None,
        dry_run: DryRun = False,
        worktree: InWorktree = False,
    ) -> None:
        from grok_agent.commands.sweep import show_plan
        from grok_agent.running import exit_codes, run_repository_job

        with exit_codes(as_json=as_json, as_jsonl=as_jsonl):
            limits = {
                "max_usd": max_usd,
                "max_steps": max_steps,
                "max_seconds": max_seconds,
                "max_total_tokens": max_total_tokens,
            }
            settings = settings_of(offline, base_url=base_url, model=model, **limits)
            words = read_task(task)
            if dry_run:
                show_plan(job, words, repo=repo, settings=settings, sweep=sweep, as_json=as_json)
                return
            state_dir = settings.state_dir
            with working_in(repo, state_dir, words, worktree=worktree) as (folder, run_id):
                run_repository_job(
                    job,
                    words,
                    repo=folder,
                    model=lambda: connect(settings, offline),
                    settings=settings,
                    check=check,
                    permission=permission,
                    offline=offline,
                    guarding=Guarding(
                        allow=tuple(allow or ()),
                        ask=tuple(ask or ()),
                        deny=tuple(deny or ()),
                        network=network,
                        sandbox=not no_sandbox,
                        readable=tuple(readable or ()),
                        writable=tuple(writable or ()),
                        shared_memory=shared_memory,
                        memory_gb=memory_gb,
                        max_tasks=max_tasks,
                    ),
                    sweep=sweep,
                    as_json=as_json,
                    as_jsonl=as_jsonl,
                    run_id=run_id,
                )

    others = ("worktree",) if job in SWEEPING_JOBS else ("sweep", "dry_run")
    offered = _without(command, *others)
    app.command(job, help=what, epilog=f"Example: {example}")(offered)


def _without(command: Callable[..., None], *names: str) -> Callable[..., None]:
    """``command`` with fewer options."""

    @wraps(command)
    def fewer(**given: Any) -> None:
        command(**given)

    whole = signature(command)
    kept = [each for name, each in whole.parameters.items() if name not in names]
    fewer.__signature__ = whole.replace(parameters=kept)  # type: ignore[attr-defined]
    return fewer
