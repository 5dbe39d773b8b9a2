"""The text files of a workspace: read, watched for changes by others, written whole, recorded."""

import contextlib
import errno
import os
import threading
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from grok_agent.errors import ToolError
from grok_agent.tools.changes import Changes
from grok_agent.tools.edit_log import EditLog
from grok_agent.tools.file_state import FileState
from grok_agent.tools.guard import locate
from grok_agent.tools.open_folder import Folder
from grok_agent.tools.refusals import place_now
from grok_agent.tools.textfile import TextFile, decode, digest_of, encode


class TextStore:
    """The files below ``root`` as texts of at most ``max_file_bytes``. Thread-safe.

    ``log``, when there is one, records each write before it is made.
    """

    def __init__(self, root: Path, changes: Changes, max_file_bytes: int) -> None:
        self.root = root
        self.max_file_bytes = max_file_bytes
        self.log: EditLog | None = None
        self._changes = changes
        self._digests: dict[Path, str] = {}
        self._locks: defaultdict[Path, threading.RLock] = defaultdict(threading.RLock)
        self._held: set[Path] = set()
        self._guard = threading.Lock()

    def peek(self, root: Path, path: str) -> TextFile:
        """The text of ``path`` below ``root``, which need not be that of the store."""
        target = locate(root, path)
        raw = self._bytes(root, target)
        if raw is None:
            raise self._missing(root, path, target)
        return decode(raw, path)

    def mark_read(self, root: Path, path: str, file: TextFile) -> None:
        """Note that the model has seen ``file``."""
        self._digests[locate(root, path)] = file.digest

    def seen(self) -> dict[str, str]:
        """SHA-256, by path relative to the root, of the files that the model knows."""
        root = f"{self.root}{os.sep}"  # texts, since this is asked after each call
        known = [(str(path), digest) for path, digest in list(self._digests.items())]
        inside = ((path, digest) for path, digest in known if path.startswith(root))
        return {path[len(root) :].replace(os.sep, "/"): digest for path, digest in inside}

    def recall(self, seen: Mapping[str, str]) -> None:
        """The inverse of :meth:`seen`, for a run that another process began."""
        self._digests |= {locate(self.root, path): digest for path, digest in seen.items()}

    def require_fresh(self, path: str, old: str | None) -> TextFile:
        """See :meth:`grok_agent.tools.workspace.Workspace.require_fresh`."""
        target = locate(self.root, path)
        raw = self._bytes(self.root, target)
        seen = self._digests.get(target)
        if raw is None and seen is not None:
            raise ToolError(
                f"{path} was deleted since it was read.",
                next_step="Find out where its text went with grep, or create it with write.",
            )
        if raw is None:
            raise self._missing(self.root, path, target)
        if seen is None:
            raise ToolError(
                f"{path} has not been read yet.", next_step="Read it with read_file, then edit."
            )
        if seen != digest_of(raw):
            raise self._changed(path, raw, old)
        return decode(raw, path)

    def write(self, path: str, text: str) -> TextFile:
        """See :meth:`grok_agent.tools.workspace.Workspace.write`."""
        target = locate(self.root, path)
        with self.editing(path):
            before = self._bytes(self.root, target)
            if before is None:
                _refuse_look_alikes(self.root, target)
            like = None if before is None else decode(before, path)
            data = encode(text, like, path)
            if len(data) > self.max_file_bytes:
                raise self._too_large(path, len(data))
            written = decode(data, path)
            name = target.relative_to(self.root).as_posix()
            self._changes.remember(name, before)
            with as_tool_error(path):
                self._put(target, before, data)
            self._digests[target] = written.digest
            return written

    @contextlib.contextmanager
    def editing(self, path: str) -> Iterator[None]:
        """Hold the lock of one file, so that edits of it run one after the other, those of another
        process that works here as well."""
        target = locate(self.root, path)
        with self._guard:
            lock = self._locks[target]
        with lock, contextlib.ExitStack() as held:
            is_file_here = target != self.root and target.parent.is_dir()
            if is_file_here and target not in self._held:
                with as_tool_error(path):
                    folder = held.enter_context(Folder.open(self.root, target.parent))
                    held.enter_context(folder.locked())
                self._held.add(target)
                held.callback(self._held.discard, target)
            yield

    def _put(self, target: Path, before: bytes | None, data: bytes) -> None:
        with Folder.open(self.root, target.parent, create=True) as folder:
            status = None if before is None else _writable(folder, target)
            with folder.draft(data, status) as draft:
                if self.log is None:
                    draft.put(target.name)
                    return
                keep = self.log.contents.put
                was = None
                if before is not None and status is not None:
                    was = FileState(keep(before), status.st_mode)
                becomes = FileState(keep(data), draft.mode)
                name = target.relative_to(self.root).as_posix()
                with self.log.edit(name, was, becomes, folders=folder.made):
                    draft.put(target.name)

    def _changed(self, path: str, raw: bytes, old: str | None) -> ToolError:
        file = decode(raw, path)
        if excerpt := place_now(file.text, old):
            self.mark_read(self.root, path, file)
            return ToolError(
                f"{path} has changed since it was read. Now it is:\n{excerpt}",
                next_step="These lines count as read: send the edit again, as it fits them now.",
            )
        return ToolError(
            f"{path} has changed since it was read.",
            next_step="Read it again with read_file, then edit what stands there now.",
        )

    def _bytes(self, root: Path, target: Path) -> bytes | None:
        """The file's bytes, None when there is none."""
        name = str(target.relative_to(root))
        if target.is_dir():
            raise ToolError(f"{name} is a folder.", next_step="Look into it with list_dir.")
        with as_tool_error(name):
            try:
                with Folder.open(root, target.parent) as folder:
                    raw, status = folder.read(target.name, self.max_file_bytes + 1)
            except FileNotFoundError:
                return None
        if max(len(raw), status.st_size) > self.max_file_bytes:
            raise self._too_large(name, status.st_size)
        return raw

    def _missing(self, root: Path, path: str, target: Path) -> ToolError:
        same: list[str] = []
        with contextlib.suppress(OSError):
            for found in target.parent.iterdir():
                if _looks(found.name) == _looks(target.name) and is_inside(root, found):
                    same.append(found.relative_to(root).as_posix())
        hint = f"Did you mean {same[0]}?" if same else "Find it with list_dir or grep."
        return ToolError(f"{path} does not exist.", next_step=hint)

    def _too_large(self, name: str, size: int) -> ToolError:
        return ToolError(
            f"{name} has {size / 1e6:.1f} MB; at most {self.max_file_bytes / 1e6:.0f} MB are read"
            " or written.",
            next_step="Use run_terminal_command with a tool that works on streams.",
        )


