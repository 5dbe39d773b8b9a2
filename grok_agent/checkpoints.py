"""LangGraph's checkpoints in files, a folder for each thread, as long as what happened in it.

Measured on a run of 150 turns that reads 432,000 tokens, see ``docs/figures.md``: savers that write
the whole state at each step grow with the square of a run; this one writes what changed.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from grok_agent.journal import BLOBS_FOLDER, run_folder
from grok_agent.on_threads import OnThreads
from grok_agent.thread_file import FILE_NAME, Key, Stored, ThreadFile, Whole


class FileSaver(OnThreads[int]):
    """A checkpointer whose threads lie in folders of ``folder``, beside their runs' journals.

    It revives plain types and LangChain's messages only. Graphs may use it from several threads
    and from coroutines; of the processes that use one thread's folder only one may write. A message
    that is in the state is a value: a node that changes it in place is not noticed.

    A disk that is full ends no run: checkpoints stay in memory, ``on_problem`` hears of it once,
    and they are written when there is room again. Raises :class:`SettingsError` for a thread that
    another version of this package wrote; whoever keeps that version can mend it.
    """

    def __init__(
        self, folder: Path | str, on_problem: Callable[[OSError], None] | None = None
    ) -> None:
        super().__init__(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self.folder = Path(folder)
        self._on_problem = on_problem
        self._threads: dict[str, ThreadFile] = {}
        self._told: list[OSError] = []
        self._lock = threading.RLock()

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that ``config`` names, or the newest of its thread and namespace."""
        thread_id, namespace = _place(config)
        with self._lock:
            thread = self._thread(thread_id)
            if wanted := get_checkpoint_id(config):
                key = (namespace, wanted)
            else:
                key = next(thread.newest_first(namespace), (namespace, ""))
            return self._tuple(thread_id, thread, key)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints, the newest first; of all threads where ``config`` is None."""
        threads = self._known_threads() if config is None else [_place(config)[0]]
        given = config["configurable"] if config else {}
        earlier = get_checkpoint_id(before) if before else None
        for thread_id in threads:
            with self._lock:
                thread = self._thread(thread_id)
                keys = [*thread.newest_first(given.get("checkpoint_ns"))]
            for key in keys:
                if (earlier and key[1] >= earlier) or given.get("checkpoint_id", key[1]) != key[1]:
                    continue
                metadata = thread.checkpoints[key].metadata
                if any(metadata.get(name) != value for name, value in (filter or {}).items()):
                    continue
                if limit is not None and (limit := limit - 1) < 0:
                    return
                with self._lock:
                    found = self._tuple(thread_id, thread, key)
                if found:
                    yield found

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Write a checkpoint; on return it outlives the process and the machine."""
        thread_id, namespace = _place(config)
        key = (namespace, checkpoint["id"])
        about = get_checkpoint_metadata(config, metadata)
        with self._lock:
            thread = self._thread(thread_id)
            try:
                thread.put(
                    self.serde,
                    thread_id,
                    key,
                    get_checkpoint_id(config),
                    checkpoint,
                    about,
                    new_versions,
                )
            except OSError as error:
                self._tell(error)
        return _config(thread_id, key)

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Write what a task gave before its step ended."""
        thread_id, namespace = _place(config)
        key = (namespace, config["configurable"]["checkpoint_id"])
        with self._lock:
            thread = self._thread(thread_id)
            try:
                thread.put_writes(self.serde, key, writes, task_id, task_path)
            except OSError as error:
                self._tell(error)

    def delete_thread(self, thread_id: str) -> None:
        """Remove the checkpoints of a thread; its journal stays."""
        with self._lock:
            self._threads.pop(thread_id, None)
            folder = run_folder(self.folder, thread_id)
            (folder / FILE_NAME).unlink(missing_ok=True)
            if not (folder / "journal.jsonl").exists():  # whose texts lie there as well
                rmtree(folder / BLOBS_FOLDER, ignore_errors=True)

    def _thread(self, thread_id: str) -> ThreadFile:
        thread = self._threads.get(thread_id)
        if thread is None:
            thread = self._threads[thread_id] = ThreadFile(run_folder(self.folder, thread_id))
        try:
            thread.catch_up(self.serde)
        except OSError as error:
            self._tell(error)
        return thread

    def _known_threads(self) -> Sequence[str]:
        for file in self.folder.glob(f"*/{FILE_NAME}"):
            thread = ThreadFile(file.parent)
            thread.catch_up(self.serde)
            if thread.thread_id is not None:
                self._threads.setdefault(thread.thread_id, thread)
        return [*self._threads]

    def _tuple(self, thread_id: str, thread: ThreadFile, key: Key) -> CheckpointTuple | None:
        found = thread.get(key)
        if found is None:
            return None
        stored, whole = found
        return CheckpointTuple(
            config=_config(thread_id, key),
            checkpoint=_checkpoint(stored, whole),
            metadata=stored.metadata,  # type: ignore[arg-type]  # as it was given
            parent_config=_config(thread_id, (key[0], stored.parent)) if stored.parent else None,
            pending_writes=thread.pending(key),
        )

    def _tell(self, problem: OSError) -> None:
        if not self._told and self._on_problem:
            self._on_problem(problem)
        self._told.append(problem)


def _place(config: RunnableConfig) -> tuple[str, str]:
    given = config["configurable"]
    return str(given["thread_id"]), str(given.get("checkpoint_ns", ""))


def _config(thread_id: str, key: Key) -> RunnableConfig:
    names = {"thread_id": thread_id, "checkpoint_ns": key[0], "checkpoint_id": key[1]}
    return {"configurable": names}


def _checkpoint(stored: Stored, whole: Whole) -> Checkpoint:
    parts = {
        **stored.checkpoint,
        "channel_values": whole.values,
        "channel_versions": whole.versions,
        "versions_seen": whole.seen,
    }
    return parts  # type: ignore[return-value]  # a TypedDict
