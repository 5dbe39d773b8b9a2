"""Runs of the repository verbs: begun, gone on with where they stopped, and forked."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from shutil import rmtree
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from grok_agent import console
from grok_agent.chat_model import ChatGrokBuild
from grok_agent.checkpoints import FileSaver
from grok_agent.commands.interrupts import Interrupts
from grok_agent.commands.sweep import KEPT_FOLDER
from grok_agent.errors import SettingsError
from grok_agent.folders import RUNS_FOLDER, UNDOS_FOLDER
from grok_agent.graphs.begin import begin
from grok_agent.graphs.once import go_on
from grok_agent.graphs.repository import repository_agent
from grok_agent.graphs.state import LoopState, Outcome
from grok_agent.graphs.steering import Steering
from grok_agent.graphs.sweep_options import SweepOptions
from grok_agent.journal import Journal, new_run_id, read_journal, run_folder, stamp
from grok_agent.run_lock import locked
from grok_agent.running import INTERRUPTED, budget_of, finish_run, may_go_on
from grok_agent.settings import Settings
from grok_agent.started import Started
from grok_agent.tools.undo import carry_out, plan_undo
from grok_agent.tools.workspace import Workspace

OUTPUTS_FOLDER = "outputs"

Graph = CompiledStateGraph[Any, Any, Any, Any]
Given = dict[str, Any] | None
"""What the graph is called with; None goes on with the state that it has."""


def begin_run(
    started: Started,
    model: Callable[[], ChatGrokBuild],
    settings: Settings,
    *,
    as_json: bool,
    as_jsonl: bool,
) -> None:
    """Run a new task and leave with its exit code."""
    workspace = _workspace(started, settings)
    if started.job != "script" and not any(p.name != ".git" for p in workspace.root.iterdir()):
        raise SettingsError(
            f"{started.repo} is an empty folder: there is nothing to {started.job}.",
            next_step="Name another folder with --repo.",
        )

    def given(graph: Graph, show: console.Reporter) -> Given:
        return {"task": started.task}

    _run(started, workspace, model, settings, given, as_json=as_json, as_jsonl=as_jsonl)


def resume_run(
    started: Started,
    model: Callable[[], ChatGrokBuild],
    settings: Settings,
    *,
    as_json: bool,
    as_jsonl: bool,
) -> None:
    """Go on with a run where it stopped, and leave with its exit code.

    Raises :class:`SettingsError` for a run that has nothing left to do, that another process goes
    on with, or whose state another version wrote.
    """
    folder = _folder(started.run, settings)
    workspace = _workspace(started, settings)

    def given(graph: Graph, show: console.Reporter) -> Given:
        first = _to_go_on(graph, started, _was_swept(folder))
        go_on(workspace, folder)
        event = stamp({"event": "resume", "budget": asdict(budget_of(settings))}, started.run)
        Journal(folder).append(event)
        show.event(event)
        return first

    _run(started, workspace, model, settings, given, as_json=as_json, as_jsonl=as_jsonl)


def fork_run(
    origin: Started,
    step: int,
    words: str,
    model: Callable[[], ChatGrokBuild],
    settings: Settings,
    *,
    restore: bool,
    as_json: bool,
    as_jsonl: bool,
) -> None:
    """Begin a run with the state that ``origin`` had after ``step``, and with more ``words``.

    ``restore`` puts the files back to what they were then. Leaves with the exit code. Raises
    :class:`SettingsError` for a step that the run did not finish, and for files that cannot be put
    back without destroying what somebody else did.
    """
    started = replace(origin, run=new_run_id(), forked_from=origin.run)
    workspace = _workspace(started, settings)
    before = _folder(origin.run, settings)
    if restore:
        _restore(before, step, settings, started.run)
    else:
        print("The files are as they are now, not as they were at that step.", file=sys.stderr)

    def given(graph: Graph, show: console.Reporter) -> Given:
        values = dict(_state_after(graph, origin.run, step).values)
        said = [HumanMessage(words)] if words else []
        values |= {"run_id": started.run, "stop": None, "outcome": {}}
        values["messages"] = [*values["messages"], *said]
        is_answer = isinstance(values["messages"][-1], AIMessage)
        graph.update_state(
            _config(started.run), values, as_node="call_model" if is_answer else "run_tools"
        )
        go_on(workspace, before)
        _tell_fork(started, step, words, settings, show)
        return None

    _run(started, workspace, model, settings, given, as_json=as_json, as_jsonl=as_jsonl)


def _tell_fork(
    started: Started, step: int, words: str, settings: Settings, show: console.Reporter
) -> None:
    facts = {
        "job": started.job,
        "task": words or started.task,
        "images": [],
        "workspace": started.repo,
        "budget": asdict(budget_of(settings)),
        "forked_from": started.forked_from,
        "at_step": step,
    }
    event = stamp({"event": "start", **facts}, started.run)
    Journal(_folder(started.run, settings)).append(event)
    show.event(event)


def _run(
    started: Started,
    workspace: Workspace,
    model: Callable[[], ChatGrokBuild],
    settings: Settings,
    given: Callable[[Graph, console.Reporter], Given],
    *,
    as_json: bool,
    as_jsonl: bool,
) -> None:
    runs = settings.state_dir / RUNS_FOLDER
    steering = Steering()
    show = console.reporter(as_json=as_json, as_jsonl=as_jsonl, say=steering.say)
    interrupts = Interrupts(INTERRUPTED, show.event)

    def tell(problem: OSError) -> None:
        text = f"The run's state cannot be written: {problem}. It goes on, and cannot be resumed."
        show.event(stamp({"event": "notice", "text": text}, started.run))

    sweep, folder = started.sweep, run_folder(runs, started.run)
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder))
            started.write(folder)
        except OSError as error:  # where nothing can be written, nobody can go on with it either
            tell(error)
        stack.callback(_clear_away, folder / OUTPUTS_FOLDER)
        graph = repository_agent(
            model(),
            workspace,
            job=started.job,
            budget=budget_of(settings),
            check=started.check,
            sweep="auto" if sweep is None else "always" if sweep else "never",
            sweep_options=SweepOptions(kept_dir=settings.state_dir / KEPT_FOLDER),
            checkpointer=FileSaver(runs, tell),
            journal_dir=runs,
            steering=steering,
            on_event=interrupts.event,
        )
        first = given(graph, show)
        stack.enter_context(interrupts)
        finish_run(
            graph, first, show, settings, run_id=started.run, as_json=as_json, as_jsonl=as_jsonl
        )


def _workspace(started: Started, settings: Settings) -> Workspace:
    return Workspace(
        started.repo,
        permission=started.permission,  # type: ignore[arg-type]  # the workspace checks it
        rules=started.guarding.rules(),
        limits=started.guarding.limits(),
        scratch=_folder(started.run, settings) / OUTPUTS_FOLDER,
    )


def _clear_away(outputs: Path) -> None:
    """Remove what commands had as home and for temporary files; large outputs stay."""
    for each in outputs.glob("*"):
        if each.is_dir():
            rmtree(each, ignore_errors=True)


def _to_go_on(graph: Graph, started: Started, was_swept: bool) -> Given:
    """What takes the graph up where it stopped; its state is made ready for that."""
    config = _config(started.run)
    snapshot = graph.get_state(config)
    if "run_id" not in snapshot.values:  # it was killed before its first step had ended
        return {"task": started.task}
    _require_known(snapshot, started.run)
    if not snapshot.values["outcome"]:
        return None
    outcome = Outcome.from_dict(snapshot.values["outcome"])
    if not may_go_on(outcome):
        raise SettingsError(
            f"The run {started.run} has ended: {outcome.status}. {outcome.reason}".rstrip(),
            next_step="Go on from one of its steps with other words: grok-agent fork"
            f" {started.run} --at {outcome.steps} 'WORDS'",
        )
    if was_swept:  # shards that were answered are kept, and not asked for again
        return {"task": started.task}
    ready: dict[str, Any] = {"stop": None, "outcome": {}, "incomplete": 0, "repairs": 0}
    graph.update_state(config, ready, as_node="run_tools")
    return None


def _require_known(snapshot: StateSnapshot, run: str) -> None:
    _, fresh = begin(LoopState(task="any"), {})
    if missing := fresh.keys() - snapshot.values.keys():
        raise SettingsError(
            f"The run {run} was begun by an older version of grok-agent: its state has no"
            f" {', '.join(sorted(missing))}.",
            next_step="Go on with that version, or start the task again.",
        )


def _state_after(graph: Graph, run: str, step: int) -> StateSnapshot:
    """The newest state after ``step`` whose tool calls all have their results."""
    newest = 0
    for snapshot in graph.get_state_history(_config(run)):
        steps = snapshot.values.get("steps", -1)
        newest = max(newest, steps)
        if steps == step and "run_tools" not in snapshot.next:
            _require_known(snapshot, run)
            return snapshot
    raise SettingsError(
        f"The run {run} has no finished step {step}.",
        next_step=f"Choose a step from 0 to {newest}." if newest else "Start the task again.",
    )


def _restore(folder: Path, step: int, settings: Settings, run: str) -> None:
    """Put the files back to what they were after ``step`` of the run in ``folder``."""
    try:
        plan = plan_undo(folder, step)
    except OSError:
        return  # it has changed nothing
    if doubtful := [*plan.doubtful, *plan.hindered]:
        raise SettingsError(
            f"{doubtful[0].path}: {doubtful[0].doubt or doubtful[0].hindrance}.",
            next_step=f"Look at it with: grok-agent undo {folder.name} --to {step} --dry-run",
        )
    try:
        for _ in carry_out(plan, settings.state_dir / UNDOS_FOLDER / run):
            pass
    except OSError as error:
        raise SettingsError(
            f"Putting the files back stopped half-way: {error}.",
            next_step=f"Mend that and call it again, or go back: grok-agent undo {run}",
        ) from error


def _was_swept(folder: Path) -> bool:
    try:
        return any(event["event"] == "plan" for event in read_journal(folder))
    except OSError:
        return False


def _folder(run: str, settings: Settings) -> Path:
    return run_folder(settings.state_dir / RUNS_FOLDER, run)


def _config(run: str) -> Any:
    return {"configurable": {"thread_id": run}}
