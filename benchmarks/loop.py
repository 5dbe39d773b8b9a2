"""What a long run costs: our agent beside its peers, driven by a scripted model on a real checkout.

``python benchmarks/loop.py REPOSITORY`` runs the four scripts of :mod:`loop_script` with our agent;
``--peers PYTHON`` names an interpreter that has langchain, deepagents and
langgraph-checkpoint-sqlite, and runs those as well. REPOSITORY is a git checkout or a bare
repository with Python files (sphinx); it is cloned, and is as it was for each run. The model is the
embedded gateway with a scripted planner on loopback: no think time, so that CPU is the client's
own. Prices and cache: :mod:`loop_prices`. Ends with 1 where a level is missed.

Columns: how it ended, marked lines of those that the script wants marked; dollars, and dollars if
nothing had been cached; cached share; requests that rewrote the one before; requests with the task
word for word; chunks that were whole in the request after their reading; forced re-reads; MB that
lie in the state folder; CPU ms of the client a turn about turn 10 and turn 145 (its tools
included); the largest prompt; CPU seconds to the first request, for our first run with empty
caches, and for the others with the repository known.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from loop_clients import CLIENTS
from loop_prices import Bill
from loop_script import SCRIPTS, TASK, Scripted, marked

from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.server import running
from grok_agent.offline.transcript import text_of
from grok_agent.offline.wire import ChatRequest, Request, Response, Turn

CLIENT = Path(__file__).with_name("loop_clients.py")
AROUND = 5  # turns on either side whose CPU is averaged
MOST_USD = {"long": 0.90, "recall": 0.80}
MOST_USD_UNCACHED = {"long": 2.10}
MOST_PROMPT = 200_000
MOST_STATE_MB = 2.0
MOST_START_S = 3.0
MOST_GROWTH_MS = 6.0  # of CPU a turn, between turn 10 and turn 145


@dataclass
class Watch(OfflineGateway):
    """The gateway with the script as its model; writes down what each request shows."""

    script: Scripted
    bill: Bill = field(default_factory=Bill)
    cpu: list[float] = field(default_factory=list)
    with_task: int = 0
    asked: int = 0

    def __post_init__(self) -> None:
        OfflineGateway.__init__(self, planner=self._answer)

    def handle(self, request: Request) -> Response:
        """Read the client's CPU time before anything else is done."""
        pid = int(request.headers["authorization"].rpartition("-")[2])
        self.cpu.append(time.clock_gettime((~pid << 3) | 2))  # that process's CPU clock on Linux
        return super().handle(request)

    def _answer(self, request: ChatRequest) -> Turn:
        turn = self.script(request)
        calls = sum(len(call.name) + len(str(call.arguments)) for call in turn.tool_calls)
        self.bill.charge(request.raw, len(turn.content) + len(turn.reasoning) + calls)
        self.asked += bool(request.tools)
        told = "\n".join(text_of(each.get("content")) for each in request.messages)
        self.with_task += bool(request.tools) and TASK in told
        return turn

    def cpu_ms(self, turn: int) -> float | None:
        """Milliseconds a turn about ``turn``, None where the run was shorter."""
        first, last = turn - AROUND, min(turn + AROUND, len(self.cpu) - 1)
        if last - first < AROUND:
            return None
        return (self.cpu[last] - self.cpu[first]) / (last - first) * 1_000


@dataclass(frozen=True)
class Result:
    """One run of one client."""

    ended: str
    marked: int
    wanted: int
    watch: Watch
    state_mb: float

    @property
    def finished(self) -> bool:
        return self.watch.script.finished and self.marked == self.wanted


