"""Which tool call may run: modes, and the short list of commands known to read only."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

Mode = Literal["plan", "ask", "edits", "all"]
Verdict = Literal["allow", "ask", "deny"]

MODES: tuple[Mode, ...] = get_args(Mode)

READING_TOOLS = frozenset(
    {
        "read_file",
        "list_dir",
        "grep",
        "repo_map",
        "todo_write",
        "get_command_or_subagent_output",
        "kill_command_or_subagent",
        "extract_image_features",
        "emit_prompt_schema",
    }
)
EDITING_TOOLS = frozenset({"search_replace", "write", "rewrite_code", "rename_symbol"})
COMMAND_TOOL = "run_terminal_command"

SHELL_CHARACTERS = frozenset("|&;<>()$`\\*?[]{}~#!%\n\r\0")
"""Any of these, even quoted, and a command line is not judged to be a plain one."""

GLOB_CHARACTERS = r"[*?\[\]{}!,\\]"


MAX_LINKS_EXCLUDED = 100


class Place(Protocol):
    """What the guard knows of the folder in which a command would run."""

    def is_inside(self, path: str) -> bool:
        """True when ``path`` stays in the folder, links followed."""

    def leaving_links(self) -> Sequence[str]:
        """Absolute paths of the links that lead out of the folder."""


@dataclass(frozen=True)
class Decision:
    """What the guard says of one call, and why; ``reason`` is "" when it is allowed."""

    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True)
class ReadingCommand:
    """A command that writes nothing and starts nothing, with the options for which this holds.

    ``letters`` may be joined after one dash; ``options`` are whole, a value may follow after
    ``=``. ``enforced`` is put behind the command's name before it runs. ``needs`` lists options
    of which one must be given. A command that reads whole folders names in ``excluding`` the
    option that keeps it from following links out of them.
    """

    words: tuple[str, ...]
    letters: str = ""
    options: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    enforced: tuple[str, ...] = ()
    excluding: str = ""
    operands: bool = True
    numbers: bool = False  # -20 is an option

    def allows(self, word: str) -> bool:
        """True for an option that keeps the command reading only."""
        if word.startswith("--"):
            return word.partition("=")[0] in self.options
        letters = word[1:]
        if self.numbers:
            letters = letters.rstrip("0123456789")
        return set(letters) <= set(self.letters)


RUFF_OPTIONS = frozenset(
    {
        "--diff",
        "--exclude",
        "--extend-exclude",
        "--force-exclude",
        "--isolated",
        "--line-length",
        "--no-cache",
        "--preview",
        "--quiet",
        "--target-version",
    }
)

# git is missing: its configuration, which may come with a folder, can start any program
# (core.fsmonitor, filters, pagers) even for `git status`.
READING_COMMANDS = (
    ReadingCommand(("pwd",), operands=False),
    ReadingCommand(("ls",), letters="aAlhtrSR1dFpsi"),
    ReadingCommand(("cat",), letters="nbsvetAET"),
    ReadingCommand(("wc",), letters="lwcmL", options=frozenset({"--lines", "--words", "--bytes"})),
    ReadingCommand(("head",), letters="nc", numbers=True),
    ReadingCommand(("tail",), letters="nc", numbers=True),
    ReadingCommand(
        ("ruff", "check"),
        letters="qs",
        options=RUFF_OPTIONS
        | {
            "--exit-zero",
            "--extend-ignore",
            "--extend-select",
            "--ignore",
            "--no-fix",
            "--output-format",
            "--select",
            "--statistics",
        },
        # A project's own configuration can switch fixes on and move the cache anywhere.
        enforced=("--no-fix", "--no-fix-only", "--no-cache"),
        excluding="--extend-exclude",
    ),
    ReadingCommand(
        ("ruff", "format"),
        options=RUFF_OPTIONS | {"--check"},
        needs=frozenset({"--check", "--diff"}),
        enforced=("--no-cache",),
        excluding="--extend-exclude",
    ),
    ReadingCommand(("ruff", "--version"), operands=False),
    ReadingCommand(("python", "--version"), operands=False),
)


def reading_argv(command: str, place: Place) -> tuple[str, ...] | None:
    """The words to run without a shell, when ``command`` is known to read only; else None.

    Every operand must lie inside ``place``, so that no file outside the workspace is shown.
    """
    if SHELL_CHARACTERS & set(command):
        return None
    try:
        argv = tuple(shlex.split(command, comments=False, posix=True))
    except ValueError:
        return None
    known = next((c for c in READING_COMMANDS if argv[: len(c.words)] == c.words), None)
    if known is None:
        return None
    rest = argv[len(known.words) :]
    options = [word for word in rest if word.startswith("-") and word not in ("-", "--")]
    operands = [word for word in rest if word not in options]
    if not all(map(known.allows, options)) or (known.needs and not known.needs & set(options)):
        return None
    if operands and not (known.operands and all(map(place.is_inside, operands))):
        return None
    links = place.leaving_links() if known.excluding else ()
    if len(links) > MAX_LINKS_EXCLUDED:
        return None
    excluded = (f"{known.excluding}={re.sub(GLOB_CHARACTERS, '?', link)}" for link in links)
    enforced = (option for option in known.enforced if option not in options)
    return (*known.words, *enforced, *excluded, *rest)


def decide(mode: Mode, tool: str, arguments: Mapping[str, Any], place: Place) -> Decision:
    """Judge one call. Nothing is run or changed; only ``place`` looks at the disk."""
    if mode == "all" or tool in READING_TOOLS:
        return Decision("allow")
    if tool == COMMAND_TOOL:
        command = arguments.get("command")
        if isinstance(command, str) and reading_argv(command, place):
            return Decision("allow")
        return _ask_unless_planning(mode, "the command is not known to read only")
    if tool in EDITING_TOOLS:
        if mode == "edits":
            return Decision("allow")
        return _ask_unless_planning(mode, "it changes files")
    return _ask_unless_planning(mode, "what it does is not known to the guard")


def _ask_unless_planning(mode: Mode, reason: str) -> Decision:
    if mode == "plan":
        return Decision("deny", f"{reason}, and the mode 'plan' is read only")
    return Decision("ask", f"{reason}, and the mode is {mode!r}")
