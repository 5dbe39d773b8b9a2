"""Says what happens in a sweep, and adds up what parallel requests have made it cost."""

from collections import defaultdict
from dataclasses import asdict
from threading import Lock
from typing import Any, cast

from langchain_core.messages import AIMessage

from grok_agent.gateway.ledger import Cost
from grok_agent.graphs.record import Recorder
from grok_agent.graphs.state import Budget, LoopState
from grok_agent.graphs.sweep_options import SweepOptions
from grok_agent.graphs.sweep_prepare import Prepared
from grok_agent.graphs.sweep_state import Piece, Question


class Tally(Recorder):
    """A recorder whose steps and totals are those of a run, not of one of its questions.

    Safe under threads. Its further events are documented in :mod:`grok_agent.journal`.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._lock = Lock()
        self._steps: dict[str, int] = defaultdict(int)
        self._costs: dict[str, Cost] = defaultdict(Cost)

    def set(self, run_id: str, steps: int, cost: Cost) -> None:
        """What the run has cost for sure, as its state knows it."""
        with self._lock:
            self._steps[run_id], self._costs[run_id] = steps, cost

    def cost(self, run_id: str) -> Cost:
        """What the run has cost until now, answers included that its state does not know yet."""
        return self._costs[run_id]

    def forget(self, run_id: str) -> None:
        """The run is over."""
        with self._lock:
            self._steps.pop(run_id, None)
            self._costs.pop(run_id, None)

    def answer(
        self,
        state: LoopState,
        answer: AIMessage,
        cost: Cost,
        seconds: float,
        *,
        again: bool = False,
    ) -> None:
        """The model answered one of the run's questions."""
        run_id = state["run_id"]
        with self._lock:
            self._steps[run_id] += 1
            self._costs[run_id] += cost
            total = {"steps": self._steps[run_id], "cost": asdict(self._costs[run_id])}
        now = cast(LoopState, {**state, **total})
        super().answer(now, answer, cost, seconds, again=again)

    def planned(
        self, run_id: str, prepared: Prepared, options: SweepOptions, budget: Budget
    ) -> None:
        """The shards are known; nothing was sent yet."""
        plan, took = prepared.plan, prepared.estimate(options.at_once)
        self.send(
            run_id,
            "plan",
            mode=options.mode,
            width=options.at_once,
            lead_tokens=plan.lead_tokens,
            shards=[{"files": [*each.files], "tokens": each.tokens} for each in plan.shards],
            left_out=[{"path": each.path, "reason": each.reason} for each in plan.left_out],
            estimate=took.to_dict(),
        )
        most = budget.max_usd
        if most is not None and took.usd is not None and took.usd > most:
            text = (
                f"The whole sweep would cost about ${took.usd:.2f}; it ends at ${most:.2f} with"
                " what it has. Raise --max-usd for all of it."
            )
            self.send(run_id, "notice", text=text)

    def answered(self, run_id: str, question: Question, piece: Piece, seconds: float) -> None:
        """One question has come to its end, with an answer or without."""
        self.send(
            run_id,
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
