"""A file that only grows, of records that are whole or not there.

Layout: one line ``grok-agent <kind> <version>``, then records, each of 8 bytes (length and CRC-32
of what follows, both unsigned, little-endian) and a payload compressed by zlib. A process that is
killed while it writes leaves a record that is shorter than its length says: it is cut off before
the next one is written. A record whose sum is wrong is left out.
"""

import os
import struct
import threading
import zlib
from pathlib import Path

from grok_agent.errors import SettingsError

LESSONS = 12
MAX_KNOWN_BYTES = 32_768
"""The first so many records, up to so many bytes, are the dictionary by which others are compressed
(RFC 1950): records are short and alike, and take less than half the room so."""

_HEAD = struct.Struct("<II")


class Frames:
    """The records in ``path``, whose file is made with the first of them, for its owner only.

    ``kind`` and ``version`` say what they mean; a file of another version raises
    :class:`SettingsError`, and whoever keeps both versions of the program can mend it. Thread-safe.
    What another process appends is seen as well; that only one writes is the callers' business.
    """

    def __init__(self, path: Path, kind: str, version: int) -> None:
        self.path = path
        self._kind = kind
        self._version = version
        self._first_line = f"grok-agent {kind} {version}\n".encode()
        self._read_up_to = 0  # bytes of the file that were read or written here
        self._unwritten: list[bytes] = []
        self._unseen: list[bytes] = []  # of others, read before we wrote behind them
        self._known = b""
        self._lessons = 0
        self._lock = threading.RLock()

    def append(self, payload: bytes, *, durable: bool = True) -> None:
        """Write one record; on return it outlives the process, if ``durable`` the machine too.

        Raises :class:`OSError` when it cannot be written. It is then kept in memory, and written
        with the next one that can be.
        """
        with self._lock:
            self._unseen += self._added()
            packed = self._packed(payload)
            self._unwritten.append(_HEAD.pack(len(packed), zlib.crc32(packed)) + packed)
            self._write(durable)

    def read(self) -> list[bytes]:
        """The payloads that were added to the file since the last call, by whomever but us.

        Raises :class:`OSError` when the file cannot be read.
        """
        with self._lock:
            found = self._unseen + self._added()
            self._unseen = []
            return found

    def _added(self) -> list[bytes]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._read_up_to)
                data = file.read()
        except FileNotFoundError:
            return []
        return self._parse(data)

    def _parse(self, data: bytes) -> list[bytes]:
        at = 0
        if self._read_up_to == 0 and data:
            if not data.startswith(self._first_line):
                self._refuse(data)
                return []
            at = len(self._first_line)
        found = []
        while at + _HEAD.size <= len(data):
            length, check = _HEAD.unpack_from(data, at)
            end = at + _HEAD.size + length
            if length == 0 or end > len(data):  # torn; zeros are what a power cut leaves
                break
            packed = data[at + _HEAD.size : end]
            if zlib.crc32(packed) == check and (payload := self._unpacked(packed)) is not None:
                found.append(payload)
            at = end
        self._read_up_to += at
        return found

    def _packed(self, payload: bytes) -> bytes:
        packer = zlib.compressobj(zdict=self._known) if self._known else zlib.compressobj()
        packed = packer.compress(payload) + packer.flush()
        self._learn(payload)
        return packed

    def _unpacked(self, packed: bytes) -> bytes | None:
        unpacker = zlib.decompressobj(zdict=self._known) if self._known else zlib.decompressobj()
        try:
            payload = unpacker.decompress(packed)
        except zlib.error:  # one of the records that this one refers to is lost
            return None
        self._learn(payload)
        return payload

    def _learn(self, payload: bytes) -> None:
        if self._lessons < LESSONS:
            self._lessons += 1
            self._known = (self._known + payload)[-MAX_KNOWN_BYTES:]

    def _refuse(self, data: bytes) -> None:
        line = data.partition(b"\n")[0] + b"\n"
        if self._first_line.startswith(data):  # its first write was torn
            return
        written = line.decode("ascii", "replace").strip()
        wanted = f"grok-agent {self._kind} "
        what = f"version {written.removeprefix(wanted)}" if wanted in written else "another program"
        raise SettingsError(
            f"{self.path} was written by {what}; this program reads version {self._version}.",
            next_step="Use the version of grok-agent that wrote it, or start the task again.",
        )

    def _write(self, durable: bool) -> None:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, flags, 0o600)
        try:
            os.ftruncate(descriptor, self._read_up_to)
            os.lseek(descriptor, self._read_up_to, os.SEEK_SET)
            new = b"" if self._read_up_to else self._first_line
            data = new + b"".join(self._unwritten)
            try:
                _write_all(descriptor, data)
                if durable:
                    os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, self._read_up_to)
                raise
            self._read_up_to += len(data)
            self._unwritten.clear()
        finally:
            os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
