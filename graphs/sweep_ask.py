"""One request of a sweep, asked until there is an answer or no hope of one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.message import add_messages

from grok_agent.context.tokens import count_messages
from grok_agent.gateway.ledger import Cost, Usage
from grok_agent.graphs.answers import last_answer
from grok_agent.graphs.ask import Model
from grok_agent.graphs.begin import begin
from grok_agent.graphs.record import Recorder
from grok_agent.graphs.request import compose, count_request
from grok_agent.graphs.state import Budget, LoopState, Stop, Update, ending
from grok_agent.profile import Profile
from grok_agent.vision.prepare import hydrate


@dataclass(frozen=True)
class Said:
    """What came of one question: an answer, or ``stop`` that says why there is none."""

    answer: AIMessage | None = None
    stop: Stop | None = None
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: Cost = field(default_factory=Cost)
    model: str = ""


class Tally(Recorder):
    """A recorder that adds up, for each run, what parallel requests have made it cost.

    Safe under threads. The steps and the total in its events are those of the run, not of one
    question.
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

    def answer(self, state: LoopState, answer: AIMessage, cost: Cost, seconds: float) -> None:
        """The model answered one of the run's questions."""
        run_id = state["run_id"]
        with self._lock:
            self._steps[run_id] += 1
            self._costs[run_id] += cost
            total = {"steps": self._steps[run_id], "cost": asdict(self._costs[run_id])}
        super().answer(cast(LoopState, {**state, **total}), answer, cost, seconds)


class Asker:
    """Asks the model single questions that share system text, tools and conversation id."""

    def __init__(
        self,
        model: BaseChatModel,
        system: str,
        schemas: Sequence[dict[str, Any]],
        budget: Budget,
        record: Tally,
    ) -> None:
        self._model = Model(model, schemas, {}, record)
        self._system = system
        self._schemas = schemas
        self._budget = budget
        self._record = record

    @property
    def profile(self) -> Profile:
        """Facts about the model that is asked."""
        return self._model.profile

    @property
    def ceiling(self) -> int:
        """Prompt tokens that no request may reach."""
        return min(self._budget.max_input_tokens, self.profile.safe_input_tokens)

    @property
    def prefix(self) -> int:
        """Tokens of system text and tools, with which each request begins."""
        return count_messages([{"role": "system", "content": self._system}], self._schemas)

    def size(self, said: Sequence[AnyMessage], background: str) -> int:
        """Tokens of the request that :meth:`ask` would send first."""
        return self._count(self._opening(said, background, "", RunnableConfig()))

    def ask(
        self, said: Sequence[AnyMessage], background: str, run_id: str, config: RunnableConfig
    ) -> Said:
        """Send what was ``said``, the task last, with ``background`` before the task.

        Never raises for what the model or the gateway does.
        """
        state = self._opening(said, background, run_id, config)
        if (tokens := self._count(state)) >= self.ceiling:
            reason = f"The request would hold {tokens:,} tokens of {self.ceiling:,}."
            return Said(stop=ending("over_budget", reason, limit="input_tokens"))
        while state["stop"] is None and last_answer(state) is None:
            if stop := self._spent(run_id):
                state["stop"] = stop
            else:
                state = _advanced(state, self._model.ask(state, self._system, config))
        return Said(
            answer=last_answer(state),
            stop=state["stop"],
            steps=state["steps"],
            usage=Usage(**state["usage"]),
            cost=Cost(**state["cost"]),
            model=state["model"],
        )

    def _opening(
        self, said: Sequence[AnyMessage], background: str, run_id: str, config: RunnableConfig
    ) -> LoopState:
        _, state = begin({"messages": list(said)}, config)
        state["messages"] = list(said)
        state["run_id"] = run_id
        state["background"] = background
        return state

    def _count(self, state: LoopState) -> int:
        return count_request(hydrate(compose(state, self._system)), self._schemas)

    def _spent(self, run_id: str) -> Stop | None:
        most, usd = self._budget.max_usd, self._record.cost(run_id).usd
        if most is None or usd is None or usd < most:
            return None
        reason = f"The run has cost ${usd:.4f} of ${most:.2f}. Raise --max-usd to go on."
        return ending("over_budget", reason, limit="usd")


def _advanced(state: LoopState, update: Update) -> LoopState:
    messages = add_messages(cast(Any, state["messages"]), update.get("messages", []))
    return cast(LoopState, {**state, **update, "messages": messages})
