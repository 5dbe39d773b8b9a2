"""Places in files as a model names them (``file:line``), and whether they exist."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from grok_agent.errors import ToolError
from grok_agent.tools.read import split_lines
from grok_agent.tools.workspace import Workspace

MAX_PLACES = 60
MAX_LINE_CHARS = 160

_PLACE = re.compile(
    r"(?<![\w./\\:-])((?:\.{0,2}/)?(?:[\w.@+-]+/)*[\w.@+-]*[^\W\d][\w.@+-]*)"
    r":(\d{1,7})(?:-(\d{1,7}))?(?![\w:])"
)
"""Not ``12:30``, nor ``a:1:2``, nor an address."""

_OTHER_SCRIPT = re.compile(r"[^\x00-\x7f]+")  # Chinese has no blank before a path


@dataclass(frozen=True)
class Place:
    """Lines of a file, from 1; ``last`` equals ``first`` for one line."""

    path: str
    first: int
    last: int

    def __str__(self) -> str:
        span = f"-{self.last}" if self.last != self.first else ""
        return f"{self.path}:{self.first}{span}"

    def line_in(self, workspace: Workspace) -> str:
        """The first of the lines, without its indentation; "" where it cannot be read."""
        try:
            lines = split_lines(workspace.peek(self.path).text)
        except (ToolError, OSError):
            return ""
        if not 1 <= self.first <= len(lines):
            return ""
        line = lines[self.first - 1].strip()
        return line if len(line) <= MAX_LINE_CHARS else line[: MAX_LINE_CHARS - 1] + "…"


def places_in(text: str, workspace: Workspace) -> list[Place]:
    """The places that ``text`` names, each once, in its order; what has neither a folder nor an
    extension is a place only where there is such a file."""
    found: dict[Place, None] = {}
    for match in _PLACE.finditer(text):
        path = _as_meant(match[1], workspace)
        if "." in path or "/" in path or _exists(path, workspace):
            found[Place(path, int(match[2]), int(match[3] or match[2]))] = None
        if len(found) == MAX_PLACES:
            break
    return list(found)


def unsound(places: Iterable[Place], workspace: Workspace) -> list[tuple[Place, str]]:
    """The places that do not exist in ``workspace``, each with the reason."""
    lines: dict[str, int | str] = {}
    wrong: list[tuple[Place, str]] = []
    for place in places:
        if place.path not in lines:
            lines[place.path] = _lines_of(place.path, workspace)
        there = lines[place.path]
        if isinstance(there, str):
            wrong.append((place, there))
        elif not 1 <= place.first <= place.last <= max(there, 1):
            wrong.append((place, f"the file has {there} lines"))
    return wrong


def _as_meant(path: str, workspace: Workspace) -> str:
    """``path`` without the words that stand directly before it, where only that is a file."""
    rest = _OTHER_SCRIPT.sub("", path, count=1) if _OTHER_SCRIPT.match(path) else path
    return rest if not _exists(path, workspace) and _exists(rest, workspace) else path


def _exists(path: str, workspace: Workspace) -> bool:
    return isinstance(_lines_of(path, workspace), int)


def _lines_of(path: str, workspace: Workspace) -> int | str:
    """How many lines a file has, or why that cannot be told."""
    try:
        lines = split_lines(workspace.peek(path).text)
    except (ToolError, OSError) as error:
        return error.what.rstrip(".") if isinstance(error, ToolError) else str(error.strerror)
    return len(lines) - (lines[-1:] == [""])  # behind the last line end stands none
