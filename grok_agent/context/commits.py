"""The history of a repository as something to search: messages, and the files they touched."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grok_agent.context.git import run_git
from grok_agent.context.term_index import Document, Stored, TermIndex
from grok_agent.context.words import count_terms

MAX_COMMITS = 8_000
MAX_FILES = 30  # a commit that touches more says little about each
MAX_MESSAGE_CHARS = 4_000
LOG_DEADLINE_S = 30.0

_TRAILER = re.compile(r"^[A-Z][A-Za-z]+(-[A-Za-z]+)+: .*$|https?://\S+|\S+@\S+", re.MULTILINE)
_HEAD = "head"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: its name, its number in the index, its length in terms, the files it touched.

    ``paths`` are relative to the folder that was asked for, under the names of today: renames
    since are followed.
    """

    name: str
    number: int
    length: int
    paths: tuple[str, ...]


def commits(root: Path, index: TermIndex) -> list[Commit]:
    """The last 8,000 commits without merges that touched ``root``, newest first.

    ``index`` keeps their messages, and is brought up to date. Without git, or without commits, the
    list is empty; of a shallow clone it has what is there. Raises SettingsError as the index does.
    """
    head = run_git(root, "rev-parse", "--show-prefix", "HEAD").splitlines()
    if len(head) != 2:
        return []
    noted = index.note(_HEAD).split()
    if noted[:1] == head[1:]:
        stored = index.documents()
        order = noted[1:]
    else:
        order = run_git(root, *_walk(head[0]), deadline_s=LOG_DEADLINE_S).split()
        stored = index.hold(order, lambda missing: _read(root, missing))
        index.take_note(_HEAD, "\n".join([head[1], *order]))
    return list(_followed((key, stored[key]) for key in order if key in stored))


def _walk(prefix: str) -> list[str]:
    command = ["rev-list", f"--max-count={MAX_COMMITS}", "--no-merges", "HEAD"]
    return [*command, "--", "."] if prefix else command


def _read(root: Path, wanted: list[str]) -> Iterator[Document]:
    options = ["--no-walk=unsorted", "--stdin", "-z", "--encoding=UTF-8", "--no-show-signature"]
    options += ["--name-status", "--relative", "--no-ext-diff", "--no-textconv"]
    command = ["log", *options, "--format=%x00%H%x00%B"]
    given = "\n".join(wanted)
    log = run_git(root, *command, "-M", given=given, deadline_s=LOG_DEADLINE_S)
    if not log:  # to recognise renames git reads files, which a partial clone may lack
        log = run_git(root, *command, "--no-renames", given=given, deadline_s=LOG_DEADLINE_S)
    known: dict[str, tuple[str, ...]] = {}
    for key, message, about in _parsed(log):
        text = _TRAILER.sub("", message[:MAX_MESSAGE_CHARS])
        subject = text.lstrip().partition("\n")[0]
        yield Document(key, count_terms(text, known), count_terms(subject, known), about)


def _parsed(log: str) -> Iterator[tuple[str, str, bytes]]:
    """Commit, message, and its paths packed: those touched, and pairs of old and new names.

    Fields end with NUL; an empty one begins a commit, whose changes follow as status and path, or
    status, old path and new path.
    """
    fields = iter(log.split("\0"))
    if next(fields, None) != "":
        return
    start: str | None = ""
    while start == "":
        key, message = next(fields, ""), next(fields, "")
        paths: list[str] = []
        renames: list[str] = []
        while start := next(fields, None):
            path = next(fields, "")
            if start.lstrip("\n")[:1] in ("R", "C"):
                old, path = path, next(fields, "")
                renames += [old, path] if start.lstrip("\n")[:1] == "R" else []
            paths.append(path)
        if key:
            yield key, message, _pack(paths, renames)


def _pack(paths: list[str], renames: list[str]) -> bytes:
    kept = paths if len(paths) <= MAX_FILES else []
    return os.fsencode("\0".join(kept) + "\0\0" + "\0".join(renames))


def _followed(newest_first: Iterable[tuple[str, Stored]]) -> Iterator[Commit]:
    today: dict[str, str] = {}
    for name, stored in newest_first:
        touched, _, renamed = os.fsdecode(stored.about).partition("\0\0")
        renames = renamed.split("\0") if renamed else []
        for old, new in zip(renames[::2], renames[1::2], strict=False):
            today[old] = today.get(new, new)
        paths = touched.split("\0") if touched else []
        now = tuple([today.get(path, path) for path in paths])
        yield Commit(name, stored.number, stored.length, now)
