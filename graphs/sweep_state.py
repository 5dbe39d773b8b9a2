"""What a sweep keeps between two steps, beside what every run keeps; plain types only."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any, Self, TypedDict

from langchain_core.messages import AnyMessage

from grok_agent.gateway.ledger import Cost, Usage
from grok_agent.graphs.state import LoopState, Stop


class Question(TypedDict):
    """What one request asks: to read a shard (``level`` 0), or to join ``texts`` (from 1).

    ``key`` names what is read or joined; ``number`` of ``of`` questions of this level, from 0.
    ``carried`` are notes on the shards before.
    """

    key: str
    level: int
    number: int
    of: int
    texts: list[str]
    carried: str


@dataclass(frozen=True)
class Piece:
    """What came of the question ``key``; ``stop`` says why there is no answer to it.

    ``tokens`` of the shard; ``text`` are the notes on it, or joined results. ``dropped`` findings
    quoted no line of their file. ``left_out`` are (path, reason, tokens). ``kept``: an earlier run
    had the answer.
    """

    key: str
    level: int
    tokens: int = 0
    stop: Stop | None = None
    text: str = ""
    findings: Sequence[Mapping[str, Any]] = ()
    dropped: int = 0
    left_out: Sequence[Sequence[Any]] = ()
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: Cost = field(default_factory=Cost)
    model: str = ""
    kept: bool = False

    @property
    def ok(self) -> bool:
        """Whether there was an answer."""
        return self.stop is None

    def to_dict(self) -> dict[str, Any]:
        """The piece as plain types, for the graph's state."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The piece back from :meth:`to_dict`; fields of another version are left out."""
        known = {each.name: data[each.name] for each in fields(cls) if each.name in data}
        known["usage"] = Usage(**known.get("usage", {}))
        known["cost"] = Cost(**known.get("cost", {}))
        return cls(**known)


@dataclass(frozen=True)
class Totals:
    """What a sweep has taken until now; ``seconds`` of work. LangGraph allows ``steps_left``."""

    steps: int
    usage: Usage
    cost: Cost
    seconds: float
    steps_left: int


class SweepState(LoopState, total=False):
    """The state of a run that may be a sweep."""

    most_tokens: int  # by our count, of a request; the plan rests on it
    pieces: Annotated[list[dict[str, Any]], operator.add]
    wave: list[Question]  # what is asked next, all at once
    cut: Stop | None  # why reading ended before the last shard


class Asked(TypedDict):
    """What a request's node is sent: the question, and what was said up to the task."""

    run_id: str
    most_tokens: int
    said: list[AnyMessage]
    question: Question
