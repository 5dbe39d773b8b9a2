"""The commands known to read only, and the words by which they run without a shell."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from grok_agent.tools.shell_parts import UNKNOWN, ShellPart

SHELL_CHARACTERS = frozenset("|&;<>()$`\\*?[]{}~#!%\n\r\0")
"""Any of these, even quoted, and a command line is not judged to be a plain one."""

GLOB_CHARACTERS = r"[*?\[\]{}!,\\]"

MAX_LINKS_EXCLUDED = 100


class Place(Protocol):
    """What the guard knows of the folder in which a command would run."""

    def may_show(self, path: str) -> bool:
        """True when ``path`` stays in the folder, links followed, and needs no leave to be read."""

    def leaving_links(self) -> Sequence[str]:
        """Absolute paths of the links that lead out of the folder."""


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

    Every operand must be one that ``place`` may show: none outside the workspace, no secret.
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
    if operands and not (known.operands and all(map(place.may_show, operands))):
        return None
    links = place.leaving_links() if known.excluding else ()
    if len(links) > MAX_LINKS_EXCLUDED:
        return None
    excluded = (f"{known.excluding}={re.sub(GLOB_CHARACTERS, '?', link)}" for link in links)
    enforced = (option for option in known.enforced if option not in options)
    return (*known.words, *enforced, *excluded, *rest)


FILTERS = ("cat", "head", "tail", "wc")
OTHERS = frozenset({"pwd", "ls", "true", "false", "echo", "python --version", "ruff --version"})


def is_harmless_part(part: ShellPart) -> bool:
    """True for a part of a command line that touches no file by name: ``| tail -20``, ``pwd``."""
    words = part.words
    if part.kind != "command" or not words or any(UNKNOWN in word for word in words):
        return False
    if part.text in OTHERS or words[0] == "echo":
        return True
    known = next(
        (c for c in READING_COMMANDS if words[0] in FILTERS and c.words == words[:1]), None
    )
    return known is not None and all(_is_option_of(known, word) for word in words[1:])


def _is_option_of(known: ReadingCommand, word: str) -> bool:
    return word.isdigit() or (len(word) > 1 and word[0] == "-" and known.allows(word))
