"""The agent for repositories: refactor, write tests, review, write scripts, answer questions.

::

    survey -> guard -> call_model -> run_tools -> guard -> call_model ... -> verify -> finish

The loop is in :mod:`grok_agent.graphs.loop`. This file says what the agent is told, what it looks
at first (:meth:`RepositoryWork.survey`), when its work is good (:meth:`RepositoryWork.verify`) and
what comes out (:meth:`RepositoryWork.results`). A review or a question about more than one request
can hold goes another way: :mod:`grok_agent.graphs.sweep`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph

from grok_agent.context.history import HistoryLimits
from grok_agent.errors import SettingsError, ToolError
from grok_agent.graphs.explore import Explore
from grok_agent.graphs.instructions import SWEEP_JOBS, repository_system
from grok_agent.graphs.job_proofs import shown_by
from grok_agent.graphs.loop import build
from grok_agent.graphs.record import Listener, keys_of
from grok_agent.graphs.review_report import report_findings_tool, reported
from grok_agent.graphs.state import Budget, CheckResult, LoopState, RunInput, RunOutput
from grok_agent.graphs.steering import Steering
from grok_agent.graphs.survey import printable, survey
from grok_agent.graphs.sweep import lead_to_sweep
from grok_agent.graphs.sweep_nodes import Sweep
from grok_agent.graphs.sweep_options import SweepOptions
from grok_agent.graphs.sweep_record import Tally
from grok_agent.graphs.sweep_state import SweepState
from grok_agent.graphs.work import FirstLook, Notice, Verdict
from grok_agent.tools import repository_tools
from grok_agent.tools.run import run_command
from grok_agent.tools.workspace import Workspace

Job = Literal["refactor", "tests", "review", "script", "ask"]
SweepWhen = Literal["auto", "never", "always"]

CHECKED_ALWAYS: frozenset[str] = frozenset({"tests"})
"""Jobs whose check runs even when no file changed."""

CHECKED_BEFORE: frozenset[str] = frozenset({"refactor"})
"""Jobs whose check runs before the work too: what fails then was not broken by it."""

CHECK_DEADLINE_S = 600.0
MAX_BEFORE_CHARS = 2_000


def repository_agent(
    model: BaseChatModel,
    workspace: Workspace,
    *,
    job: Job = "refactor",
    budget: Budget | None = None,
    history: HistoryLimits | None = None,
    steering: Steering | None = None,
    check: str | None = None,
    sweep: SweepWhen = "auto",
    sweep_options: SweepOptions | None = None,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    journal_dir: Path | str | None = None,
    on_event: Listener | None = None,
) -> CompiledStateGraph[LoopState, None, RunInput, RunOutput]:
    """An agent that works in ``workspace``, as a compiled LangGraph graph.

    Input is ``{"task": "..."}`` or ``{"messages": [...]}``, whose last human message is the task.
    Output has ``messages`` and ``outcome`` (:meth:`Outcome.from_dict`). ``check`` is a command that
    must succeed before changed work counts as done; it runs without being asked for. With a
    ``checkpointer`` (also a parent graph's) the graph interrupts itself to ask for leave, see
    :func:`grok_agent.graphs.leave.missing_leaves`. ``journal_dir`` gets a folder for each run.

    The jobs ``review`` and ``ask`` may read the whole repository shard by shard instead of looking
    around in it, see :func:`grok_agent.graphs.sweep.sweep_agent`; ``sweep_options`` say how.
    ``sweep`` is ``"always"``, ``"never"``, or ``"auto"``: when the repository does not fit into one
    request, the task points at no file of it and, for ``ask``, the budget allows for all of it.

    ``history`` says when old turns leave the request; what stays of them is told in
    :mod:`grok_agent.context.history`.

    What is said to ``steering`` while a run goes on, the model reads with its next request.

    ``on_event`` hears the events of :mod:`grok_agent.journal`. LangGraph runs the steps of a custom
    or message stream on a thread of its own, where Ctrl-C waits for the step to end; a program that
    follows by ``on_event`` and streams ``values`` is interrupted at once.

    How a run ends is a value in the outcome. Raises :class:`SettingsError` for an unknown job or
    ``sweep``, for a sweep of another job, and when the graph is run without a task; the caller
    mends it.
    """
    if job not in get_args(Job) or sweep not in get_args(SweepWhen):
        raise SettingsError(
            f"{job!r} is no job, or {sweep!r} is not known of a sweep.",
            next_step=f"Use one of: {', '.join(get_args(Job))}; {', '.join(get_args(SweepWhen))}.",
        )
    budget = budget or Budget()
    schema: type[LoopState] = LoopState
    detour = None
    if sweep == "always" or (sweep == "auto" and job in SWEEP_JOBS):
        record = Tally(journal_dir, keys_of(model), on_event, workspace.secrets)
        swept = Sweep(model, workspace, job, sweep_options or SweepOptions(), budget, record)
        schema, detour = SweepState, partial(lead_to_sweep, swept, always=sweep == "always")
    explore = Explore(workspace=workspace, model=model)
    return build(
        model,
        RepositoryWork(workspace, job, check, [*_offered(workspace, job), explore]),
        name="repository_agent",
        budget=budget,
        history=history,
        steering=steering,
        checkpointer=checkpointer,
        journal_dir=journal_dir,
        on_event=on_event,
        schema=schema,
        detour=detour,
    )


def _offered(workspace: Workspace, job: Job) -> list[BaseTool]:
    tools = repository_tools(workspace)
    return [*tools, report_findings_tool(workspace)] if job == "review" else tools


@dataclass(frozen=True)
class RepositoryWork:
    """One job in one workspace, as the loop sees it."""

    workspace: Workspace
    job: Job
    check: str | None
    offered: Sequence[BaseTool]
    second_chances: int = 2
    model_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def system(self) -> str:
        """Who the agent is and how it works."""
        return repository_system(self.job)

    def tools(self, images: Sequence[str]) -> Sequence[BaseTool]:
        """The repository tools that the workspace's permission offers."""
        return self.offered

    def survey(self, task: str, images: Sequence[str]) -> FirstLook:
        """The first look at the repository, and at the check before a refactoring."""
        text = survey(self.workspace, self.check, task)
        if self.check is None or self.job not in CHECKED_BEFORE:
            return FirstLook(text)
        before, _ = self._run(self.check)
        if before.passed:
            return FirstLook(text, {"check_before": before.exit_code})
        note = (
            "The check command fails before any change"
            f" ({_ending(before)}):\n{printable(before.output[-MAX_BEFORE_CHARS:])}"
        )
        return FirstLook(f"{text}\n{note}", {"check_before": before.exit_code})

    def is_settled(self, state: LoopState) -> bool:
        """Never: the model says when it is done."""
        return False

    def verify(self, state: LoopState) -> Verdict:
        """Run the check command, if there is one and anything to check; then see what the job must
        show of itself."""
        checked = self._checked()
        if checked.problem:
            return checked
        shown = shown_by(self.job, self.workspace, state)
        return replace(checked, problem=shown.problem, reason=shown.reason, facts=dict(shown.facts))

    def results(self, state: LoopState, notice: Notice) -> Mapping[str, Any]:
        """The diff, the files that it touches, and the findings of a review."""
        findings = reported(state["messages"][state["turns_from"] :]) if self.reviews else None
        try:
            return {
                "diff": self.workspace.diff(),
                "changed_files": self.workspace.changed_files(),
                "findings": [dict(each) for each in findings or []],
            }
        except (ToolError, OSError) as error:
            notice(f"What changed cannot be told: {error}")
            return {}

    @property
    def reviews(self) -> bool:
        """Whether findings are what the job is about."""
        return self.job == "review"

    def _checked(self) -> Verdict:
        if self.check is None or not self._has_to_be_checked():
            return Verdict()
        result, seconds = self._run(self.check)
        if result.passed:
            return Verdict(check=result, seconds=seconds)
        return Verdict(
            problem=f"The check failed ({_ending(result)}): {self.check}\n\n{result.output}\n\n"
            "Find the cause, correct it and say when you are done.",
            reason=f"The check command failed ({_ending(result)}): {self.check}",
            check=result,
            seconds=seconds,
        )

    def _has_to_be_checked(self) -> bool:
        return self.job in CHECKED_ALWAYS or bool(self.workspace.changed_files())

    def _run(self, command: str) -> tuple[CheckResult, float]:
        try:
            ran = run_command(self.workspace, command, CHECK_DEADLINE_S)
        except ToolError as error:
            return CheckResult(command, None, str(error)), 0.0
        return CheckResult(command, ran.exit_code, ran.output), ran.seconds


def _ending(result: CheckResult) -> str:
    return "killed" if result.exit_code is None else f"exit {result.exit_code}"
