"""How a run was started, kept in its folder, so that it can go on under the same conditions."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self, cast

from grok_agent.commands.guarding import Guarding
from grok_agent.errors import SettingsError
from grok_agent.graphs.repository import Job
from grok_agent.settings import Settings

FILE_NAME = "run.json"
VERSION = 1
LIMITS = ("max_usd", "max_steps", "max_seconds", "max_total_tokens")
"""The fields of the settings that end a run."""


@dataclass(frozen=True)
class Started:
    """What a person gave for a run of one of the repository verbs.

    ``limits`` are the values of ``LIMITS``; ``forked_from`` is the run whose state it began with.
    """

    run: str
    job: Job
    task: str
    repo: str
    permission: str
    check: str | None = None
    sweep: bool | None = None
    offline: bool = False
    guarding: Guarding = field(default_factory=Guarding)
    limits: dict[str, float | int | None] = field(default_factory=dict)
    forked_from: str = ""

    def write(self, folder: Path) -> None:
        """Keep it in the run's ``folder``. Raises OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = {"version": VERSION, **asdict(self)}
        part = folder / f"{FILE_NAME}.part"
        part.write_text(json.dumps(data, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
        part.replace(folder / FILE_NAME)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The inverse of :meth:`write`. Raises :class:`SettingsError` for a run that cannot go on
        since it was started otherwise, or by another version."""
        try:
            data = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
            if data.pop("version") != VERSION:
                raise SettingsError(
                    f"The run {folder.name} was started by another version of grok-agent.",
                    next_step="Use that version, or start the task again.",
                )
            given = data.pop("guarding")
            given |= {name: tuple(given[name]) for name in ("allow", "ask", "deny")}
            given |= {name: tuple(map(Path, given[name])) for name in ("readable", "writable")}
            return cls(**data, guarding=Guarding(**given))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingsError(
                f"The run {folder.name} does not say how it was started, so it cannot go on.",
                next_step="Only runs of refactor, tests, review, script and ask can go on."
                " Start the task again.",
            ) from error

    def with_limits(self, settings: Settings) -> Self:
        """With the limits of ``settings``."""
        return replace(self, limits=limits_of(settings))


def limits_of(settings: Settings) -> dict[str, Any]:
    """Where a run with these settings ends at the latest."""
    return {name: cast(Any, getattr(settings, name)) for name in LIMITS}
