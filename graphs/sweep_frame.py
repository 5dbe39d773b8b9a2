"""What all requests of a sweep have in common, and how large they may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig

from grok_agent.context.token_ratio import Ratio
from grok_agent.context.tokens import count_messages
from grok_agent.graphs.begin import begin
from grok_agent.graphs.instructions import sweep_system
from grok_agent.graphs.request import compose, count_request
from grok_agent.graphs.state import Budget, LoopState
from grok_agent.graphs.sweep_findings import report_schema
from grok_agent.profile import Profile
from grok_agent.vision.prepare import hydrate


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


def opening(
    said: Sequence[AnyMessage], background: str, run_id: str, config: RunnableConfig
) -> LoopState:
    """The state from which one question is asked."""
    _, state = begin({"messages": list(said)}, config)
    state["messages"] = list(said)
    state["run_id"] = run_id
    state["background"] = background
    return state
