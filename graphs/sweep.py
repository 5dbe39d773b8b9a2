"""The agent for what does not fit into one request: reads a repository shard by shard.

::

    plan -> steer -> ask (some at once) -> steer -> ask ... -> report

``steer`` stands before each wave of requests: it adds up what the run has taken, ends reading where
a budget is spent, and chooses what is asked next: shards first, then requests that join their
results in levels, until one is left. The choice follows from the state alone, so an interrupted run
goes on where it stopped.
"""

from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send

from grok_agent.graphs.display import DrawnLocally
from grok_agent.graphs.record import Listener, keys_of
from grok_agent.graphs.state import Budget, RunInput, RunOutput
from grok_agent.graphs.sweep_nodes import Sweep, said_in
from grok_agent.graphs.sweep_options import SweepOptions
from grok_agent.graphs.sweep_record import Tally
from grok_agent.graphs.sweep_state import Asked, SweepState
from grok_agent.tools.workspace import Workspace

RECURSION_LIMIT = 100_000
"""Steps of the graph: our own limits end a run long before, and kept answers are free."""


def sweep_agent(
    model: BaseChatModel,
    workspace: Workspace,
    *,
    job: str = "review",
    options: SweepOptions | None = None,
    budget: Budget | None = None,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    journal_dir: Path | str | None = None,
    on_event: Listener | None = None,
) -> CompiledStateGraph[SweepState, None, RunInput, RunOutput]:
    """An agent that reads all of ``workspace``, whatever its size, as a compiled LangGraph graph.

    Input and output are those of :func:`grok_agent.graphs.repository.repository_agent`, and so are
    ``journal_dir`` and ``on_event``; nothing is changed, and no command is run. The outcome has
    ``findings``, each with a line that stands in its file, and ``left_out``: every file that no
    answer is about. All requests of a run carry one conversation id and begin with the same bytes.

    A run that was interrupted goes on with a ``checkpointer``. With ``options.kept_dir`` what was
    read before a run was killed or ended early is not paid for twice when the task is given again.

    Raises :class:`SettingsError` for an unknown job, and when the graph is run without a task; the
    caller mends it.
    """
    budget = budget or Budget()
    record = Tally(journal_dir, keys_of(model), on_event, workspace.secrets)
    graph = StateGraph(SweepState, input_schema=RunInput, output_schema=RunOutput)
    _add_nodes(Sweep(model, workspace, job, options or SweepOptions(), budget, record), graph)
    graph.add_edge(START, "plan")
    compiled = graph.compile(checkpointer=checkpointer, name="sweep_agent")
    compiled.__class__ = DrawnLocally  # ``compile`` names its own class
    return compiled.with_config(recursion_limit=RECURSION_LIMIT)


def lead_to_sweep(sweep: Sweep, graph: StateGraph[Any, Any, Any, Any], *, always: bool) -> int:
    """Add ``sweep`` to ``graph``, and lead there from the start ``always`` or when it is due.

    Otherwise the first node is ``survey``. Returns how many steps the sweep may take.
    """
    _add_nodes(sweep, graph)

    def first(state: SweepState, config: RunnableConfig) -> str:
        return "plan" if always or sweep.is_due(state, config) else "survey"

    graph.add_conditional_edges(START, first, ["plan", "survey"])
    return RECURSION_LIMIT


def _add_nodes(sweep: Sweep, graph: StateGraph[Any, Any, Any, Any]) -> None:
    graph.add_node("plan", sweep.watched(sweep.plan))
    graph.add_node("steer", sweep.watched(sweep.steer))
    graph.add_node("ask", sweep.watched(sweep.ask), input_schema=Asked)
    graph.add_node("report", sweep.watched(sweep.report))
    graph.add_edge("plan", "steer")
    graph.add_conditional_edges("steer", _next, ["ask", "report"])
    graph.add_edge("ask", "steer")
    graph.add_edge("report", END)


def _next(state: SweepState) -> list[Send] | str:
    asked = (
        Asked(
            run_id=state["run_id"],
            most_tokens=state["most_tokens"],
            said=said_in(state),
            question=question,
        )
        for question in state["wave"]
    )
    return [Send("ask", each) for each in asked] or "report"
