"""What sub-agents take of a run's budget: they share it with the run and with each other."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Protocol, cast, runtime_checkable

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool

from grok_agent.context.token_ratio import Ratio
from grok_agent.gateway.ledger import Cost, Usage
from grok_agent.graphs.guards import spent
from grok_agent.graphs.record import Recorder
from grok_agent.graphs.state import Budget, LoopState, Stop, Update, ending
from grok_agent.profile import Profile


@dataclass(frozen=True)
class Spent:
    """What one agent has used so far; ``steps`` are requests."""

    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: Cost = field(default_factory=Cost)

    @classmethod
    def of(cls, state: LoopState) -> "Spent":
        """What the run with this state has used."""
        return cls(state["steps"], Usage(**state["usage"]), Cost(**state["cost"]))

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.steps + other.steps, self.usage + other.usage, self.cost + other.cost)


class Share:
    """The budget of a run during one step of tool calls. Thread-safe."""

    def __init__(
        self, state: LoopState, budget: Budget, config: RunnableConfig, record: Recorder | None
    ) -> None:
        self.run_id = state["run_id"]
        self.budget = budget
        self.config = config
        self.record = record
        self._state = state
        self._began = time.monotonic()
        self._agents: dict[str, Spent] = {}
        self._is_cut = False
        self._lock = threading.Lock()

    @contextmanager
    def ended_if_cut(self) -> Iterator[None]:
        """While this lasts, sub-agents work; once it was cut, as by Ctrl-C, none asks anew."""
        try:
            yield
        except BaseException:
            self._is_cut = True
            raise

    def bound(self, tool: BaseTool) -> BaseTool:
        """The tool, which spends of this share if it is one that spends."""
        return tool.within(self) if isinstance(tool, Spending) else tool

    def new_agent(self, kind: str) -> str:
        """A name for a sub-agent, which no other has in this run."""
        with self._lock:
            name = f"{kind}-{self._state['steps']}.{len(self._agents) + 1}"
            self._agents[name] = Spent()
            return name

    def note(self, agent: str, used: Spent) -> None:
        """What ``agent`` has used in all by now."""
        with self._lock:
            self._agents[agent] = used

    def usd_with(self, agent: str, usd: float | None) -> float | None:
        """What the run has cost when ``agent`` has cost ``usd``; None when that is not known."""
        with self._lock:
            others = [used for name, used in self._agents.items() if name != agent]
        known = sum(others, Spent.of(self._state)).cost.usd
        return None if known is None or usd is None else known + usd

    def over(self, profile: Profile, ratio: Ratio) -> Stop | None:
        """The limit of the run that forbids any further request, or None."""
        if self._is_cut:
            return ending("failed", "The run was cut off.")
        total = self._total()
        now = {
            **self._state,
            "steps": total.steps,
            "usage": asdict(total.usage),
            "cost": asdict(total.cost),
            "seconds": self._state["seconds"] + time.monotonic() - self._began,
            "context_tokens": 0,
            "measured_tokens": 0,
        }
        return spent(cast(LoopState, now), self.budget, profile, ratio)

    def taken(self) -> Update:
        """The state update with what sub-agents have used; empty where there were none."""
        if not self._agents:
            return {}
        total = self._total()
        return {
            "steps": total.steps,
            "usage": asdict(total.usage),
            "cost": asdict(total.cost),
        }

    def _total(self) -> Spent:
        with self._lock:
            return sum(self._agents.values(), Spent.of(self._state))


@runtime_checkable
class Spending(Protocol):
    """A tool that makes requests of its own."""

    def within(self, share: Share) -> BaseTool:
        """The tool for one step of a run, spending of its ``share``."""
