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
from pathlib import Path
from typing import Any, Protocol, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from grok_agent.errors import GatewayError, PermissionDeniedError, ToolError
from grok_agent.gateway.faults import ContentRefusedError, IncompleteAnswerError
from grok_agent.gateway.ledger import Cost, Usage, cost_of
from grok_agent.graphs.answers import (
    last_answer,
    last_words,
    problem_of,
    refusal_of,
    whole,
)
from grok_agent.graphs.begin import begin
from grok_agent.graphs.calls import run_calls
from grok_agent.graphs.guards import count_repeats, nudge, repeated_too_often, spent
from grok_agent.graphs.leave import missing_leaves
from grok_agent.graphs.record import Recorder, keys_of
from grok_agent.graphs.request import (
    compose,
    count_answer,
    count_request,
    count_text,
    feedback,
    image_paths,
    task_of,
)
from grok_agent.graphs.state import (
    Budget,
    CheckResult,
    LoopState,
    Outcome,
    RunInput,
    RunOutput,
    Status,
    stop,
)
from grok_agent.graphs.work import Work
from grok_agent.profile import Profile, profile_of
from grok_agent.vision.prepare import hydrate

Update = dict[str, Any]
"""What a node changes in the state."""


class Node(Protocol):
    """A step of the graph."""

    def __call__(self, state: LoopState, config: RunnableConfig) -> Update:
        """The changes in the state."""


MAX_INCOMPLETE = 2  # answers in a row that are asked for again
MAX_REPAIRS = 1  # unusable answers in a row that get a word of repair
NODES_PER_REQUEST = 3  # guard, call_model, and run_tools or verify


class Loop:
    """The nodes of the graph: each takes the state and returns what changes in it."""

    def __init__(self, model: BaseChatModel, work: Work, budget: Budget, record: Recorder) -> None:
        self.work = work
        self.budget = budget
        self.record = record
        self.profile = _profile(model)
        self._sends_conversation = hasattr(model, "conversation_id")
        self._schemas = [convert_to_openai_tool(tool) for tool in work.tools(())]
        self._model = model.bind_tools(self._schemas, **work.model_options)

    def survey(self, state: LoopState, config: RunnableConfig) -> Update:
        """Begin a run: find the task, look around, count the first request."""
        task, fresh = begin(state, config)
        images = image_paths(task)
        self.record.start(fresh["run_id"], self.work, str(task.text), images, self.budget)
        try:
            fresh["background"] = self.work.survey(images)
            fresh["context_tokens"] = self._count(state, fresh)
        except ToolError as error:
            return {**fresh, **_failure(error)}
        facts = {"text": fresh["background"], "tokens": fresh["context_tokens"]}
        self.record.send(fresh["run_id"], "survey", **facts)
        return {**fresh}

    def guard(self, state: LoopState, config: RunnableConfig) -> Update:
        """Stand before each request: end a run that may not, or need not, make another one."""
        end = repeated_too_often(state["repeated"]) or spent(state, self.budget, self.profile)
        if end:
            return {"stop": end}
        warning = nudge(state["repeated"])
        return _tell(state, warning) if warning else {}

    def call_model(self, state: LoopState, config: RunnableConfig) -> Update:
        """Send one request and judge the answer; nothing of an unusable answer is kept."""
        began = time.monotonic()
        asked: Update = {"steps": state["steps"] + 1}
        try:
            answer = whole(self._ask(state, config))
        except IncompleteAnswerError as error:
            return asked | self._ask_again(state, error)
        except (GatewayError, ToolError) as error:
            return asked | _failure(error)
        asked |= self._account(state, answer)
        now = cast(LoopState, {**state, **asked})
        self.record.answer(now, answer, cost_of(answer, self.profile), time.monotonic() - began)
        return asked | _judge(now, answer)

    def run_tools(self, state: LoopState, config: RunnableConfig) -> Update:
        """Run the calls of the last answer, once leave for all of them has been asked."""
        calls = cast(AIMessage, state["messages"][-1]).tool_calls
        workspace = self.work.workspace
        missing = missing_leaves(calls, workspace, config) if workspace else {}
        tools = self.work.tools(image_paths(task_of(state)))
        messages = []
        for ran in run_calls(calls, tools, missing, config):
            self.record.result(state, ran, missing.get(ran.call["id"] or "", ""))
            messages.append(ran.message)
        return {
            "messages": messages,
            "context_tokens": state["context_tokens"] + count_text(*(m.text for m in messages)),
            "repeated": count_repeats(calls, state["repeated"]),
            "denied": "\n".join(missing.values()),
        }

    def verify(self, state: LoopState, config: RunnableConfig) -> Update:
        """Judge what the model calls finished; it may mend what is not good."""
        if state["denied"]:
            return stop("refused", state["denied"], error_kind=PermissionDeniedError.__name__)
        verdict = self.work.verify(state)
        checked: Update = {}
        if verdict.check:
            self.record.check(state, verdict.check, verdict.seconds)
            checked = {"check": asdict(verdict.check)}
        if not verdict.problem:
            return checked | stop("done")
        if state["second_chances"] >= self.work.second_chances:
            return checked | stop("failed", verdict.reason)
        checked["second_chances"] = state["second_chances"] + 1
        return checked | _tell(state, verdict.problem)

    def finish(self, state: LoopState, config: RunnableConfig) -> Update:
        """Make the outcome of what there is: the work is kept, however the run ended."""
        ending = state["stop"] or stop("done")["stop"]
        answered = last_words(state)
        outcome = Outcome(
            **ending,
            summary=answered,
            usage=Usage(**state["usage"]),
            cost=Cost(**state["cost"]),
            steps=state["steps"],
            seconds=round(state["seconds"], 3),
            run_id=state["run_id"],
            model=state["model"],
            check=CheckResult(**state["check"]) if state["check"] else None,
            **self.work.results(state),
        ).to_dict()
        self.record.send(state["run_id"], "end", outcome=outcome)
        return {"outcome": outcome}

    def _ask(self, state: LoopState, config: RunnableConfig) -> AIMessage:
        request = hydrate(compose(state, self.work.system))
        options = {"conversation_id": state["run_id"]} if self._sends_conversation else {}
        return self._model.invoke(request, config, **options)

    def _ask_again(self, state: LoopState, error: IncompleteAnswerError) -> Update:
        if state["incomplete"] >= MAX_INCOMPLETE:
            return _failure(error)
        self.record.notice(state, f"{error.what} It is asked for again.")
        return {"incomplete": state["incomplete"] + 1}

    def _account(self, state: LoopState, answer: AIMessage) -> Update:
        """What the answer adds to the bill and to the next request."""
        usage = Usage.of(answer) or Usage()
        cost = Cost(**state["cost"]) + cost_of(answer, self.profile)
        if (
            cost.usd is None
            and state["cost"]["usd"] is not None
            and self.budget.max_usd is not None
        ):
            self.record.notice(state, "The cost is not known, so max_usd cannot end this run.")
        grown = state["context_tokens"] + count_answer(answer)
        return {
            "model": str(answer.response_metadata.get("model_name") or ""),
            "usage": asdict(Usage(**state["usage"]) + usage),
            "cost": asdict(cost),
            "context_tokens": max(grown, usage.input_tokens + usage.output_tokens),
        }

    def _count(self, state: LoopState, fresh: LoopState) -> int:
        messages = [*state.get("messages", []), *fresh["messages"]]
        request = compose(cast(LoopState, {**fresh, "messages": messages}), self.work.system)
        return count_request(hydrate(request), self._schemas)


