"""The runs of the past, as their journals tell them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grok_agent.console import printable
from grok_agent.errors import SettingsError
from grok_agent.graphs.state import Outcome
from grok_agent.journal import FILE_NAME, read_journal
from grok_agent.run_lock import is_locked
from grok_agent.running import may_go_on
from grok_agent.started import FILE_NAME as STARTED_FILE

LAST = "last"
SECONDS = len("20261122-183012")
MAX_TASK_CHARS = 70


@dataclass(frozen=True)
class Run:
    """One run. ``at`` is when it began (UTC, ISO 8601); ``status`` that of its outcome, or
    ``running``, or ``interrupted``; ``usd`` is None when unknown, and what the embedded gateway
    would have cost at list price when ``offline``."""

    id: str
    at: str
    job: str
    task: str
    status: str
    resumable: bool
    steps: int
    usd: float | None
    offline: bool
    repository: str

    def to_dict(self) -> dict[str, Any]:
        """As plain types."""
        return asdict(self)


def all_runs(folder: Path) -> list[Run]:
    """The runs below ``folder``, the newest first; what has no journal is no run."""
    found = [run for each in folder.glob(f"*/{FILE_NAME}") if (run := _read(each.parent))]
    return sorted(found, key=lambda run: run.at, reverse=True)


def find_run(folder: Path, name: str) -> str:
    """The id that begins with ``name``; ``last`` is the newest run of a repository verb.

    Raises :class:`SettingsError` when there is none, or more than one.
    """
    files = [*folder.glob(f"*/{STARTED_FILE}")]
    ids = sorted(file.parent.name for file in files)
    if name == LAST and ids:
        # Ids tell seconds; of the same second the one that was written last.
        newest = max(files, key=lambda file: (file.parent.name[:SECONDS], file.stat().st_mtime_ns))
        return newest.parent.name
    found = [each for each in ids if each == name] or [e for e in ids if e.startswith(name)]
    if name and len(found) == 1:
        return found[0]
    what = f"There is no run {name}." if not found else f"{len(found)} runs begin with {name}."
    raise SettingsError(what, next_step="List them with: grok-agent runs")


def print_runs(runs: Sequence[Run]) -> None:
    """Two lines for each run on standard output."""
    if not runs:
        print("No runs yet. Begin one: grok-agent ask --repo . 'what is this repository'")
        return
    for each in runs:
        usd = "cost unknown" if each.usd is None else f"${each.usd:.4f}"
        usd = "nothing billed" if each.offline else usd
        may = ", can be resumed" if each.resumable else ""
        task = " ".join(each.task.split())
        short = task if len(task) <= MAX_TASK_CHARS else f"{task[: MAX_TASK_CHARS - 1]}…"
        began = each.at[:16].replace("T", " ")
        print(printable(f"{each.id}  {began}  {each.status}{may}; {each.steps} steps, {usd}"))
        print(printable(f"    {each.job}: {short}  ({each.repository})"))


def _read(folder: Path) -> Run | None:
    try:
        events = read_journal(folder, whole=False)
    except OSError:
        return None
    start = next((event for event in events if event["event"] == "start"), None)
    return _run(folder, start, events) if start else None


def _run(folder: Path, start: Mapping[str, Any], events: list[dict[str, Any]]) -> Run:
    own = [event for event in events if not event.get("agent")]
    asked = [event for event in own if event["event"] == "model"]
    status, may = _status(folder, events[-1])
    known = (folder / STARTED_FILE).exists()
    return Run(
        id=folder.name,
        at=str(start["at"]),
        job=str(start["job"]),
        task=str(start["task"]),
        status=status,
        resumable=may and known,
        steps=max((int(event["step"]) for event in asked), default=0),
        usd=asked[-1]["total_usd"] if asked else 0.0,
        offline=any(event["cost"]["basis"] == "offline" for event in asked),
        repository=str(start["workspace"]),
    )


def _status(folder: Path, last: Mapping[str, Any]) -> tuple[str, bool]:
    if is_locked(folder):
        return "running", False
    if last["event"] != "end":
        return "interrupted", True
    outcome = Outcome.from_dict(last["outcome"])
    return outcome.status, may_go_on(outcome)
