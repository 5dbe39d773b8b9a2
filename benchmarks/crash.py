"""Kills a run again and again, goes on with it, and looks whether anything was lost or done twice.

    python benchmarks/crash.py [--kills 50] [--seed 1]

A scripted model, served by the embedded gateway on loopback, has files read, edited and written and
commands run, in answers of up to eight calls. The run is a process of ``grok-agent refactor`` that
gets SIGKILL at a random moment; ``grok-agent resume last`` goes on, and is killed as well. After at
most KILLS_PER_RUN kills it may end, and then:

- the run is done, each file holds what it must, and there is no file beside them;
- each command's line stands in the log exactly once, and no edit was refused;
- no answer was asked for again that had arrived: requests served are answers kept, plus at most the
  one that was under way at each kill;
- the journal has each tool call once, and steps and dollars of before count on.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crash_script import STAGES, expected_files, first_files, plan

import grok_agent.repository_runs  # noqa: F401 - loaded once, for all the processes
from grok_agent.cli import app
from grok_agent.journal import read_journal
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.server import running
from grok_agent.offline.wire import ChatRequest, Turn
from grok_agent.work_log import WorkLog

KILLS_PER_RUN = 5
EARLY = 0.15
"""The share of kills that may fall before a process has sent its first request."""
RUN_S = 1.2
"""About how long a run takes from then on; kills fall into this time."""


def main() -> int:
    """Do the kills; 1 when anything went wrong."""
    options = argparse.ArgumentParser()
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    chance = random.Random(given.seed)
    done, runs, problems, moments = 0, 0, list[str](), Counter[str]()
    while done < given.kills:
        kills = min(KILLS_PER_RUN, given.kills - done)
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(Path(folder), chance)
            found = trial.run(kills)
            done += trial.kills
        runs += 1
        moments += trial.moments
        problems += [f"run {runs}: {each}" for each in found]
    print(f"{done} kills in {runs} runs of {len(STAGES)} stages; killed after: {dict(moments)}")
    print("\n".join(problems) or "every result right, nothing repeated, nothing paid twice")
    return bool(problems)


class Trial:
    """One run in ``folder`` and what becomes of it."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.repo, self.state = folder / "repo", folder / "state"
        self.served = folder / "served"
        self.served.touch()
        self.chance = chance
        self.kills = 0
        self.moments: Counter[str] = Counter()
        for name, text in first_files().items():
            path = self.repo / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run(self, kills: int) -> list[str]:
        """Begin, kill, go on; what was wrong at the end."""
        begin = ["refactor", "--permission", "all", "--repo", str(self.repo), "count up"]
        arguments = begin
        problems: list[str] = []
        with served(self.served) as address:
            while self.kills < kills:
                wasted = self.wasted()
                code = self._process(arguments, address, kill=True)
                if code is not None:
                    break
                self.kills += 1
                self.moments[self._moment()] += 1
                if self.wasted() > wasted + 1:
                    problems.append(f"{self.wasted() - wasted} answers were lost by one kill")
                if self._is_done():
                    code = 0
                    break
                arguments = ["resume", "last"] if self._has_begun() else begin
            else:
                code = self._process(arguments, address, kill=False)
        return problems + ([self._failure(code)] if code else [*self._problems()])

    def wasted(self) -> int:
        """Requests served whose answers were not kept."""
        return len(self.served.read_text().splitlines()) - self.kept()

    def kept(self) -> int:
        """Answers in the record of the run's work."""
        folders = [*self.state.glob("runs/*/work.bin")]
        return sum(WorkLog(folder.parent).count("answer") for folder in folders)

    def _process(self, arguments: list[str], address: str, *, kill: bool) -> int | None:
        """The exit code of one process; None when it was killed."""
        asked = self.served.stat().st_size
        child = os.fork()
        if child == 0:
            _be_the_program(arguments, address, self.state)
        if kill:
            is_early = self.chance.random() < EARLY
            left = self.chance.uniform(0, RUN_S)
            while left > 0:
                if os.waitpid(child, os.WNOHANG)[0]:
                    return 0 if self._is_done() else 1
                time.sleep(0.005)
                left -= 0.005 if is_early or self.served.stat().st_size > asked else 0
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            return None
        return os.waitstatus_to_exitcode(status)

    def _is_done(self) -> bool:
        return self._outcome().get("status") == "done"

    def _has_begun(self) -> bool:
        return any(self.state.glob("runs/*/run.json"))

    def _journal(self) -> list[dict[str, Any]]:
        files = [*self.state.glob("runs/*/journal.jsonl")]
        return read_journal(files[0]) if files else []

    def _outcome(self) -> dict[str, Any]:
        ends = [event["outcome"] for event in self._journal() if event["event"] == "end"]
        return dict(ends[-1]) if ends else {}

    def _moment(self) -> str:
        events = self._journal()
        return str(events[-1]["event"]) if events else "nothing"

    def _failure(self, code: int) -> str:
        errors = (self.state.parent / "stderr").read_text()
        return f"exit code {code}: {errors[-2000:]}"

    def _problems(self) -> Iterator[str]:
        events, outcome = self._journal(), self._outcome()
        if outcome.get("status") != "done":
            yield f"the run is not done: {outcome or events[-1:]}"
        found = {
            str(path.relative_to(self.repo)): path.read_text()
            for path in self.repo.rglob("*")
            if path.is_file()
        }
        if found != expected_files():
            names = {n for n in found.keys() | expected_files() if found.get(n) != _want(n)}
            yield f"files differ: { {name: found.get(name) for name in names} }"
        if self.kept() != outcome.get("steps"):
            yield f"{self.kept()} answers were kept for {outcome.get('steps')} steps"
        if self.wasted() > self.kills:
            yield f"{self.wasted()} requests were wasted by {self.kills} kills"
        calls = Counter((e["step"], e["id"]) for e in events if e["event"] == "tool")
        if twice := [call for call, times in calls.items() if times > 1]:
            yield f"in the journal more than once: {twice}"
        refused = [
            e for e in events if e["event"] == "tool" and e["tool"] != "grep" and not e["ok"]
        ]
        if bad := [e["result"] for e in refused if "effect is not known" not in e["result"]]:
            yield f"calls that failed: {bad}"
        if events[-1]["event"] != "end":
            yield "something came after the end"


