"""Learn from the history of any repositories how much each signal of the ranking counts.

    python benchmarks/fit_rank.py --repo DIR --repo DIR ... [--cases 40] [--keep FILE] [--write]

Each DIR is a clone with its history, bare or not; its commits are the cases (commit_cases.py).
Those that changed only tests, manuals or settings teach how much it says when a task asks for such
files; they are not in the table.

The table tells how weights fitted on the other repositories do on each one (in four groups), beside
the words of files alone. ``--keep`` keeps the signals in a file and goes on from there; ``--write``
puts the weights fitted on all of them into the package.
"""

import argparse
import pickle
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from commit_cases import Case, checked_out

from grok_agent.context import rank_weights
from grok_agent.context.content_signals import Scores
from grok_agent.context.rank_weights import LEARNED
from grok_agent.context.searched import search
from grok_agent.context.signals import signals
from grok_agent.context.standing import STANDING, Side, asked_sides
from grok_agent.context.task_words import read_task

KEPT_FILES = 300
RIDGE = 2.0
NEWTON_STEPS = 12
GROUPS = 4


@dataclass(frozen=True)
class Example:
    """Signals of the files of one case (a row each, the less likely ones left out), and the gold.

    ``words`` is the score of the files by their words alone.
    """

    case: Case
    values: np.ndarray
    words: np.ndarray
    gold: np.ndarray


def examples(repo: Path, most: int) -> Iterator[Example]:
    """Look at ``repo`` as it was before each of its cases."""
    for case, tree in checked_out(repo, most):
        if example := look(tree, case):
            yield example


def look(tree: Path, case: Case) -> Example | None:
    """The signals of the files in ``tree`` for ``case``; None when none of its files are there."""
    task = read_task(case.query)
    searched = search(tree, list(task.terms))
    found = signals(task, searched, asked=asked_sides(case.query))
    return example_of(case, [file.path for file in searched.files], found.scores, found.sides)


def example_of(
    case: Case, paths: Sequence[str], scores: Mapping[str, Scores], sides: Sequence[Side]
) -> Example | None:
    values = np.zeros((len(paths), len(LEARNED)), np.float32)
    for column, name in enumerate(LEARNED):
        for place, score in scores.get(name, {}).items():
            values[place, column] = score
    words = np.zeros(len(paths))
    for place, score in scores["fields"].items():
        words[place] = score * STANDING[sides[place]]
    gold = [place for place, path in enumerate(paths) if path in case.gold]
    rough = values @ np.array(list(LEARNED.values()), np.float32)
    likely = np.argsort(-rough, kind="stable")[:KEPT_FILES]
    wordy = np.argsort(-words, kind="stable")[:KEPT_FILES]
    kept = np.union1d(np.union1d(likely, wordy), gold).astype(int)
    if not gold:
        return None
    return Example(case, values[kept], words[kept], np.searchsorted(kept, gold))


def fit(found: list[Example]) -> np.ndarray:
    """Weights by listwise logistic regression, each repository with the same say (Newton's method).

    The likelihood is that of the wanted files under a softmax over all files (Cao et al., 2007).
    """
    repos = [example.case.repo for example in found]
    say = np.array([1 / repos.count(repo) for repo in repos])
    say *= len(found) / say.sum()
    weights = np.zeros(len(LEARNED))
    loss, slope, curve = _likelihood(found, say, weights)
    for _ in range(NEWTON_STEPS):
        step = np.linalg.solve(curve, slope)
        size = 1.0
        while (new := _likelihood(found, say, weights - size * step))[0] > loss and size > 1e-3:
            size /= 2
        gained, (loss, slope, curve) = loss - new[0], new
        weights = weights - size * step
        if gained < 1e-3:
            break
    return weights


