"""What packing, symbols and ranking cost on a repository, beside the packers that are installed.

``python benchmarks/context.py REPOSITORY ...`` (default: this one). Each figure is the median over
rounds; within a round all commands run in a new random order, each as processes of its own. CPU is
user plus system time of a command with all its children, start of Python included, also as a
multiple of ``git ls-files -z | xargs -0 cat``; memory is that of its largest process. "new" means
an empty cache folder, "again" one that the same command has filled before. Levels are for
repositories of about 2,000 files and up to 34 MB; ends with 1 where one is missed.

Packers that are on the path take part by themselves, others with ``--peer NAME='COMMAND {repo}
{out}'``.
"""

import argparse
import os
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TASK = "retry a request when the server is busy, and say in the log how long it waits"

REFERENCE = "git ls-files | xargs cat"
PEERS = {
    "repomix": "repomix --quiet --output {out} {repo}",
    "gitingest": "gitingest {repo} --output {out}",
    "files-to-prompt": "files-to-prompt {repo} --cxml --output {out}",
    "code2prompt": "code2prompt {repo} --output-file {out}",
}

FIND_SYMBOLS = """
import sys
from pathlib import Path
from grok_agent.context.files import snapshot
from grok_agent.context.symbols import symbols_for
root = Path(sys.argv[1])
symbols_for(root, snapshot(root))
"""
RANK = """
import sys
from grok_agent.context.rank import rank_files
rank_files(sys.argv[1], sys.argv[2], 20)
"""
OURS = {
    "pack": (*("-m", "grok_agent", "pack", "--repo", "{repo}"), "--out", "{out}"),
    "pack, counted": (
        *("-m", "grok_agent", "pack", "--repo", "{repo}"),
        "--out",
        "{out}",
        "--count",
    ),
    "symbols": ("-c", FIND_SYMBOLS, "{repo}"),
    "rank": ("-c", RANK, "{repo}", TASK),
    "pack of 32k for a task": (
        *("-m", "grok_agent", "pack", "--repo", "{repo}", "--out", "{out}"),
        *("--for", TASK, "--budget", "32000"),
    ),
    "map": ("-m", "grok_agent", "map", "--repo", "{repo}", "--out", "{out}"),
}

LEVELS: Mapping[str, tuple[str, float]] = {
    "pack, again": ("times", 6),
    "pack, new": ("mb", 150),
    "pack, counted, new": ("times", 12),
    "symbols, new": ("cpu_s", 3),
    "symbols, again": ("cpu_s", 0.3),
    "rank, again": ("cpu_s", 0.3),
}
"""The most that a command may take: ``times`` the reference, ``cpu_s`` or ``mb``."""


@dataclass(frozen=True)
class Command:
    """A command with places for ``{repo}`` and ``{out}``; ``is_new`` empties its cache before."""

    words: Sequence[str]
    folder: Path
    cache: Path | None = None
    is_new: bool = False


@dataclass(frozen=True)
class Cost:
    """CPU seconds, wall seconds, MB of memory and MB of output of one run."""

    cpu_s: float
    wall_s: float
    mb: float
    out_mb: float


def main() -> None:
    options = arguments()
    missed = []
    for repository in options.repository:
        with tempfile.TemporaryDirectory() as folder:
            costs = measured(repository.resolve(), Path(folder), options)
        missed += [f"{repository.name}: {text}" for text in told(repository, costs)]
    print("\n".join(["", *(missed or ["Every level that was measured is reached."])]))
    sys.exit(1 if missed else 0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repository", nargs="*", type=Path, default=[ROOT])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[], help="words that a row has to begin with")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    return parser.parse_args()


def measured(repository: Path, folder: Path, options: argparse.Namespace) -> dict[str, list[Cost]]:
    rows = commands(repository, folder, dict(peer.split("=", 1) for peer in options.peer))
    if options.only:
        kept = (REFERENCE, *options.only)
        rows = {name: row for name, row in rows.items() if name.startswith(kept)}
    costs: dict[str, list[Cost]] = {name: [] for name in rows}
    order = list(rows)
    chance = random.Random(1)
    for row in rows.values():
        if not row.is_new:
            run(row, repository)  # fills caches, ours and the system's
    for number in range(options.rounds):
        print(f"{repository.name}: round {number + 1} of {options.rounds}", file=sys.stderr)
        chance.shuffle(order)
        for name in order:
            costs[name].append(run(rows[name], repository))
    return costs


def commands(repository: Path, folder: Path, peers: Mapping[str, str]) -> dict[str, Command]:
    """What is run, by name, each with files of its own below ``folder``."""
    cat = 'cd "$1" && git ls-files -z | xargs -0 cat 2>/dev/null >"$2" || true'
    rows = {REFERENCE: Command(("bash", "-c", cat, "bash", "{repo}", "{out}"), folder)}
    for name, words in OURS.items():
        for state in ("new", "again"):
            cache = folder / f"{name}-{state}"
            row = Command((sys.executable, *words), folder, cache, is_new=state == "new")
            rows[f"{name}, {state}"] = row
    absent = [name for name in PEERS if shutil.which(name) is None and name not in peers]
    if absent:
        print(f"not installed, so not measured: {', '.join(absent)}", file=sys.stderr)
    for name, template in {**PEERS, **peers}.items():
        if name not in absent:
            rows[name] = Command(shlex.split(template), folder)
    return rows


def run(command: Command, repository: Path) -> Cost:
    out = command.folder / "out.txt"
    out.unlink(missing_ok=True)
    environment = dict(os.environ)
    if command.cache:
        if command.is_new:
            shutil.rmtree(command.cache, ignore_errors=True)
        environment["GROK_CACHE_DIR"] = str(command.cache)
    words = [
        word.replace("{repo}", str(repository)).replace("{out}", str(out)) for word in command.words
    ]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment,
            cwd=command.folder,
        )
        start = os.times().elapsed
        _, status, usage = os.wait4(process.pid, 0)
        wall = os.times().elapsed - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            said = errors.read().decode(errors="replace")[-500:]
            sys.exit(f"{shlex.join(words)} ended with {process.returncode}: {said}")
    size = out.stat().st_size if out.exists() else 0
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, size / 1e6)


def told(repository: Path, costs: Mapping[str, Sequence[Cost]]) -> list[str]:
    """Print the table of one repository; the levels that are missed come back."""
    middle = {
        name: {
            field: statistics.median(getattr(cost, field) for cost in found)
            for field in ("cpu_s", "wall_s", "mb", "out_mb")
        }
        for name, found in costs.items()
    }
    print(
        f"\n{repository.name}\n{'':28}{'CPU s':>8}{'x cat':>8}{'wall s':>8}{'MB':>7}{'out MB':>8}"
    )
    missed = []
    for name, found in middle.items():
        found["times"] = found["cpu_s"] / middle[REFERENCE]["cpu_s"]
        print(
            f"{name:28}{found['cpu_s']:8.2f}{found['times']:8.1f}{found['wall_s']:8.2f}"
            f"{found['mb']:7.0f}{found['out_mb']:8.2f}"
        )
        unit, most = LEVELS.get(name, ("cpu_s", float("inf")))
        if found[unit] > most:
            missed.append(f"{name} takes {found[unit]:.2f} {unit}, above {most:g}")
    return missed


if __name__ == "__main__":
    main()
