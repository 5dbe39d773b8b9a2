"""One request of a sweep, asked until there is an answer or no hope of one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from threading import Lock
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.message import add_messages

from grok_agent.context.token_ratio import Ratio, ratio_of
from grok_agent.context.tokens import count_messages
from grok_agent.gateway.ledger import Cost, Usage
from grok_agent.graphs.answers import last_answer
from grok_agent.graphs.ask import Model, profile_for
from grok_agent.graphs.begin import begin
from grok_agent.graphs.instructions import sweep_system
from grok_agent.graphs.record import Recorder
from grok_agent.graphs.request import compose, count_request
from grok_agent.graphs.state import Budget, LoopState, Stop, Update, ending
from grok_agent.graphs.sweep_findings import report_schema
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


@dataclass(frozen=True)
class Frame:
    """What all requests of a sweep have in common, and how large they may be.

    ``max_tokens``: by our count, no request has more.
    """

    job: str
    system: str
    schemas: Sequence[dict[str, Any]]
    profile: Profile
    max_tokens: int

    @classmethod
    def of(cls, job: str, profile: Profile, budget: Budget, ratio: Ratio) -> "Frame":
        """The frame of a sweep for ``job``: by ``ratio``, no request reaches what is safe."""
        safe = min(budget.max_input_tokens, profile.safe_input_tokens) - 1
        most = int((safe - ratio.overhead) / ratio.high)
        return cls(job, sweep_system(job), [report_schema()], profile, max(most, 0))

    @property
    def prefix(self) -> int:
        """Tokens of system text and tools, with which each request begins."""
        return count_messages([{"role": "system", "content": self.system}], self.schemas)

    def size(self, said: Sequence[AnyMessage], background: str) -> int:
        """Tokens of a request with what was ``said``, the task last, and ``background``."""
        return self.count(opening(said, background, "", RunnableConfig()))

    def count(self, state: LoopState) -> int:
        """Tokens of the request that ``state`` would send."""
        return count_request(hydrate(compose(state, self.system)), self.schemas)


class Asker:
    """Asks the model single questions that have one conversation id."""

    def __init__(self, model: BaseChatModel, job: str, budget: Budget, record: Tally) -> None:
        self._chat = model
        self._job = job
        self._budget = budget
        self._record = record
        self._profile = profile_for(model)
        self._model = Model(model, self.frame().schemas, {}, record)

    def frame(self, max_tokens: int | None = None) -> Frame:
        """What all requests have in common; how large they may be follows from what is known now
        of the model's tokenizer, where ``max_tokens`` does not say it."""
        frame = Frame.of(self._job, self._profile, self._budget, ratio_of(self._chat))
        return frame if max_tokens is None else replace(frame, max_tokens=max_tokens)

    def ask(
        self,
        frame: Frame,
        said: Sequence[AnyMessage],
        background: str,
        run_id: str,
        config: RunnableConfig,
    ) -> Said:
        """Send what was ``said``, the task last, with ``background`` before the task.

        Never raises for what the model or the gateway does.
        """
        state = opening(said, background, run_id, config)
        if (tokens := frame.count(state)) > frame.max_tokens:
            reason = f"The request would hold {tokens:,} tokens of {frame.max_tokens:,}."
            return Said(stop=ending("over_budget", reason, limit="input_tokens"))
        while state["stop"] is None and last_answer(state) is None:
            if stop := self._spent(run_id):
                state["stop"] = stop
            else:
                state = _advanced(state, self._model.ask(state, frame.system, config))
        return Said(
            answer=last_answer(state),
            stop=state["stop"],
            steps=state["steps"],
            usage=Usage(**state["usage"]),
            cost=Cost(**state["cost"]),
            model=state["model"],
        )

    def _spent(self, run_id: str) -> Stop | None:
        most, usd = self._budget.max_usd, self._record.cost(run_id).usd
        if most is None or usd is None or usd < most:
            return None
        reason = f"The run has cost ${usd:.4f} of ${most:.2f}. Raise --max-usd to go on."
        return ending("over_budget", reason, limit="usd")


def opening(
    said: Sequence[AnyMessage], background: str, run_id: str, config: RunnableConfig
) -> LoopState:
    """The state from which one question is asked."""
    _, state = begin({"messages": list(said)}, config)
    state["messages"] = list(said)
    state["run_id"] = run_id
    state["background"] = background
    return state


def _advanced(state: LoopState, update: Update) -> LoopState:
    messages = add_messages(cast(Any, state["messages"]), update.get("messages", []))
    return cast(LoopState, {**state, **update, "messages": messages})
