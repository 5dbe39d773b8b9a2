"""Files that a change over many files may touch, and how it is written."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from grok_agent.context.files import walk
from grok_agent.context.languages import language_of, refined
from grok_agent.errors import ToolError
from grok_agent.tools.code_change import ChangedFile
from grok_agent.tools.diffs import file_diff
from grok_agent.tools.textfile import TextFile, encode
from grok_agent.tools.workspace import Workspace

UNTOUCHED_KINDS = frozenset({"generated", "minified", "vendored", "lock", "binary", "secret"})
MAX_FILE_BYTES = 1_000_000
"""Larger files are no code that somebody wrote."""


@dataclass(frozen=True)
class CodeFile:
    """A text file of the workspace; ``language`` is "" for one that holds no code."""

    path: str
    language: str
    file: TextFile

    @property
    def text(self) -> str:
        """The file's text with its own line ends."""
        return self.file.text


@dataclass(frozen=True)
class Planned:
    """A file with its new text, of which ``places`` differ."""

    code: CodeFile
    text: str
    places: int


def code_files(workspace: Workspace, word: str = "") -> Iterator[CodeFile]:
    """The text files that contain ``word`` and that people write, sorted by path.

    Files that are ignored, generated, vendored, binary or look secret are not among them.
    """
    for found in walk(workspace.root):
        if found.kind in UNTOUCHED_KINDS or not found.encoding or found.size > MAX_FILE_BYTES:
            continue
        try:
            file = workspace.peek(found.path)
        except ToolError:
            continue  # gone, or of a kind that no tool may touch
        if word in file.text:
            language = language_of(found.path) or ""
            yield CodeFile(found.path, refined(language, file.text), file)


def inside(workspace: Workspace, paths: Sequence[str]) -> "Scope":
    """The part of the workspace that ``paths`` name; all of it when there are none.

    Raises ToolError for a path that does not exist or lies outside.
    """
    names = []
    for path in paths:
        if not workspace.resolve(path).exists():
            raise ToolError(f"{path} does not exist.", next_step="Find it with list_dir or grep.")
        names.append(workspace.relative(path))
    return Scope(tuple(names))


@dataclass(frozen=True)
class Scope:
    """Files and folders by their names relative to the root; without any, everything."""

    names: tuple[str, ...]

    def __contains__(self, path: str) -> bool:
        return not self.names or any(
            name == "." or path == name or path.startswith(f"{name}/") for name in self.names
        )


def carry_out(
    workspace: Workspace, planned: Iterable[Planned], *, dry_run: bool
) -> tuple[ChangedFile, ...]:
    """Write all planned files, or none when one of them cannot be written for a known reason.

    Raises ToolError, which names the files that stand changed.
    """
    files = [each for each in planned if each.text != each.code.text]
    changed = tuple(ChangedFile(each.code.path, each.places, _diff(each)) for each in files)
    if dry_run:
        return changed
    for each in files:
        _require_writable(workspace, each)
    written: list[str] = []
    for each in files:
        try:
            _write(workspace, each)
        except ToolError as error:
            raise _half_way(error, written, files) from error
        written.append(each.code.path)
    return changed


def _require_writable(workspace: Workspace, planned: Planned) -> None:
    path = planned.code.path
    encode(planned.text, planned.code.file, path)
    if not workspace.resolve(path).stat().st_mode & 0o222:
        raise ToolError(
            f"{path} is read-only; no file was changed.",
            next_step="Make it writable, or leave it out.",
        )


def _write(workspace: Workspace, planned: Planned) -> None:
    path = planned.code.path
    with workspace.editing(path):
        if workspace.peek(path).digest != planned.code.file.digest:
            raise ToolError(f"{path} was changed by somebody else meanwhile.")
        workspace.write(path, planned.text)


def _half_way(error: ToolError, written: list[str], files: list[Planned]) -> ToolError:
    if not written:
        return ToolError(f"{error.what} No file was changed.", next_step="Try again.")
    left = [each.code.path for each in files[len(written) :]]
    return ToolError(
        f"{error.what} The change stands half-way. Changed: {', '.join(written)}."
        f" Not changed: {', '.join(left)}.",
        next_step="Make the same change in the rest with search_replace.",
    )


def _diff(planned: Planned) -> str:
    before, after = (
        text.encode("utf-8", "surrogateescape") for text in (planned.code.text, planned.text)
    )
    return file_diff(planned.code.path, before, after)
