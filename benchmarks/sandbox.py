"""What the sandbox costs a command, and what the package sandlock would cost it.

    python benchmarks/sandbox.py [--rounds 9] [--sandlock]

Each command runs in turn bare, in our sandbox, and in sandlock's (where it is installed and asked
for). The first three columns are the median time in ms; "+cpu" is what our sandbox adds in
processor time, in ms, which other work on the machine disturbs least. Bare commands get the
same environment. Ends with 1 where a plain ``true`` costs 50 ms or more above bare.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from grok_agent import Workspace
from grok_agent.tools.environment import command_environment
from grok_agent.tools.sandbox import confinement, fence
from grok_agent.tools.terminal import Terminal

MOST_MS = 50.0
LOOP = "import os\nfor i in range(20_000): {}"
COMMANDS = {
    "true": "true",
    "python -c pass": "python -c pass",
    "20,000 files opened": f'python -c "{LOOP.format("os.close(os.open(os.devnull, 0))")}"',
    "20,000 files looked at": f'python -c "{LOOP.format("os.stat(os.devnull)")}"',
    "200 programs started": "for i in $(seq 200); do /bin/true; done",
    "1,000 files given a mode": "cd files && chmod 600 * && chmod 644 *",
    "git status, 5,000 files": "git status --porcelain",
    "12 C files compiled": "cd c && for i in *.c; do gcc -c $i; done",
    "python -m unittest": "python -m unittest -q tests",
}


@dataclass(frozen=True)
class Cost:
    """Of one run: seconds on the clock, and of the processor."""

    wall_s: float
    cpu_s: float


def main() -> int:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--sandlock", action="store_true")
    given = arguments.parse_args()
    if not confinement().confined:
        print(f"There is no sandbox here: {confinement().missing}.")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(make(Path(folder) / "root"), permission="all")
        terminal = Terminal(workspace)
        box = workspace.scratch / "box"
        (box / "tmp").mkdir(parents=True)
        environment = command_environment(os.environ, box)
        ways: dict[str, Callable[[str], object]] = {
            "bare": lambda command: bare(["bash", "-c", command], workspace.root, environment),
            "ours": lambda command: terminal.run(command, 600, workspace.root),
        }
        if given.sandlock:
            ways["sandlock"] = sandlock_way(workspace, environment)
        print(f"{'ms':26}", *(f"{way:>10}" for way in ways), f"{'+cpu':>10}")
        costs = {name: measured(ways, name, given.rounds) for name in COMMANDS}
    return int(costs["true"] >= MOST_MS)


def measured(ways: dict[str, Callable[[str], object]], name: str, rounds: int) -> float:
    """Print one row; how many ms our way takes above bare."""
    found: dict[str, list[Cost]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            found[way].append(cost(partial(run, COMMANDS[name])))
    walls = {way: 1000 * statistics.median(c.wall_s for c in costs) for way, costs in found.items()}
    cpus = {way: 1000 * statistics.median(c.cpu_s for c in costs) for way, costs in found.items()}
    print(
        f"{name:26}",
        *(f"{walls[way]:10.1f}" for way in ways),
        f"{cpus['ours'] - cpus['bare']:10.1f}",
        flush=True,
    )
    return walls["ours"] - walls["bare"]


def cost(run: Callable[[], object]) -> Cost:
    """What one run takes, our own share included."""
    wall, cpu = time.perf_counter(), processor_s()
    run()
    return Cost(time.perf_counter() - wall, processor_s() - cpu)


def processor_s() -> float:
    """Processor seconds of this process and of all children that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def bare(words: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
    """Run without any sandbox."""
    subprocess.run(
        words,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )


def sandlock_way(workspace: Workspace, environment: dict[str, str]) -> Callable[[str], object]:
    """The same places and limits, as far as sandlock has them."""
    from sandlock import Sandbox

    allowed = fence([workspace.root, workspace.scratch / "box"], workspace.root, workspace.limits)

    def run(command: str) -> None:
        result = Sandbox(
            fs_readable=allowed.readable,
            fs_writable=allowed.writable,
            cwd=str(workspace.root),
            env=environment,
            max_memory="8G",
            max_processes=1024,
        ).run(["bash", "-c", command], timeout=600)
        if not result.success:
            raise RuntimeError(result.stderr.decode())

    return run


def make(root: Path) -> Path:
    """A repository with something to do in it."""
    for name in ("files", "c", "tests", "many"):
        (root / name).mkdir(parents=True)
    for number in range(500):
        (root / "files" / f"f{number:03}").touch()
    for number in range(5000):
        (root / "many" / str(number)).write_text(str(number))
    for number in range(12):
        (root / "c" / f"{number}.c").write_text(f"#include <stdio.h>\nint f{number}(void);\n")
    (root / "tests" / "__init__.py").write_text(
        "import unittest, json, decimal, email, http.client, xml.dom.minidom, asyncio, tempfile\n"
        "class Test(unittest.TestCase):\n"
        "    def test(self):\n"
        "        with tempfile.TemporaryDirectory() as folder:\n"
        "            self.assertTrue(folder)\n"
    )
    if shutil.which("git"):
        identity = ["-c", "user.name=n", "-c", "user.email=e"]
        for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "m"]):
            subprocess.run(["git", *words], cwd=root, check=True)
    return root


if __name__ == "__main__":
    sys.exit(main())
