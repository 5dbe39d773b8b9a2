"""Ways to put an agent into an application: as a tool, and with a database of checkpoints."""

import sqlite3
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph.state import CompiledStateGraph

from grok_agent.errors import SettingsError
from grok_agent.graphs.state import LoopState, Outcome, RunInput, RunOutput
from grok_agent.on_threads import OnThreads

BUSY_TIMEOUT_S = 30.0


def as_tool(
    graph: CompiledStateGraph[LoopState, None, RunInput, RunOutput], name: str, description: str
) -> BaseTool:
    """The agent as a tool with one argument, ``task``; each call is a run of its own, recorded
    under its caller's thread where there is one.

    The message's content says how the run ended and what came out, its artifact is the outcome as
    plain types.
    """

    def run(task: str, config: RunnableConfig) -> tuple[str, dict[str, Any]]:
        return _answer(graph.invoke({"task": task}, config))

    async def arun(task: str, config: RunnableConfig) -> tuple[str, dict[str, Any]]:
        return _answer(await graph.ainvoke({"task": task}, config))

    return StructuredTool.from_function(
        run,
        arun,
        name=name,
        description=description,
        response_format="content_and_artifact",
    )


def sqlite_checkpointer(path: Path | str) -> SqliteSaver:
    """A checkpointer in the SQLite file ``path``, which is made, with its folder, where missing.

    It revives plain types and LangChain's messages only. Sync and async graphs may use it. Close
    its ``conn`` when done. Raises :class:`SettingsError` for a file that cannot be used.
    """
    file = Path(path).expanduser()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
        saver = _ThreadedSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        saver.setup()
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(
            f"The checkpoint file {file} cannot be used: {error}.",
            next_step="Name another file, in a folder that you may write to.",
        ) from error
    return saver


class _ThreadedSaver(OnThreads[str], SqliteSaver):
    """LangGraph's SQLite saver, for asynchronous graphs too."""


def _answer(state: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    outcome = Outcome.from_dict(state["outcome"])
    parts = [
        f"status: {outcome.status}",
        outcome.reason,
        outcome.summary,
        f"changed files: {', '.join(outcome.changed_files)}" if outcome.changed_files else "",
    ]
    return "\n".join(part for part in parts if part), outcome.to_dict()
