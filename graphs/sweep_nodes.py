"""The nodes of a sweep: plan, steer, ask, report."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from threading import RLock
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.types import Overwrite

from grok_agent.errors import SettingsError
from grok_agent.gateway.ledger import Cost, Usage
from grok_agent.graphs.begin import begin
from grok_agent.graphs.instructions import SWEEP_JOBS
from grok_agent.graphs.request import image_paths, task_of
from grok_agent.graphs.state import Budget, Outcome, Stop, Update, ending
from grok_agent.graphs.sweep_ask import Asker
from grok_agent.graphs.sweep_options import SweepOptions
from grok_agent.graphs.sweep_pieces import Reader
from grok_agent.graphs.sweep_prepare import Prepared, planned
from grok_agent.graphs.sweep_progress import Progress
from grok_agent.graphs.sweep_record import Tally
from grok_agent.graphs.sweep_report import findings_of, how_it_ended, left_out, summary
from grok_agent.graphs.sweep_route import is_due
from grok_agent.graphs.sweep_state import Asked, Piece, Question, SweepState, Totals
from grok_agent.graphs.sweep_steer import hopeless, joining, shard_questions, spent
from grok_agent.tools.workspace import Workspace

MAX_PLANS = 32
"""Plans that are kept in memory; any can be made again."""


class Sweep:
    """The nodes of the graph: each takes the state and returns what changes in it."""

    def __init__(
        self,
        model: BaseChatModel,
        workspace: Workspace,
        job: str,
        options: SweepOptions,
        budget: Budget,
        record: Tally,
    ) -> None:
        if job not in SWEEP_JOBS:
            raise SettingsError(
                f"{job!r} is no job of a sweep.", next_step=f"Use one of: {', '.join(SWEEP_JOBS)}."
            )
        self._asker = Asker(model, job, budget, record)
        self._options = options
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
        return is_due(self._asker.frame(), self._workspace, self._job, self._budget, task)

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
        self._record.planned(run_id, prepared, self._options, self._budget)
        return begun | {"most_tokens": prepared.frame.max_tokens}

    def steer(self, state: SweepState, config: RunnableConfig) -> Update:
        """Stand before each wave: add up, end what has to end, choose what is asked next."""
        if not state["most_tokens"]:  # there is no plan
            return {"wave": []}
        run_id = state["run_id"]
        progress = self._progress(state)
        totals = self._totals(state, progress.pieces)
        self._record.set(run_id, totals.steps, totals.cost)
        cut, wave = self._next(state["cut"], progress, totals)
        self._left_at[run_id] = time.monotonic()
        return {
            "cut": cut,
            "wave": wave,
            "steps": totals.steps,
            "usage": asdict(totals.usage),
            "cost": asdict(totals.cost),
            "seconds": totals.seconds,
            "model": next((piece.model for piece in progress.pieces if piece.model), ""),
        }

    def ask(self, asked: Asked, config: RunnableConfig) -> Update:
        """Ask one question; what goes wrong with it is in the piece."""
        began = time.monotonic()
        run_id, question = asked["run_id"], asked["question"]
        reader = self._reader(run_id, asked["said"], asked["most_tokens"])
        piece = reader.answer(question, asked["said"], run_id, config)
        self._record.answered(run_id, question, piece, time.monotonic() - began)
        return {"pieces": [piece.to_dict()]}

    def report(self, state: SweepState, config: RunnableConfig) -> Update:
        """Make the outcome of what there is, however the sweep ended."""
        run_id, cut = state["run_id"], state["cut"]
        if not state["most_tokens"]:
            assert cut  # there is no plan, and this is why
            return self._end(run_id, Outcome(**cut, run_id=run_id))
        progress = self._progress(state)
        missing = left_out(progress, cut)
        outcome = Outcome(
            **how_it_ended(progress, cut),
            summary=summary(progress, missing, lists_findings=self._job == "review"),
            usage=Usage(**state["usage"]),
            cost=Cost(**state["cost"]),
            steps=state["steps"],
            seconds=round(state["seconds"], 3),
            run_id=run_id,
            model=state["model"],
            findings=[dict(each) for each in findings_of(progress)],
            left_out=[{"path": each.path, "reason": each.reason} for each in missing],
        )
        if outcome.status == "done":
            self._reader(run_id, said_in(state), state["most_tokens"]).kept.forget()
        return self._end(run_id, outcome)

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
                frame = self._asker.frame(most_tokens)
                found = planned(self._options, frame, self._workspace, self._model, said)
                self._readers[run_id] = Reader(self._asker, *found)
            while len(self._readers) > MAX_PLANS:
                del self._readers[next(iter(self._readers))]
            return self._readers[run_id]

    def _progress(self, state: SweepState) -> Progress:
        reader = self._reader(state["run_id"], said_in(state), state["most_tokens"])
        return Progress(reader.prepared, [Piece.from_dict(each) for each in state["pieces"]])

    def _totals(self, state: SweepState, pieces: Sequence[Piece]) -> Totals:
        now = time.monotonic()
        return Totals(
            steps=sum(piece.steps for piece in pieces),
            usage=sum((piece.usage for piece in pieces), Usage()),
            cost=sum((piece.cost for piece in pieces), Cost()),
            seconds=state["seconds"] + now - self._left_at.pop(state["run_id"], now),
            steps_left=state["remaining_steps"],
        )

    def _next(
        self, cut: Stop | None, progress: Progress, totals: Totals
    ) -> tuple[Stop | None, list[Question]]:
        """Why reading ends before the last shard, if it does, and what is asked next."""
        end = hopeless(progress.pieces)
        if cut is None and progress.unread:
            usd, steps = self._reserve(progress.prepared)
            cut = end or spent(totals, self._budget, usd=usd, steps=steps)
            if cut is None:
                width = self._width(progress.prepared, totals)
                return None, shard_questions(progress, width, carry=self._options.carries)
        if end or spent(totals, self._budget):
            return cut, []
        return cut, joining(progress)[0][: self._options.at_once]

    def _width(self, prepared: Prepared, totals: Totals) -> int:
        """How many shards may be read at once without running past the budget by more than one."""
        usd, steps = self._reserve(prepared)
        width = min(self._options.at_once, self._budget.max_steps - steps - totals.steps)
        most, one = self._budget.max_usd, prepared.shard_usd()
        if most is not None and totals.cost.usd is not None and one:
            width = min(width, int((most - usd - totals.cost.usd) / one))
        return max(width, 1)

    def _reserve(self, prepared: Prepared) -> tuple[float, int]:
        """Dollars and requests of the budget that are kept for joining results."""
        budget = self._budget
        usd = min(prepared.join_usd(), budget.max_usd / 2) if budget.max_usd is not None else 0.0
        return usd, min(prepared.joins(), budget.max_steps // 2)

    def _end(self, run_id: str, outcome: Outcome) -> Update:
        self._record.send(run_id, "end", outcome=outcome.to_dict())
        self._record.forget(run_id)
        with self._lock:
            self._readers.pop(run_id, None)
            self._left_at.pop(run_id, None)
        said = [AIMessage(outcome.summary)] if outcome.summary else []
        return {"outcome": outcome.to_dict(), "messages": said, "pieces": Overwrite([])}


def said_in(state: SweepState) -> list[AnyMessage]:
    """What was said up to the task."""
    messages = state["messages"]
    return messages[: messages.index(task_of(state)) + 1]