def is_inside(root: Path, path: Path | str) -> bool:
    """True when the guard of ``root`` lets ``path`` pass."""
    try:
        locate(root, str(path))
    except ToolError:
        return False
    return True


@contextlib.contextmanager
def as_tool_error(name: str) -> Iterator[None]:
    """Turn an OSError into a ToolError that names the file."""
    try:
        yield
    except OSError as error:
        raise ToolError(
            f"{name}: {error.strerror or error}.", next_step="The file was left as it was."
        ) from error


def _refuse_look_alikes(root: Path, target: Path) -> None:
    """Raise ToolError for a new name that many systems take for one that is there."""
    new = target
    while new.parent != root and not new.parent.exists():
        new = new.parent
    with contextlib.suppress(OSError):
        for found in new.parent.iterdir():
            if found.name != new.name and _looks(found.name) == _looks(new.name):
                there = found.relative_to(root).as_posix()
                raise ToolError(
                    f"{new.relative_to(root).as_posix()} would stand beside {there}, and many"
                    " systems take these names for one.",
                    next_step=f"Use {there}, or another name.",
                )


def _looks(name: str) -> str:
    """``name`` as systems see it that tell neither letter case nor Unicode forms apart."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _writable(folder: Folder, target: Path) -> os.stat_result | None:
    status = folder.status(target.name)
    if status and not status.st_mode & 0o222:
        raise PermissionError(errno.EACCES, "The file is read-only", str(target))
    return status
