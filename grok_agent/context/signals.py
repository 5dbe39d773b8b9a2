"""All that speaks for or against each file of a repository, as numbers of about 0 to 1."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from grok_agent.context.content_signals import Corpus, Scores, content_signals
from grok_agent.context.exact_text import exact_text
from grok_agent.context.history_signals import history_signals
from grok_agent.context.named_files import PathEnds
from grok_agent.context.path_signals import PathWords, path_signals, path_words
from grok_agent.context.searched import Searched
from grok_agent.context.standing import STANDING, Side, side_of
from grok_agent.context.task_words import Named, Task

BITS = 10.0
"""Sums of term weights are divided by this, so that they are of the size of the other signals."""

HABITS = 0.4
"""What was changed lately and often is held down in the learning: a task may be about anything."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Scores by signal and file, and what a person needs to understand them.

    ``sides`` and ``taken_apart`` (their paths) are those of the files, ``rarity`` tells how much a
    term of the task says, and ``best_commit`` names the commit most like the task that touched a
    file.
    """

    scores: dict[str, Scores]
    sides: Sequence[Side]
    corpus: Corpus
    taken_apart: Sequence[PathWords]
    rarity: Mapping[str, float]
    best_commit: Mapping[int, str]


def signals(
    task: Task,
    searched: Searched,
    *,
    root_name: str = "",
    asked: frozenset[Side] = frozenset(),
    given: Sequence[Named] = (),
    read: Callable[[int], str] = lambda place: "",
) -> Signals:
    """The signals of the files in ``searched``.

    ``root_name`` is the name of the repository's folder. ``asked`` are sides whose files count as
    those of the core do, and ``given`` are files known to matter. ``read`` gives the text of a file
    by its place, "" where it has none.
    """
    paths = [file.path for file in searched.files]
    sides = [side_of(file.path, file.kind) for file in searched.files]
    known: dict[str, tuple[str, ...]] = {}
    taken_apart = [path_words(path, known) for path in paths]
    corpus = _corpus(searched, sides)
    place_of = {path: place for place, path in enumerate(paths)}

    content = content_signals(
        task.terms, task.subject, searched.in_files, _path_terms(task, taken_apart), corpus
    )
    by_path = path_signals(task.terms, task.scope, taken_apart)
    history = history_signals(task.terms, searched.in_messages, searched.commits, place_of)
    ends = PathEnds(root_name, paths)

    standing = [1.0 if side in asked else STANDING[side] for side in sides]
    scores = {
        "fields": _standing(content.fields, standing, 1 / BITS),
        "subject": _standing(content.subject, standing, 1 / BITS),
        "cover": _scaled(_standing(content.cover, standing)),
        "identifiers": _scaled(
            _standing(_identifiers(task, searched, corpus, content.rarity), standing)
        ),
        "path": _scaled(_standing(by_path.path, standing)),
        "base": _standing(by_path.base, standing),
        "prefix": _standing(by_path.prefix, standing),
        "scope": _standing(by_path.scope, standing),
        "profile": _standing(history.profile, standing, 1 / BITS),
        "memory": _scaled(_standing(history.memory, standing)),
        "best": _standing(history.best, standing),
        "recent": _scaled(_standing(history.recent, standing), HABITS),
        "often": _scaled(_standing(history.often, standing), HABITS),
        "asked": {place: 1.0 for place, side in enumerate(sides) if side in asked},
        "given": ends.files(given),
        "named": ends.files(task.named),
        "module": ends.modules(task.modules),
        "quoted": exact_text(task.quotes, searched.in_files, corpus.places, read),
    }
    for place, side in enumerate(sides):
        if side != "core":
            scores.setdefault(side, {})[place] = 1.0
    return Signals(scores, sides, corpus, taken_apart, content.rarity, history.best_commit)


def _corpus(searched: Searched, sides: Sequence[Side]) -> Corpus:
    places: dict[int, list[int]] = defaultdict(list)
    lengths: dict[int, int] = {}
    for place, file in enumerate(searched.files):
        if stored := searched.contents.get(file.digest):
            places[stored.number].append(place)
            lengths[stored.number] = stored.length
    core = frozenset(place for place, side in enumerate(sides) if side == "core")
    return Corpus(places, lengths, core)


def _path_terms(task: Task, taken_apart: Sequence[PathWords]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for place, path in enumerate(taken_apart):
        for term in path.terms.keys() & task.terms.keys():
            found[term][place] = path.terms[term]
    return found


def _identifiers(
    task: Task, searched: Searched, corpus: Corpus, rarity: Mapping[str, float]
) -> Scores:
    """How much the compound names of the task that a file has say together."""
    found: Scores = defaultdict(float)
    for term in task.identifiers:
        for posting in searched.in_files.get(term, ()):
            for place in corpus.places.get(posting.number, ()):
                found[place] += rarity.get(term, 0.0)
    return found


def _standing(
    scores: Mapping[int, float], standing: Sequence[float], factor: float = 1.0
) -> Scores:
    """``scores`` times ``factor``, and each times the file's standing."""
    return {place: score * factor * standing[place] for place, score in scores.items()}


def _scaled(scores: Mapping[int, float], highest: float = 1.0) -> Scores:
    """``scores`` in proportion, so that the best file of the repository has ``highest``."""
    most = max(scores.values(), default=0.0)
    return {place: score / most * highest for place, score in scores.items()} if most > 0 else {}
