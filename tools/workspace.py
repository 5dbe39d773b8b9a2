"""The workspace: one folder, and the one guard that every tool goes through."""

import contextlib
import errno
import json
import os
import shutil
import tempfile
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from grok_agent.errors import PermissionDeniedError, SettingsError, ToolError
from grok_agent.tools import permission as permissions
from grok_agent.tools.changes import Changes
from grok_agent.tools.guard import Folder, leaving_links, locate
from grok_agent.tools.permission import Decision, Mode
from grok_agent.tools.ripgrep import list_files
from grok_agent.tools.sandbox import Limits
from grok_agent.tools.textfile import TextFile, decode, digest_of, encode

MAX_FILE_BYTES = 64_000_000


class Workspace:
    """A folder in which tools work: paths, text, freshness, permission and what changed.

    ``root`` must be a folder; ``permission`` is ``"plan"`` (read only), ``"ask"`` (edits and
    commands ask), ``"edits"`` (edits run, commands that may write ask) or ``"all"``.
    ``max_file_bytes`` bounds what is read as text. ``scratch`` is a folder outside the root for
    full outputs; by default a temporary one, removed with the workspace. ``limits`` are those of
    the commands that run here.
    Raises SettingsError for a root or mode that cannot be used. Thread-safe.
    """

    def __init__(
        self,
        root: Path | str,
        permission: Mode = "edits",
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        scratch: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.root = _existing_folder(root)
        if permission not in permissions.MODES:
            raise SettingsError(
                f"{permission!r} is no permission mode.",
                next_step=f"Use one of: {', '.join(permissions.MODES)}.",
            )
        self.permission: Mode = permission
        self.max_file_bytes = max_file_bytes
        self.limits = limits or Limits()
        self._scratch = scratch and Path(os.path.realpath(scratch))
        self._changes = Changes(self.root, lambda: list_files(self.root))
        self._digests: dict[Path, str] = {}
        self._grants: set[tuple[str, str]] = set()
        self._locks: defaultdict[Path, threading.RLock] = defaultdict(threading.RLock)
        self._guard = threading.Lock()

    def __repr__(self) -> str:
        return f"Workspace({str(self.root)!r}, permission={self.permission!r})"

    # Paths

    def resolve(self, path: str) -> Path:
        """The absolute path that ``path`` means here; see :func:`grok_agent.tools.guard.locate`.

        Raises ToolError for anything that leaves the root or that no tool may touch.
        """
        return locate(self.root, path)

    def relative(self, path: Path | str) -> str:
        """``path`` relative to the root with ``/`` between names; ``"."`` is the root."""
        resolved = self.resolve(str(path))
        return resolved.relative_to(self.root).as_posix()

    @property
    def scratch(self) -> Path:
        """Folder outside the root for outputs that are too long to show; made when first used."""
        with self._guard:
            if self._scratch is None:
                made = Path(tempfile.mkdtemp(prefix="grok-agent-")).resolve()
                weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
                self._scratch = made
            self._scratch.mkdir(parents=True, exist_ok=True)
            return self._scratch

    # Text

    def read(self, path: str) -> TextFile:
        """Read a text file of the root or of ``scratch``; from now on it counts as read.

        Raises ToolError: no such file, a folder, binary, too large, outside.
        """
        file = self.peek(path)
        self.mark_read(path, file)
        return file

    def peek(self, path: str) -> TextFile:
        """Like :meth:`read`, for eyes other than the model's: the file does not count as read."""
        root = self._root_of(path)
        target = locate(root, path)
        raw = self._bytes(root, target)
        if raw is None:
            raise self._missing(path, target)
        return decode(raw, path)

    def mark_read(self, path: str, file: TextFile) -> None:
        """Note that the model has seen ``file``, at least in part."""
        root = self._root_of(path)
        self._digests[locate(root, path)] = file.digest

    def require_fresh(self, path: str) -> TextFile:
        """The file's text now, for an edit. Raises ToolError when it was never read, or changed
        since; own writes count as read."""
        target = self.resolve(path)
        raw = self._bytes(self.root, target)
        if raw is None:
            raise self._missing(path, target)
        seen = self._digests.get(target)
        if seen is None:
            raise ToolError(
                f"{path} has not been read yet.", next_step="Read it with read_file, then edit."
            )
        if seen != digest_of(raw):
            raise ToolError(
                f"{path} has changed since it was read.",
                next_step="Read it again with read_file, then edit what stands there now.",
            )
        return decode(raw, path)

    def write(self, path: str, text: str) -> TextFile:
        """Put ``text`` into a file in one step; missing folders are made. Gives what was written.

        An existing file keeps its encoding, byte order mark, line ends and mode bits. The old file
        stands when anything fails. Raises ToolError. Whether the file was read first is not asked
        here but by :meth:`require_fresh`.
        """
        target = self.resolve(path)
        with self.editing(path):
            before = self._bytes(self.root, target)
            like = None if before is None else decode(before, path)
            data = encode(text, like, path)
            if len(data) > self.max_file_bytes:
                raise self._too_large(path, len(data))
            written = decode(data, path)
            self._changes.remember(self.relative(path), before)
            with _as_tool_error(path):
                status = None if before is None else _writable(target)
                with Folder.open(self.root, target.parent, create=True) as folder:
                    folder.replace(target.name, data, status)
            self._digests[target] = written.digest
            return written

    @contextlib.contextmanager
    def editing(self, path: str) -> Iterator[None]:
        """Hold the lock of one file, so that edits of it run one after the other."""
        target = self.resolve(path)
        with self._guard:
            lock = self._locks[target]
        with lock:
            yield

    # Permission

    def decide(self, tool: str, arguments: Mapping[str, Any]) -> Decision:
        """May this call run? Grants are not counted here; nothing is run or changed."""
        return permissions.decide(self.permission, tool, arguments, self)

    def grant(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Remember a leave given for exactly this call."""
        self._grants.add(_call_key(tool, arguments))

    def require(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Raise PermissionDeniedError unless the call is allowed or a leave was granted."""
        decision = self.decide(tool, arguments)
        granted = decision.verdict == "ask" and _call_key(tool, arguments) in self._grants
        if decision.verdict != "allow" and not granted:
            raise PermissionDeniedError(
                f"{tool} was refused: {decision.reason}.",
                next_step="Go on without it, or the user starts again with a wider --permission"
                " (edits allows edits, all allows commands as well).",
            )

    def is_inside(self, path: str) -> bool:
        """True when the guard lets ``path`` pass."""
        try:
            self.resolve(path)
        except ToolError:
            return False
        return True

    def leaving_links(self) -> list[str]:
        """Absolute paths of all links to files outside the root, except in git's own data."""
        return list(leaving_links(self.root))

    # Changes

    def remember_all(self) -> None:
        """Call before anything but our own edits may write, so that :meth:`diff` covers it."""
        self._changes.remember_all()

    def diff(self) -> str:
        """Unified diff of what changed since the workspace was made: own edits, and what commands
        changed, created and deleted. ``""`` when nothing did."""
        return "".join(change.diff() for change in self._changes.changed())

    def changed_files(self) -> list[str]:
        """Names of the changed files, relative to the root, sorted."""
        return [change.name for change in self._changes.changed()]

    # Inside

    def _root_of(self, path: str) -> Path:
        scratch = self._scratch
        return scratch if scratch and Path(path).is_relative_to(scratch) else self.root

    def _bytes(self, root: Path, target: Path) -> bytes | None:
        """The file's bytes, None when there is none."""
        name = str(target.relative_to(root))
        if target.is_dir():
            raise ToolError(f"{name} is a folder.", next_step="Look into it with list_dir.")
        with _as_tool_error(name):
            try:
                with Folder.open(root, target.parent) as folder:
                    raw, status = folder.read(target.name, self.max_file_bytes + 1)
            except FileNotFoundError:
                return None
        if len(raw) > self.max_file_bytes:
            raise self._too_large(name, status.st_size)
        return raw

    def _missing(self, path: str, target: Path) -> ToolError:
        same = [
            self.relative(found)
            for found in (target.parent.iterdir() if target.parent.is_dir() else ())
            if found.name.casefold() == target.name.casefold() and self.is_inside(str(found))
        ]
        hint = f"Did you mean {same[0]}?" if same else "Find it with list_dir or grep."
        return ToolError(f"{path} does not exist.", next_step=hint)

    def _too_large(self, name: str, size: int) -> ToolError:
        return ToolError(
            f"{name} has {size / 1e6:.1f} MB; at most {self.max_file_bytes / 1e6:.0f} MB are read"
            " or written.",
            next_step="Use run_terminal_command with a tool that works on streams.",
        )


def _existing_folder(root: Path | str) -> Path:
    path = Path(os.path.realpath(Path(root).expanduser()))
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise SettingsError(
            f"The workspace {str(root)!r} {what}.", next_step="Name an existing folder."
        )
    if not os.access(path, os.R_OK | os.X_OK):
        raise SettingsError(
            f"The workspace {str(root)!r} cannot be read.", next_step="Check its permissions."
        )
    return path


def _writable(target: Path) -> os.stat_result:
    status = target.stat()
    if not status.st_mode & 0o222:
        raise PermissionError(errno.EACCES, "The file is read-only", str(target))
    return status


def _call_key(tool: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
    return tool, json.dumps(arguments, sort_keys=True, default=repr)


@contextlib.contextmanager
def _as_tool_error(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ToolError(
            f"{name}: {error.strerror or error}.", next_step="The file was left as it was."
        ) from error