def _likelihood(
    found: Sequence[Example], say: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    loss = RIDGE * weights @ weights
    slope = 2 * RIDGE * weights
    curve = 2 * RIDGE * np.eye(len(weights))
    for example, share in zip(found, say, strict=True):
        scores = example.values @ weights.astype(np.float32)
        odds = np.exp(scores - scores.max())
        chance = odds / odds.sum()
        mean = chance @ example.values
        loss -= share * np.log(chance[example.gold] + 1e-30).mean()
        slope -= share * (example.values[example.gold].mean(0) - mean)
        spread = (example.values * chance[:, None]).T @ example.values
        curve += share * (spread - np.outer(mean, mean))
    return loss, slope, curve


def places(scores: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Places (from 1) of the wanted files, in order."""
    order = np.argsort(-scores, kind="stable")
    place = np.empty(len(scores), int)
    place[order] = np.arange(1, len(scores) + 1)
    return np.sort(place[gold])


def measured(found: Iterable[np.ndarray]) -> tuple[float, float]:
    """Mean reciprocal rank of the first wanted file, and recall among the first ten."""
    found = list(found)
    return (
        float(np.mean([1 / each[0] for each in found])),
        float(np.mean([(each <= 10).mean() for each in found])),
    )


def across(found: list[Example]) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Places by words alone and by fitted weights, in repositories that the fit did not see."""
    repos = sorted({example.case.repo for example in found})
    by_repo: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for group in range(min(GROUPS, len(repos))):
        tested = set(repos[group::GROUPS])
        weights = fit([each for each in found if each.case.repo not in tested])
        for each in found:
            if each.case.repo in tested and each.case.core:
                ours = places(each.values @ weights.astype(np.float32), each.gold)
                by_repo.setdefault(each.case.repo, []).append((places(each.words, each.gold), ours))
    return by_repo


def tell(by_repo: dict[str, list[tuple[np.ndarray, np.ndarray]]]) -> None:
    print(f"{'repository':34}{'n':>5}{'words: MRR':>12}{'r@10':>7}{'fitted: MRR':>13}{'r@10':>7}")
    rows = {**by_repo, "all": [row for rows in by_repo.values() for row in rows]}
    for repo, pairs in rows.items():
        words, ours = zip(*pairs, strict=True)
        figures = (*measured(words), *measured(ours))
        print(f"{repo[-33:]:34}{len(pairs):5}" + "{:12.3f}{:7.3f}{:13.3f}{:7.3f}".format(*figures))


def write(weights: np.ndarray, found: list[Example]) -> None:
    """Put ``weights`` into the module of the package."""
    path = Path(rank_weights.__file__)
    text = path.read_text()
    rows = "".join(
        f'    "{name}": {weight:.3f},\n' for name, weight in zip(LEARNED, weights, strict=True)
    )
    text = re.sub(r"(?s)LEARNED = \{\n.*?\}", lambda _: f"LEARNED = {{\n{rows}}}", text, count=1)
    counts = f"{len(found):,} commits of {len({each.case.repo for each in found})} repositories"
    text = re.sub(r"[\d,]+ commits of \d+ repositories", counts, text)
    path.write_text(text)


def gather(repos: list[Path], most: int, keep: Path | None) -> list[Example]:
    found: list[Example] = []
    if keep and keep.exists():
        found = pickle.loads(keep.read_bytes())
    for repo in repos:
        if str(repo) not in {each.case.repo for each in found}:
            found += examples(repo, most)
            print(f"{repo}: {sum(each.case.repo == str(repo) for each in found)} cases")
            if keep:
                keep.write_bytes(pickle.dumps(found))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", action="append", type=Path, required=True, metavar="DIR")
    parser.add_argument("--cases", type=int, default=40, help="of program code, per repository")
    parser.add_argument("--keep", type=Path, metavar="FILE")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = gather([repo.absolute() for repo in options.repo], options.cases, options.keep)
    tell(across(found))
    weights = fit(found)
    for name, weight in zip(LEARNED, weights, strict=True):
        print(f"{name:14}{weight:8.3f}")
    if options.write:
        write(weights, found)


if __name__ == "__main__":
    main()
