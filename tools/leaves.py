"""The leaves of one workspace: what its mode and rules say, and what a person granted besides."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from grok_agent.errors import PermissionDeniedError
from grok_agent.tools.permission import Decision, Mode, Place, decide
from grok_agent.tools.rules import FileUse, Rules
from grok_agent.tools.shell_parts import UNKNOWN, shell_parts
from grok_agent.tools.shell_wrappers import ASSIGNMENT, commands_within
from grok_agent.tools.tool_kinds import COMMAND_TOOL, EDITING_TOOLS

WITH_SUBCOMMANDS = frozenset(
    (
        *("git", "npm", "pnpm", "yarn", "bun", "cargo", "go", "uv", "pip", "poetry", "hatch"),
        *("tox", "make", "just", "docker", "kubectl", "dotnet", "gradle", "mvn", "bundle", "mix"),
        *("rake", "terraform"),
    )
)
RUN_ANYTHING = frozenset(
    (
        *("python", "python3", "node", "deno", "ruby", "perl", "php", "lua", "bash", "sh", "zsh"),
        *("fish", "sudo", "doas", "env", "xargs", "find", "eval", "exec", "ssh", "npx", "uvx"),
        *("rm", "chmod", "chown", "chgrp", "dd", "mv", "curl", "wget", "kill", "pkill", "killall"),
        *("awk", "sed", "tee"),
    )
)
"""Leave for one call of these is no leave for the next."""


class Leaves:
    """Judges calls for ``place`` by its mode, its rules and what was granted."""

    def __init__(self, place: Place, mode: Mode, rules: Rules) -> None:
        self.mode: Mode = mode
        self.rules = rules
        self._place = place
        self._grants: set[tuple[str, str]] = set()

    def decide(self, tool: str, arguments: Mapping[str, Any]) -> Decision:
        """May this call run? Leave for single calls is not counted; nothing is run or changed."""
        return decide(self.mode, tool, arguments, self._place, self.rules)

    def grant(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Remember a leave given for exactly this call."""
        self._grants.add(_key(tool, arguments))

    def remember(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Remember a leave given for this call and those like it; see :func:`likes_of`."""
        self.grant(tool, arguments)
        self.rules += Rules.of(allow=likes_of(tool, arguments))

    def require(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Raise PermissionDeniedError unless the call is allowed or a leave was granted."""
        decision = self.decide(tool, arguments)
        granted = decision.verdict == "ask" and _key(tool, arguments) in self._grants
        if decision.verdict != "allow" and not granted:
            raise PermissionDeniedError(
                f"{tool} was refused: {decision.reason}.", next_step=_next_step(decision)
            )

    def require_file(self, use: FileUse, path: str) -> None:
        """Raise PermissionDeniedError for a file that a rule denies, whichever tool asks."""
        ruling = self.rules.on_file(use, path, self._place)
        if ruling.effect == "deny":
            raise PermissionDeniedError(
                f"{path} was refused: {ruling.why}.", next_step="Go on without it."
            )


def _next_step(decision: Decision) -> str:
    if decision.by_rule:
        who = "only a person who is asked" if decision.verdict == "ask" else "nobody"
        return f"Go on without it: {who} can allow it in this run."
    return (
        "Go on without it, or the user starts again with a wider --permission"
        " (edits allows edits, all allows commands as well) or an --allow rule."
    )


def likes_of(tool: str, arguments: Mapping[str, Any]) -> list[str]:
    """The rules that leave for this call "and those like it" stands for; none where leave for one
    call says nothing of the next."""
    if tool in EDITING_TOOLS:
        return sorted(EDITING_TOOLS)
    if tool != COMMAND_TOOL:
        return []
    parts = shell_parts(str(arguments.get("command"))) or ()
    commands = [part.words for part in parts if part.kind == "command"]
    plain = bool(commands) and all(_is_plain(words) for words in commands)
    if not plain or any(commands_within(part) != (True, ()) for part in parts):
        return []
    return [f"{COMMAND_TOOL}({_beginning(words)} *)" for words in commands]


def _is_plain(words: Sequence[str]) -> bool:
    beginning = _beginning(words)
    return not (
        words[0] in RUN_ANYTHING
        or ASSIGNMENT.match(words[0])
        or any(mark in beginning for mark in (UNKNOWN, "*", ")"))
    )


def _beginning(words: Sequence[str]) -> str:
    return " ".join(words[:2]) if words[0] in WITH_SUBCOMMANDS else words[0]


def _key(tool: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
    return tool, json.dumps(arguments, sort_keys=True, default=repr)