def build(
    model: BaseChatModel,
    work: Work,
    *,
    name: str,
    budget: Budget,
    checkpointer: BaseCheckpointSaver[Any] | None,
    journal_dir: Path | str | None,
) -> CompiledStateGraph[LoopState, None, RunInput, RunOutput]:
    """The compiled graph; our own limits end a run before LangGraph's limit of steps does."""
    record = Recorder(journal_dir, hidden=keys_of(model))
    loop = Loop(model, work, budget, record)
    graph = StateGraph(LoopState, input_schema=RunInput, output_schema=RunOutput)
    for node in (
        loop.survey,
        loop.guard,
        loop.call_model,
        loop.run_tools,
        loop.verify,
        loop.finish,
    ):
        graph.add_node(node.__name__, _timed(node, record))
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
    return compiled.with_config(recursion_limit=NODES_PER_REQUEST * budget.max_steps + 10)


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


def _judge(state: LoopState, answer: AIMessage) -> Update:
    if refusal := refusal_of(answer):
        return {"messages": [answer], **stop("refused", refusal)}
    problem = problem_of(answer)
    if not problem:
        return {"messages": [answer], "incomplete": 0, "repairs": 0}
    if state["repairs"] >= MAX_REPAIRS:
        return stop("stuck", f"The model's answers cannot be used: {problem}.")
    repair = (
        f"Your last answer could not be used: {problem}. Answer again: call tools with arguments"
        " that are one JSON object each, or give your final answer as text."
    )
    return {"incomplete": 0, "repairs": state["repairs"] + 1, **_tell(state, repair)}


def _failure(error: GatewayError | ToolError) -> Update:
    status: Status = "refused" if isinstance(error, ContentRefusedError) else "failed"
    return stop(status, str(error), error_kind=type(error).__name__)


def _tell(state: LoopState, text: str) -> Update:
    tokens = state["context_tokens"] + count_text(text)
    return {"messages": [feedback(text)], "context_tokens": tokens}


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


def _profile(model: BaseChatModel) -> Profile:
    known = getattr(model, "model_profile", None)
    return known if isinstance(known, Profile) else profile_of(getattr(model, "model_name", ""))
