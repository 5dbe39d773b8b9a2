"""Learn from the history of any repositories which parts of ranked files a task needs.

    python benchmarks/fit_pack.py --repo DIR --repo DIR ... [--cases 6] [--keep FILE]

Each DIR is a clone with its history, bare or not. The cases are commits that changed program code
(commit_cases.py); what is to be found are the lines that they changed. The table tells, for each
repository, which share of the hunks lies within budgets of 8,000, 32,000 and 200,000 tokens (four
characters each): first with the weights in use, then with weights learned on other repositories (in
four groups). A hunk counts when all of its lines are in. The weights learned on all are printed at
the end, for ``WEIGHTS`` in grok_agent/context/part_scores.py. ``--keep`` keeps the parts in a file
and goes on from there.
"""

import argparse
import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from commit_cases import Case, checked_out, git
from numpy.typing import NDArray

from grok_agent.context.eligible import reason_against
from grok_agent.context.files import snapshot
from grok_agent.context.part_scores import SIZE_WEIGHT, SMALLEST_CHARS, WEIGHTS, part_signals
from grok_agent.context.rank import rank
from grok_agent.context.ranked_texts import RankedTexts
from grok_agent.context.secrets import Secrets
from grok_agent.context.task_words import read_task

Floats = NDArray[np.float64]

BUDGETS = (8_000, 32_000, 200_000)
NAMES = tuple(WEIGHTS)
GIVEN = "aside"
"""Not learned: commits that change only tests or documents are no cases."""

NEEDED_WEIGHT = 10.0
OTHERS_WEIGHT = 30.0
RIDGE = 3.0
GROUPS = 4

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? ", re.MULTILINE)


@dataclass(frozen=True)
class Parts:
    """The parts of one case: signals, sizes in tokens, and for each hunk the parts it lies in."""

    repo: str
    signals: Floats
    tokens: Floats
    hunks: Sequence[NDArray[np.int64] | None]

    @property
    def needed(self) -> Floats:
        """The share of the hunks that each part is needed for."""
        found = np.zeros(len(self.tokens))
        for parts in self.hunks:
            if parts is not None:
                found[parts] += 1 / len(self.hunks) / len(parts)
        return found


def hunks_of(repo: Path, case: Case) -> list[tuple[str, int, int]]:
    """Lines that the commit changed, as they were numbered before it."""
    found = []
    for path in case.gold:
        diff = git(repo, "diff", "-U0", case.parent, case.commit, "--", path)
        for start, number in _HUNK.findall(diff):
            first, lines = max(int(start), 1), int(number or 1)
            found.append((path, first, first + max(lines, 1) - 1))
    return found


def parts_of(case: Case, root: Path, hunks: Sequence[tuple[str, int, int]]) -> Parts:
    files = snapshot(root)
    ranked = rank(root, case.query, len(files))
    by_path = {file.path: file for file in files}
    shown = [by_path[each.path] for each in ranked if not reason_against(by_path[each.path], ())]
    scores = {each.path: each.score for each in ranked}
    texts = RankedTexts(root, shown, scores, Secrets(root)).read()
    parts = part_signals(texts, read_task(case.query).terms)
    where = []
    for path, first, last in hunks:
        inside = [
            number
            for number, part in enumerate(parts)
            if part.span.path == path
            and part.span.first_line <= last
            and part.span.last_line >= first
        ]
        where.append(np.array(inside) if inside else None)
    signals = np.array([[part.values[name] for name in NAMES] for part in parts])
    return Parts(case.repo, signals, np.array([part.characters / 4 for part in parts]), where)


def learned(cases: Sequence[Parts]) -> Floats:
    """Weights of a logistic model, by Newton's method with a small ridge."""
    signals = np.vstack([case.signals for case in cases])
    needed = np.concatenate([case.needed for case in cases])
    others = np.concatenate([np.full(len(c.tokens), OTHERS_WEIGHT / len(c.tokens)) for c in cases])
    weight = np.where(needed > 0, NEEDED_WEIGHT * needed, others)
    kept = [number for number, name in enumerate(NAMES) if name != GIVEN]
    given = signals[:, NAMES.index(GIVEN)] * WEIGHTS[GIVEN]
    spread = signals[:, kept].std(axis=0) + 1e-9
    inputs = np.column_stack([signals[:, kept] / spread, np.ones(len(signals))])
    found = np.zeros(inputs.shape[1])
    for _ in range(15):
        likely = 1 / (1 + np.exp(-(inputs @ found + given)))
        slope = inputs.T @ (weight * ((needed > 0) - likely)) - RIDGE * found
        bend = (inputs * (weight * likely * (1 - likely))[:, None]).T @ inputs
        found += np.linalg.solve(bend + RIDGE * np.eye(len(found)), slope)
    weights = np.array([WEIGHTS[name] for name in NAMES])
    weights[kept] = found[:-1] / spread
    return weights


def recall(case: Parts, weights: Floats, budget: int) -> float:
    """The share of hunks whose lines are all in when parts are taken by their scores."""
    size = np.log(np.maximum(case.tokens * 4, SMALLEST_CHARS))
    order = np.argsort(-(case.signals @ weights + SIZE_WEIGHT * size), kind="stable")
    taken = np.zeros(len(order), dtype=bool)
    left = float(budget)
    for part in order:
        if case.tokens[part] <= left:
            left -= case.tokens[part]
            taken[part] = True
    return sum(parts is not None and taken[parts].all() for parts in case.hunks) / len(case.hunks)


def gather(repos: Sequence[Path], most: int, keep: Path | None) -> list[Parts]:
    found: list[Parts] = pickle.loads(keep.read_bytes()) if keep and keep.exists() else []
    for repo in repos:
        if str(repo) in {case.repo for case in found}:
            continue
        for case, root in checked_out(repo, most):
            if case.core:
                found.append(parts_of(case, root, hunks_of(repo, case)))
        print(f"{repo}: {sum(case.repo == str(repo) for case in found)} cases", flush=True)
        if keep:
            keep.write_bytes(pickle.dumps(found))
    return found


def tell(cases: Sequence[Parts]) -> None:
    repos = sorted({case.repo for case in cases})
    used = np.array([WEIGHTS[name] for name in NAMES])
    every: list[tuple[str, list[float]]] = []
    for group in range(min(GROUPS, len(repos))):
        tested = set(repos[group::GROUPS])
        weights = learned([case for case in cases if case.repo not in tested])
        for case in cases:
            if case.repo in tested:
                row = [recall(case, each, b) for b in BUDGETS for each in (used, weights)]
                every.append((case.repo, row))
    print(f"{'repository':32}{'cases':>6}" + "".join(f"{budget:>16,}" for budget in BUDGETS))
    for repo in (*repos, "all"):
        rows = [row for name, row in every if repo in (name, "all")]
        means = np.mean(rows, axis=0).reshape(-1, 2)
        print(f"{repo[-31:]:32}{len(rows):6}" + "".join(f"{a:10.3f}{b:6.3f}" for a, b in means))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--cases", type=int, default=6, help="of each repository")
    parser.add_argument("--keep", type=Path, metavar="FILE")
    options = parser.parse_args()
    if len(options.repo) < 2:
        parser.error("give two repositories or more: one is tested with what others taught")
    cases = gather([repo.absolute() for repo in options.repo], options.cases, options.keep)
    tell(cases)
    for name, weight in zip(NAMES, learned(cases), strict=True):
        print(f'    "{name}": {weight:.2f},')


if __name__ == "__main__":
    main()
