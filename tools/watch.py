"""What commands change: found by looking at all files before and after, and recorded."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

from grok_agent.errors import ToolError
from grok_agent.tools.changes import (
    CLOCK_TICK_NS,
    MAX_KEPT_FILE_BYTES,
    MAX_KEPT_TOTAL_BYTES,
    Signature,
)
from grok_agent.tools.edit_log import EditLog, Maker, read_edits, read_lines
from grok_agent.tools.file_state import FileState, look

BASELINE = "baseline.json"
COARSE_CLOCK_NS = 20_000_000
"""By as much may the time of a file's change lie before the clock that we read."""


@dataclass(frozen=True)
class Known:
    """A file as it was seen; an equal ``signature`` means that it has not changed since."""

    state: FileState
    signature: Signature | None


@dataclass(frozen=True)
class View:
    """All files that are not ignored, and links beside them; ``folders`` hold them."""

    files: dict[str, Known]
    folders: frozenset[str]
    at_ns: int


class Watch:
    """Looks at the files below ``root`` before and after commands, and records in ``log`` what
    these changed. Thread-safe. Ignored files are not looked at; those above 2 MB, and what is
    beyond 64 MB at one look, are noted without their content.
    """

    def __init__(self, root: Path, list_files: Callable[[], Iterable[str]], log: EditLog) -> None:
        self._root = root
        self._list_files = list_files
        self.log = log
        self._own = _records_below(root, log.folder)
        self._room = 0
        self._view: View | None = None
        self._running = 0
        self._ending = 0
        self._is_behind = False  # a command has ended of which the changes are not recorded
        self._lock = threading.Lock()
        self._counting = threading.Lock()

    def begin(self) -> "WatchedCommand":
        """A command that may write begins. Raises OSError when nothing can be recorded."""
        with self._lock:
            if self._running:  # what those before it change is seen when one of them ends
                pass
            elif self._is_behind:
                self._record("command")
            elif self._view is None and (self.log.folder / BASELINE).exists():
                self._resume()
            else:
                self.log.take_made()
                self._view = self._look()
                self._keep_baseline(self._view)
            self.log.note("command")
            self._running += 1
            return WatchedCommand(self)

    def end(self) -> None:
        """A command has ended; of several that end at once, the last one looks for all. Raises
        OSError when nothing can be recorded."""
        with self._counting:
            self._ending += 1
        with self._lock:
            with self._counting:
                self._ending -= 1
                is_last = not self._ending
            self._running -= 1
            self._is_behind = True
            if is_last:
                self._record("command")
            if not self._running:
                self.log.note("ended")

    def catch_up(self) -> None:
        """Record what was changed since the last look, when a command was cut off meanwhile."""
        with self._lock, suppress(OSError):
            if was_cut_off(self.log.folder):
                self._resume()
                self.log.note("ended")

    def _resume(self) -> None:
        """Go on with the record of a process that is gone; what changed since may be anybody's."""
        files = self._baseline()
        for edit in read_edits(self.log.folder):
            if edit.done and edit.after:
                files[edit.path] = edit.after
            elif edit.done:
                files.pop(edit.path, None)
        known = {path: Known(state, None) for path, state in files.items()}
        self._view = View(known, frozenset(_parents(known)), self._begun_ns())
        self._record("unknown" if was_cut_off(self.log.folder) else None)

    def _record(self, by: Maker | None) -> None:
        """Compare with the last view; None: changes are not ours, and only noted in the view."""
        old, made = self._view or View({}, frozenset(), 0), self.log.take_made()
        new = self._look()
        for path in sorted(old.files.keys() | new.files.keys()):
            known, seen = old.files.get(path), new.files.get(path)
            was, now = made.get(path, _state(known)), _state(seen)
            if not by or not _differs(was, now, known, seen):
                continue
            if was is None and self._is_older(path, old.at_ns):
                continue
            above = _above(path) if was is None else []
            fresh = tuple(folder for folder in above if folder not in old.folders)
            self.log.found(path, was, now, by=by, folders=fresh)
        self._view = new
        self._is_behind = False

    def _is_older(self, path: str, at_ns: int) -> bool:
        """Whether a file that was not listed before was there all the same, being ignored."""
        try:
            return (self._root / path).lstat().st_ctime_ns < at_ns - COARSE_CLOCK_NS
        except OSError:
            return False

    def _look(self) -> View:
        """All files as they are now; the contents of those that are new or changed are kept."""
        at_ns, self._room = time.time_ns(), MAX_KEPT_TOTAL_BYTES
        known = self._view.files if self._view else {}
        listed = {path for path in self._list_files() if not path.startswith(self._own)}
        folders, links = self._beside(_parents(listed) | {"."})
        files: dict[str, Known] = {}
        contents: dict[str, bytes] = {}
        for path in sorted(listed | links | known.keys()):
            if found := self._look_at(path, known.get(path), contents):
                files[path] = found
        self.log.contents.put_all(contents)
        return View(files, frozenset(folders), at_ns)

    def _look_at(self, path: str, known: Known | None, contents: dict[str, bytes]) -> Known | None:
        try:
            status = os.lstat(f"{self._root}/{path}")  # without objects for a path: many files
        except (OSError, ValueError):
            return None
        signature = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if known and known.signature == signature:
            return known
        is_compared = known is not None and known.state.is_known
        most = MAX_KEPT_FILE_BYTES if is_compared else min(MAX_KEPT_FILE_BYTES, self._room)
        try:
            state, content = look(self._root, path, most)
        except OSError:
            return None
        if state is None:
            return None
        is_new = known is None or known.state != state
        if state.is_known and is_new and len(content) <= self._room:
            contents[state.digest] = content
            self._room -= len(content)
        settled = time.time_ns() - status.st_ctime_ns > CLOCK_TICK_NS
        return Known(state, signature if settled or not state.is_known else None)

    def _beside(self, folders: set[str]) -> tuple[set[str], set[str]]:
        """``folders`` with those in them, and the links in them, by their paths."""
        inside, links = set(folders), set()
        for folder in folders:
            with suppress(OSError), os.scandir(f"{self._root}/{folder}") as entries:
                for entry in entries:
                    path = entry.name if folder == "." else f"{folder}/{entry.name}"
                    if entry.name == ".git":
                        continue
                    if entry.is_symlink():
                        links.add(path)
                    elif entry.is_dir(follow_symlinks=False):
                        inside.add(path)
        return inside, links

    def _keep_baseline(self, view: View) -> None:
        path = self.log.folder / BASELINE
        if path.exists():
            return
        draft = path.with_suffix(".tmp")
        states = {name: astuple(known.state) for name, known in view.files.items()}
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(states), encoding="ascii")
        draft.replace(path)

    def _baseline(self) -> dict[str, FileState]:
        states = json.loads((self.log.folder / BASELINE).read_bytes())
        return {path: FileState(digest, mode) for path, (digest, mode) in states.items()}

    def _begun_ns(self) -> int:
        return (self.log.folder / BASELINE).stat().st_mtime_ns


