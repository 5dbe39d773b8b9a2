"""The checkpoints of one thread in one file, each as what it has otherwise than its parent.

A checkpoint's record holds the channels whose version changed; a list that grew at its end, as a
conversation does, is held as the length of the part that was kept and what came after. Large texts
lie beside the file, once each. So a thread takes room in proportion to what happened in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    PendingWrite,
    writes_sort_key,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from grok_agent.blobs import Blobs
from grok_agent.frames import Frames
from grok_agent.journal import BLOBS_FOLDER
from grok_agent.large_texts import put_aside, put_back

FILE_NAME = "checkpoints.bin"
VERSION = 1

Key = tuple[str, str]  # namespace, checkpoint id


@dataclass(frozen=True)
class Stored:
    """A checkpoint as its record has it."""

    key: Key
    parent: str | None
    based: bool  # what differs is told from the parent; else from nothing
    checkpoint: dict[str, Any]  # without values, versions and versions_seen
    metadata: dict[str, Any]
    versions: "Difference"
    seen: "Difference"
    values: "Difference"
    grown: dict[str, tuple[int, list[Any]]]  # list channels: length kept, items that follow


@dataclass(frozen=True)
class Difference:
    """What a dictionary has otherwise than an earlier one."""

    changed: dict[str, Any]
    gone: list[str]

    @classmethod
    def between(cls, before: Mapping[str, Any], after: Mapping[str, Any]) -> "Difference":
        """From ``before`` to ``after``."""
        changed = {k: v for k, v in after.items() if k not in before or before[k] != v}
        return cls(changed, [key for key in before if key not in after])

    def apply(self, to: dict[str, Any]) -> None:
        """Make the dictionary what it became."""
        for key in self.gone:
            to.pop(key, None)
        to.update(self.changed)


@dataclass
class Whole:
    """The parts of a checkpoint that its record has as differences."""

    versions: dict[str, Any]
    seen: dict[str, Any]
    values: dict[str, Any]

    def follow(self, step: Stored) -> None:
        """Become what the checkpoint after this one was."""
        step.versions.apply(self.versions)
        step.seen.apply(self.seen)
        step.values.apply(self.values)
        for name, (kept, items) in step.grown.items():
            self.values[name] = [*self.values.get(name, [])[:kept], *items]


class ThreadFile:
    """The checkpoints and pending writes in ``folder``. Not safe under threads by itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.thread_id: str | None = None
        self.checkpoints: dict[Key, Stored] = {}
        self._writes: dict[Key, dict[tuple[str, int], tuple[str, str, Any, str]]] = {}
        self._frames = Frames(folder / FILE_NAME, "checkpoints", VERSION)
        self._blobs = Blobs(folder / BLOBS_FOLDER)
        self._newest: tuple[Key, Whole] | None = None  # the last that was put or asked for

    def catch_up(self, serde: SerializerProtocol) -> None:
        """Take in what the file holds beyond what is known here.

        Raises :class:`SettingsError` for a file of another version, :class:`OSError`.
        """
        for payload in self._frames.read():
            record = serde.loads_typed(("msgpack", payload))
            try:
                self._take(put_back(record, self._blobs))
            except KeyError:
                continue  # a text is lost, and with it this checkpoint and those after it

    def put(
        self,
        serde: SerializerProtocol,
        thread_id: str,
        key: Key,
        parent: str | None,
        checkpoint: Checkpoint,
        metadata: Mapping[str, Any],
        new_versions: ChannelVersions,
    ) -> None:
        """Add a checkpoint. Raises :class:`OSError`; it is known here nevertheless."""
        rest: dict[str, Any] = {**checkpoint}
        values, versions, seen = map(rest.pop, ("channel_values", "channel_versions", _SEEN))
        based = parent is not None and (key[0], parent) in self.checkpoints
        before = self._whole((key[0], parent or "")) if based else Whole({}, {}, {})
        changed = {
            name: value
            for name, value in values.items()
            if name in new_versions or name not in before.values
        }
        grown = {
            name: _growth(before.values.get(name, []), value, serde)
            for name, value in changed.items()
            if type(value) is list and type(before.values.get(name, [])) is list
        }
        step = Stored(
            key,
            parent,
            based,
            rest,
            dict(metadata),
            Difference.between(before.versions, versions),
            Difference.between(before.seen, {node: dict(seen[node]) for node in seen}),
            Difference(
                {n: _frozen(v, serde) for n, v in changed.items() if n not in grown},
                [name for name in before.values if name not in values],
            ),
            grown,
        )
        now = Whole(dict(before.versions), dict(before.seen), dict(before.values))
        now.follow(step)
        self._newest = key, now
        self.checkpoints[key] = step
        self._append(serde, {"kind": "checkpoint", "thread": thread_id, **_plain(step)})

    def put_writes(
        self,
        serde: SerializerProtocol,
        key: Key,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str,
    ) -> None:
        """Add what a task wrote before its step ended; what is there already stays.

        Raises :class:`OSError`; it is known here nevertheless.
        """
        known = self._writes.get(key, {})
        numbered = [(WRITES_IDX_MAP.get(name, i), name, v) for i, (name, v) in enumerate(writes)]
        new = [each for each in numbered if each[0] < 0 or (task_id, each[0]) not in known]
        record = {"key": key, "task": task_id, "path": task_path, "writes": new}
        self._take_writes(record)
        self._append(serde, {"kind": "writes", **record})

    def get(self, key: Key) -> tuple[Stored, Whole] | None:
        """A checkpoint with its values, or None when it is not here."""
        if key not in self.checkpoints:
            return None
        whole = self._whole(key)
        return self.checkpoints[key], Whole(
            dict(whole.versions),
            {node: dict(seen) for node, seen in whole.seen.items()},
            {n: list(v) if type(v) is list else v for n, v in whole.values.items()},
        )

    def pending(self, key: Key) -> list[PendingWrite]:
        """What tasks wrote after the checkpoint, in LangGraph's order."""
        known = self._writes.get(key, {})
        ordered = sorted(known, key=lambda each: writes_sort_key(known[each][3], *each))
        return [known[each][:3] for each in ordered]

    def newest_first(self, namespace: str | None) -> Iterator[Key]:
        """The keys of the checkpoints in ``namespace``, or in all."""
        keys = [key for key in self.checkpoints if namespace in (None, key[0])]
        return iter(sorted(keys, key=lambda key: key[1], reverse=True))

    def _whole(self, key: Key) -> Whole:
        if self._newest and self._newest[0] == key:
            return self._newest[1]
        chain: list[Stored] = []
        step = self.checkpoints[key]
        while step.based:
            chain.append(step)
            step = self.checkpoints[key[0], step.parent or ""]
        chain.append(step)
        whole = Whole({}, {}, {})
        for step in reversed(chain):
            whole.follow(step)
        self._newest = key, whole
        return whole

    def _append(self, serde: SerializerProtocol, record: dict[str, Any]) -> None:
        try:
            light = put_aside(record, self._blobs)
        except OSError:
            light = record  # no room beside the file; in it there may be some
        self._frames.append(serde.dumps_typed(light)[1])

    def _take(self, record: dict[str, Any]) -> None:
        if record["kind"] == "writes":
            self._take_writes(record)
            return
        self.thread_id = record["thread"]
        namespace, checkpoint_id = record["key"]
        if record["based"] and (namespace, record["parent"]) not in self.checkpoints:
            return  # what it differs from is lost
        step = Stored(
            (namespace, checkpoint_id),
            record["parent"],
            record["based"],
            record["checkpoint"],
            record["metadata"],
            Difference(*record["versions"]),
            Difference(*record["seen"]),
            Difference(*record["values"]),
            {name: (kept, items) for name, (kept, items) in record["grown"].items()},
        )
        self.checkpoints[step.key] = step

    def _take_writes(self, record: Mapping[str, Any]) -> None:
        namespace, checkpoint_id = record["key"]
        known = self._writes.setdefault((namespace, checkpoint_id), {})
        task, path = record["task"], record["path"]
        for index, channel, value in record["writes"]:
            known[task, index] = (task, channel, value, path)


