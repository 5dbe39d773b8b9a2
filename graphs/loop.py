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
from collections.abc import Callable, Container, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, ToolCall
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
from grok_agent.graphs.calls import MAX_CALLS, run_calls
from grok_agent.graphs.display import DrawnLocally
from grok_agent.graphs.guards import count_repeats, nudge, repeated_too_often, spent
from grok_agent.graphs.leave import missing_leaves
from grok_agent.graphs.progress import Seen, advanced, texts_of_edited, without_progress
from grok_agent.graphs.record import Listener, Recorder, keys_of
from grok_agent.graphs.request import (
    compose,
    count_request,
    count_text,
    image_paths,
    task_of,
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
from grok_agent.graphs.window import Window
from grok_agent.graphs.work import Verdict, Work
from grok_agent.tools.permission import EDITING_TOOLS
from grok_agent.vision.prepare import hydrate

NODES_PER_REQUEST = 3  # guard, call_model, and run_tools or verify


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
    ) -> None:
        self.work = work
        self.budget = budget
        self.record = record
        self.schemas = [convert_to_openai_tool(tool) for tool in work.tools(())]
        self.model = Model(model, self.schemas, work.model_options, record)
        limits = history or HistoryLimits()
        self.window = Window(work, self.schemas, limits, self.model.profile, budget)

    def survey(self, state: LoopState, config: RunnableConfig) -> Update:
        """Begin a run: find the task, look around, count the first request."""
        task, fresh = begin(state, config)
        images = image_paths(task)
        self.record.start(fresh["run_id"], self.work, str(task.text), images, self.budget)
        try:
            fresh["background"] = self.work.survey(str(task.text), images)
            fresh["context_tokens"] = self._count(state, fresh)
        except ToolError as error:
            return {**fresh, **failure(error)}
        facts = {"text": fresh["background"], "tokens": fresh["context_tokens"]}
        self.record.send(fresh["run_id"], "survey", **facts)
        return {**fresh}

    def guard(self, state: LoopState, config: RunnableConfig) -> Update:
        """Stand before each request: make room for it, or end a run that needs or may make none."""
        room = self.window.make_room(state, self.model.ratio)
        return room | self._guard(cast(LoopState, {**state, **room}))

    def _guard(self, state: LoopState) -> Update:
        over = spent(state, self.budget, self.model.profile, self.model.ratio)
        stuck = repeated_too_often(state["repeated"]) or without_progress(state["progress"])
        end = stuck or over
        if end:
            return {"stop": end}
        if self.work.is_settled(state):
            return stop("done")
        warning = nudge(state)
        return tell(state, warning) if warning else {}

    def call_model(self, state: LoopState, config: RunnableConfig) -> Update:
        """Send one request and judge the answer; nothing of an unusable answer is kept."""
        return self.model.ask(state, self.work.system, config)

    def run_tools(self, state: LoopState, config: RunnableConfig) -> Update:
        """Run the calls of the last answer, once leave for all of them has been asked."""
        calls = cast(AIMessage, state["messages"][-1]).tool_calls
        tools = {tool.name: tool for tool in self.work.tools(image_paths(task_of(state)))}
        missing = self._missing_leaves(calls[:MAX_CALLS], tools, config)
        self.record.edits(state, self.work.workspace)
        messages: list[AnyMessage] = []
        seen: list[Seen] = []
        before = texts_of_edited(calls, self.work.workspace)
        with closing(run_calls(calls, tools, missing, config, self.work.workspace)) as results:
            for ran in results:
                self.record.result(state, ran, missing.get(ran.call["id"] or "", ""))
                messages.append(ran.message)
                if ran.call["id"] not in missing and len(messages) <= MAX_CALLS:
                    seen.append(Seen(ran.call, str(ran.message.text), ran.failed))
        after = texts_of_edited(calls, self.work.workspace)
        return {
            "messages": messages,
            "context_tokens": state["context_tokens"] + count_text(*(m.text for m in messages)),
            "repeated": count_repeats(calls, state["repeated"]),
            "progress": advanced(state["progress"], seen, before, after),
            "denied": "\n".join(missing.values()),
        }

    def verify(self, state: LoopState, config: RunnableConfig) -> Update:
        """Judge what the model calls finished; it may mend what is not good."""
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
            **self.work.results(state, partial(self.record.notice, state)),
        ).to_dict()
        self.record.send(state["run_id"], "end", outcome=outcome)
        return {"outcome": outcome}

    def _missing_leaves(
        self, calls: Sequence[ToolCall], tools: Container[str], config: RunnableConfig
    ) -> dict[str, str]:
        if self.work.workspace is None:
            return {}
        # A tool that does not exist needs no leave; one that is withheld for its effect does.
        known = [each for each in calls if each["name"] in tools or each["name"] in EDITING_TOOLS]
        return missing_leaves(known, self.work.workspace, config)

    def _keep_check(self, state: LoopState, verdict: Verdict) -> Update:
        if verdict.check is None:
            return {}
        self.record.check(state, verdict.check, verdict.seconds)
        return {"check": asdict(verdict.check)}

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
    schema: type[LoopState] = LoopState,
    detour: Callable[[StateGraph[Any, Any, Any, Any]], int] | None = None,
) -> CompiledStateGraph[LoopState, None, RunInput, RunOutput]:
    """The compiled graph; our own limits end a run before LangGraph's limit of steps does.

    ``detour`` adds nodes of its own, whose state is ``schema``, leads from the start to ``survey``
    or past it, and returns how many steps of the graph it may take.
    """
    record = Recorder(journal_dir, keys_of(model), on_event)
    loop = Loop(model, work, budget, record, history)
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
    graph.add_conditional_edges("survey", _unless_stopped("guard"), ["guard", "finish"])
    graph.add_conditional_edges("guard", _unless_stopped("call_model"), ["call_model", "finish"])
    graph.add_conditional_edges(
        "call_model", _after_answer, ["run_tools", "verify", "guard", "finish"]
    )
    graph.add_edge("run_tools", "guard")
    graph.add_conditional_edges("verify", _unless_stopped("guard"), ["guard", "finish"])
    graph.add_edge("finish", END)
    compiled = graph.compile(checkpointer=checkpointer, name=name)
    compiled.__class__ = DrawnLocally  # ``compile`` names its own class
    return compiled.with_config(recursion_limit=steps)


def _after_answer(state: LoopState) -> str:
    if state["stop"]:
        return "finish"
    answer = last_answer(state)
    if answer is None:  # what came was not kept, and is asked for again
        return "guard"
    return "run_tools" if answer.tool_calls else "verify"


def _unless_stopped(following: str) -> Callable[[LoopState], str]:
    def route(state: LoopState) -> str:
        return "finish" if state["stop"] else following

    return route


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
