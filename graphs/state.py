"""What a run is given, what it keeps between two steps, and what it ends with."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any, Literal, Self, TypedDict

from langchain_core.messages import AnyMessage
from langgraph.channels import EphemeralValue
from langgraph.graph.message import add_messages
from langgraph.managed import RemainingSteps

from grok_agent.context.history import Kept
from grok_agent.errors import SettingsError
from grok_agent.gateway.ledger import Cost, Usage
from grok_agent.profile import GROK_BUILD

Status = Literal["done", "refused", "over_budget", "stuck", "failed"]
Limit = Literal["", "usd", "steps", "seconds", "input_tokens", "total_tokens"]


@dataclass(frozen=True)
class Budget:
    """Where a run ends at the latest; reaching a limit is an outcome, not an error.

    Limits are looked at before each request: a step that has begun goes on to its own time limit.
    ``max_usd`` in US dollars (None: no limit), ``max_steps`` in requests to the model,
    ``max_seconds`` of work (waiting for a person's leave is not counted), ``max_input_tokens`` of
    one request: no request is sent that reaches it, nor the model's safe input;
    ``max_total_tokens`` of all requests and answers together (None: no limit).

    Raises :class:`SettingsError` for a limit below zero; the caller mends it.
    """

    max_usd: float | None = 1.0
    max_steps: int = 60
    max_seconds: float = 1800.0
    max_input_tokens: int = GROK_BUILD.safe_input_tokens
    max_total_tokens: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not value >= 0:
                raise SettingsError(
                    f"A budget's {name} cannot be {value}.", next_step="Give zero or more."
                )


@dataclass(frozen=True)
class CheckResult:
    """What the check command answered; ``exit_code`` is None when it did not run to its end."""

    command: str
    exit_code: int | None
    output: str

    @property
    def passed(self) -> bool:
        """Whether the command ended with exit code 0."""
        return self.exit_code == 0


@dataclass(frozen=True)
class Outcome:
    """How a run ended and what it made; it keeps the work whatever the status.

    ``reason`` says why a run that is not done has ended, ``limit`` which budget ended it, and
    ``error_kind`` which error class; ``summary`` is the model's last words; ``seconds`` counts
    work, ``steps`` requests. ``model`` is the name that the gateway served. ``prompt`` is the dump
    of a :class:`PromptSpec`, ``prompt_id`` its number in the library, ``variants`` holds further
    prompts of the same request. ``findings`` (file, line from 1, quote, severity, what) come
    from a review, ``left_out`` (path, reason) from a sweep. ``verification`` is what was found out
    beside the check: ``check_before`` (exit code) and ``public_api`` (lines) of a refactoring;
    ``new_tests``, ``passed``, ``broken_on_purpose``, ``coverage`` (percent before and after) and
    ``not_tried`` of tests; ``ran`` (commands) of a script. ``plan`` is the model's own list of what
    was to do (id, content, status).
    """

    status: Status
    reason: str = ""
    limit: Limit = ""
    summary: str = ""
    diff: str = ""
    changed_files: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    cost: Cost = field(default_factory=Cost)
    steps: int = 0
    seconds: float = 0.0
    run_id: str = ""
    model: str = ""
    check: CheckResult | None = None
    verification: dict[str, Any] = field(default_factory=dict)
    prompt: dict[str, Any] | None = None
    prompt_id: int | None = None
    variants: list[dict[str, Any]] = field(default_factory=list)
    error_kind: str = ""
    findings: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    plan: list[dict[str, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain types, for the graph's state, JSON and journals."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The outcome back from :meth:`to_dict`; fields of another version are left out."""
        names = {each.name for each in fields(cls)}
        known = {name: value for name, value in data.items() if name in names}
        if "usage" in known:
            known["usage"] = Usage(**known["usage"])
        if "cost" in known:
            known["cost"] = Cost(**known["cost"])
        if known.get("check"):
            known["check"] = CheckResult(**known["check"])
        return cls(**known)


class Stop(TypedDict):
    """Why no further request is made."""

    status: Status
    reason: str
    limit: Limit
    error_kind: str


Update = dict[str, Any]
"""What a node changes in the state."""


def ending(status: Status, reason: str = "", *, limit: Limit = "", error_kind: str = "") -> Stop:
    """An end of the run."""
    return Stop(status=status, reason=reason, limit=limit, error_kind=error_kind)


def stop(status: Status, reason: str = "", *, error_kind: str = "") -> Update:
    """The state update that ends the run."""
    return {"stop": ending(status, reason, error_kind=error_kind)}


class RunInput(TypedDict, total=False):
    """Either a task with pictures, or a conversation whose last human message is the task."""

    task: Annotated[str, EphemeralValue]
    images: Annotated[list[str], EphemeralValue]
    messages: Annotated[list[AnyMessage], add_messages]


class RunOutput(TypedDict, total=False):
    """The conversation, and the outcome as plain types (:meth:`Outcome.from_dict`)."""

    messages: Annotated[list[AnyMessage], add_messages]
    outcome: dict[str, Any]


class LoopState(RunInput, RunOutput, total=False):
    """All that survives between two steps; plain types only, so that any checkpointer keeps it.

    ``messages`` holds the task as it was given and what followed; the survey's text lies beside
    them in ``background`` and joins the task when a request is composed.
    """

    run_id: str
    task_id: str  # the message that is the task
    turns_from: int  # index of the first message that this run added after the task
    background: str
    history: Kept | None  # what stands for turns that left the request
    context_tokens: int  # of the request that would be sent now
    measured_tokens: int  # those of them that the gateway has counted; the rest is our count
    steps: int
    seconds: float
    usage: dict[str, int]
    cost: dict[str, Any]
    model: str
    incomplete: int  # answers in a row that were not whole
    repairs: int  # answers in a row that were empty or invalid
    second_chances: int  # how often work that was not good went back to the model
    repeated: dict[str, Any]  # the last step's calls and how often they came in a row
    progress: dict[str, Any]  # errors that came, and texts that edited files have had
    todos: list[dict[str, str]]  # the model's plan: id, content, status
    denied: str  # the leave that the last tool step missed
    check: dict[str, Any] | None
    verification: dict[str, Any]  # what was found out of the work beside the check
    stop: Stop | None
    remaining_steps: RemainingSteps  # until LangGraph's recursion_limit, which a parent may set
