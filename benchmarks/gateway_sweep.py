"""How the limiter does at rates, bursts, answer times and faults that it was not made for.

``python benchmarks/gateway_sweep.py`` runs the limiter alone, in simulated time, with five seeds
(``--seeds``), and prints for each traffic the median and the worst of: time over the ideal time,
requests wasted per answer beyond those that the faults cost any client, and jobs without an answer.
Ends with 1 where a job had none.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from simulated_gateway import Traffic, Window, simulate

from grok_agent.offline.limits import Limits, Outage


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="a part of the names to run")
    options = parser.parse_args()
    print(f"{'':40}   ideal s   wall/ideal       wasted      without answer")
    unanswered = 0
    for traffic in traffics():
        if options.only in traffic.name:
            unanswered += report(traffic, options.seeds)
    sys.exit(1 if unanswered else 0)


def report(traffic: Traffic, seeds: int) -> int:
    """Print one line; returns how many jobs had no answer."""
    results = [simulate(traffic, seed) for seed in range(1, seeds + 1)]
    ideal = traffic.ideal_s()
    walls = sorted(result.wall / ideal for result in results)
    wasted = sorted(result.wasted - traffic.lost() for result in results)
    failed = sum(result.failed for result in results)
    print(
        f"{traffic.name:40} {ideal:9.1f} {statistics.median(walls):6.2f} {walls[-1]:6.2f}"
        f" {statistics.median(wasted):7.3f} {wasted[-1]:6.3f} {failed:10}",
        flush=True,
    )
    return failed


def traffics() -> Iterator[Traffic]:
    for rate in (3, 11, 35, 80):
        jobs = 300 if rate == 3 else 500
        for burst in (1, 5, 20):
            yield Traffic(f"{rate}/s, burst of {burst}", Limits(rate, burst), jobs=jobs)
        drain = Limits(rate, 5, refusals_drain=True)
        yield Traffic(f"{rate}/s, refused ones drain", drain, jobs=jobs)
        yield Traffic(f"{rate}/s, Retry-After", Limits(rate, 5, retry_after=1), jobs=jobs)
    for answer_s in ((0.05, 0.05), (1.5, 2.5), (8.0, 12.0)):
        yield Traffic(f"20/s, answers take {answer_s} s", Limits(20, 5), answer_s=answer_s)
    yield Traffic("20/s, refusals take 0.3 s", Limits(20, 5), refusal_s=0.3)
    for share in (0.05, 0.1, 0.2, 0.35):
        yield Traffic(f"{share:.0%} refused by chance", refused=share)
        yield Traffic(f"{share:.0%} refused by chance, 20/s", Limits(20, 5), refused=share)
        yield Traffic(f"{share:.0%} refused by chance, 50/s", Limits(50, 50), refused=share)
    for offered in (20.0, 500.0):
        yield Traffic(f"{offered:g}/s offered, 11/s", Limits(11, 5), offered=offered)
        yield Traffic(f"{offered:g}/s offered, 35/s", Limits(35, 5), offered=offered)
        yield Traffic(f"{offered:g}/s offered, 20% by chance", refused=0.2, offered=offered)
    for processes in (2, 4):
        yield Traffic(f"{processes} processes at 20/s", Limits(20, 5), processes=processes)
    drain = Limits(20, 20, refusals_drain=True)
    yield Traffic("2 processes, refused ones drain", drain, processes=2)
    yield Traffic("20/s, then 5/s, then 40/s", Limits(20, 5), ((10, 5), (30, 40)), jobs=800)
    yield Traffic("40/s, then 10/s", Limits(40, 40), ((8, 10),))
    yield Traffic("10/s, then 40/s", Limits(10, 10), ((15, 40),), jobs=800)
    yield Traffic("60 a minute", window=Window(60, 60), jobs=200)
    yield Traffic("300 a minute", window=Window(300, 60), jobs=900)
    yield Traffic("8 workers at 3/s", Limits(3, 1), workers=8, jobs=200)
    yield Traffic("1 worker at 1/s", Limits(1, 1), workers=1, jobs=60)
    yield Traffic("outage of 20 s at 11/s", Limits(11, 5, outages=(Outage(5, 25),)))


if __name__ == "__main__":
    main()
