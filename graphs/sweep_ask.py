"""One request of a sweep, asked until there is an answer or no hope of one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.message import add_messages

from grok_agent.context.token_ratio import ratio_of
from grok_agent.gateway.ledger import Cost, Usage
from grok_agent.graphs.answers import last_answer
from grok_agent.graphs.ask import Model, profile_for
from grok_agent.graphs.state import Budget, LoopState, Stop, Update, ending
from grok_agent.graphs.sweep_frame import Frame, opening
from grok_agent.graphs.sweep_record import Tally


@dataclass(frozen=True)
class Said:
    """What came of one question: an answer, or ``stop`` that says why there is none."""

    answer: AIMessage | None = None
    stop: Stop | None = None
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: Cost = field(default_factory=Cost)
    model: str = ""


class Asker:
    """Asks the model single questions that have one conversation id."""

    def __init__(self, model: BaseChatModel, job: str, budget: Budget, record: Tally) -> None:
        self._chat = model
        self._job = job
        self._budget = budget
        self._record = record
        self.secrets = record.secrets
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


def _advanced(state: LoopState, update: Update) -> LoopState:
    messages = add_messages(cast(Any, state["messages"]), update.get("messages", []))
    return cast(LoopState, {**state, **update, "messages": messages})
