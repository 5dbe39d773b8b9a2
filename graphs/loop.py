"""The loop that every agent here runs: ask the model, run its tool calls, check, finish.

::

    START -> survey -> guard -> call_model -> run_tools -> guard -> call_model -> ...
                         |          \\-> verify -> finish -> END
                         \\-> finish (over budget, stuck)

``guard`` stands before each request. What distinguishes one agent from another is its
:class:`Work`; whatever ends a run is the value ``stop`` in the state, of which ``finish`` makes the
outcome. Where the steps go next is read from the state at the end of this file.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from grok_agent.context.history import HistoryLimits
from grok_agent.errors import PermissionDeniedError, ToolError
from grok_agent.gateway.ledger import Cost, Usage
from grok_agent.graphs.answers import last_answer, last_words
from grok_agent.graphs.ask import Model, failure
from grok_agent.graphs.begin import begin
from grok_agent.graphs.display import DrawnLocally
from grok_agent.graphs.guards import nudge, repeated_too_often, spent
from grok_agent.graphs.progress import without_progress
from grok_agent.graphs.record import Listener, Recorder, keys_of
from grok_agent.graphs.request import (
    compose,
    count_request,
    image_paths,
    tell,
)
from grok_agent.graphs.state import (
    Budget,
    CheckResult,
    LoopState,
    Outcome,
    RunInput,
    RunOutput,
    Update,
    stop,
)
from grok_agent.graphs.steering import Steering, said_by_person
from grok_agent.graphs.tool_step import ToolStep
from grok_agent.graphs.window import Window
from grok_agent.graphs.work import Verdict, Work
from grok_agent.vision.prepare import hydrate

NODES_PER_REQUEST = 3  # guard, call_model, and run_tools or verify

AFTER = {
    "survey": ["guard"],
    "guard": ["call_model"],
    "call_model": ["run_tools", "verify", "guard"],
    "run_tools": ["guard"],
    "verify": ["guard"],
}
"""What may come after each node, besides ``finish``."""


class Node(Protocol):
    """A step of the graph."""

    def __call__(self, state: LoopState, config: RunnableConfig) -> Update:
        """What changes in the state."""


class Loop:
    """The nodes of the graph: each takes the state and returns what changes in it."""

    def __init__(
        self,
        model: BaseChatModel,
        work: Work,
        budget: Budget,
        record: Recorder,
        history: HistoryLimits | None = None,
        steering: Steering | None = None,
    ) -> None:
        self.work = work
        self.budget = budget
        self.record = record
        self.schemas = [convert_to_openai_tool(tool) for tool in work.tools(())]
        self.model = Model(model, self.schemas, work.model_options, record)
        self.steering = steering or Steering()
        self.tool_step = ToolStep(work, budget, record)
        limits = history or HistoryLimits()
        self.window = Window(work, self.schemas, limits, self.model.profile, budget)

    def survey(self, state: LoopState, config: RunnableConfig) -> Update:
        """Begin a run: find the task, look around, count the first request."""
        task, fresh = begin(state, config)
        images = image_paths(task)
        self.record.start(fresh["run_id"], self.work, str(task.text), images, self.budget)
        self.record.edits(fresh, self.work.workspace)
        try:
            look = self.work.survey(str(task.text), images)
            fresh["background"], fresh["verification"] = look.text, dict(look.facts)
            fresh["context_tokens"] = self._count(state, fresh)
        except ToolError as error:
            return {**fresh, **failure(error)}
        facts = {"text": fresh["background"], "tokens": fresh["context_tokens"]}
        self.record.send(fresh["run_id"], "survey", **facts)
        return {**fresh}

    def guard(self, state: LoopState, config: RunnableConfig) -> Update:
        """Stand before each request: make room for it, or end a run that needs or may make none."""
        note = partial(self.model.note, system=self.work.system, config=config)
        room = self.window.make_room(state, self.model.ratio, note)
        if room.get("context_tokens", state["context_tokens"]) < state["context_tokens"]:
            self.record.left(state, room["context_tokens"])
        return room | self._guard(cast(LoopState, {**state, **room}))

    def _guard(self, state: LoopState) -> Update:
        over = spent(state, self.budget, self.model.profile, self.model.ratio)
        stuck = repeated_too_often(state["repeated"]) or without_progress(state["progress"])
        end = stuck or over
        if end:
            return {"stop": end}
        if self.work.is_settled(state):
            return stop("done")
        if said := self.steering.take():
            self.record.send(state["run_id"], "steer", said=said)
            return said_by_person(state, said)
        warning = nudge(state)
        return tell(state, warning) if warning else {}

    def call_model(self, state: LoopState, config: RunnableConfig) -> Update:
        """Send one request and judge the answer; nothing of an unusable answer is kept."""
        return self.model.ask(state, self.work.system, config)

    def run_tools(self, state: LoopState, config: RunnableConfig) -> Update:
        """Run the calls of the last answer, once leave for all of them has been asked."""
        return self.tool_step(state, config)

    def verify(self, state: LoopState, config: RunnableConfig) -> Update:
        """Judge what the model calls finished; it may mend what is not good."""
        if self.steering.is_waiting:  # what is finished is not all any more
            return {}
        if state["denied"]:
            return stop("refused", state["denied"], error_kind=PermissionDeniedError.__name__)
        self.record.edits(state, self.work.workspace)
        verdict = self.work.verify(state)
        checked = self._keep_check(state, verdict)
        if not verdict.problem:
            return checked | stop("done")
        chances = state["second_chances"]
        if chances >= self.work.second_chances:
            return checked | stop("failed", verdict.reason)
        return checked | {"second_chances": chances + 1} | tell(state, verdict.problem)

    def finish(self, state: LoopState, config: RunnableConfig) -> Update:
        """Make the outcome of what there is: the work is kept, however the run ended."""
        assert state["stop"]  # no edge leads here without it
        outcome = Outcome(
            **state["stop"],
            summary=last_words(state),
            usage=Usage(**state["usage"]),
            cost=Cost(**state["cost"]),
            steps=state["steps"],
            seconds=round(state["seconds"], 3),
            run_id=state["run_id"],
            model=state["model"],
            check=CheckResult(**state["check"]) if state["check"] else None,
            verification=state.get("verification", {}),
            plan=state["todos"],
            **self.work.results(state, partial(self.record.notice, state)),
        ).to_dict()
        self.record.send(state["run_id"], "end", outcome=outcome)
        return {"outcome": outcome}

    def _keep_check(self, state: LoopState, verdict: Verdict) -> Update:
        kept: Update = {"verification": {**state.get("verification", {}), **verdict.facts}}
        if verdict.check is None:
            return kept
        self.record.check(state, verdict.check, verdict.seconds)
        return kept | {"check": asdict(verdict.check)}

    def _count(self, state: LoopState, fresh: LoopState) -> int:
        messages = [*state.get("messages", []), *fresh["messages"]]
        request = compose(cast(LoopState, {**fresh, "messages": messages}), self.work.system)
        return count_request(hydrate(request), self.schemas)


def build(
    model: BaseChatModel,
    work: Work,
    *,
    name: str,
    budget: Budget,
    checkpointer: BaseCheckpointSaver[Any] | None,
    journal_dir: Path | str | None,
    on_event: Listener | None,
    history: HistoryLimits | None = None,
    steering: Steering | None = None,
    schema: type[LoopState] = LoopState,
    detour: Callable[[StateGraph[Any, Any, Any, Any]], int] | None = None,
) -> CompiledStateGraph[LoopState, None, RunInput, RunOutput]:
    """The compiled graph; our own limits end a run before LangGraph's limit of steps does.

    ``detour`` adds nodes of its own, whose state is ``schema``, leads from the start to ``survey``
    or past it, and returns how many steps of the graph it may take.
    """
    secrets = work.workspace.secrets if work.workspace else None
    record = Recorder(journal_dir, keys_of(model), on_event, secrets)
    loop = Loop(model, work, budget, record, history, steering)
    graph = StateGraph(schema, input_schema=RunInput, output_schema=RunOutput)
    graph.add_node("survey", _timed(loop.survey, record))
    graph.add_node("guard", _timed(loop.guard, record))
    graph.add_node("call_model", _timed(loop.call_model, record))
    graph.add_node("run_tools", _timed(loop.run_tools, record))
    graph.add_node("verify", _timed(loop.verify, record))
    graph.add_node("finish", _timed(loop.finish, record))
    steps = NODES_PER_REQUEST * budget.max_steps + 10
    if detour:
        steps = max(steps, detour(graph))
    else:
        graph.add_edge(START, "survey")
    for node, after in AFTER.items():
        graph.add_conditional_edges(node, partial(following, node), [*after, "finish"])
    graph.add_edge("finish", END)
    compiled = graph.compile(checkpointer=checkpointer, name=name)
    compiled.__class__ = DrawnLocally  # ``compile`` names its own class
    return compiled.with_config(recursion_limit=steps)


def following(node: str, state: LoopState) -> str:
    """The node after ``node``, now that its update is in the state."""
    if state["stop"]:
        return "finish"
    if node != "call_model":
        return AFTER[node][0]
    answer = last_answer(state)
    if answer is None:  # what came was not kept, and is asked for again
        return "guard"
    return "run_tools" if answer.tool_calls else "verify"


def _timed(node: Node, record: Recorder) -> Node:
    """The node, with its seconds added up and its end by an exception recorded."""

    def step(state: LoopState, config: RunnableConfig) -> Update:
        began = time.monotonic()
        try:
            update = node(state, config)
        except GraphBubbleUp:
            raise
        except BaseException as error:
            record.notice(state, f"The run broke off: {type(error).__name__}: {error}")
            raise
        seconds = update.get("seconds", state.get("seconds", 0.0)) + time.monotonic() - began
        return {**update, "seconds": seconds}

    return step
