"""How shards are cut: how many, how well imports stay inside one, and how long the plan takes.

    python benchmarks/shards.py [--tokens 180000] FOLDER...

Shards by path are the comparison: files in the order of their paths, a new shard when one is full.
"Imports inside" counts imports between two files of the folder; "weighed" counts each by one over
the number of files that import its target, which keeps common modules from deciding.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from math import ceil
from pathlib import Path


def main() -> None:
    """Measure each folder, with a cache of its own."""
    parser = argparse.ArgumentParser(description="Measure plans of shards.")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--tokens", type=int, default=180_000, help="of one shard")
    given = parser.parse_args()
    print("files tokens shards least | inside: cohesion / path | weighed | plan CPU s cold / warm")
    for folder in given.folders:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["GROK_CACHE_DIR"] = cache
            measure(folder, given.tokens)


def measure(folder: Path, tokens: int) -> None:
    """Print one line about one folder."""
    from grok_agent.context.bridges import imported_files
    from grok_agent.context.shards import plan_shards
    from grok_agent.context.symbols import symbols_for
    from grok_agent.context.tokens import count

    count("load the vocabulary")
    cold = _timed(lambda: plan_shards(folder, max_tokens=tokens))
    warm = _timed(lambda: plan_shards(folder, max_tokens=tokens))
    plan = plan_shards(folder, max_tokens=tokens)
    parts = [part for shard in plan.shards for part in shard.parts]
    sizes: Counter[str] = Counter()
    for part in parts:
        sizes[part.path] += part.tokens
    symbols = symbols_for(folder, [part.file for part in parts])
    edges = imported_files({path: found.imports for path, found in symbols.items()})
    ours = {path: number for number, shard in enumerate(plan.shards) for path in shard.files}
    others = _by_path(sizes, tokens)
    total = sum(sizes.values())
    print(
        f"{len(sizes):5} {total:,} {len(plan.shards)} {ceil(total / tokens)} |"
        f" {_inside(edges, ours):.3f} / {_inside(edges, others):.3f} |"
        f" {_inside(edges, ours, weighed=True):.3f} / {_inside(edges, others, weighed=True):.3f} |"
        f" {cold:.2f} / {warm:.2f}  {folder}"
    )


def _by_path(sizes: Mapping[str, int], room: int) -> dict[str, int]:
    shard, left = 0, room
    found = {}
    for path in sorted(sizes):
        if sizes[path] > left:
            shard, left = shard + 1, room
        found[path] = shard
        left -= sizes[path]
    return found


def _inside(
    edges: Mapping[str, Iterable[str]], shard: Mapping[str, int], *, weighed: bool = False
) -> float:
    pairs = [(a, b) for a, targets in edges.items() for b in targets]
    popularity = Counter(target for _, target in pairs)
    weight = {pair: 1 / popularity[pair[1]] if weighed else 1.0 for pair in pairs}
    inside = sum(weight[a, b] for a, b in pairs if shard[a] == shard[b])
    return inside / (sum(weight.values()) or 1.0)


def _timed(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


if __name__ == "__main__":
    main()
