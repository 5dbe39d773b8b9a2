"""The tool ``list_dir``: a folder's tree in at most 10,000 characters."""

from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pydantic import Field

from grok_agent.errors import ToolError
from grok_agent.tools.results import FolderListing, ListedEntry
from grok_agent.tools.ripgrep import list_files
from grok_agent.tools.workspace_tool import Arguments, WorkspaceTool

MAX_CHARS = 10_000
MAX_FILES = 100_000


class ListDirArguments(Arguments):
    """Arguments of ``list_dir``."""

    target_directory: str = Field(
        description='Path of the folder, relative to the workspace root; "." is the root.'
    )


class ListDir(WorkspaceTool):
    """Lists a folder; files that git ignores and names with a leading dot are left out."""

    name: str = "list_dir"
    description: str = (
        "List a folder's files and subfolders. Large subfolders are summarised: list them"
        " themselves. Ignored and hidden files are left out."
    )
    arguments = ListDirArguments

    def carry_out(self, arguments: ListDirArguments) -> FolderListing:
        """List the folder; raises ToolError when it is none."""
        folder = self.workspace.resolve(arguments.target_directory)
        path = self.workspace.relative(folder)
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            raise ToolError(f"{path} {what}.", next_step="Give the path of a folder.")
        names = list_files(self.workspace.root, path, hidden=False)
        return list_tree(path, names)


@dataclass
class _Branch:
    """A folder while its tree is laid out."""

    name: str
    depth: int
    files: list[str] = field(default_factory=list)
    folders: dict[str, "_Branch"] = field(default_factory=dict)
    suffixes: Counter[str] = field(default_factory=Counter)
    total: int = 0
    opened: bool = False

    def add(self, parts: tuple[str, ...]) -> None:
        """Count a file in this folder and in those on the way to it."""
        self.total += 1
        self.suffixes[PurePosixPath(parts[-1]).suffix] += 1
        if len(parts) == 1:
            self.files.append(parts[0])
        else:
            below = self.folders.setdefault(parts[0], _Branch(parts[0], self.depth + 1))
            below.add(parts[1:])

    def children(self) -> list[ListedEntry]:
        """The folder's own entries in the order of names, without regard to case."""
        entries = [ListedEntry(self.depth + 1, name, "file") for name in self.files]
        entries += [ListedEntry(self.depth + 1, name, "folder") for name in self.folders]
        return sorted(entries, key=lambda entry: (entry.text.casefold(), entry.text))

    def summary(self) -> ListedEntry:
        """One line in place of the content."""
        common = [(suffix, n) for suffix, n in self.suffixes.most_common() if suffix]
        kinds = [f"{count} *{suffix}" for suffix, count in common[:3]]
        if len(common) > 3:
            kinds.append("...")
        text = f"[{self.total} files in subtree{': ' if kinds else ''}{', '.join(kinds)}]"
        return ListedEntry(self.depth + 1, text, "summary")

    def cost(self) -> int:
        """Characters that opening this folder adds; subfolders come with their summary."""
        own = sum(map(_width, self.children()))
        return own + sum(_width(below.summary()) for below in self.folders.values())


def list_tree(path: str, names: list[str]) -> FolderListing:
    """Lay out ``names`` (posix paths below ``path``) breadth first within 10,000 characters.

    The folder's own entries come first, so that one large subfolder cannot crowd out the rest.
    """
    top = _Branch(path, 0)
    for name in names[:MAX_FILES]:
        top.add(PurePosixPath(name).parts)
    room = MAX_CHARS - len(path) - 4 - top.cost()
    top.opened = True
    waiting = deque(_ordered(top))
    while waiting:
        branch = waiting.popleft()
        extra = branch.cost() - _width(branch.summary())
        if extra <= room:
            room -= extra
            branch.opened = True
            waiting.extend(_ordered(branch))
    entries = _cut(_lay_out(top))
    cut = len(names) > MAX_FILES or any(entry.kind in ("summary", "cut") for entry in entries)
    return FolderListing(path, tuple(entries), len(names), cut)


def _ordered(branch: _Branch) -> list[_Branch]:
    return sorted(branch.folders.values(), key=lambda below: (below.name.casefold(), below.name))


def _lay_out(branch: _Branch) -> list[ListedEntry]:
    if not branch.opened:
        return [branch.summary()]
    entries = []
    for entry in branch.children():
        entries.append(entry)
        if entry.kind == "folder":
            entries += _lay_out(branch.folders[entry.text])
    return entries


def _cut(entries: list[ListedEntry]) -> list[ListedEntry]:
    used = 0
    for index, entry in enumerate(entries):
        used += _width(entry)
        if used > MAX_CHARS:
            hint = f"... [{len(entries) - index} more lines: list a subfolder, or use grep]"
            return [*entries[:index], ListedEntry(1, hint, "cut")]
    return entries


def _width(entry: ListedEntry) -> int:
    return 2 * entry.depth + len(entry.text) + (1 if entry.kind == "summary" else 4)
