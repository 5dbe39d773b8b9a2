"""The ``grok-agent`` command: arguments in, exit code out.

Exit codes: 0 done, 1 failed, 2 usage or unusable input, 3 key or permission, 4 budget, 5 steps,
130 interrupted. Imports that load LangChain stay inside the commands, so that ``--help`` is quick.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grok_agent.errors import SettingsError

if TYPE_CHECKING:
    from grok_agent.chat_model import ChatGrokBuild
    from grok_agent.graphs.repository import Job
    from grok_agent.profile import ImageLimits
    from grok_agent.settings import Settings

app = typer.Typer(
    name="grok-agent",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Drive grok-build-0.1 through native tool calls, behind any OpenAI-compatible gateway.",
    epilog="Start without a key: grok-agent ask --offline --repo . 'what is this repository'",
)

Task = Annotated[
    str | None,
    typer.Argument(help="What to do, in plain words; read from standard input when absent or '-'."),
]
Offline = Annotated[
    bool,
    typer.Option("--offline", help="Use the embedded gateway: deterministic, no key, no network."),
]
BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", help="Gateway, e.g. https://4sapi.com/v1.  [env: GROK_BASE_URL]"),
]
Model = Annotated[str | None, typer.Option("--model", help="Model name.  [env: GROK_MODEL]")]
Repo = Annotated[Path, typer.Option("--repo", help="The repository's folder.")]
Check = Annotated[
    str | None,
    typer.Option("--check", metavar="CMD", help="Must succeed before the work counts as done."),
]
Permission = Annotated[
    str | None,
    typer.Option(
        help="plan: read only | ask: ask for edits and commands | edits: edit freely, ask for"
        " commands | all. Default: plan for review and ask; else ask on a terminal, edits in"
        " a pipe."
    ),
]
MaxUsd = Annotated[float | None, typer.Option(min=0, help="End the run at this cost.")]
MaxSteps = Annotated[int | None, typer.Option(min=1, help="End the run after this many requests.")]
MaxSeconds = Annotated[float | None, typer.Option(min=0, help="End the run after this time.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")]
AsJsonl = Annotated[
    bool, typer.Option("--jsonl", help="Print every event as a line of JSON; the last is 'end'.")
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


def _add_job(job: "Job") -> None:
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
            settings = _settings(offline, base_url=base_url, model=model, **limits)
            words = _task(task)
            run_repository_job(
                job,
                words,
                repo=repo,
                model=lambda: _connect(settings, offline),
                settings=settings,
                check=check,
                permission=permission,
                as_json=as_json,
                as_jsonl=as_jsonl,
            )

    app.command(job, help=what, epilog=f"Example: {example}")(command)


for _job in JOBS:
    _add_job(_job)


@app.command(epilog="Example: grok-agent prompt --image face.jpg '35mm portrait, rain, no text'")
def prompt(
    text: Task = None,
    image: Annotated[
        list[Path] | None, typer.Option("--image", help="Reference picture; may be repeated.")
    ] = None,
    max_usd: MaxUsd = None,
    max_steps: MaxSteps = None,
    max_seconds: MaxSeconds = None,
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
    offline: Offline = False,
    base_url: BaseUrl = None,
    model: Model = None,
) -> None:
    """Turn a description, a reference picture or both into a structured bilingual prompt."""
    from grok_agent.running import exit_codes, run_prompt

    with exit_codes(as_json=as_json, as_jsonl=as_jsonl):
        limits = {"max_usd": max_usd, "max_steps": max_steps, "max_seconds": max_seconds}
        settings = _settings(offline, base_url=base_url, model=model, **limits)
        images = image or []
        words = text if images and text else _task(text, needed=not images)
        run_prompt(
            words or "Write a structured prompt for the reference picture.",
            images=images,
            model=lambda: _connect(settings, offline),
            settings=settings,
            as_json=as_json,
            as_jsonl=as_jsonl,
        )


@app.command(epilog="Example: grok-agent features portrait.jpg --json")
def features(
    image: Annotated[Path, typer.Argument(help="A picture file.")],
    as_json: AsJson = False,
    offline: Annotated[bool, typer.Option("--offline", hidden=True)] = False,
    base_url: Annotated[str | None, typer.Option("--base-url", hidden=True)] = None,
    model: Annotated[str | None, typer.Option("--model", hidden=True)] = None,
) -> None:
    """Measure a picture on this machine: size, palette, light, colour temperature, sharpness."""
    from grok_agent.running import exit_codes, show_features

    with exit_codes(as_json=as_json):
        show_features(image, as_json=as_json)


@app.command("serve-offline", epilog="Then: GROK_BASE_URL=http://127.0.0.1:8808/v1 GROK_API_KEY=x")
def serve_offline(
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")] = 8808,
) -> None:
    """Serve the embedded gateway on loopback, for any OpenAI-compatible client."""
    from grok_agent.running import exit_codes

    with exit_codes():
        from grok_agent.offline.gateway import OfflineGateway
        from grok_agent.offline.server import serve

        serve(OfflineGateway(), host=host, port=port)


@app.command(epilog="Example: grok-agent models --base-url https://4sapi.com/v1")
def models(
    as_json: AsJson = False,
    offline: Offline = False,
    base_url: BaseUrl = None,
    model: Model = None,
) -> None:
    """List the models that the gateway offers; the one in use is marked."""
    from grok_agent.running import exit_codes, show_models

    with exit_codes(as_json=as_json):
        settings = _settings(offline, base_url=base_url, model=model)
        show_models(settings, offline=offline, as_json=as_json)


@app.command(epilog="Example: grok-agent usage --by model --since 2026-01-01 --rate 7.1")
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
        settings = _settings(offline=True, currency=currency, currency_rate=rate)  # asks no gateway
        if currency and not rate and settings.currency != _settings(offline=True).currency:
            settings = settings.model_copy(update={"currency_rate": None})  # of another currency
        show_usage(
            settings,
            by=by,
            since=since,
            csv=csv,
            in_currency=bool(currency),
            as_json=as_json,
        )


@app.command(epilog="Example: grok-agent doctor --base-url https://4sapi.com/v1")
def doctor(
    as_json: AsJson = False,
    offline: Offline = False,
    base_url: BaseUrl = None,
    model: Model = None,
) -> None:
    """Find out with a few cheap requests what a gateway can do, and remember it."""
    from grok_agent.running import exit_codes

    with exit_codes(as_json=as_json):
        from grok_agent.doctor import run_doctor

        settings = _settings(offline, base_url=base_url, model=model)
        run_doctor(settings, offline=offline, as_json=as_json)


@app.command()
def version() -> None:
    """Print the versions of this program and of what it stands on."""
    from importlib.metadata import version as of

    print(f"grok-agent {of('grok-agent')}")
    for name in ("langchain-core", "langchain-openai", "langgraph", "openai", "pydantic"):
        print(f"  {name} {of(name)}")
    print(f"  python {sys.version.split()[0]}")


def _settings(offline: bool, **overrides: Any) -> "Settings":
    """The settings; with ``--offline`` the gateway's address and key are not even read."""
    from grok_agent.settings import Settings

    if offline and overrides.get("base_url"):
        raise SettingsError(
            "--offline and --base-url exclude each other.", next_step="Leave one of them out."
        )
    if offline:
        overrides |= {"base_url": "http://offline.invalid/v1", "api_key": "offline"}
    return Settings.from_env(**overrides)


def _connect(settings: "Settings", offline: bool) -> "ChatGrokBuild":
    if offline:
        from grok_agent.offline import offline_model

        return offline_model(model=settings.model, reencode=_reencode)
    from grok_agent.chat_model import ChatGrokBuild

    settings.require_key()
    return ChatGrokBuild.from_settings(settings, reencode=_reencode)


def _reencode(url: str, limits: "ImageLimits") -> str:
    from grok_agent.vision.reencode import reencode  # loads the image library: only when needed

    return reencode(url, limits)


def _task(argument: str | None, *, needed: bool = True) -> str:
    """The task from the argument, else from standard input when that is no terminal."""
    words = argument
    if argument == "-" or (argument is None and needed and not sys.stdin.isatty()):
        words = sys.stdin.buffer.read().decode("utf-8", errors="replace")
    if not (words or "").strip() and needed:
        raise SettingsError(
            "The task is empty.",
            next_step="Say what to do: as an argument, or on standard input with '-'.",
        )
    return words or ""