@dataclass
class WatchedCommand:
    """One command under ``watch``; without a watch nothing is looked at."""

    watch: Watch | None = None

    def end(self) -> tuple[str, ...]:
        """The command has ended, which counts once; what the reader of its result should know."""
        watch, self.watch = self.watch, None
        try:
            if watch:
                watch.end()
        except (OSError, ToolError) as error:
            return (f"not recorded what it changed, so that this cannot be undone: {error}",)
        return ()


def _records_below(root: Path, folder: Path) -> tuple[str, ...]:
    """How paths begin that hold records, not the user's files, when ``folder`` lies in ``root``."""
    records = Path(os.path.realpath(folder)).parent
    state = records.parent if records.name == "runs" else records
    inside = state.is_relative_to(root) and state != root
    return (f"{state.relative_to(root).as_posix()}/",) if inside else ()


def was_cut_off(folder: Path) -> bool:
    """Whether a command was running when the process that recorded in ``folder`` was killed."""
    marks = [line["event"] for line in read_lines(folder) if line["event"] in ("command", "ended")]
    return bool(marks) and marks[-1] == "command"


def _differs(
    was: FileState | None, now: FileState | None, known: Known | None, seen: Known | None
) -> bool:
    if was is None or now is None or was.is_known or was.mode != now.mode:
        return was != now
    # The content was not looked at: only the signatures can tell, where there are two.
    before, after = known and known.signature, seen and seen.signature
    return bool(before and after) and before != after


def _state(known: Known | None) -> FileState | None:
    return known.state if known else None


def _parents(paths: Iterable[str]) -> set[str]:
    """The folders above any of ``paths``, without the root."""
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def _above(path: str) -> list[str]:
    """The folders above ``path``, outermost first, without the root."""
    return sorted(_parents([path]))
