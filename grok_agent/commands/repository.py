"""The verbs for repositories: refactor, tests, review, script, ask."""

from pathlib import Path
from typing import TYPE_CHECKING

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
    Offline,
    Permission,
    Repo,
    Task,
    connect,
    read_task,
    settings_of,
)

if TYPE_CHECKING:
    from grok_agent.graphs.repository import Job

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
    """Register one repository verb; all of them take the same options."""
    what, example = JOBS[job]

    def command(
        task: Task = None,
        repo: Repo = Path(),
        check: Check = None,
        permission: Permission = None,
        max_usd: MaxUsd = None,
        max_steps: MaxSteps = None,
        max_seconds: MaxSeconds = None,
        as_json: AsJson = False,
        as_jsonl: AsJsonl = False,
        offline: Offline = False,
        base_url: BaseUrl = None,
        model: Model = None,
    ) -> None:
        from grok_agent.running import exit_codes, run_repository_job

        with exit_codes(as_json=as_json, as_jsonl=as_jsonl):
            limits = {"max_usd": max_usd, "max_steps": max_steps, "max_seconds": max_seconds}
            settings = settings_of(offline, base_url=base_url, model=model, **limits)
            words = read_task(task)
            run_repository_job(
                job,
                words,
                repo=repo,
                model=lambda: connect(settings, offline),
                settings=settings,
                check=check,
                permission=permission,
                as_json=as_json,
                as_jsonl=as_jsonl,
            )

    app.command(job, help=what, epilog=f"Example: {example}")(command)
