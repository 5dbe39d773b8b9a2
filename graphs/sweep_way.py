"""How a sweep goes about it: one shard after the other or some at once, and what it keeps where."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from langchain_core.messages import AnyMessage

from grok_agent.errors import SettingsError
from grok_agent.graphs.sweep_ask import Frame
from grok_agent.graphs.sweep_kept import Kept
from grok_agent.graphs.sweep_prepare import Prepared, prepare
from grok_agent.tools.workspace import Workspace

Mode = Literal["parallel", "sequential"]

DEFAULT_WIDTH = 4
"""Requests at a time; the pacing of the gateway bounds them further."""


@dataclass(frozen=True)
class Way:
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


def planned(
    way: Way, frame: Frame, workspace: Workspace, model: str, said: Sequence[AnyMessage]
) -> tuple[Prepared, Kept]:
    """The plan for the task ``said`` last, and the answers that wait for it.

    Requests are cut as those were that have an answer, so that the same shards come out. Raises
    SettingsError when there is no room for files.
    """
    words = [f"{message.type}: {message.text}" for message in said]
    kept = Kept(way.kept_dir, str(workspace.root), frame.job, way.mode, model, *words)
    if kept.most_tokens is not None and kept.most_tokens < frame.max_tokens:
        frame = replace(frame, max_tokens=kept.most_tokens)
    return prepare(frame, workspace, said, carries=way.carries), kept
