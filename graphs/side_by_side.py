"""Which calls of one answer may run at the same time, and which have to wait for others.

A call sees what the calls before it did to the files that it touches. Commands of one answer run
side by side with each other, as in xAI's own client; a command waits for every read and edit sent
before it, and they for it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from langchain_core.messages import ToolCall

from grok_agent.errors import ToolError
from grok_agent.tools.permission import COMMAND_TOOL, READING_TOOLS, reading_argv
from grok_agent.tools.workspace import Workspace

EDITS_OF_ONE_FILE = frozenset({"search_replace", "write"})
PLAN_TOOL = "todo_write"

_MOVES = re.compile(
    r"(?:^|[\s;&|(){}`'\"\\])(?:cd|pushd|popd|source|eval|exec)(?=[\s;&|)]|$)"
    r"|(?:^|[;&|({\n])\s*\.\s"
)
"""Words by which a command may leave the terminal in another folder."""


@dataclass(frozen=True)
class Touch:
    """What a call reads or changes: ``place`` is a file's path, or "" for any of them.

    Calls of the same ``crew`` do not wait for each other. ``of_plan``: not files, but the list of
    what is to do.
    """

    writes: bool
    place: str = ""
    crew: str = ""
    of_plan: bool = False

    def hinders(self, later: "Touch") -> bool:
        """Whether ``later`` has to wait for this."""
        if not (self.writes or later.writes) or self.of_plan != later.of_plan:
            return False
        if self.crew and self.crew == later.crew:
            return False
        return not (self.place and later.place) or self.place == later.place


def side_by_side(
    calls: Sequence[ToolCall], workspace: Workspace | None = None
) -> Iterator[list[ToolCall]]:
    """``calls`` in the order sent, parted into groups whose calls may run at the same time."""
    group: list[ToolCall] = []
    touched: list[Touch] = []
    for call in calls:
        touch = touch_of(call, workspace)
        if any(earlier.hinders(touch) for earlier in touched):
            yield group
            group, touched = [], []
        group.append(call)
        touched.append(touch)
    if group:
        yield group


def touch_of(call: ToolCall, workspace: Workspace | None = None) -> Touch:
    """What ``call`` touches; everything, where that is not known."""
    name, arguments = call["name"], call["args"]
    if name == PLAN_TOOL:
        return Touch(writes=True, of_plan=True)
    if name in READING_TOOLS:
        return Touch(writes=False, place=_path(arguments.get("target_file"), workspace))
    if name in EDITS_OF_ONE_FILE:
        return Touch(writes=True, place=_path(arguments.get("file_path"), workspace))
    if name == COMMAND_TOOL:
        return _touch_of_command(arguments, workspace)
    return Touch(writes=True)


def _touch_of_command(arguments: Mapping[str, Any], workspace: Workspace | None) -> Touch:
    command = str(arguments.get("command"))
    if workspace and reading_argv(command, workspace):
        return Touch(writes=False)
    # Where the next command starts, and what a job is called, follow from the order.
    alone = _MOVES.search(command) or str(arguments.get("background")).lower() == "true"
    return Touch(writes=True, crew="" if alone else "commands")


def _path(given: object, workspace: Workspace | None) -> str:
    """One name for each file, whatever way it is named; "" where nothing can be said."""
    if not isinstance(given, str) or not given:
        return ""
    if workspace is None:
        return PurePath(given).as_posix()
    try:
        return str(workspace.resolve(given)).casefold()  # not all systems tell cases apart
    except (ToolError, OSError, ValueError):
        return ""
