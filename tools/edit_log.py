"""The record of edits: what each one found and what it leaves, on disk before it is made."""

import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from grok_agent.tools.contents import Contents
from grok_agent.tools.file_state import FileState, look

FILE_NAME = "edits.jsonl"
CONTENTS = "contents"
MAX_COMPARED_BYTES = 1_000_000_000
"""A larger file is not read to tell what became of an edit that was cut off."""

Maker = Literal["edit", "command", "undo", "unknown"]
"""Who made a change: a tool, a command, ``grok-agent undo``; or a command that was cut off, unless
it was somebody else afterwards."""


@dataclass(frozen=True)
class Label:
    """To what an edit belongs: the step of the run (from 1; 0 is none) and the tool call's id."""

    step: int = 0
    call: str = ""


_CALL: ContextVar[str] = ContextVar("call", default="")


@contextmanager
def during_call(call: str) -> Iterator[None]:
    """What is changed inside, on this thread, is recorded as done by the tool call of this id."""
    token = _CALL.set(call)
    try:
        yield
    finally:
        _CALL.reset(token)


@dataclass(frozen=True)
class Edit:
    """One change of one file, ``path`` relative to the root; a state of None is no file.

    ``done`` says whether it took place, None when the process died before it could tell.
    ``folders`` are those that were made for it, outermost first. ``at`` is UTC, ISO 8601.
    """

    id: str
    path: str
    before: FileState | None
    after: FileState | None
    by: Maker
    label: Label
    at: str
    folders: tuple[str, ...] = ()
    done: bool | None = None


class EditLog:
    """The record in ``folder`` of what is changed below ``root``; append-only, thread-safe.

    One process writes, others may read. A line reaches the disk before the change is made, and
    another one says how that went. Contents lie beside it, each once, for their owner only.
    ``step`` is the run's step in which changes are made from now on.
    """

    def __init__(self, folder: Path | str, root: Path) -> None:
        self.folder = Path(folder)
        self.root = root
        self.contents = Contents(self.folder / CONTENTS)
        self.step = 0
        self._lock = threading.Lock()
        self._begun = False
        self._made: dict[str, FileState | None] = {}

    def begin(self) -> None:
        """Make the folder and name the root in it, once. Raises OSError; its owner can mend it."""
        with self._lock:
            if not self._begun:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                # The leading line end closes a line that a killed process has torn.
                self._append({"event": "root", "root": str(self.root)}, lead=b"\n")
                self._begun = True

    @contextmanager
    def edit(
        self,
        path: str,
        before: FileState | None,
        after: FileState | None,
        *,
        by: Maker = "edit",
        folders: tuple[str, ...] = (),
    ) -> Iterator[None]:
        """Record a change, let the caller make it, record that it was made or that it failed.

        The caller has put the contents into ``contents``. Raises OSError when nothing can be
        recorded, and then the change must not be made.
        """
        id_ = self._intend(path, before, after, by, folders)
        try:
            yield
        except OSError:  # any other may come when the change is made already, and is left open
            self._settle(id_, done=False)
            raise
        self._settle(id_, done=True)
        self._made[path] = after

    def found(
        self,
        path: str,
        before: FileState | None,
        after: FileState | None,
        *,
        by: Maker,
        folders: tuple[str, ...] = (),
    ) -> None:
        """Record a change that was made already. Raises OSError."""
        self._settle(self._intend(path, before, after, by, folders, sync=False), done=True)

    def take_made(self) -> dict[str, FileState | None]:
        """What :meth:`edit` has made of files since this was last asked."""
        made, self._made = self._made, {}
        return made

    def note(self, event: str, **fields: Any) -> None:
        """Append one line and wait until the disk has it. Raises OSError."""
        self.begin()
        self._append({"event": event, **fields})

    def _intend(
        self,
        path: str,
        before: FileState | None,
        after: FileState | None,
        by: Maker,
        folders: tuple[str, ...],
        *,
        sync: bool = True,
    ) -> str:
        self.begin()
        line = {
            "event": "edit",
            "id": secrets.token_hex(8),
            "path": path,
            "before": before and asdict(before),
            "after": after and asdict(after),
            "by": by,
            "step": self.step,
            "call": _CALL.get(),
            "folders": folders,
        }
        self._append(line, sync=sync)
        return str(line["id"])

    def _settle(self, id_: str, *, done: bool) -> None:
        with suppress(OSError):  # what is not said here follows from the file
            self._append({"event": "settled", "id": id_, "done": done}, sync=False)

    def _append(self, line: dict[str, Any], *, sync: bool = True, lead: bytes = b"") -> None:
        stamped = {**line, "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        data = json.dumps(stamped).encode() + b"\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self.folder / FILE_NAME, flags, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.write(lead + data)
            if sync:
                os.fsync(descriptor)


def read_edits(folder: Path | str) -> list[Edit]:
    """The edits that ``folder`` records, oldest first, the failed ones included.

    Of an edit that a killed process left open, ``done`` follows from the file as it is now and
    from the edits after it, and stays None only where somebody else changed the file since.
    Raises OSError when the folder holds no record.
    """
    lines = read_lines(folder)
    outcomes = {line["id"]: line["done"] for line in lines if line["event"] == "settled"}
    root = next((Path(line["root"]) for line in lines if line["event"] == "root"), None)
    if root is None:
        raise FileNotFoundError(f"{folder} has no record of edits")
    edits: list[Edit] = []
    later: dict[str, FileState | None] = {}
    for line in reversed([line for line in lines if line["event"] == "edit"]):
        path, before, after = line["path"], _state(line["before"]), _state(line["after"])
        done = outcomes.get(line["id"])
        if done is None:
            now = later[path] if path in later else _now(root, path)
            done = True if now == after else False if now == before else None
        later[path] = before
        edits.append(
            Edit(
                id=line["id"],
                path=path,
                before=before,
                after=after,
                by=line["by"],
                label=Label(line["step"], line["call"]),
                at=line["at"],
                folders=tuple(line["folders"]),
                done=done,
            )
        )
    return edits[::-1]


def edits_of_call(folder: Path | str, call: str) -> list[Edit]:
    """What the tool call with this id changed, by the record in ``folder``; see :func:`read_edits`.

    Empty when it changed nothing, or when there is no record.
    """
    try:
        return [edit for edit in read_edits(folder) if edit.label.call == call]
    except OSError:
        return []


def read_lines(folder: Path | str) -> list[dict[str, Any]]:
    """All lines of a record, oldest first, without those that a crash has torn.

    Raises OSError when the folder holds no record.
    """
    lines = []
    for raw in (Path(folder) / FILE_NAME).read_bytes().split(b"\n"):
        try:
            line = json.loads(raw)
        except ValueError:
            continue
        if isinstance(line, dict) and "event" in line:
            lines.append(line)
    return lines


def _now(root: Path, path: str) -> FileState | None:
    try:
        return look(root, path, MAX_COMPARED_BYTES)[0]
    except OSError:
        return FileState("", 0)  # it is neither how it was nor how it was to become


def _state(fields: dict[str, Any] | None) -> FileState | None:
    return None if fields is None else FileState(**fields)
