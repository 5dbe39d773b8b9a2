"""What the state of a long run takes on the disk, and what writing it costs.

    python benchmarks/state.py [--turns 150]

A scripted model reads a file of about 2,900 tokens in each turn, over the embedded gateway. First
the whole run with everything it keeps; then only the conversation of that run, put into a graph of
one node by each saver, each step written before the next.
"""

import argparse
import json
import operator
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import _messages_delta_reducer, add_messages

from grok_agent import Workspace, offline_model
from grok_agent.checkpoints import FileSaver
from grok_agent.graphs import repository_agent, sqlite_checkpointer
from grok_agent.graphs.state import Budget
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

CHARS = 11_520
THREAD: Any = {"configurable": {"thread_id": "run"}, "recursion_limit": 100_000}


class Plain(TypedDict):
    """The conversation as LangGraph keeps it by default."""

    messages: Annotated[list[AnyMessage], add_messages]
    turn: Annotated[int, operator.add]


class Delta(TypedDict):
    """The conversation in LangGraph's channel of differences (beta)."""

    messages: Annotated[list[AnyMessage], DeltaChannel(_messages_delta_reducer)]
    turn: Annotated[int, operator.add]


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser()
    options.add_argument("--turns", type=int, default=150)
    turns = options.parse_args().turns
    parts = [part for part, _ in zip(source(), range(turns), strict=False)]
    print(f"{turns} turns, {sum(map(len, parts)):,} characters read")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(whole_run(Path(folder), parts)))
    for name, schema in (("FileSaver", Plain), ("SqliteSaver", Plain), ("SqliteSaver", Delta)):
        with tempfile.TemporaryDirectory() as folder:
            print(
                name, schema.__name__, json.dumps(conversation(Path(folder), parts, name, schema))
            )


def source() -> Iterator[str]:
    """Parts of Python's own library, all different."""
    text = ""
    for file in sorted(Path(json.__file__).parent.parent.glob("*.py")):
        text += file.read_text(encoding="utf-8", errors="replace")
        while len(text) >= CHARS:
            yield text[:CHARS]
            text = text[CHARS:]


def whole_run(folder: Path, parts: list[str]) -> dict[str, Any]:
    """A run of the repository agent with journal, checkpoints and record of work."""
    repo, runs = folder / "repo", folder / "runs"
    repo.mkdir()
    for number, part in enumerate(parts):
        (repo / f"part_{number:03}.py").write_text(part, encoding="utf-8")
    asked = iter(range(len(parts)))

    def plan(request: ChatRequest) -> Turn:
        number = next(asked, None)
        if number is None:
            return Turn(content="Read.")
        arguments = {"target_file": f"part_{number:03}.py", "limit": 1000}
        return Turn(
            content=f"Part {number}.",
            reasoning="The next part has to be read before anything can be said. " * 4,
            tool_calls=(ToolCall("read_file", arguments),),
        )

    agent = repository_agent(
        offline_model(OfflineGateway(planner=plan)),
        Workspace(repo, scratch=runs / "run" / "outputs"),
        job="ask",
        sweep="never",
        budget=Budget(max_usd=None, max_steps=len(parts) + 5, max_seconds=1e9),
        checkpointer=FileSaver(runs),
        journal_dir=runs,
    )
    began = time.process_time()
    outcome = agent.invoke({"task": "Read all parts."}, THREAD, durability="sync")["outcome"]
    spent = time.process_time() - began
    sizes = {file.name: size(file) for file in sorted((runs / "run").iterdir())}
    began = time.process_time()
    FileSaver(runs).get_tuple(THREAD)
    return {
        "status": outcome["status"],
        "steps": outcome["steps"],
        "total_mb": round(sum(sizes.values()), 2),
        "mb": {name: round(mb, 2) for name, mb in sizes.items()},
        "cpu_s": round(spent, 1),
        "load_cpu_s": round(time.process_time() - began, 2),
    }


def conversation(folder: Path, parts: list[str], name: str, schema: Any) -> dict[str, float]:
    """The conversation alone, by one saver."""

    def turn(state: Any) -> dict[str, Any]:
        number = state["turn"]
        call = {"name": "read_file", "args": {"target_file": str(number)}, "id": f"c{number}"}
        answer = AIMessage(f"Part {number}.", tool_calls=[call])
        return {
            "messages": [answer, ToolMessage(parts[number], tool_call_id=call["id"])],
            "turn": 1,
        }

    graph = StateGraph(schema)
    graph.add_node("turn", turn)
    graph.add_edge(START, "turn")
    graph.add_conditional_edges(
        "turn", lambda state: "turn" if state["turn"] < len(parts) else END, ["turn", END]
    )
    file = name == "FileSaver"
    saver: Any = FileSaver(folder) if file else sqlite_checkpointer(folder / "state.sqlite3")
    began = time.process_time()
    given = {"messages": [HumanMessage("Read all parts.")], "turn": 0}
    graph.compile(checkpointer=saver).invoke(given, THREAD, durability="sync")
    spent = time.process_time() - began
    if not file:
        saver.conn.close()
    return {"mb": round(size(folder), 2), "cpu_s": round(spent, 2)}


def size(path: Path) -> float:
    """Megabytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


if __name__ == "__main__":
    main()
