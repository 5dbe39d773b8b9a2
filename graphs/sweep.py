"""The agent for what does not fit into one request: reads a repository shard by shard.

::

    plan -> steer -> ask (some at once) -> steer -> ask ... -> report

``steer`` stands before each wave of requests: it adds up what the run has taken, ends reading where
a budget is spent, and chooses what is asked next: shards first, then requests that join their
results in levels, until one is left. The choice follows from the state alone, so an interrupted run
goes on where it stopped.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import RLock
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Overwrite, Send

from grok_agent.errors import SettingsError
from grok_agent.gateway.ledger import Cost, Usage
from grok_agent.graphs.begin import begin
from grok_agent.graphs.display import DrawnLocally
from grok_agent.graphs.instructions import SWEEP_JOBS
from grok_agent.graphs.record import Listener, keys_of
from grok_agent.graphs.request import image_paths, task_of
from grok_agent.graphs.state import Budget, Outcome, RunInput, RunOutput, Stop, Update, ending
from grok_agent.graphs.sweep_ask import Asker, Tally
from grok_agent.graphs.sweep_pieces import Reader
from grok_agent.graphs.sweep_prepare import Prepared
from grok_agent.graphs.sweep_report import findings_of, how_it_ended, left_out, summary
from grok_agent.graphs.sweep_route import is_due
from grok_agent.graphs.sweep_state import Asked, Piece, Question, SweepState, Totals
from grok_agent.graphs.sweep_steer import hopeless, joining, shard_questions, spent, unread
from grok_agent.graphs.sweep_way import Way, planned
from grok_agent.tools.workspace import Workspace

RECURSION_LIMIT = 100_000
"""Steps of the graph: our own limits end a run long before, and kept answers are free."""


class Sweep:
    """The nodes of the graph: each takes the state and returns what changes in it."""

    def __init__(
        self,
        model: BaseChatModel,
        workspace: Workspace,
        job: str,
        way: Way,
        budget: Budget,
        record: Tally,
    ) -> None:
        if job not in SWEEP_JOBS:
            raise SettingsError(
                f"{job!r} is no job of a sweep.", next_step=f"Use one of: {', '.join(SWEEP_JOBS)}."
            )
        self.asker = Asker(model, job, budget, record)
        self.way = way
        self._workspace = workspace
        self._job = job
        self._budget = budget
        self._record = record
        self._model = str(getattr(model, "model_name", ""))
        self._lock = RLock()
        self._readers: dict[str, Reader] = {}
        self._left_at: dict[str, float] = {}

    def is_due(self, state: SweepState, config: RunnableConfig) -> bool:
        """Whether the run that begins now should be a sweep."""
        try:
            task, _ = begin(state, config)
        except SettingsError:  # there is no task; the first node says so
            return False
        return is_due(self.asker.frame(), self._workspace, self._job, self._budget, task)

    def plan(self, state: SweepState, config: RunnableConfig) -> Update:
        """Begin a run: find the task, plan the shards, say what they will take."""
        task, fresh = begin(state, config)
        said = [*state.get("messages", []), *fresh["messages"]]
        run_id = fresh["run_id"]
        self._record.send(
            run_id,
            "start",
            job=self._job,
            task=str(task.text),
            images=image_paths(task),
            workspace=str(self._workspace.root),
            budget=asdict(self._budget),
        )
        begun = {**fresh, "pieces": Overwrite([]), "wave": [], "cut": None, "most_tokens": 0}
        try:
            prepared = self._reader(run_id, said).prepared
        except SettingsError as error:
            return begun | {"cut": ending("over_budget", str(error), limit="input_tokens")}
        self._announce(run_id, prepared)
        return begun | {"most_tokens": prepared.frame.max_tokens}

    def steer(self, state: SweepState, config: RunnableConfig) -> Update:
        """Stand before each wave: add up, end what has to end, choose what is asked next."""
        if state["cut"] and not state["pieces"]:
            return {"wave": []}
        run_id = state["run_id"]
        prepared = self._reader(run_id, _said(state), state["most_tokens"]).prepared
        pieces = _pieces(state)
        totals = self._totals(state, pieces)
        self._record.set(run_id, totals.steps, totals.cost)
        cut = state["cut"]
        wave: list[Question] = []
        if cut is None and unread(prepared, pieces):
            cut = self._end_of_reading(prepared, pieces, totals)
            width = self._width(prepared, totals)
            carry = self.way.carries
            wave = [] if cut else shard_questions(prepared, pieces, width, carry=carry)
        if not wave and not spent(totals, self._budget) and not hopeless(pieces):
            wave = joining(prepared, pieces)[0][: self.way.at_once]
        self._left_at[run_id] = time.monotonic()
        return {
            "cut": cut,
            "wave": wave,
            "steps": totals.steps,
            "usage": asdict(totals.usage),
            "cost": asdict(totals.cost),
            "seconds": totals.seconds,
            "model": next((piece.model for piece in pieces if piece.model), ""),
        }

    def ask(self, asked: Asked, config: RunnableConfig) -> Update:
        """Ask one question; what goes wrong with it is in the piece."""
        began = time.monotonic()
        run_id, question = asked["run_id"], asked["question"]
        reader = self._reader(run_id, asked["said"], asked["most_tokens"])
        piece = reader.answer(question, asked["said"], run_id, config)
        self._tell(asked, piece, time.monotonic() - began)
        return {"pieces": [piece.to_dict()]}

    def report(self, state: SweepState, config: RunnableConfig) -> Update:
        """Make the outcome of what there is, however the sweep ended."""
        run_id, pieces = state["run_id"], _pieces(state)
        if not pieces and state["cut"]:
            return self._end(state, Outcome(**state["cut"], run_id=run_id))
        reader = self._reader(run_id, _said(state), state["most_tokens"])
        prepared = reader.prepared
        missing = left_out(prepared, pieces, state["cut"])
        outcome = Outcome(
            **how_it_ended(prepared, pieces, state["cut"]),
            summary=summary(prepared, pieces, missing, lists_findings=self._job == "review"),
            usage=Usage(**state["usage"]),
            cost=Cost(**state["cost"]),
            steps=state["steps"],
            seconds=round(state["seconds"], 3),
            run_id=run_id,
            model=state["model"],
            findings=[dict(each) for each in findings_of(prepared, pieces)],
            left_out=[{"path": each.path, "reason": each.reason} for each in missing],
        )
        if outcome.status == "done":
            reader.kept.forget()
        return self._end(state, outcome)

    def watched(self, node: Callable[[Any, RunnableConfig], Update]) -> Any:
        """The node, with its end by an exception recorded."""

        def step(state: Any, config: RunnableConfig) -> Update:
            try:
                return node(state, config)
            except GraphBubbleUp:
                raise
            except BaseException as error:
                said = f"The run broke off: {type(error).__name__}: {error}"
                self._record.notice(state, said)
                raise

        return step

    def _reader(
        self, run_id: str, said: Sequence[AnyMessage], most_tokens: int | None = None
    ) -> Reader:
        """The plan of this run; made anew, of the same size, where another process began it."""
        with self._lock:
            if run_id not in self._readers:
                frame = self.asker.frame(most_tokens)
                found = planned(self.way, frame, self._workspace, self._model, said)
                self._readers[run_id] = Reader(self.asker, *found)
            return self._readers[run_id]

    def _announce(self, run_id: str, prepared: Prepared) -> None:
        plan, took = prepared.plan, prepared.estimate(self.way.at_once)
        self._record.send(
            run_id,
            "plan",
            mode=self.way.mode,
            width=self.way.at_once,
            lead_tokens=plan.lead_tokens,
            shards=[{"files": [*each.files], "tokens": each.tokens} for each in plan.shards],
            left_out=[{"path": each.path, "reason": each.reason} for each in plan.left_out],
            estimate=took.to_dict(),
        )
        most = self._budget.max_usd
        if most is not None and took.usd is not None and took.usd > most:
            self._record.send(
                run_id,
                "notice",
                text=f"The whole sweep would cost about ${took.usd:.2f}; it ends at ${most:.2f}"
                " with what it has. Raise --max-usd for all of it.",
            )

    def _tell(self, asked: Asked, piece: Piece, seconds: float) -> None:
        question = asked["question"]
        self._record.send(
            asked["run_id"],
            "join" if question["level"] else "shard",
            level=question["level"],
            number=question["number"] + 1,
            of=question["of"],
            ok=piece.ok,
            reason=piece.stop["reason"] if piece.stop else "",
            findings=len(piece.findings),
            dropped=piece.dropped,
            kept=piece.kept,
            usd=piece.cost.usd,
            seconds=round(seconds, 3),
        )

    def _totals(self, state: SweepState, pieces: Sequence[Piece]) -> Totals:
        now = time.monotonic()
        return Totals(
            steps=sum(piece.steps for piece in pieces),
            usage=sum((piece.usage for piece in pieces), Usage()),
            cost=sum((piece.cost for piece in pieces), Cost()),
            seconds=state["seconds"] + now - self._left_at.pop(state["run_id"], now),
        )

    def _end_of_reading(
        self, prepared: Prepared, pieces: Sequence[Piece], totals: Totals
    ) -> Stop | None:
        """Why no further shard is read; enough is left to join what was read."""
        usd, steps = self._reserve(prepared)
        return hopeless(pieces) or spent(totals, self._budget, usd=usd, steps=steps)

    def _width(self, prepared: Prepared, totals: Totals) -> int:
        """How many shards may be read at once without running past the budget by more than one."""
        usd, steps = self._reserve(prepared)
        width = min(self.way.at_once, self._budget.max_steps - steps - totals.steps)
        most, one = self._budget.max_usd, prepared.shard_usd()
        if most is not None and totals.cost.usd is not None and one:
            width = min(width, int((most - usd - totals.cost.usd) / one))
        return max(width, 1)

    def _reserve(self, prepared: Prepared) -> tuple[float, int]:
        """Dollars and requests of the budget that are kept for joining results."""
        budget = self._budget
        usd = min(prepared.join_usd(), budget.max_usd / 2) if budget.max_usd is not None else 0.0
        return usd, min(prepared.joins(), budget.max_steps // 2)

    def _end(self, state: SweepState, outcome: Outcome) -> Update:
        run_id = state["run_id"]
        self._record.send(run_id, "end", outcome=outcome.to_dict())
        with self._lock:
            self._readers.pop(run_id, None)
            self._left_at.pop(run_id, None)
        self._record.forget(run_id)
        said = [AIMessage(outcome.summary)] if outcome.summary else []
        return {"outcome": outcome.to_dict(), "messages": said, "pieces": Overwrite([])}


def lead_to_sweep(sweep: Sweep, graph: StateGraph[Any, Any, Any, Any], *, always: bool) -> int:
    """Add ``sweep`` to ``graph``, and lead there from the start ``always`` or when it is due.

    Otherwise the first node is ``survey``. Returns how many steps the sweep may take.
    """
    _add_nodes(sweep, graph)

    def first(state: SweepState, config: RunnableConfig) -> str:
        return "plan" if always or sweep.is_due(state, config) else "survey"

    graph.add_conditional_edges(START, first, ["plan", "survey"])
    return RECURSION_LIMIT


def _add_nodes(sweep: Sweep, graph: StateGraph[Any, Any, Any, Any]) -> None:
    graph.add_node("plan", sweep.watched(sweep.plan))
    graph.add_node("steer", sweep.watched(sweep.steer))
    graph.add_node("ask", sweep.watched(sweep.ask), input_schema=Asked)
    graph.add_node("report", sweep.watched(sweep.report))
    graph.add_edge("plan", "steer")
    graph.add_conditional_edges("steer", _next, ["ask", "report"])
    graph.add_edge("ask", "steer")
    graph.add_edge("report", END)


def sweep_agent(
    model: BaseChatModel,
    workspace: Workspace,
    *,
    job: str = "review",
    way: Way | None = None,
    budget: Budget | None = None,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    journal_dir: Path | str | None = None,
    on_event: Listener | None = None,
) -> CompiledStateGraph[SweepState, None, RunInput, RunOutput]:
    """An agent that reads all of ``workspace``, whatever its size, as a compiled LangGraph graph.

    Input and output are those of :func:`grok_agent.graphs.repository.repository_agent`, and so are
    ``journal_dir`` and ``on_event``; nothing is changed, and no command is run. The outcome has
    ``findings``, each with a line that stands in its file, and ``left_out``: every file that no
    answer is about. All requests of a run carry one conversation id and begin with the same bytes.

    A run that was interrupted goes on with a ``checkpointer``. With ``way.kept_dir`` what was read
    before a run was killed or ended early is not paid for twice when the same task is given again.

    Raises :class:`SettingsError` for an unknown job, and when the graph is run without a task; the
    caller mends it.
    """
    budget = budget or Budget()
    record = Tally(journal_dir, keys_of(model), on_event)
    graph = StateGraph(SweepState, input_schema=RunInput, output_schema=RunOutput)
    _add_nodes(Sweep(model, workspace, job, way or Way(), budget, record), graph)
    graph.add_edge(START, "plan")
    compiled = graph.compile(checkpointer=checkpointer, name="sweep_agent")
    compiled.__class__ = DrawnLocally  # ``compile`` names its own class
    return compiled.with_config(recursion_limit=RECURSION_LIMIT)


def _next(state: SweepState) -> list[Send] | str:
    asked = (
        Asked(
            run_id=state["run_id"],
            most_tokens=state["most_tokens"],
            said=_said(state),
            question=question,
        )
        for question in state["wave"]
    )
    return [Send("ask", each) for each in asked] or "report"


def _said(state: SweepState) -> list[AnyMessage]:
    """What was said up to the task."""
    messages = state["messages"]
    return messages[: messages.index(task_of(state)) + 1]


def _pieces(state: SweepState) -> list[Piece]:
    return [Piece.from_dict(each) for each in state["pieces"]]
