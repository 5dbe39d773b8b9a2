"""Which files matter for a task, best first, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grok_agent.context.rank_weights import WEIGHTS
from grok_agent.context.searched import search
from grok_agent.context.signals import signals
from grok_agent.context.task_words import read_task

DEFAULT_FILES = 50


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for a file, or against it when ``weight`` is below 0."""

    signal: str
    weight: float
    words: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """A file at its place; ``reasons`` begin with the strongest, and their weights sum to score."""

    path: str
    score: float
    reasons: tuple[Reason, ...]


def rank_files(repo_dir: str | Path, query: str, k: int) -> list[str]:
    """The ``k`` files below ``repo_dir`` that matter most for the task ``query``, best first.

    Paths are posix and relative to ``repo_dir``. Raises SettingsError when that is no folder.
    """
    return [file.path for file in rank(repo_dir, query, k)]


def rank(
    repo_dir: str | Path,
    query: str,
    k: int = DEFAULT_FILES,
    *,
    named: Sequence[str] = (),
    terms: Sequence[str] = (),
) -> list[Ranked]:
    """As :func:`rank_files`, with scores and reasons.

    ``named`` are files that belong to the task, and come first; ``terms`` are further words to look
    for, as a model chooses them after a first look.
    """
    task = read_task(query, terms)
    searched = search(Path(repo_dir), list(task.terms))
    scores = [0.0] * len(searched.files)
    for name, found in signals(task, searched).items():
        if weight := WEIGHTS.get(name):
            for place, score in found.items():
                scores[place] += weight * score
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    return [Ranked(searched.files[place].path, scores[place], ()) for place in order[:k]]
