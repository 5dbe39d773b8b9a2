"""Which files matter for a task, best first, and why."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grok_agent.context.files import UnreadableFileError, read_text
from grok_agent.context.rank_reasons import Reason, Reasons
from grok_agent.context.rank_weights import WEIGHTS
from grok_agent.context.searched import Searched, search
from grok_agent.context.signals import Signals, signals
from grok_agent.context.standing import asked_sides
from grok_agent.context.task_words import Named, Task, read_task

__all__ = ["Ranked", "Reason", "rank", "rank_files"]

DEFAULT_FILES = 50
EXPLAINED = 200
"""So many of the first files come with reasons."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A file at its place in a ranking.

    The weights of ``reasons`` add up to ``score``; those of the first 200 files are there, the
    strongest first. A difference of 1 between two scores makes the better file e times as likely
    to be one that the task changes.
    """

    path: str
    score: float
    reasons: tuple[Reason, ...]


def rank_files(repo_dir: str | Path, query: str, k: int) -> list[str]:
    """The ``k`` files below ``repo_dir`` that matter most for the task ``query``, best first.

    Paths are posix and relative to ``repo_dir``. Words, paths, identifiers and the history of
    commits decide, as do files, modules, stack traces and quoted texts in the task. Without a task
    the files come first that are changed lately and often. Raises SettingsError when ``repo_dir``
    is no folder.
    """
    return [ranked.path for ranked in _ranked(Path(repo_dir), query, k, (), (), explained=0)]


def rank(
    repo_dir: str | Path,
    query: str,
    k: int = DEFAULT_FILES,
    *,
    named: Sequence[str] = (),
    terms: Sequence[str] = (),
) -> list[Ranked]:
    """As :func:`rank_files`, with scores and reasons.

    ``named`` are files that belong to the task and come first; ``terms`` are further words, names
    or texts to look for, as a model chooses them after a first look.
    """
    return _ranked(Path(repo_dir), query, k, named, terms, explained=EXPLAINED)


def _ranked(
    root: Path, query: str, k: int, named: Sequence[str], terms: Sequence[str], *, explained: int
) -> list[Ranked]:
    root = Path(os.path.realpath(root))
    task = read_task(query, terms)
    searched = search(root, list(task.terms))
    found = _signals(root, query, task, searched, named)
    scores = [0.0] * len(searched.files)
    for signal, weight in WEIGHTS.items():
        for place, score in found.scores.get(signal, {}).items():
            scores[place] += weight * score
    order = sorted(range(len(scores)), key=lambda place: -scores[place])[: max(k, 0)]
    reasons = Reasons(task, found, searched.in_files, WEIGHTS) if explained else None
    return [
        Ranked(
            searched.files[place].path,
            scores[place],
            reasons.of(place) if reasons and number < explained else (),
        )
        for number, place in enumerate(order)
    ]


def _signals(
    root: Path, query: str, task: Task, searched: Searched, named: Sequence[str]
) -> Signals:
    def read(place: int) -> str:
        with suppress(UnreadableFileError):
            return read_text(root, searched.files[place])
        return ""

    given = [Named(path) for path in named]
    return signals(
        task, searched, root_name=root.name, asked=asked_sides(query), given=given, read=read
    )
