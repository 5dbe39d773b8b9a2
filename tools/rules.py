"""Rules of the user: which tools, paths and commands are denied, asked for, or allowed.

::

    run_terminal_command(git push *)    commands; * stands for anything
    write(docs/**)                      files: * and ? stay in one folder, ** does not
    read_file(.env*)                    a pattern without / fits a name in any folder
    rename_symbol                       a tool, whatever it is called with

``Bash(...)``, ``Read(...)`` and ``Edit(...)`` are understood as well. A pattern for files counts
for all tools that read, or all that edit, and for the files that commands name. ``deny`` comes
before ``ask``, and ``ask`` before ``allow``, whatever their order.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from grok_agent.errors import SettingsError
from grok_agent.tools.rule_patterns import (
    fits_command,
    fits_path,
    may_fit_command,
    may_fit_path,
)
from grok_agent.tools.shell_parts import UNKNOWN
from grok_agent.tools.shell_wrappers import ASSIGNMENT, program
from grok_agent.tools.tool_kinds import COMMAND_TOOL, EDITING_TOOLS, PATH_ARGUMENTS

Effect = Literal["deny", "ask", "allow"]
FileUse = Literal["reads", "writes"]

ALIASES = {
    "Bash": COMMAND_TOOL,
    "Shell": COMMAND_TOOL,
    "Read": "read_file",
    "Grep": "grep",
    "Edit": "search_replace",
    "Write": "write",
}
PERHAPS = "it may turn out to fall under"

_RULE = re.compile(r"([A-Za-z_][\w.-]*)(?:\((.*)\))?", re.DOTALL)


class Place(Protocol):
    """What rules ask of the workspace."""

    def names_of(self, path: str) -> Sequence[str]:
        """The path as given and as it is behind links, both relative to the root; none for a path
        that is outside."""


@dataclass(frozen=True)
class Rule:
    """One rule; ``pattern`` is None for a whole tool."""

    effect: Effect
    tool: str
    pattern: str | None = None

    @classmethod
    def parse(cls, effect: Effect, text: str) -> Self:
        """Read ``tool`` or ``tool(pattern)``. Raises SettingsError; whoever wrote it mends it."""
        found = _RULE.fullmatch(text.strip())
        if not found:
            raise SettingsError(
                f"The rule {text!r} cannot be read.",
                next_step="Write it as tool or tool(pattern), for example"
                " 'run_terminal_command(git push *)' or 'write(docs/**)'.",
            )
        tool = ALIASES.get(found[1], found[1])
        pattern = (found[2] or "").strip()
        with_pattern = {COMMAND_TOOL, *PATH_ARGUMENTS}
        if pattern and tool not in with_pattern:
            raise SettingsError(
                f"The rule {text!r} has a pattern, but {tool} takes no files or commands.",
                next_step=f"Write {tool} alone, or use: {', '.join(sorted(with_pattern))}.",
            )
        if tool == COMMAND_TOOL and pattern.endswith(":*"):
            pattern = f"{pattern.removesuffix(':*')} *"
        return cls(effect, tool, None if pattern in ("", "*", "**") else pattern)

    def __str__(self) -> str:
        return f"{self.tool}({self.pattern})" if self.pattern else self.tool

    @property
    def file_use(self) -> FileUse | None:
        """For a pattern of files, what is done to these; None for other rules."""
        if self.pattern is None or self.tool == COMMAND_TOOL:
            return None
        return "writes" if self.tool in EDITING_TOOLS else "reads"


@dataclass(frozen=True)
class Ruling:
    """What rules say: ``effect`` is None when none of them says anything."""

    effect: Effect | None = None
    why: str = ""

    @classmethod
    def by(cls, rule: Rule, effect: Effect | None = None, why: str = "it falls under") -> Self:
        """What follows from ``rule``."""
        return cls(effect or rule.effect, f"{why} the rule {rule.effect} {rule}")


SILENT = Ruling()


@dataclass(frozen=True)
class Rules:
    """All rules that hold, in any order."""

    rules: tuple[Rule, ...] = ()

    @classmethod
    def of(
        cls, *, deny: Iterable[str] = (), ask: Iterable[str] = (), allow: Iterable[str] = ()
    ) -> Self:
        """Rules by their texts. Raises SettingsError for one that cannot be read."""
        given: tuple[tuple[Effect, Iterable[str]], ...]
        given = (("deny", deny), ("ask", ask), ("allow", allow))
        return cls(tuple(Rule.parse(effect, text) for effect, texts in given for text in texts))

    def __add__(self, other: "Rules") -> "Rules":
        return Rules((*self.rules, *other.rules))

    @property
    def limit_commands(self) -> bool:
        """Whether some rule denies or asks for commands or files, but not for all of them."""
        return any(rule.effect != "allow" and rule.pattern is not None for rule in self.rules)

    @property
    def limit_reading(self) -> bool:
        """Whether some rule denies or asks for reading some files."""
        return any(rule.effect != "allow" and rule.file_use == "reads" for rule in self.rules)

    def on_tool(self, tool: str) -> Ruling:
        """What the rules say of a tool, whatever it is called with."""
        return self._strictest(
            Ruling.by(rule) for rule in self.rules if rule.tool == tool and rule.pattern is None
        )

    def on_files(self, tool: str, arguments: Mapping[str, Any], place: Place) -> Ruling:
        """What the rules say of the files that a tool is called with."""
        use: FileUse = "writes" if tool in EDITING_TOOLS else "reads"
        given = arguments.get(PATH_ARGUMENTS[tool]) or "." if tool in PATH_ARGUMENTS else []
        paths = given if isinstance(given, list) else [given]
        return all_of([self.on_file(use, str(path), place) for path in paths])

    def on_file(self, use: FileUse, path: str, place: Place) -> Ruling:
        """What the rules say of one file. A path outside is the guard's to refuse."""
        rules = [rule for rule in self.rules if rule.file_use == use]
        if not rules:
            return SILENT
        if UNKNOWN in path:
            perhaps = (r for r in rules if r.effect != "allow" and may_fit_path(_of(r), path))
            return self._strictest(Ruling.by(rule, "ask", PERHAPS) for rule in perhaps)
        names = place.names_of(path)
        return self._strictest(Ruling.by(rule) for rule in rules if _fits(rule, names))

    def on_words(self, words: Sequence[str]) -> Ruling:
        """What the rules say of the command that ``words`` are, apart from the files in them."""
        rules = [rule for rule in self.rules if rule.tool == COMMAND_TOOL]
        limits = [rule for rule in rules if rule.effect != "allow" and rule.pattern]
        texts = [*_variants(words)] if limits else []
        found = [Ruling.by(r) for r in limits if any(fits_command(_of(r), text) for text in texts)]
        found += [
            Ruling.by(rule, "ask", PERHAPS)
            for rule in limits
            if any(may_fit_command(_of(rule), text) for text in texts)
        ]
        whole = " ".join(words)
        found += [
            Ruling.by(rule)
            for rule in rules
            if rule.effect == "allow" and (not rule.pattern or fits_command(rule.pattern, whole))
        ]
        return self._strictest(found)

    @staticmethod
    def _strictest(rulings: Iterable[Ruling]) -> Ruling:
        order: Mapping[Effect | None, int] = {"deny": 0, "ask": 1, "allow": 2, None: 3}
        return min(rulings, key=lambda ruling: order[ruling.effect], default=SILENT)


