"""Puts files back as they were before a run, or after one of its steps, by the run's record."""

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from grok_agent.errors import SettingsError
from grok_agent.tools.diffs import file_diff
from grok_agent.tools.edit_log import Edit, EditLog, read_edits, read_lines
from grok_agent.tools.file_state import FileState, look
from grok_agent.tools.open_folder import Folder
from grok_agent.tools.ripgrep import list_files
from grok_agent.tools.watch import Watch

MAX_BYTES = 64_000_000
"""A larger file is neither put back nor overwritten: what it holds could not be kept."""


@dataclass(frozen=True)
class Restoration:
    """One file to put back: how it is ``now`` and how it ``was``; None is no file.

    ``doubt`` says why that may destroy work of somebody else's, ``hindrance`` why it cannot be
    done at all; ``""`` for none. ``folders`` were made with it, outermost first.
    """

    path: str
    now: FileState | None
    was: FileState | None
    current: bytes
    content: bytes
    doubt: str = ""
    hindrance: str = ""
    folders: tuple[str, ...] = ()

    def diff(self) -> str:
        """What putting it back changes, as unified diff."""
        before, after = (
            None if state is None else content
            for state, content in ((self.now, self.current), (self.was, self.content))
        )
        mode = (self.was or self.now or FileState("", 0o644)).mode
        shown = file_diff(self.path, before, after, mode=mode)
        modes = [f"{state.mode:o}" for state in (self.now, self.was) if state]
        if len(set(modes)) == 2:
            shown += f"{self.path}: old mode {modes[0]}, new mode {modes[1]}\n"
        return shown


@dataclass(frozen=True)
class Undo:
    """What it takes to put the files below ``root`` back, by the record in ``folder``."""

    folder: Path
    root: Path
    restorations: tuple[Restoration, ...]

    @property
    def doubtful(self) -> tuple[Restoration, ...]:
        """Files that somebody else changed as well."""
        return tuple(each for each in self.restorations if each.doubt and not each.hindrance)

    @property
    def hindered(self) -> tuple[Restoration, ...]:
        """Files that cannot be put back."""
        return tuple(each for each in self.restorations if each.hindrance)

    def diff(self) -> str:
        """What it changes, as unified diff; without the files that cannot be put back."""
        return "".join(each.diff() for each in self.restorations if not each.hindrance)


def plan_undo(folder: Path, to_step: int = 0) -> Undo:
    """How the files come back to what they were after ``to_step`` of the run (0: before it).

    ``folder`` holds the run's record. Nothing is changed, except that what a command changed which
    was cut off is recorded first. Raises SettingsError when the record or its root is gone.
    """
    root = root_of(folder)
    if not root.is_dir():
        raise SettingsError(
            f"The folder {root}, which that run worked in, is gone.",
            next_step="Put it back in its place first.",
        )
    log = EditLog(folder, root)
    Watch(root, lambda: list_files(root), log).catch_up()
    done = [edit for edit in read_edits(folder) if edit.done is not False]
    stays = [n for n, edit in enumerate(done, 1) if 1 <= edit.label.step <= to_step]
    undone: dict[str, list[Edit]] = {}
    for edit in done[max(stays, default=0) :]:
        undone.setdefault(edit.path, []).append(edit)
    planned = (_restoration(log, path, undone) for path in sorted(undone))
    return Undo(folder, root, tuple(each for each in planned if each is not None))


def carry_out(undo: Undo, record: Path) -> Iterator[Restoration]:
    """Put the files back one by one, each whole or not at all; yields what is done.

    ``record`` is the folder for the record of this, by which it can be undone in turn. What cannot
    be put back is left out. Raises OSError when the disk refuses; the rest stands as it was.
    """
    log = EditLog(record, undo.root)
    log.step = 1
    log.begin()
    wanted = [each for each in undo.restorations if not each.hindrance]
    # Where a file has become a folder or a folder a file, what goes makes room for what comes.
    for each in wanted:
        if each.was is None:
            _put(log, each)
            yield each
    made = {folder for each in wanted if each.was is None for folder in each.folders}
    for folder in sorted(made, reverse=True):
        _remove_folder(undo.root, folder)
    for each in wanted:
        if each.was is not None:
            _put(log, each)
            yield each


def root_of(folder: Path) -> Path:
    """The folder whose files are recorded in ``folder``. Raises SettingsError for no record."""
    with suppress(OSError):
        for line in read_lines(folder):
            if line["event"] == "root":
                return Path(line["root"])
    raise SettingsError(
        f"{folder.name} has no record of edits.", next_step="Name a run that changed files."
    )


def _restoration(
    log: EditLog, path: str, undone: Mapping[str, Sequence[Edit]]
) -> Restoration | None:
    edits, was = undone[path], undone[path][0].before
    folders = tuple(dict.fromkeys(name for edit in edits for name in edit.folders))
    try:
        now, current = look(log.root, path, MAX_BYTES)
    except OSError as error:
        reason = f"it cannot be read: {error.strerror}"
        return Restoration(path, None, was, b"", b"", hindrance=reason)
    if now == was:
        return None
    content, hindrance = b"", ""
    if now and not now.is_known:
        hindrance = "it is too large, or no file"
    elif not now and any(other not in undone for other in _files_in(log.root, path)):
        hindrance = "there is a folder of that name"
    if was is not None:
        try:
            content = log.contents.get(was.digest)
        except KeyError:
            hindrance = hindrance or "what it held was too large to keep, or is lost"
    return Restoration(path, now, was, current, content, _doubt(edits, now), hindrance, folders)


def _remove_folder(root: Path, path: str) -> None:
    place = root / path
    with suppress(OSError), Folder.open(root, place.parent) as folder:
        folder.remove_folder(place.name)  # nothing happens where something else lies in it


def _files_in(root: Path, path: str) -> Iterator[str]:
    """The files in what may be a folder, relative to ``root``."""
    for folder, _, names in os.walk(root / path):
        for name in names:
            yield (Path(folder) / name).relative_to(root).as_posix()


def _doubt(edits: Sequence[Edit], now: FileState | None) -> str:
    if any(edit.by == "unknown" or edit.done is None for edit in edits):
        return "a command or an edit was cut off, and it may have been changed since"
    if any(later.before != earlier.after for earlier, later in pairwise(edits)):
        return "somebody else changed it between two steps"
    states = [state for edit in edits for state in (edit.before, edit.after)]
    if now not in states:
        unknown = any(state and not state.is_known for state in states)
        return f"it {'may have been' if unknown else 'was'} changed since"
    return ""


def _put(log: EditLog, each: Restoration) -> None:
    place = log.root / each.path
    if look(log.root, each.path, MAX_BYTES)[0] != each.now:
        raise OSError(errno.EBUSY, "It was changed just now", each.path)
    with Folder.open(log.root, place.parent, create=each.was is not None) as folder:
        if each.now is not None:
            log.contents.put(each.current)
        status = folder.status(place.name)
        if each.was is None:
            with log.edit(each.path, each.now, None, by="undo"):
                folder.remove(place.name)
            return
        log.contents.put(each.content)
        owner = status if status and stat.S_ISREG(status.st_mode) else None
        draft = (
            folder.draft_of_link(os.fsdecode(each.content))
            if each.was.is_link
            else folder.draft(each.content, owner, each.was.mode)
        )
        with (
            draft as ready,
            log.edit(each.path, each.now, each.was, by="undo", folders=folder.made),
        ):
            ready.put(place.name)
