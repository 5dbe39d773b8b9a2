"""Commits of any repository as cases: a task to read, and the files that turned out to matter.

Commits that changed one to four files of program code are the cases: the message, without names of
files, is the task; those files are to be found; the repository is as it was before the commit. Some
beside them changed only tests, manuals or settings. The newest 15 % of the commits of a repository
are left out, so that something remains to measure on.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grok_agent.context.file_kinds import classify
from grok_agent.context.standing import side_of

NEWEST_LEFT_OUT = 0.15
OLDEST_LEFT_OUT = 0.25
MAX_GOLD = 4
MAX_CHANGED = 20
MIN_WORDS = 4
MAX_QUERY_CHARS = 1500
BESIDE_SHARE = 0.1
"""Cases of tests, manuals and settings, for each case of program code."""

_CHORE = re.compile(
    r"\b(release|bump|version|changelog|typos?|lint|format(ting)?|prettier|black|pyupgrade|revert"
    r"|whitespace|copyright|rename)\b",
    re.IGNORECASE,
)
_LINK = re.compile(r"https?://\S+")
_NUMBER = re.compile(r"\(?(?:gh-|pr\s*)?#\d+\)?", re.IGNORECASE)
_TRAILER = re.compile(
    r"^(?:[\w-]+-by|cc|closes?|fixes|fixed|resolves?|refs?|see)\b:?.*[#@].*$", re.I
)
_FILE_NAME = re.compile(
    r"`?[\w.@+/-]*[\w-]\.[A-Za-z]{1,5}\b(?::\d+)?`?(?!\()|`?(?:[\w.@+-]+/){2,}[\w.-]*`?"
)


@dataclass(frozen=True)
class Case:
    """A commit to find: its parent, the task made of its message, and the files it changed.

    ``repo`` is the folder of its repository; ``core`` is False where it changed no program code.
    """

    repo: str
    commit: str
    parent: str
    query: str
    gold: tuple[str, ...]
    core: bool


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


def mine(repo: Path, most: int) -> list[Case]:
    """Up to ``most`` cases of program code and some beside, all over the history, oldest first."""
    log = git(repo, "log", "--no-merges", "-z", "--no-renames", "--name-status",
              "--format=%x00%H%x00%P%x00%B")  # fmt: skip
    commits = list(_parsed(log))
    newest, oldest = int(len(commits) * NEWEST_LEFT_OUT), int(len(commits) * (1 - OLDEST_LEFT_OUT))
    found = [case for commit in commits[newest:oldest] if (case := _case(str(repo), *commit))]
    core = _evenly([case for case in found if case.core], most)
    beside = _evenly([case for case in found if not case.core], int(most * BESIDE_SHARE))
    order = {case.commit: place for place, case in enumerate(found)}
    return sorted(core + beside, key=lambda case: -order[case.commit])


def _case(
    repo: str, commit: str, parents: str, message: str, changes: list[tuple[str, str]]
) -> Case | None:
    in_core = [path for _, path in changes if side_of(path, classify(path, b"")) == "core"]
    wanted = in_core or [path for _, path in changes]
    statuses = {status for status, path in changes if path in wanted}
    if statuses != {"M"} or len(wanted) > MAX_GOLD or len(changes) > MAX_CHANGED or not parents:
        return None
    query = cleaned(message, wanted)
    enough = len(re.findall(r"[A-Za-z]{3,}", query)) >= MIN_WORDS
    if not enough or _CHORE.search(query.partition("\n")[0]):
        return None
    return Case(repo, commit, parents.split()[0], query, tuple(wanted), bool(in_core))


def _evenly(cases: list[Case], most: int) -> list[Case]:
    step = max(len(cases) / max(most, 1), 1)
    return [cases[int(place * step)] for place in range(min(most, len(cases)))]


def _parsed(log: str) -> Iterator[tuple[str, str, str, list[tuple[str, str]]]]:
    fields = iter(log.split("\0"))
    start = next(fields, None)
    while start == "":
        commit, parents, message = (next(fields, "") for _ in range(3))
        changes = []
        while start := next(fields, None):
            changes.append((start.strip()[0], next(fields, "")))
        yield commit, parents, message, changes


def cleaned(message: str, gold: Iterable[str]) -> str:
    """The message without links, numbers of issues, trailers and names of files."""
    lines = [line for line in message.splitlines() if not _TRAILER.match(line.strip())]
    text = "\n".join(lines)
    for path in gold:
        text = text.replace(path, "").replace(path.rpartition("/")[2], "")
    for pattern in (_LINK, _FILE_NAME, _NUMBER):
        text = pattern.sub("", text)
    return text.strip(" \n\t:;,.*-")[:MAX_QUERY_CHARS]


def checked_out(repo: Path, most: int) -> Iterator[tuple[Case, Path]]:
    """Each case of ``repo`` with a checkout of its parent, whose history ends there."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / repo.name
        subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout", repo, tree], check=True)
        git(tree, "remote", "remove", "origin")
        for case in mine(repo, most):
            try:
                git(tree, "checkout", "-q", "-f", "--detach", case.parent)
            except subprocess.CalledProcessError:  # a clone may lack large files
                continue
            yield case, tree
