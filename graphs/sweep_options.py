"""How a sweep goes about it: one shard after the other or some at once, and what it keeps where."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from grok_agent.errors import SettingsError

Mode = Literal["parallel", "sequential"]

DEFAULT_WIDTH = 4
"""Requests at a time; the pacing of the gateway bounds them further."""


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep goes about it.

    ``sequential`` carries the notes of each shard to the next; ``parallel`` sends ``width``
    requests at a time. In ``kept_dir`` answers wait until the sweep is finished.
    Raises SettingsError for values that cannot be used; the caller mends it.
    """

    mode: Mode = "parallel"
    width: int = DEFAULT_WIDTH
    kept_dir: Path | str | None = None

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode) or self.width < 1:
            raise SettingsError(
                f"A sweep cannot be {self.mode!r} with {self.width} requests at a time.",
                next_step=f"Use one of {', '.join(get_args(Mode))}, and 1 or more.",
            )

    @property
    def carries(self) -> bool:
        """Whether notes go from shard to shard."""
        return self.mode == "sequential"

    @property
    def at_once(self) -> int:
        """Requests that are sent at a time."""
        return 1 if self.carries else self.width
