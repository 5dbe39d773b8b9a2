"""What distinguishes one agent from another; the loop is the same for all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from langchain_core.tools import BaseTool

from grok_agent.graphs.state import CheckResult, LoopState
from grok_agent.tools.workspace import Workspace

Notice = Callable[[str], None]


@dataclass(frozen=True)
class FirstLook:
    """What a run begins with: ``text`` is told to the model before the task; ``facts``, plain
    types, are kept for the verdict and the outcome."""

    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """Whether the work is good: ``problem`` goes to the model, ``reason`` to the person.

    Both are empty for good work. ``check`` is the command that said so, if one was run, and
    ``seconds`` how long it took; ``facts``, plain types, are what else was found out.
    """

    problem: str = ""
    reason: str = ""
    check: CheckResult | None = None
    seconds: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)


class Work(Protocol):
    """The part of an agent that the loop asks for; a frozen dataclass fits."""

    @property
    def job(self) -> str:
        """One word that names the kind of work."""

    @property
    def system(self) -> str:
        """The system message; the same for each request of a run."""

    @property
    def workspace(self) -> Workspace | None:
        """The guard that tool calls must pass; None where the tools touch nothing of a person's."""

    @property
    def model_options(self) -> Mapping[str, Any]:
        """Options of each request, such as a temperature."""

    @property
    def second_chances(self) -> int:
        """How often the model may mend work that was not good."""

    def tools(self, images: Sequence[str]) -> Sequence[BaseTool]:
        """What the model may call in a run with these pictures; names and schemas never differ."""

    def survey(self, task: str, images: Sequence[str]) -> FirstLook:
        """A first look; raises ToolError when work cannot begin."""

    def is_settled(self, state: LoopState) -> bool:
        """Whether asking the model again would change nothing; the run then ends as done."""

    def verify(self, state: LoopState) -> Verdict:
        """Judge what the model calls finished."""

    def results(self, state: LoopState, notice: Notice) -> Mapping[str, Any]:
        """What was made, as fields of :class:`Outcome`; ``notice`` hears what cannot be kept."""
