"""What becomes of 500 short jobs behind a gateway with faults: our client beside its peers.

``python benchmarks/gateway.py`` runs every mix with three seeds; ``--mix hard-20 --seed 1 --peer
ours`` runs one. Server and client are two processes on loopback, a new client for each run; peers
take turns within a seed; those that send a whole list at once would be done before an outage, so
they have none to show. The server counts requests and charges answers, answers are compared by
their content. Ends with 1 where a level is missed.

Columns: jobs answered rightly, answers handed on as whole that are wrong (``corrupt``), time from
the first job's offer to the last one's end over the ideal time, requests beyond the one that a
success needs (``wasted``, per success), requests during an outage, repeats of requests that had
been refused for good, what our ledger says beyond the server's bill in ticks (and how many of the
answers that were cut before their bill came it does not list), CPU seconds of the client. Of the
seeds stands the median for time, waste and CPU, else the worst.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway_mixes import MIXES, TIMEOUT_S, Mix, answer, prompt
from gateway_peers import AT_ONCE, PEERS
from gateway_server import Server, Tally, server_process

from grok_agent.gateway.bills import Bills
from grok_agent.gateway.edge import LEDGER_FILE

CLIENT = Path(__file__).with_name("gateway_peers.py")
USUAL_PEERS = ("sdk2", "sdk6", "ChatOpenAI.abatch", "litellm", "ours")


@dataclass(frozen=True)
class Result:
    """One run of one peer."""

    success: float
    corrupt: int
    wall_s: float
    wall: float
    wasted: float
    in_outage: int
    repeats: int
    cpu_s: float
    ledger: int | None
    unlisted: int
    errors: dict[str, int]


def main() -> None:
    options = arguments()
    missed: list[str] = []
    with server_process() as server:
        for name in options.mix:
            results = run_mix(server, MIXES[name], options)
            print_table(MIXES[name], results, options)
            missed += [f"{name}: {text}" for text in missed_levels(MIXES[name], results)]
    print("\n".join(["", *(missed or ["Every level that was measured is reached."])]))
    sys.exit(1 if missed else 0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mix", nargs="+", choices=MIXES, default=list(MIXES))
    parser.add_argument("--peer", nargs="+", choices=PEERS, default=usual_peers())
    parser.add_argument("--seed", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--litellm-python", default=sys.executable, help="one that has litellm")
    options = parser.parse_args()
    if options.litellm_python != sys.executable and "litellm" not in options.peer:
        options.peer = [*options.peer, "litellm"]
    return options


def usual_peers() -> list[str]:
    has_litellm = importlib.util.find_spec("litellm") is not None
    return [peer for peer in USUAL_PEERS if peer != "litellm" or has_litellm]


def run_mix(server: Server, mix: Mix, options: argparse.Namespace) -> dict[str, list[Result]]:
    peers = [peer for peer in options.peer if not (mix.limits.outages and peer in AT_ONCE)]
    results: dict[str, list[Result]] = {peer: [] for peer in peers}
    for turn, seed in enumerate(options.seed):
        start = turn % max(len(peers), 1)
        for peer in peers[start:] + peers[:start]:
            results[peer].append(run_once(server, mix, seed, peer, options))
    return results


def run_once(server: Server, mix: Mix, seed: int, peer: str, options: argparse.Namespace) -> Result:
    url = server.open(mix.name, seed)
    jobs = range(options.jobs)
    load = {
        "url": url,
        "prompts": {job: prompt(job) for job in jobs},
        "offered": mix.offered,
        "timeout_s": TIMEOUT_S,
    }
    python = options.litellm_python if peer == "litellm" else sys.executable
    with tempfile.TemporaryDirectory() as state:
        done = subprocess.run(
            [python, CLIENT, peer],
            input=json.dumps(load),
            env=environment(state),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        tally = server.close()
        ledger, unlisted = audit(Path(state) / LEDGER_FILE, tally)
    said = json.loads(done.stdout.splitlines()[-1])
    return judge(mix, jobs, said, tally, ledger, unlisted)


def audit(ledger: Path, tally: Tally) -> tuple[int | None, int]:
    """Ticks in the ledger beyond those that were charged, and answers missing; None: no ledger."""
    if not ledger.exists():
        return None, 0
    with closing(Bills(ledger)) as bills:
        attempts = list(bills.attempts())
    billed = [attempt.ticks or 0 for attempt in attempts if attempt.cost.basis == "billed"]
    return sum(billed) - tally.ticks, tally.cut - (len(attempts) - len(billed))


def environment(state: str) -> dict[str, str]:
    """The environment without anyone's keys and settings."""
    own = ("GROK_", "XAI_", "OPENAI_", "LANG", "LITELLM_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(own)}
    return {**kept, "GROK_STATE_DIR": state, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def judge(
    mix: Mix, jobs: range, said: dict[str, Any], tally: Tally, ledger: int | None, unlisted: int
) -> Result:
    """Compare what the client says with what the server saw."""
    answerable = [job for job in jobs if not mix.refusal(job)]
    right = sum(said["answers"].get(str(job)) == answer(job) for job in answerable)
    requests = sum(tally.attempts[job] for job in answerable)
    return Result(
        success=right / len(answerable),
        corrupt=len(said["answers"]) - right,
        wall_s=said["wall_s"],
        wall=said["wall_s"] / mix.ideal_s(len(jobs)),
        wasted=(requests - right) / max(right, 1),
        in_outage=tally.in_outage,
        repeats=sum(max(0, tally.attempts[job] - 1) for job in jobs if mix.refusal(job)),
        cpu_s=said["cpu_s"],
        ledger=ledger,
        unlisted=unlisted,
        errors=dict(Counter(said["errors"].values())),
    )


def print_table(mix: Mix, results: dict[str, list[Result]], options: argparse.Namespace) -> None:
    ideal = mix.ideal_s(options.jobs)
    print(f"\n{mix.name}: {options.jobs} jobs, seeds {options.seed}, ideal {ideal:.1f} s")
    head = "success  corrupt  wall/ideal  wasted  in outage  repeats      ledger  CPU s  errors"
    print(f"{'':18} {head}")
    for peer, runs in results.items():
        errors: Counter[str] = Counter()
        for run in runs:
            errors.update(run.errors)
        print(
            f"{peer:18} {100 * min(r.success for r in runs):6.1f}%"
            f" {max(r.corrupt for r in runs):8} {median(runs, 'wall'):11.2f}"
            f" {median(runs, 'wasted'):7.3f} {max(r.in_outage for r in runs):10}"
            f" {max(r.repeats for r in runs):8} {ledger_text(runs):>11}"
            f" {median(runs, 'cpu_s'):6.1f}  {dict(errors) or ''}",
            flush=True,
        )


def ledger_text(runs: list[Result]) -> str:
    if any(run.ledger is None for run in runs):
        return ""
    return f"{max((run.ledger or 0 for run in runs), key=abs)} ({max(r.unlisted for r in runs)})"


def missed_levels(mix: Mix, results: dict[str, list[Result]]) -> Iterator[str]:
    """What our clients have missed."""
    for peer, runs in results.items():
        if not peer.startswith("ours"):
            continue
        levels = mix.levels
        sdk6 = results.get("sdk6")
        ratios = [mine.wall_s / his.wall_s for mine, his in zip(runs, sdk6 or (), strict=False)]
        measured = (
            ("success", -min(run.success for run in runs), -levels.success),
            ("corrupt", max(run.corrupt for run in runs), 0),
            ("wall over ideal", median(runs, "wall"), levels.wall),
            ("wasted", median(runs, "wasted"), levels.wasted),
            ("in outage", max(run.in_outage for run in runs), levels.outage_requests),
            ("repeats", max(run.repeats for run in runs), 0),
            ("ledger", max(abs(run.ledger or 0) for run in runs), 0),
            ("cut answers in the ledger", max(abs(run.unlisted) for run in runs), 0),
            ("wall over sdk6", statistics.median(ratios or [0]), levels.wall_over_sdk6),
        )
        for what, value, limit in measured:
            if limit is not None and value > limit:
                yield f"{peer} misses {what}: {abs(value):.3f}, level {abs(limit):g}"


def median(runs: list[Result], name: str) -> float:
    return statistics.median(getattr(run, name) for run in runs)


if __name__ == "__main__":
    main()
