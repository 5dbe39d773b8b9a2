"""The clients of the loop benchmark, each in a process of its own: ``loop_clients.py NAME < job``.

The job is JSON: url, repo, task, state (a folder). The key names the process, so that the server
can read its CPU time. This file imports each client's packages only for that client.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Job = dict[str, Any]
STEPS = 2_000


def ours(job: Job) -> str:
    from grok_agent import Budget, ChatGrokBuild, Workspace
    from grok_agent.checkpoints import FileSaver
    from grok_agent.graphs import repository_agent

    model = ChatGrokBuild(base_url=job["url"], api_key=key(), state_dir=None)
    agent = repository_agent(
        model,
        Workspace(Path(job["repo"])),
        budget=Budget(max_usd=None, max_steps=STEPS, max_seconds=86_400),
        checkpointer=FileSaver(Path(job["state"])),
        journal_dir=Path(job["state"]),
    )
    config: Any = {"configurable": {"thread_id": "loop"}}
    outcome = agent.invoke({"task": job["task"]}, config)["outcome"]
    return f"{outcome['status']} {outcome['reason']}"


def plain(job: Job, *middleware: Any) -> str:
    from langchain.agents import create_agent

    agent = create_agent(
        chat_model(job),
        tools(Path(job["repo"])),
        system_prompt="You are an engineer working in a repository through tools.",
        middleware=middleware,
        checkpointer=saver(job),
    )
    return finish(agent, job)


def editing(job: Job) -> str:
    from langchain.agents.middleware import ContextEditingMiddleware

    return plain(job, ContextEditingMiddleware())


def summarizing(job: Job) -> str:
    return plain(job, summarization(job))


def managed(job: Job) -> str:
    from langchain.agents.middleware import ContextEditingMiddleware

    return plain(job, ContextEditingMiddleware(), summarization(job))


def deepagents(job: Job) -> str:
    from deepagents import create_deep_agent
    from deepagents.backends import FilesystemBackend

    agent = create_deep_agent(
        chat_model(job),
        system_prompt="You are an engineer working in a repository through tools.",
        backend=FilesystemBackend(root_dir=job["repo"], virtual_mode=True),
        checkpointer=saver(job),
    )
    return finish(agent, job)


CLIENTS: dict[str, Callable[[Job], str]] = {
    "ours": ours,
    "create_agent": plain,
    "create_agent+editing": editing,
    "create_agent+summary": summarizing,
    "create_agent+both": managed,
    "deepagents": deepagents,
}


def key() -> str:
    return f"pid-{os.getpid()}"


def chat_model(job: Job) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model="grok-build-0.1", base_url=job["url"], api_key=key(), max_retries=0, timeout=600
    )


def summarization(job: Job) -> Any:
    from langchain.agents.middleware import SummarizationMiddleware

    return SummarizationMiddleware(chat_model(job), trigger=("tokens", 170_000))


def saver(job: Job) -> Any:
    from langgraph.checkpoint.sqlite import SqliteSaver

    path = Path(job["state"]) / "checkpoints.sqlite"
    return SqliteSaver(sqlite3.connect(path, check_same_thread=False))


def finish(agent: Any, job: Job) -> str:
    config = {"configurable": {"thread_id": "loop"}, "recursion_limit": 10 * STEPS}
    state = agent.invoke({"messages": [("user", job["task"])]}, config)
    return f"done {state['messages'][-1].text}"


def tools(root: Path) -> list[Any]:
    """The plainest tools with the names and the output that our own have."""
    from langchain_core.tools import tool

    @tool
    def read_file(target_file: str, offset: int = 1, limit: int = 1_000) -> str:
        """Read lines of a text file, the first one being 1."""
        lines = (root / target_file).read_text().split("\n")[offset - 1 :][:limit]
        return "\n".join(f"{offset}→{line}" if not i else line for i, line in enumerate(lines))

    @tool
    def search_replace(file_path: str, old_string: str, new_string: str) -> str:
        """Replace a passage that stands in the file once."""
        text = (root / file_path).read_text()
        if text.count(old_string) != 1:
            return f"Error: found {text.count(old_string)} times."
        (root / file_path).write_text(text.replace(old_string, new_string))
        return f"The file {file_path} has been updated."

    @tool
    def grep(pattern: str) -> str:
        """Search the files of the repository for a pattern."""
        import subprocess

        command = ["git", "grep", "-n", "-P", pattern]
        return subprocess.run(command, cwd=root, capture_output=True, text=True).stdout[:20_000]

    return [read_file, search_replace, grep]


if __name__ == "__main__":
    try:
        print(json.dumps({"ended": CLIENTS[sys.argv[1]](json.load(sys.stdin))}))
    except Exception as error:  # noqa: BLE001 - however a client fails, that is its result
        print(json.dumps({"ended": f"failed {type(error).__name__}: {error}"[:300]}))