def _want(name: str) -> str | None:
    return expected_files().get(name)


def _be_the_program(arguments: list[str], address: str, state: Path) -> None:
    """Be ``grok-agent`` in this process, and never return."""
    silence = os.open(os.devnull, os.O_RDWR)
    errors = os.open(state.parent / "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor, to in ((silence, 0), (silence, 1), (errors, 2)):
        os.dup2(descriptor, to)
    os.environ |= {"GROK_STATE_DIR": str(state), "GROK_CACHE_DIR": str(state.parent / "cache")}
    os.environ |= {"GROK_BASE_URL": address, "GROK_API_KEY": "key-of-the-crash-test"}
    code = 1
    try:
        app(arguments)
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException:  # noqa: BLE001 - the process ends here, whatever it was
        traceback.print_exc()
    finally:
        os._exit(code)


@contextmanager
def served(log: Path) -> Iterator[str]:
    """The gateway in a process of its own, which notes each request; yields its address."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with running(OfflineGateway(planner=_noting(log))) as address:
            os.write(writing, address.encode())
            os.close(writing)
            signal.pause()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        address = pipe.read().decode()
    try:
        yield address
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _noting(log: Path) -> Any:
    def answer(request: ChatRequest) -> Turn:
        with log.open("a") as file:
            file.write(json.dumps(len(request.messages)) + "\n")
        return plan(request)

    return answer


if __name__ == "__main__":
    sys.exit(main())
