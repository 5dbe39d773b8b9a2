"""A repository made ready to be searched: its files and its commits, each with an index."""

import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from grok_agent.context.commits import Commit, commits
from grok_agent.context.file_terms import file_documents
from grok_agent.context.files import DatedFile, snapshot
from grok_agent.context.term_index import Posting, Stored, TermIndex
from grok_agent.errors import SettingsError
from grok_agent.folders import cache_folder

FORM = 2
"""Grows when files or messages are taken apart otherwise than before."""

UNUSED_S = 30 * 86_400.0

# The statements of an index are right: SQLITE_ERROR means that its tables are not.
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_IN_MEMORY = Path(":memory:")
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Searched:
    """Files and commits of one repository, and where the terms that were asked for stand in them.

    ``contents`` are the files in the index by digest. Commits are the newest first.
    """

    files: Sequence[DatedFile]
    contents: Mapping[str, Stored]
    in_files: Mapping[str, Sequence[Posting]]
    commits: Sequence[Commit]
    in_messages: Mapping[str, Sequence[Posting]]


def is_indexed(root: Path) -> bool:
    """Whether an earlier :func:`search` has left an index of the files below ``root``."""
    return _index_path(Path(os.path.realpath(root)), "files").exists()


def search(root: Path, terms: Sequence[str]) -> Searched:
    """Look ``terms`` up in the files and the commits below ``root``.

    The first call reads everything; later ones, in other processes too, read what has changed.
    Where the cache folder cannot be used, everything is read each time. Raises SettingsError when
    ``root`` is no folder.
    """
    root = Path(os.path.realpath(root))
    files = snapshot(root)
    by_digest = {file.digest: file for file in files if file.digest}

    def in_files(index: TermIndex) -> tuple[dict[str, Stored], dict[str, list[Posting]]]:
        stored = index.hold(
            list(by_digest),
            lambda missing: file_documents(root, (by_digest[key] for key in missing)),
        )
        return stored, index.postings(terms)

    def in_messages(index: TermIndex) -> tuple[list[Commit], dict[str, list[Posting]]]:
        return commits(root, index), index.postings(terms)

    return Searched(files, *_ask(root, "files", in_files), *_ask(root, "commits", in_messages))


def _ask(root: Path, name: str, question: Callable[[TermIndex], _Found]) -> _Found:
    """The answer of the index ``name`` of ``root``; of one in memory where that cannot be used."""
    path = _index_path(root, name)
    try:
        return _answer(path, question)
    except (OSError, SettingsError) as error:
        _remove_if_damaged(path, error)
    return _answer(_IN_MEMORY, question)


def _answer(path: Path, question: Callable[[TermIndex], _Found]) -> _Found:
    index = TermIndex(path)
    try:
        return question(index)
    finally:
        index.close()


def _index_path(root: Path, name: str) -> Path:
    folder = cache_folder() / "words"
    key = sha256(os.fsencode(root)).hexdigest()[:24]
    path = folder / f"{key}-{name}-{FORM}.sqlite"
    if not path.exists():
        _remove_unused(folder)
    return path


def _remove_if_damaged(path: Path, error: Exception) -> None:
    """Make room for a new index; one that is only locked or on a full disk stays."""
    code = getattr(error.__context__, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    if code in _DAMAGED:
        for ending in ("", "-wal", "-shm"):
            with suppress(OSError):
                path.with_name(path.name + ending).unlink(missing_ok=True)


def _remove_unused(folder: Path) -> None:
    oldest = time.time() - UNUSED_S
    for path in folder.glob("*.sqlite*"):
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
