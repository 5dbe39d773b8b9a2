"""How long the tool calls of one answer take when they run side by side.

    python benchmarks/parallel_calls.py [--rounds 9]

Each line is one answer, as the loop runs it, after one that is not counted (the first command of a
workspace tries the sandbox and remembers the files); the median and the longest wall time in s.
Ends with 1 where eight commands that sleep 0.25 s take more than 0.5 s.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from grok_agent import Workspace
from grok_agent.graphs.calls import run_calls
from grok_agent.tools import repository_tools

MOST_S = 0.5


def command(line: str) -> tuple[str, dict[str, Any]]:
    """A call of the command tool."""
    return "run_terminal_command", {"command": line, "description": "Takes time."}


SLEEP = command("sleep 0.25")
ANSWERS = {
    "8 x sleep 0.25": [SLEEP] * 8,
    "1 x sleep 0.25": [SLEEP],
    "8 x read_file": [("read_file", {"target_file": f"{n}.txt"}) for n in range(8)],
    "8 x write, each another file": [
        ("write", {"file_path": f"{n}.txt", "content": "x\n" * 900}) for n in range(8)
    ],
    "4 x sleep, an edit, 4 x sleep": [
        *[SLEEP] * 4,
        ("write", {"file_path": "a", "content": "x"}),
        *[SLEEP] * 4,
    ],
}


def measure(workspace: Workspace, named: list[tuple[str, dict[str, Any]]], rounds: int) -> Any:
    """Wall times in s of ``rounds`` answers with these calls."""
    tools = {tool.name: tool for tool in repository_tools(workspace)}
    calls: Any = [{"name": n, "args": a, "id": str(i)} for i, (n, a) in enumerate(named)]
    taken = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        for ran in run_calls(calls, tools, {}, {}, workspace):
            if ran.failed or ran.message.text.startswith("exit: k"):
                sys.exit(f"{ran.call['name']}: {ran.message.text}")
        taken.append(time.perf_counter() - began)
    return taken[1:]


def main() -> None:
    """Measure each answer and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    medians = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(8):
            (Path(folder) / f"{number}.txt").write_text("x\n" * 900)
        workspace = Workspace(folder, permission="all")
        for name, named in ANSWERS.items():
            taken = measure(workspace, named, rounds)
            medians[name] = statistics.median(taken)
            print(f"{name:32} {medians[name]:6.3f} {max(taken):6.3f}", flush=True)
    sys.exit(medians["8 x sleep 0.25"] > MOST_S)


if __name__ == "__main__":
    main()