def all_of(rulings: Sequence[Ruling]) -> Ruling:
    """What several things done at once come to: one denied denies all, and leave for all needs
    leave for each."""
    order: Mapping[Effect | None, int] = {"deny": 0, "ask": 1, None: 2, "allow": 3}
    return min(rulings, key=lambda ruling: order[ruling.effect], default=SILENT)


def _of(rule: Rule) -> str:
    return rule.pattern or "*"


def _fits(rule: Rule, names: Sequence[str]) -> bool:
    """Leave needs every name of a file to fit; a limit, one."""
    allows = rule.effect == "allow"
    fits: Callable[[Iterable[bool]], bool] = all if allows else any
    return bool(names) and fits(fits_path(_of(rule), name, fold=not allows) for name in names)


def _variants(words: Sequence[str]) -> Iterator[str]:
    """The command as limits look at it: also without assignments before it, without the program's
    folder, and without options that stand before a subcommand."""
    yield " ".join(words)
    bare = list(words)
    while bare and ASSIGNMENT.match(bare[0]):
        bare.pop(0)
    if not bare:
        return
    name = program(bare)
    waiting, seen = [tuple(bare[1:])], set()
    while waiting:
        rest = waiting.pop()
        if rest not in seen:
            seen.add(rest)
            yield " ".join((name, *rest))
            waiting += [rest[1:], rest[2:]] if rest and rest[0].startswith("-") else []
