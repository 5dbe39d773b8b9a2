"""What the commands share: their options, and what becomes of these."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grok_agent.errors import SettingsError

if TYPE_CHECKING:
    from grok_agent.chat_model import ChatGrokBuild
    from grok_agent.settings import Settings

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
MaxTotalTokens = Annotated[
    int | None,
    typer.Option(min=1, help="End the run after this many tokens, read and written, in all."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")]
AsJsonl = Annotated[
    bool, typer.Option("--jsonl", help="Print every event as a line of JSON; the last is 'end'.")
]


def settings_of(offline: bool, **overrides: Any) -> "Settings":
    """The settings; with ``--offline`` the gateway's address and key are not even read."""
    from grok_agent.settings import Settings

    if offline and overrides.get("base_url"):
        raise SettingsError(
            "--offline and --base-url exclude each other.", next_step="Leave one of them out."
        )
    if offline:
        overrides |= {"base_url": "http://offline.invalid/v1", "api_key": "offline"}
    return Settings.from_env(**overrides)


def connect(settings: "Settings", offline: bool, **options: Any) -> "ChatGrokBuild":
    """The chat model of ``settings``, or the one on the embedded gateway; ``options`` are its own
    where they are not None."""
    given = {name: value for name, value in options.items() if value is not None}
    if offline:
        from grok_agent.offline import offline_model

        return offline_model(model=settings.model, **given)
    from grok_agent.chat_model import ChatGrokBuild

    settings.require_key()
    return ChatGrokBuild.from_settings(settings, **given)


def read_task(argument: str | None, *, needed: bool = True) -> str:
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
