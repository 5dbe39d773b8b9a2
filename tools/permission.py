"""Which tool call may run: the user's rules, then what the mode says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from grok_agent.tools.command_ruling import on_command
from grok_agent.tools.reading_commands import is_harmless_part, reading_argv
from grok_agent.tools.rules import Rules, Ruling, all_of
from grok_agent.tools.shell_parts import UNKNOWN, ShellPart
from grok_agent.tools.tool_kinds import (
    COMMAND_TOOL,
    EDITING_TOOLS,
    PATH_ARGUMENTS,
    READING_TOOLS,
    SHOWING_TOOLS,
)

__all__ = [
    "COMMAND_TOOL",
    "EDITING_TOOLS",
    "MODES",
    "READING_TOOLS",
    "Decision",
    "Mode",
    "Place",
    "Verdict",
    "decide",
    "reading_argv",
]

Mode = Literal["plan", "ask", "edits", "all"]
Verdict = Literal["allow", "ask", "deny"]

MODES: tuple[Mode, ...] = get_args(Mode)


class Place(Protocol):
    """What the guard knows of the workspace."""

    @property
    def is_closed_to_commands(self) -> bool:
        """True when the sandbox keeps commands from writing in the workspace."""

    def names_of(self, path: str) -> Sequence[str]:
        """The path as given and as it is behind links, relative to the root; none outside."""

    def may_show(self, path: str) -> bool:
        """True when ``path`` lies inside, links followed, and needs no leave to be read."""

    def is_secret(self, path: str) -> bool:
        """True when the file is named like one that holds secrets."""

    def leaving_links(self) -> Sequence[str]:
        """Absolute paths of the links that lead out of the root."""


@dataclass(frozen=True)
class Decision:
    """What the guard says of one call, and why; ``reason`` is "" when it is allowed. What follows
    from a rule, no other mode changes."""

    verdict: Verdict
    reason: str = ""
    by_rule: bool = False


ALLOWED = Decision("allow")


def decide(
    mode: Mode,
    tool: str,
    arguments: Mapping[str, Any],
    place: Place,
    rules: Rules = Rules(),  # noqa: B008 - frozen
) -> Decision:
    """Judge one call: by the rules, ``deny`` before ``ask`` before ``allow``, then by the mode.

    Nothing is run or changed; only ``place`` looks at the disk. In the mode ``plan`` no rule allows
    an edit, and a command that rules allow runs only where it cannot write in the workspace.
    """
    ruling = _ruling(mode, tool, arguments, place, rules)
    if ruling.effect in ("deny", "ask"):
        return Decision(ruling.effect, ruling.why, by_rule=True)
    if ruling.effect == "allow" and _may_be_allowed(mode, tool, place):
        return ALLOWED
    return _by_mode(mode, tool, arguments, place)


def _ruling(
    mode: Mode, tool: str, arguments: Mapping[str, Any], place: Place, rules: Rules
) -> Ruling:
    command = arguments.get("command")
    if tool == COMMAND_TOOL and isinstance(command, str):

        def is_harmless(part: ShellPart) -> bool:
            if part.kind == "command":
                return is_harmless_part(part)
            path = part.words[0]
            if UNKNOWN in path or not place.names_of(path):
                return False
            return place.may_show(path) if part.kind == "reads" else mode == "edits"

        return on_command(command, rules, place, is_harmless)
    whole, files = rules.on_tool(tool), rules.on_files(tool, arguments, place)
    if whole.effect == "allow" and files.effect is None:
        return whole
    return all_of([each for each in (whole, files) if each.effect])


def _may_be_allowed(mode: Mode, tool: str, place: Place) -> bool:
    if mode != "plan":
        return True
    return tool in READING_TOOLS or (tool == COMMAND_TOOL and place.is_closed_to_commands)


def _by_mode(mode: Mode, tool: str, arguments: Mapping[str, Any], place: Place) -> Decision:
    if mode == "all":
        return ALLOWED
    if tool in READING_TOOLS:
        path = arguments.get(PATH_ARGUMENTS.get(tool, ""))
        if tool in SHOWING_TOOLS and isinstance(path, str) and place.is_secret(path):
            return Decision("ask", "the file is named like one that holds secrets")
        return ALLOWED
    if tool == COMMAND_TOOL:
        command = arguments.get("command")
        if isinstance(command, str) and reading_argv(command, place):
            return ALLOWED
        return _ask_unless_planning(mode, "the command is not known to read only")
    if tool in EDITING_TOOLS:
        if mode == "edits":
            return ALLOWED
        return _ask_unless_planning(mode, "it changes files")
    return _ask_unless_planning(mode, "what it does is not known to the guard")


def _ask_unless_planning(mode: Mode, reason: str) -> Decision:
    if mode == "plan":
        return Decision("deny", f"{reason}, and the mode 'plan' is read only")
    return Decision("ask", f"{reason}, and the mode is {mode!r}")
