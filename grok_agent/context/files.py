"""Which files a repository has, of which kind they are, and what their bytes say."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from grok_agent.context.encodings import BINARY, decode, encoding_of
from grok_agent.context.file_kinds import HEAD_BYTES, Kind, classify, is_binary_name
from grok_agent.context.listing import list_names
from grok_agent.context.stat_cache import Look, Stamp, StatCache, now_ns
from grok_agent.errors import GrokAgentError

MAX_TEXT_BYTES = 64 << 20
"""Larger files have no text here: many times what any request holds."""

_BATCH = 512
_CHUNK_BYTES = 1 << 20
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
)


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A file of a repository as a walk saw it.

    ``path`` is posix and relative to the root; bytes of it that are no UTF-8 are surrogate escapes.
    ``size`` is in bytes. ``encoding`` is a Python codec name, judged by the first bytes; it is
    empty for a binary file and for one that could not be read.
    """

    path: str
    size: int
    mtime_ns: int
    kind: Kind
    encoding: str


@dataclass(frozen=True, slots=True)
class DatedFile(RepoFile):
    """A file together with ``digest``: SHA-256 of its bytes in hex.

    The digest is empty for a binary file and for one that could not be read.
    """

    digest: str


Reason = Literal["vanished", "changed", "unreadable", "binary", "too large"]
"""Why a file has no text; ``changed``: its size or time is not the one that the walk saw."""


class UnreadableFileError(GrokAgentError):
    """A file could not be read as the walk saw it; whoever packs it lists it as left out."""

    def __init__(self, path: str, reason: Reason) -> None:
        super().__init__(
            f"{path!r} has no text: {reason}.", next_step="Leave it out, or walk the folder again."
        )
        self.path = path
        self.reason = reason


def walk(root: Path) -> Iterator[RepoFile]:
    """The files below ``root`` that ``rg --files`` lists, one at a time, sorted folder by folder.

    Git's ignore rules hold, with or without commits, and outside of git too; hidden files are in,
    the data of git itself is out, and so is what ``.grokignore`` in the root names. Links are
    neither followed nor listed. Only the beginning of a file is read, and nothing of it when it is
    as an earlier walk has seen it. Raises SettingsError when ``root`` is no folder.
    """
    for file in _look_at_all(Path(root), with_digest=False):
        yield RepoFile(file.path, file.size, file.mtime_ns, file.kind, file.encoding)


def dated(root: Path) -> Iterator[DatedFile]:
    """As :func:`walk`, with the digest of each file: new and changed files are read as a whole."""
    return _look_at_all(Path(root), with_digest=True)


def snapshot(root: Path) -> tuple[DatedFile, ...]:
    """All files of :func:`dated` at once; a second call reads no file that stayed as it was."""
    return tuple(dated(root))


def read_text(root: Path, file: RepoFile) -> str:
    """The text of ``file`` with its own line ends, without byte order mark.

    Bytes that the encoding does not know become U+FFFD. Raises UnreadableFileError when the file
    vanished, was exchanged or changed since the walk, may not be read, is binary, or has more than
    64 MB.
    """
    if file.size > MAX_TEXT_BYTES:
        raise UnreadableFileError(file.path, "too large")
    try:
        descriptor = os.open(f"{root}/{file.path}", _FLAGS)
        try:
            before = os.fstat(descriptor)
            data = b"".join(_chunks(descriptor, file.size))
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadableFileError(file.path, "vanished") from None
    except OSError:
        raise UnreadableFileError(file.path, "unreadable") from None
    seen = (file.size, file.mtime_ns)
    if (before.st_size, before.st_mtime_ns) != seen or (after.st_size, after.st_mtime_ns) != seen:
        raise UnreadableFileError(file.path, "changed")
    encoding = encoding_of(data)
    if encoding == BINARY:
        raise UnreadableFileError(file.path, "binary")
    return decode(data, encoding)


def _look_at_all(root: Path, *, with_digest: bool) -> Iterator[DatedFile]:
    root = Path(os.path.realpath(root))
    names = list_names(root)
    cache = StatCache(root)
    after = ""
    try:
        while batch := list(islice(names, _BATCH)):
            known = cache.known(after, batch[-1])
            fresh: list[tuple[str, Look]] = []
            for path in batch:
                stamp = _stamp(root, path)
                if stamp is None:
                    continue
                look = known.get(path)
                if look is None or look.stamp != stamp or (with_digest and not _is_whole(look)):
                    look = _look_at(root, path, stamp, with_digest=with_digest)
                    if look.read_ns:
                        fresh.append((path, look))
                yield DatedFile(
                    path, stamp.size, stamp.mtime_ns, look.kind, look.encoding, look.digest
                )
            cache.keep(fresh, gone=known.keys() - set(batch))
            after = batch[-1]
    finally:
        names.close()
        cache.close()


def _stamp(root: Path, path: str) -> Stamp | None:
    """None for what is gone, or no longer a regular file."""
    try:
        status = os.lstat(f"{root}/{path}")
    except OSError:
        return None
    return Stamp.of(status) if stat.S_ISREG(status.st_mode) else None


def _is_whole(look: Look) -> bool:
    return bool(look.digest) or look.encoding == BINARY


def _look_at(root: Path, path: str, stamp: Stamp, *, with_digest: bool) -> Look:
    """Read the file's beginning, or all of it. ``read_ns`` is 0 where the next walk has to again:
    the file could not be read, or changed meanwhile."""
    read_ns = now_ns()
    if is_binary_name(path):
        return Look(stamp, read_ns, classify(path, b""), BINARY, "")
    try:
        descriptor = os.open(f"{root}/{path}", _FLAGS)
        try:
            most = _CHUNK_BYTES if with_digest else HEAD_BYTES
            start = os.read(descriptor, min(most, stamp.size + 1))
            encoding = encoding_of(start, whole=len(start) == stamp.size)
            digest = ""
            if with_digest and encoding != BINARY:
                digest = _digest(start, _chunks(descriptor, stamp.size - len(start) + 1))
            settled = Stamp.of(os.fstat(descriptor)) == stamp
        finally:
            os.close(descriptor)
    except OSError:
        return Look(stamp, 0, classify(path, b""), BINARY, "")
    kind = classify(path, start[:HEAD_BYTES])
    if encoding == BINARY and kind != "secret":
        kind = "binary"  # told by what follows the first bytes
    return Look(stamp, read_ns if settled else 0, kind, encoding, digest)


def _digest(start: bytes, rest: Iterator[bytes]) -> str:
    digest = hashlib.sha256(start)
    for chunk in rest:
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(descriptor: int, most: int) -> Iterator[bytes]:
    """The next ``most`` bytes at the most, so that a file which grows has an end."""
    while most > 0 and (chunk := os.read(descriptor, min(most, _CHUNK_BYTES))):
        yield chunk
        most -= len(chunk)
