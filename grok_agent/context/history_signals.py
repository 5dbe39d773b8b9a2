"""What the history of a repository says about a task: like messages, and what they touched."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from heapq import nlargest
from math import log

from grok_agent.context.commits import Commit
from grok_agent.context.content_signals import Scores, normed_lengths, rarity
from grok_agent.context.term_index import Posting

K1 = 1.2
LIKE_COMMITS = 40


def history_signals(
    weights: Mapping[str, float],
    postings: Mapping[str, Sequence[Posting]],
    commits: Sequence[Commit],
    place_of: Mapping[str, int],
) -> dict[str, Scores]:
    """Scores by signal.

    ``commits`` are the newest first, ``postings`` those of the task's terms in their messages, and
    ``place_of`` tells the place of a path among the files.
    """
    touched = {
        commit.number: [place_of[path] for path in commit.paths if path in place_of]
        for commit in commits
    }
    norms = normed_lengths({commit.number: commit.length for commit in commits})
    likeness: dict[int, float] = defaultdict(float)
    profiles: dict[str, Scores] = {}
    rarities: dict[str, float] = {}
    most = 0.0
    for term, weight in weights.items():
        live = [found for found in postings.get(term, ()) if found.number in touched]
        rare = rarities[term] = rarity(len(commits), len(live))
        most += rare * weight
        profile: Scores = defaultdict(float)
        for number, times, _ in live:
            likeness[number] += rare * weight * times * (K1 + 1) / (times + K1 * norms[number])
            for place in touched[number]:
                profile[place] += 1 / len(touched[number]) ** 0.5
        profiles[term] = profile
    found = _remembered(likeness, touched, most)
    found["profile"] = _profile_scores(weights, rarities, profiles, commits, touched)
    found["recent"] = _recency(commits, touched)
    return found


def _remembered(
    likeness: Mapping[int, float], touched: Mapping[int, Sequence[int]], most: float
) -> dict[str, Scores]:
    """Files of the most similar commits: the sum over them, and the best single one."""
    memory: Scores = defaultdict(float)
    best: Scores = {}
    for number, like in nlargest(LIKE_COMMITS, likeness.items(), key=lambda item: item[1]):
        share = like / most
        for place in touched[number]:
            memory[place] += share**3 / len(touched[number]) ** 0.5
            best[place] = max(best.get(place, 0.0), share)
    return {"memory": memory, "best": best}


def _profile_scores(
    weights: Mapping[str, float],
    rarities: Mapping[str, float],
    profiles: Mapping[str, Scores],
    commits: Sequence[Commit],
    touched: Mapping[int, Sequence[int]],
) -> Scores:
    lengths: Scores = defaultdict(float)
    for commit in commits:
        for place in touched[commit.number]:
            lengths[place] += commit.length / len(touched[commit.number]) ** 0.5
    mean = sum(lengths.values()) / max(len(lengths), 1) or 1.0
    found: Scores = defaultdict(float)
    for term, profile in profiles.items():
        for place, times in profile.items():
            norm = 0.25 + 0.75 * lengths[place] / mean
            found[place] += rarities[term] * weights[term] * times * (K1 + 1) / (times + K1 * norm)
    return found


def _recency(commits: Sequence[Commit], touched: Mapping[int, Sequence[int]]) -> Scores:
    """1 for files of the newest commit, falling with the logarithm of its place, to 0."""
    found: Scores = {}
    whole = log(len(commits) + 1) or 1.0
    for age, commit in enumerate(commits):
        for place in touched[commit.number]:
            if place not in found:
                found[place] = 1 - log(age + 1) / whole
    return found
