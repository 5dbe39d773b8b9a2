"""An inverted index in one SQLite file: which documents hold a term, and how often.

Documents are known by a key that names their content (a digest, a commit), so nothing in the file
becomes wrong with time; what is no longer wanted is passed over by the reader.
"""

import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from grok_agent.gateway.sqlite_file import Kind, SqliteFile

BUSY_S = 10.0
BATCH_TERMS = 500_000
MAX_STALE_SHARE = 3
FORGIVEN_STALE = 1_000
"""An index starts anew when it has more documents than so many times the wanted ones, and these."""
MAX_TIMES = 0xFFFF

_POSTING = struct.Struct("<IHH")
_ASKED_AT_ONCE = 500  # the oldest SQLite in use takes 999 parameters
_FILE = Kind(
    name="index",
    application_id=0x47524F49,
    version=1,
    tables=(
        """
        CREATE TABLE documents (
            number INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            length INTEGER NOT NULL,
            about BLOB NOT NULL
        )
        """,
        "CREATE TABLE postings (term TEXT PRIMARY KEY, documents BLOB NOT NULL) WITHOUT ROWID",
        "CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
    ),
    elsewhere="set GROK_CACHE_DIR to another folder",
    synchronous="NORMAL",
)


@dataclass(frozen=True, slots=True)
class Document:
    """Terms of one document with their numbers: in all of it, and in its marked part.

    The marked part is what a document is known by: names defined in a file, a message's subject.
    ``about`` is kept for the owner of the index.
    """

    key: str
    terms: Mapping[str, int]
    marked: Mapping[str, int]
    about: bytes = b""


@dataclass(frozen=True, slots=True)
class Stored:
    """A document in the index: its number (from 1), its length in terms, and what is kept of it."""

    number: int
    length: int
    about: bytes


class Posting(NamedTuple):
    """One document of a term: its number, and how often it has it (to 65,535)."""

    number: int
    times: int
    marked: int


class TermIndex:
    """The index in the file ``path``; ``:memory:`` is one in memory.

    Threads and processes may share a file. Every method raises SettingsError where the file is
    damaged, locked, read-only, or the disk full.
    """

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _FILE, busy_s=BUSY_S)

    def documents(self) -> dict[str, Stored]:
        """The documents by key."""
        with self._file.reading() as connection:
            rows = connection.execute("SELECT key, number, length, about FROM documents").fetchall()
        return {key: Stored(number, length, about) for key, number, length, about in rows}

    def hold(
        self, keys: Sequence[str], documents_of: Callable[[list[str]], Iterable[Document]]
    ) -> dict[str, Stored]:
        """The documents by key, after those of ``keys`` that were missing have been stored.

        ``documents_of`` makes the missing ones; what it cannot make it leaves out. When most of
        what is stored is no longer wanted, the index starts anew.
        """
        stored = self.documents()
        if len(stored) > MAX_STALE_SHARE * len(keys) + FORGIVEN_STALE:
            self.clear()
            stored = {}
        missing = [key for key in dict.fromkeys(keys) if key not in stored]
        if missing:
            for batch in _batches(documents_of(missing)):
                self._store(batch)
            stored = self.documents()
        return stored

    def postings(self, terms: Iterable[str]) -> dict[str, list[Posting]]:
        """The documents of each of ``terms`` that any document has."""
        wanted = sorted(set(terms))
        found: dict[str, list[Posting]] = {}
        with self._file.reading() as connection:
            for start in range(0, len(wanted), _ASKED_AT_ONCE):
                asked = wanted[start : start + _ASKED_AT_ONCE]
                marks = ",".join("?" * len(asked))
                for term, packed in connection.execute(
                    f"SELECT term, documents FROM postings WHERE term IN ({marks})", asked
                ):
                    whole = len(packed) - len(packed) % _POSTING.size
                    unpacked = _POSTING.iter_unpack(packed[:whole])
                    found[term] = [Posting._make(posting) for posting in unpacked]
        return found

    def note(self, name: str) -> str:
        """What was noted under ``name``; "" when nothing was."""
        with self._file.reading() as connection:
            row = connection.execute("SELECT text FROM notes WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def take_note(self, name: str, text: str) -> None:
        """Keep ``text`` under ``name``, over an older one."""
        with self._file.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, text))

    def clear(self) -> None:
        """Forget all documents and notes."""
        with self._file.writing() as connection:
            for table in ("documents", "postings", "notes"):
                connection.execute(f"DELETE FROM {table}")

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()

    def _store(self, batch: list[Document]) -> None:
        with self._file.writing() as connection:
            packed = _packed(_numbered(connection, batch))
            connection.executemany(
                "INSERT INTO postings VALUES (?, ?) ON CONFLICT (term)"
                " DO UPDATE SET documents = CAST(documents || excluded.documents AS BLOB)",
                sorted(packed.items()),
            )


def _numbered(
    connection: sqlite3.Connection, batch: list[Document]
) -> Iterator[tuple[int, Document]]:
    """The documents that are new, with their numbers; another process may have stored some."""
    for document in batch:
        done = connection.execute(
            "INSERT OR IGNORE INTO documents (key, length, about) VALUES (?, ?, ?)",
            (document.key, sum(document.terms.values()), document.about),
        )
        if done.rowcount and done.lastrowid:
            yield done.lastrowid, document


def _packed(numbered: Iterable[tuple[int, Document]]) -> dict[str, bytearray]:
    packed: dict[str, bytearray] = {}
    for number, document in numbered:
        marked = document.marked
        for term, times in document.terms.items():
            posting = _POSTING.pack(
                number, min(times, MAX_TIMES), min(marked.get(term, 0), MAX_TIMES)
            )
            if term in packed:
                packed[term] += posting
            else:
                packed[term] = bytearray(posting)
    return packed


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    terms = 0
    for document in documents:
        batch.append(document)
        terms += len(document.terms)
        if terms >= BATCH_TERMS:
            yield batch
            batch, terms = [], 0
    if batch:
        yield batch
