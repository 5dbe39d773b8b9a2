"""What a change over many files did, as data and as text for the model."""

from dataclasses import dataclass

MAX_DIFF_CHARS = 8_000
MAX_LISTED = 40


@dataclass(frozen=True)
class ChangedFile:
    """A file of the change: ``places`` were changed in it; ``diff`` has 3 lines of context."""

    path: str
    places: int
    diff: str


@dataclass(frozen=True)
class Remark:
    """A place worth a look: ``line`` is 1-based, 0 for the file as a whole."""

    path: str
    line: int
    reason: str
    text: str = ""


@dataclass(frozen=True)
class CodeChange:
    """A change over many files. ``dry_run``: nothing was written.

    ``left_alone`` are places that may mean the same and were not changed; ``uncertain`` were
    changed although it is not sure that they had to be.
    """

    files: tuple[ChangedFile, ...]
    left_alone: tuple[Remark, ...]
    uncertain: tuple[Remark, ...]
    dry_run: bool

    @property
    def places(self) -> int:
        """How many places were changed in all files."""
        return sum(file.places for file in self.files)

    @property
    def diff(self) -> str:
        """The whole change as unified diff."""
        return "".join(file.diff for file in self.files)


def render_change(result: CodeChange) -> str:
    """The text of ``result`` for the model: counts, files, the beginning of the diff, remarks."""
    places = f"{_count(result.places, 'place')} in {_count(len(result.files), 'file')}"
    if not result.files:
        head = "Nothing matches; no file was changed."
    elif result.dry_run:
        head = f"Would change {places}. Dry run: nothing was written."
    else:
        head = f"Changed {places}."
    lines = [head, *_listed([f"{file.path}: {file.places}" for file in result.files])]
    if result.files:
        lines += ["", _shortened(result.diff)]
    lines += _remarks("Changed, but not certain; look at them", result.uncertain)
    lines += _remarks("Left alone; change by hand where it means the same", result.left_alone)
    return "\n".join(lines)


def _remarks(title: str, remarks: tuple[Remark, ...]) -> list[str]:
    if not remarks:
        return []
    return ["", f"{title} ({len(remarks)}):", *_listed([_remark(remark) for remark in remarks])]


def _remark(remark: Remark) -> str:
    place = f"{remark.path}:{remark.line}" if remark.line else remark.path
    return f"{place}: {remark.reason}" + (f": {remark.text}" if remark.text else "")


def _listed(lines: list[str]) -> list[str]:
    more = len(lines) - MAX_LISTED
    return [*lines[:MAX_LISTED], *([f"... and {more} more"] if more > 0 else [])]


def _shortened(diff: str) -> str:
    if len(diff) <= MAX_DIFF_CHARS:
        return diff.rstrip("\n")
    whole, _, _ = diff[:MAX_DIFF_CHARS].rpartition("\n")
    return f"{whole}\n... [{len(diff) - len(whole)} more characters of the diff are not shown] ..."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
