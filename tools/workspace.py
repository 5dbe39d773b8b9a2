"""The workspace: one folder, and the one guard that every tool goes through."""

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from grok_agent.context.file_kinds import is_secret_name
from grok_agent.context.secrets import Secrets
from grok_agent.errors import SettingsError, ToolError
from grok_agent.tools import permission as permissions
from grok_agent.tools.changes import Change, Changes
from grok_agent.tools.edit_log import EditLog
from grok_agent.tools.guard import leaving_links, locate
from grok_agent.tools.leaves import Leaves
from grok_agent.tools.permission import Decision, Mode
from grok_agent.tools.ripgrep import list_files
from grok_agent.tools.rules import Rules
from grok_agent.tools.sandbox import Limits, confinement
from grok_agent.tools.text_store import TextStore, is_inside
from grok_agent.tools.textfile import TextFile
from grok_agent.tools.watch import Watch, WatchedCommand

MAX_FILE_BYTES = 64_000_000


class Workspace:
    """A folder in which tools work: paths, text, freshness, permission and what changed.

    ``root`` must be a folder; ``permission`` is ``"plan"`` (read only), ``"ask"`` (edits and
    commands ask), ``"edits"`` (edits run, commands that may write ask) or ``"all"``.
    ``max_file_bytes`` bounds what is read as text. ``scratch`` is a folder outside the root for
    full outputs; by default a temporary one, removed with the workspace. ``limits`` are those of
    the commands that run here. ``rules`` deny, ask for or allow calls before the mode does.
    ``ask_leave`` is asked for leave where the graph cannot be interrupted: it gets the question of
    :func:`grok_agent.graphs.leave.missing_leaves` and gives the same answers.
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
        rules: Rules | None = None,
        ask_leave: Callable[[Mapping[str, Any]], Any] | None = None,
    ) -> None:
        self.root = _existing_folder(root)
        if permission not in permissions.MODES:
            raise SettingsError(
                f"{permission!r} is no permission mode.",
                next_step=f"Use one of: {', '.join(permissions.MODES)}.",
            )
        self.permission: Mode = permission
        self.limits = limits or Limits()
        self.ask_leave = ask_leave
        self.secrets = Secrets(self.root)
        self.leaves = Leaves(self, permission, rules or Rules())
        self._scratch = scratch and Path(os.path.realpath(scratch))
        self._changes = Changes(self.root, lambda: list_files(self.root))
        self._texts = TextStore(self.root, self._changes, max_file_bytes)
        self._watch: Watch | None = None
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
        self.leaves.require_file("reads", path)
        return self._texts.peek(self._root_of(path), path)

    def mark_read(self, path: str, file: TextFile) -> None:
        """Note that the model has seen ``file``, at least in part."""
        self._texts.mark_read(self._root_of(path), path, file)

    def seen(self) -> dict[str, str]:
        """SHA-256, by path relative to the root, of the files that the model knows as they are."""
        return self._texts.seen()

    def recall(
        self, seen: Mapping[str, str], originals: Mapping[str, bytes | None] | None = None
    ) -> None:
        """Go on where another process stopped: what :meth:`seen` told there, and the contents that
        edited files had before the run (None: no such file), for :meth:`diff`."""
        self._texts.recall(seen)
        for name, content in (originals or {}).items():
            self._changes.remember(name, content)

    def require_fresh(self, path: str, old: str | None = None) -> TextFile:
        """The file's text now, for an edit. Raises ToolError when it was never read, was deleted or
        has changed since; own writes count as read.

        The error shows how a changed file is now, around ``old`` (None: all of it, if it is short);
        what was shown counts as read.
        """
        return self._texts.require_fresh(path, old)

    def write(self, path: str, text: str) -> TextFile:
        """Put ``text`` into a file in one step; missing folders are made. Gives what was written.

        An existing file keeps its encoding, byte order mark, line ends and mode bits. The old file
        stands when anything fails. Raises ToolError. Whether the file was read first is not asked
        here but by :meth:`require_fresh`.
        """
        self.leaves.require_file("writes", path)
        return self._texts.write(path, text)

    def with_secrets(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments of an edit with the secrets put back in place of their placeholders.

        Those of the file itself are known, also to a process that has not read it. Raises ToolError
        for a placeholder that nothing stands behind.
        """
        path = str(given.get("file_path", ""))
        with suppress(ToolError):
            self.secrets.learn(self.peek(path).text, path)
        restored: Mapping[str, Any] = self.secrets.restore(given)
        return restored

    def editing(self, path: str) -> AbstractContextManager[None]:
        """Hold the lock of one file, so that edits of it run one after the other."""
        return self._texts.editing(path)

    # Permission

    def decide(self, tool: str, arguments: Mapping[str, Any]) -> Decision:
        """May this call run? Leave for single calls is not counted; nothing is run or changed."""
        return self.leaves.decide(tool, arguments)

    def grant(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Remember a leave given for exactly this call."""
        self.leaves.grant(tool, arguments)

    def require(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Raise PermissionDeniedError unless the call is allowed or a leave was granted."""
        self.leaves.require(tool, arguments)

    @property
    def is_closed_to_commands(self) -> bool:
        """True when the sandbox keeps commands from writing in the workspace."""
        return self.permission == "plan" and confinement(self.limits).confined

    def names_of(self, path: str) -> Sequence[str]:
        """``path`` as given and as it is behind links, both relative to the root; none for a path
        that the guard does not let pass."""
        try:
            real = self.resolve(path).relative_to(self.root)
        except ToolError:
            return ()
        given = Path(os.path.normpath(self.root / path))
        inside = given.is_relative_to(self.root)
        names = [real, given.relative_to(self.root)] if inside else [real]
        return tuple(dict.fromkeys(name.as_posix() for name in names))

    def is_secret(self, path: str) -> bool:
        """True when the file is named like one that holds secrets, as given or behind links."""
        return any(map(is_secret_name, self.names_of(path)))

    @property
    def readable(self) -> Callable[[str], bool] | None:
        """Which files may be read without leave; None where no rule limits that."""
        return self.may_show if self.leaves.rules.limit_reading else None

    def may_show(self, path: str) -> bool:
        """True when ``path`` lies inside and needs no leave: it is allowed by a rule, or by none
        limited and not named like a secret."""
        effect = self.leaves.rules.on_file("reads", path, self).effect
        if effect in ("deny", "ask") or not self.is_inside(path):
            return False
        return effect == "allow" or not self.is_secret(path)

    def is_inside(self, path: str) -> bool:
        """True when the guard lets ``path`` pass."""
        return is_inside(self.root, path)

    def leaving_links(self) -> list[str]:
        """Absolute paths of all links to files outside the root, except in git's own data."""
        return list(leaving_links(self.root))

    # Changes

    def record_to(self, folder: Path | str, step: int = 0) -> None:
        """Record every change from now on in ``folder``, the run's, before it is made, as done in
        ``step`` of the run (from 1).

        :func:`grok_agent.tools.edit_log.edits_of_call` tells afterwards whether the edit of a tool
        call took place. Raises OSError when the folder cannot be written; without a record, files
        are edited all the same.
        """
        if self._texts.log is None or self._texts.log.folder != Path(folder):
            self._texts.log = None
            log = EditLog(folder, self.root)
            log.begin()
            self._texts.log = log
        self._texts.log.step = step

    def command_begins(self) -> WatchedCommand:
        """Call before anything but our own edits may write, so that :meth:`diff` and the record
        cover it, and the result's ``end`` afterwards. Raises ToolError."""
        self._changes.remember_all()
        if self._texts.log is None:
            return WatchedCommand()
        with self._guard:  # commands that begin at once share one watch
            if self._watch is None or self._watch.log is not self._texts.log:
                self._watch = Watch(self.root, self._changes.list_files, self._texts.log)
            watch = self._watch
        try:
            return watch.begin()
        except OSError as error:
            raise ToolError(
                f"The command was not run, since what it changes cannot be recorded: {error}.",
                next_step=f"The user makes room for {self._texts.log.folder}.",
            ) from error

    def diff(self) -> str:
        """Unified diff of what changed since the workspace was made: own edits, and what commands
        changed, created and deleted. ``""`` when nothing did."""
        return "".join(change.diff() for change in self.changes())

    def changes(self) -> list[Change]:
        """What changed since the workspace was made, a file each, sorted by name."""
        return list(self._changes.changed())

    def changed_files(self) -> list[str]:
        """Names of the changed files, relative to the root, sorted."""
        return [change.name for change in self.changes()]

    # Inside

    def _root_of(self, path: str) -> Path:
        scratch = self._scratch
        return scratch if scratch and Path(path).is_relative_to(scratch) else self.root


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
