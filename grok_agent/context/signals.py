"""All that speaks for or against each file of a repository, as numbers between 0 and 1 or so."""

from collections import defaultdict
from collections.abc import Mapping

from grok_agent.context.content_signals import Scores, content_signals, normed_lengths
from grok_agent.context.history_signals import history_signals
from grok_agent.context.path_signals import kind_signals, path_signals, path_words
from grok_agent.context.searched import Searched
from grok_agent.context.task_words import Task


def signals(task: Task, searched: Searched) -> dict[str, Scores]:
    """Scores by signal, each divided by its highest: 1 is the best file of the repository."""
    paths = [file.path for file in searched.files]
    known: dict[str, tuple[str, ...]] = {}
    taken_apart = [path_words(path, known) for path in paths]
    places: dict[int, list[int]] = defaultdict(list)
    lengths: dict[int, int] = {}
    for place, file in enumerate(searched.files):
        if stored := searched.contents.get(file.digest):
            places[stored.number].append(place)
            lengths[stored.number] = stored.length
    kinds = kind_signals(paths, [file.kind for file in searched.files])
    core = frozenset(range(len(paths))).difference(*kinds.values())
    norms = normed_lengths(
        lengths,
        {
            searched.contents[searched.files[p].digest].number
            for p in core
            if searched.files[p].digest in searched.contents
        },
    )
    path_terms: dict[str, dict[int, int]] = defaultdict(dict)
    for place, path in enumerate(taken_apart):
        for term, times in path.terms.items():
            if term in task.terms:
                path_terms[term][place] = times
    found = {}
    content, rarities = content_signals(
        task.terms, searched.in_files, path_terms, norms, places, core
    )
    found.update(content)
    subject, _ = content_signals(task.subject, searched.in_files, path_terms, norms, places, core)
    found["subject"] = subject["fields"]
    found.update(path_signals(task.terms, task.scope, taken_apart))
    place_of = {path: place for place, path in enumerate(paths)}
    found.update(history_signals(task.terms, searched.in_messages, searched.commits, place_of))
    found.update(_identifiers(task, searched, places, rarities))
    scaled = {name: _scaled(scores) for name, scores in found.items()}
    scaled.update(kinds)
    return scaled


def _identifiers(
    task: Task,
    searched: Searched,
    places: Mapping[int, list[int]],
    rarities: Mapping[str, float],
) -> dict[str, Scores]:
    has: Scores = defaultdict(float)
    rare: Scores = defaultdict(float)
    defines: Scores = defaultdict(float)
    for term in task.identifiers:
        for number, _, marks in searched.in_files.get(term, ()):
            for place in places.get(number, ()):
                has[place] += 1
                rare[place] += rarities.get(term, 0)
                if marks:
                    defines[place] += rarities.get(term, 0)
    return {"has": has, "rare": rare, "defines": defines}


def _scaled(scores: Mapping[int, float]) -> Scores:
    most = max(scores.values(), default=0.0)
    return {place: score / most for place, score in scores.items()} if most > 0 else {}
