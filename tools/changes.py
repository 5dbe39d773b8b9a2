"""What a run changed: originals of edited files, and of all files before the first command."""

import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grok_agent.tools.diffs import MAX_DIFF_BYTES, file_diff

MAX_KEPT_FILE_BYTES = 2_000_000
MAX_KEPT_TOTAL_BYTES = 64_000_000
CLOCK_TICK_NS = 2_000_000_000  # a file written later than this before a look may change unseen

Signature = tuple[int, int, int]


@dataclass(frozen=True)
class Original:
    """A file as it was. ``content`` is None when it did not exist or, if ``existed``, when it was
    too large to keep. An equal ``signature`` (bytes, times of content and status change in ns)
    means that it did not change."""

    existed: bool
    content: bytes | None = None
    signature: Signature | None = None
    mode: int = 0o644


@dataclass(frozen=True)
class Change:
    """One changed file; None stands for a file that is not there."""

    name: str
    before: Original
    after: bytes | None
    mode: int

    def diff(self) -> str:
        """The change as unified diff with git's headers."""
        kept = self.before.content is not None or not self.before.existed
        note = "" if kept else "Files differ (the earlier text was not kept)"
        return file_diff(self.name, self.before.content, self.after, mode=self.mode, note=note)


class Changes:
    """Remembers how files were. Thread-safe. It needs no git and writes nothing to the disk."""

    def __init__(
        self,
        root: Path,
        list_files: Callable[[], Iterable[str]],
        *,
        max_file_bytes: int = MAX_KEPT_FILE_BYTES,
        max_total_bytes: int = MAX_KEPT_TOTAL_BYTES,
    ) -> None:
        self._root = root
        self.list_files = list_files
        self._max_file_bytes = max_file_bytes
        self._room = max_total_bytes
        self._originals: dict[str, Original] = {}
        self._whole = False
        self._lock = threading.Lock()

    def remember(self, name: str, content: bytes | None) -> None:
        """Keep ``content`` (None: no such file) as the original, unless one is known already."""
        original = Original(content is not None, content)
        with self._lock:
            if name not in self._originals:
                self._originals[name] = original

    def remember_all(self) -> None:
        """Before a command that may write: keep every file's text, once, within the limits."""
        with self._lock:
            if self._whole:
                return
            for name in self.list_files():
                if name not in self._originals and (original := self._look(name)):
                    self._originals[name] = original
            self._whole = True

    def changed(self) -> Iterator[Change]:
        """Every file that differs from its original, in the order of names."""
        with self._lock:
            originals = dict(self._originals)
            names = set(originals)
            if self._whole:
                names.update(self.list_files())
        for name in sorted(names):
            if change := self._compare(name, originals.get(name, Original(existed=False))):
                yield change

    def _look(self, name: str) -> Original | None:
        status = self._status(name)
        if status is None:
            return None
        if status.st_size > min(self._max_file_bytes, self._room):
            return Original(True, None, _signature(status), status.st_mode)
        content = self._read(name, self._max_file_bytes)
        self._room -= len(content or b"")
        settled = time.time_ns() - status.st_ctime_ns > CLOCK_TICK_NS
        return Original(True, content, _signature(status) if settled else None, status.st_mode)

    def _compare(self, name: str, before: Original) -> Change | None:
        status = self._status(name)
        if status is None:
            return Change(name, before, None, before.mode) if before.existed else None
        if before.signature == _signature(status):
            return None
        if before.existed and before.content is None:
            return Change(name, before, b"", status.st_mode)
        after = self._read(name, max(MAX_DIFF_BYTES, len(before.content or b"")) + 1)
        if after is None or after == before.content:
            return None
        return Change(name, before, after, status.st_mode)

    def _status(self, name: str) -> os.stat_result | None:
        try:
            status = (self._root / name).lstat()
        except (OSError, ValueError):
            return None
        return status if stat.S_ISREG(status.st_mode) else None

    def _read(self, name: str, limit: int) -> bytes | None:
        try:
            with (self._root / name).open("rb") as file:
                return file.read(limit)
        except OSError:
            return None


def _signature(status: os.stat_result) -> Signature:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
