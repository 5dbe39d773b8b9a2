"""What the history of a repository says about a task: like messages, and what they touched."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from math import log

from grok_agent.context.commits import Commit
from grok_agent.context.content_signals import Scores, normed_lengths, rarity
from grok_agent.context.term_index import Posting

K1 = 1.2
B = 0.75
LIKE_COMMITS = 40


@dataclass(frozen=True, slots=True)
class HistorySignals:
    """Scores of files by their commits.

    ``profile`` takes all messages of a file as a text of its own (BM25). ``memory`` adds up the
    commits most like the task, ``best`` is the likeness of the most like one (at most 1), whose
    name ``best_commit`` tells. ``recent`` is 1 for files of the newest commit and falls with the
    logarithm of its place; ``often`` is the logarithm of how many commits touched a file.
    """

    profile: Scores
    memory: Scores
    best: Scores
    recent: Scores
    often: Scores
    best_commit: dict[int, str]


def history_signals(
    terms: Mapping[str, float],
    postings: Mapping[str, Sequence[Posting]],
    commits: Sequence[Commit],
    place_of: Mapping[str, int],
) -> HistorySignals:
    """Score the files by ``commits``, the newest first.

    ``terms`` are those of the task by weight, ``postings`` where they stand in messages, and
    ``place_of`` tells the place of a path among the files.
    """
    touched = {
        commit.number: [place_of[path] for path in commit.paths if path in place_of]
        for commit in commits
    }
    norms = normed_lengths({commit.number: commit.length for commit in commits})
    likeness: dict[int, float] = defaultdict(float)
    mentions: dict[str, Scores] = {}
    worth: dict[str, float] = {}
    for term, weight in terms.items():
        live = [posting for posting in postings.get(term, ()) if posting.number in touched]
        worth[term] = rarity(len(commits), len(live)) * weight
        in_term = mentions[term] = defaultdict(float)
        for number, times, _ in live:
            likeness[number] += worth[term] * times * (K1 + 1) / (times + K1 * norms[number])
            for place in touched[number]:
                in_term[place] += len(touched[number]) ** -0.5
    memory, best, best_commit = _remembered(likeness, touched, sum(worth.values()))
    recent, often, lengths = _habits(commits, touched)
    profile = _profiles(worth, mentions, lengths)
    names = {commit.number: commit.name for commit in commits}
    named = {place: names[number] for place, number in best_commit.items()}
    return HistorySignals(profile, memory, best, recent, often, named)


def _remembered(
    likeness: Mapping[int, float], touched: Mapping[int, Sequence[int]], most: float
) -> tuple[Scores, Scores, dict[int, int]]:
    memory: Scores = defaultdict(float)
    best: Scores = {}
    best_commit: dict[int, int] = {}
    for number, like in nlargest(LIKE_COMMITS, likeness.items(), key=lambda item: item[1]):
        share = min(like / most, 1.0)
        for place in touched[number]:
            memory[place] += share**3 / len(touched[number]) ** 0.5
            if share > best.get(place, 0.0):
                best[place], best_commit[place] = share, number
    return memory, best, best_commit


def _habits(
    commits: Sequence[Commit], touched: Mapping[int, Sequence[int]]
) -> tuple[Scores, Scores, Scores]:
    """How lately and how often each file was touched, and how long its messages are together."""
    recent: Scores = {}
    times: Scores = defaultdict(float)
    lengths: Scores = defaultdict(float)
    whole = log(len(commits) + 1) or 1.0
    for age, commit in enumerate(commits):
        places = touched[commit.number]
        for place in places:
            if place not in recent:
                recent[place] = 1 - log(age + 1) / whole
            times[place] += 1 / len(places)
            lengths[place] += commit.length * len(places) ** -0.5
    return recent, {place: log(1 + number) for place, number in times.items()}, lengths


def _profiles(
    worth: Mapping[str, float], mentions: Mapping[str, Scores], lengths: Scores
) -> Scores:
    mean = sum(lengths.values()) / max(len(lengths), 1) or 1.0
    found: Scores = defaultdict(float)
    for term, in_term in mentions.items():
        for place, times in in_term.items():
            norm = 1 - B + B * lengths[place] / mean
            found[place] += worth[term] * times * (K1 + 1) / (times + K1 * norm)
    return found