_SEEN = "versions_seen"
_UNCHANGING = (str, bytes, int, float, bool, type(None))


def _plain(step: Stored) -> dict[str, Any]:
    """The record as plain types and LangChain's messages."""
    return {
        "key": step.key,
        "parent": step.parent,
        "based": step.based,
        "checkpoint": step.checkpoint,
        "metadata": step.metadata,
        "versions": (step.versions.changed, step.versions.gone),
        "seen": (step.seen.changed, step.seen.gone),
        "values": (step.values.changed, step.values.gone),
        "grown": step.grown,
    }


def _growth(
    before: Sequence[Any], after: Sequence[Any], serde: SerializerProtocol
) -> tuple[int, list[Any]]:
    """How many items of ``before`` are kept at the front of ``after``, and what follows them."""
    pairs = zip(before, after, strict=False)
    kept = sum(1 for _ in takewhile(lambda pair: _is_same(*pair, serde), pairs))
    return kept, [_frozen(item, serde) for item in after[kept:]]


def _is_same(one: Any, other: Any, serde: SerializerProtocol) -> bool:
    # A message is a value: a node that changes one makes another, as LangGraph's reducer expects.
    if one is other and isinstance(one, (BaseMessage, *_UNCHANGING)):
        return True
    return type(one) is type(other) and serde.dumps_typed(one) == serde.dumps_typed(other)


def _frozen(value: Any, serde: SerializerProtocol) -> Any:
    """``value`` as it is now, whatever its owner does to it later."""
    if isinstance(value, (BaseMessage, *_UNCHANGING)):
        return value
    return serde.loads_typed(serde.dumps_typed(value))
