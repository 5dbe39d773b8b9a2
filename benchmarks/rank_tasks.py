"""Does the ranking find the right files for tasks as people write them?

    python benchmarks/rank_tasks.py [--misses]

Forty tasks on two installed libraries (``rank_tasks.jsonl``): wishes, complaints, stack traces,
quoted messages. The right files were found by reading the libraries. An installed library has no
history, so words, paths, identifiers and what a task names decide alone. Prints the mean reciprocal
rank and the recall among the first 1, 5 and 10 files, the CPU of a warm call, and with ``--misses``
the tasks whose file is not the first.
"""

import argparse
import importlib.util
import json
import shutil
import tempfile
import time
from pathlib import Path

from grok_agent.context.rank import rank

TASKS = Path(__file__).with_suffix(".jsonl")


def library(name: str, folder: Path) -> Path:
    """A copy of the installed library's own folder, away from ignore rules above it."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(
        shutil.copytree(
            next(iter(spec.submodule_search_locations)),
            folder / name,
            ignore=shutil.ignore_patterns("__pycache__", "*.so"),
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--misses", action="store_true")
    show_misses = parser.parse_args().misses
    tasks = [json.loads(line) for line in TASKS.read_text().splitlines()]
    found: dict[str, list[list[int]]] = {}
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        names = sorted({task["library"] for task in tasks})
        roots = {name: library(name, Path(folder)) for name in names}
        for root in roots.values():
            rank(root, "", 1)
        for task in tasks:
            start = time.process_time()
            ranking = rank(roots[task["library"]], task["query"], 2000)
            seconds.append(time.process_time() - start)
            order = [each.path for each in ranking]
            places = sorted(order.index(path) + 1 for path in task["files"])
            found.setdefault(task["library"], []).append(places)
            if show_misses and places[0] > 1:
                first = ranking[0]
                why = "; ".join(f"{r.signal} {r.weight:.1f} ({r.words})" for r in first.reasons[:4])
                print(f"{places} {task['query'][:90]!r}\n    {first.path}: {why}")
    tell(found)
    print(f"CPU of a warm call, median: {sorted(seconds)[len(seconds) // 2]:.3f} s")


def tell(found: dict[str, list[list[int]]]) -> None:
    print(f"{'library':12}{'n':>4}{'MRR':>8}{'r@1':>7}{'r@5':>7}{'r@10':>7}")
    every = [places for each in found.values() for places in each]
    for name, cases in (*found.items(), ("all", every)):
        mrr = sum(1 / places[0] for places in cases) / len(cases)
        recall = [
            sum(sum(p <= k for p in places) / len(places) for places in cases) / len(cases)
            for k in (1, 5, 10)
        ]
        print(f"{name:12}{len(cases):4}{mrr:8.3f}" + "".join(f"{each:7.3f}" for each in recall))


if __name__ == "__main__":
    main()