def main() -> None:
    options = arguments()
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder, "repo")
        clone = ["git", "clone", "-q", "--shared", str(options.repository), str(repo)]
        subprocess.run(clone, check=True, stderr=subprocess.DEVNULL)
        os.environ["GROK_CACHE_DIR"] = str(Path(folder, "cache"))
        for name in options.script:
            print(f"\n{name}: {(SCRIPTS[name].__doc__ or '').strip()}\n{HEAD}", flush=True)
            for client in options.client:
                result = run(name, client, repo, options.peers)
                print(row(client, result), flush=True)
                if client == "ours":
                    missed += [f"{name}: {text}" for text in missed_levels(name, result)]
    print("\n".join(["", *(missed or ["Every level that was measured is reached."])]))
    sys.exit(1 if missed else 0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repository", type=Path)
    parser.add_argument("--script", nargs="+", choices=SCRIPTS, default=list(SCRIPTS))
    parser.add_argument("--client", nargs="+", choices=CLIENTS)
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has the peers")
    options = parser.parse_args()
    options.client = options.client or (list(CLIENTS) if options.peers else ["ours"])
    return options


def run(name: str, client: str, repo: Path, peers: str | None) -> Result:
    restore = ["git", "checkout", "-q", "-f", "HEAD", "--", "."]
    with tempfile.TemporaryDirectory() as state:
        # Some files of sphinx are in encodings that git refuses, which makes this end with 1.
        subprocess.run(restore, cwd=repo, check=False, stderr=subprocess.DEVNULL)
        steps = SCRIPTS[name](repo)
        watch = Watch(Scripted(steps))
        with running(watch) as url:
            job = {"url": url, "repo": str(repo), "task": TASK, "state": state}
            python = sys.executable if client == "ours" else peers or sys.executable
            done = subprocess.run(
                [python, str(CLIENT), client],
                input=json.dumps(job),
                capture_output=True,
                text=True,
                check=False,
            )
        ended = json.loads(done.stdout)["ended"] if done.stdout else done.stderr[-300:]
        found, wanted = marked(repo, steps)
        size = sum(path.stat().st_size for path in Path(state).rglob("*") if path.is_file())
    return Result(ended, found, wanted, watch, size / 1e6)


HEAD = (
    f"{'client':22} {'ended':12} {'marked':>8} {'$':>6} {'$ unc.':>7} {'cached':>7} {'rewr.':>6}"
    f" {'task':>6} {'seen':>6} {'again':>6} {'MB':>7} {'ms@10':>6} {'ms@145':>7} {'peak':>8}"
    f" {'start':>6}"
)


def row(client: str, result: Result) -> str:
    watch, bill = result.watch, result.watch.bill
    script = watch.script
    ended = "yes" if result.finished else f"no, at {len(bill.prompts)}"
    seen = script.delivered / max(script.asked_for, 1)
    text = (
        f"{client:22} {ended:12} {result.marked:4}/{result.wanted:<3} {bill.usd:6.2f}"
        f" {bill.usd_uncached:7.2f} {bill.cached_share:7.0%} {bill.rewrites:6}"
        f" {watch.with_task / max(watch.asked, 1):6.0%} {seen:6.0%} {script.forced:6}"
        f" {result.state_mb:7.2f} {_ms(watch.cpu_ms(10)):>6} {_ms(watch.cpu_ms(145)):>7}"
        f" {max(bill.prompts, default=0):8,} {watch.cpu[0] if watch.cpu else 0:6.1f}"
    )
    return text if result.finished else f"{text}\n    {result.ended}"


def missed_levels(name: str, result: Result) -> list[str]:
    bill, watch = result.watch.bill, result.watch
    begin, end = watch.cpu_ms(10), watch.cpu_ms(145)
    start = watch.cpu[0] if watch.cpu else 0.0
    levels = [
        (result.finished, f"not finished: {result.ended}"),
        (bill.usd <= MOST_USD.get(name, 9), f"${bill.usd:.2f}"),
        (
            bill.usd_uncached <= MOST_USD_UNCACHED.get(name, 99),
            f"${bill.usd_uncached:.2f} uncached",
        ),
        (watch.with_task == watch.asked, f"task kept in {watch.with_task} of {watch.asked}"),
        (max(bill.prompts, default=0) < MOST_PROMPT, f"a prompt of {max(bill.prompts, default=0)}"),
        (result.state_mb <= MOST_STATE_MB, f"{result.state_mb:.2f} MB of state"),
        (start <= MOST_START_S, f"{start:.1f} CPU s to the first request"),
        (
            begin is None or end is None or end - begin <= MOST_GROWTH_MS,
            f"CPU a turn grows from {_ms(begin)} to {_ms(end)} ms",
        ),
    ]
    return [text for good, text in levels if not good]


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


if __name__ == "__main__":
    main()
