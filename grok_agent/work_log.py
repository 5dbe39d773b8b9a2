"""What a run has paid for and done, written the moment it is there, so that nothing is done twice.

The graph's checkpoints know a step only when it has ended as a whole. This record knows the model's
answer when it arrives, and of each tool call that it has begun and what came back.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from grok_agent.blobs import Blobs
from grok_agent.frames import Frames
from grok_agent.journal import BLOBS_FOLDER
from grok_agent.large_texts import put_aside, put_back

FILE_NAME = "work.bin"
VERSION = 1


Seen = Callable[[], dict[str, str]]
"""Digests of the files that the model knows, by path."""


class WorkLog:
    """The record in the run's ``folder``. Thread-safe; one process writes.

    A piece of work is named by the graph's task, which stays the same when a step is taken up
    again, and by a name within the task. A disk that is full makes the record forgetful, nothing
    else: what cannot be written is known to this process only.

    Raises :class:`SettingsError` for a record of another version; whoever keeps it can mend it.
    """

    def __init__(self, folder: Path) -> None:
        self._frames = Frames(folder / FILE_NAME, "work", VERSION)
        self._blobs = Blobs(folder / BLOBS_FOLDER)
        self._serde = JsonPlusSerializer(allowed_msgpack_modules=None)
        self._begun: set[tuple[str, str]] = set()
        self._done: dict[tuple[str, str], Any] = {}
        self.seen: dict[str, str] = {}
        """Digests of the files that the model has read, by path relative to the root."""
        self._lock = threading.Lock()
        self._began_at = time.time()
        self._load()

    def begin(self, task: str, name: str) -> None:
        """Something that cannot be taken back begins; on return the machine may lose power."""
        with self._lock:
            self._begun.add((task, name))
            self._append({"at": (task, name), "begun": True, "since": self._began_at})

    def withdraw(self, task: str, name: str) -> None:
        """What was begun had no effect after all."""
        with self._lock:
            self._begun.discard((task, name))
            self._append({"at": (task, name), "begun": False})

    def has_begun(self, task: str, name: str) -> bool:
        """Whether it was begun, here or by a process that is gone."""
        return (task, name) in self._begun

    @property
    def has_unfinished(self) -> bool:
        """Whether something was begun whose end is not known."""
        return not self._begun <= self._done.keys()

    @property
    def began_at(self) -> float:
        """When the record was begun, in seconds of the epoch; now, where there is none."""
        return self._began_at

    def finish(
        self, task: str, name: str, result: Any, seen: Seen = dict, *, durable: bool = True
    ) -> None:
        """Keep a result, and which files are known to the model by now.

        ``seen`` is asked for them while no other result is kept, so that the newest is kept last.
        """
        with self._lock:
            self._done[task, name] = result
            new = {path: digest for path, digest in seen().items() if self.seen.get(path) != digest}
            self.seen |= new
            self._append({"at": (task, name), "done": result, "seen": new}, durable=durable)

    def finished(self, task: str, name: str) -> Any | None:
        """The result, or None where there is none."""
        return self._done.get((task, name))

    def count(self, beginning: str) -> int:
        """How many results there are whose name begins so."""
        return sum(name.startswith(beginning) for _, name in self._done)

    def _append(self, record: dict[str, Any], *, durable: bool = True) -> None:
        try:
            light = put_aside(record, self._blobs)
            self._frames.append(self._serde.dumps_typed(light)[1], durable=durable)
        except OSError:
            return  # the journal beside it tells; it is in memory

    def _load(self) -> None:
        try:
            payloads = self._frames.read()
        except OSError:
            return  # as if nothing had been done
        for payload in payloads:
            try:
                record = put_back(self._serde.loads_typed(("msgpack", payload)), self._blobs)
            except KeyError:
                continue  # a text is lost: that piece of work is done again
            self._began_at = min(self._began_at, record.get("since", self._began_at))
            task, name = record["at"]
            if "done" in record:
                self._done[task, name] = record["done"]
                self.seen |= record["seen"]
            elif record["begun"]:
                self._begun.add((task, name))
            else:
                self._begun.discard((task, name))
