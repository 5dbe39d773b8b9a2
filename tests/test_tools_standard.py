"""LangChain's own test suite for tools, for each repository tool."""

import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_tests.unit_tests import ToolsUnitTests
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from grok_agent import Workspace, repository_tools
from grok_agent.tools.folders import ListDir
from grok_agent.tools.plan import TodoWrite
from grok_agent.tools.read import ReadFile
from grok_agent.tools.repo_map import RepoMap
from grok_agent.tools.run import RunTerminalCommand
from grok_agent.tools.search import Grep
from grok_agent.tools.search_replace import SearchReplace, Write


class OfWorkspaceTool(ToolsUnitTests):
    """A tool on an empty workspace."""

    tool_class: type[BaseTool]
    example: ClassVar[dict[str, Any]]

    @pytest.fixture(autouse=True)
    def workspace(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @property
    def tool_constructor(self) -> type[BaseTool]:
        return self.tool_class

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {"workspace": Workspace(self.folder)}

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return self.example


class TestReadFile(OfWorkspaceTool):
    tool_class = ReadFile
    example: ClassVar = {"target_file": "a.py", "offset": 1, "limit": 10}


class TestListDir(OfWorkspaceTool):
    tool_class = ListDir
    example: ClassVar = {"target_directory": "."}


class TestGrep(OfWorkspaceTool):
    tool_class = Grep
    example: ClassVar = {
        "pattern": "load",
        "path": "src",
        "-i": True,
        "-C": 2,
        "output_mode": "content",
    }


class TestRepoMap(OfWorkspaceTool):
    tool_class = RepoMap
    example: ClassVar = {"focus": "loading", "budget": 500}


class TestSearchReplace(OfWorkspaceTool):
    tool_class = SearchReplace
    example: ClassVar = {
        "file_path": "a.py",
        "old_string": "a",
        "new_string": "b",
        "replace_all": True,
    }


class TestWrite(OfWorkspaceTool):
    tool_class = Write
    example: ClassVar = {"file_path": "a.py", "content": ""}


class TestRunTerminalCommand(OfWorkspaceTool):
    tool_class = RunTerminalCommand
    example: ClassVar = {
        "command": "ls",
        "description": "Look.",
        "timeout": 1_000,
        "background": False,
    }


class TestTodoWrite(OfWorkspaceTool):
    tool_class = TodoWrite
    example: ClassVar = {
        "todos": [{"id": "1", "content": "a", "status": "pending"}],
        "merge": False,
    }


del OfWorkspaceTool


def test_every_schema_is_one_plain_object(tmp_path: Path) -> None:
    for tool in repository_tools(Workspace(tmp_path)):
        parameters = convert_to_openai_tool(tool)["function"]["parameters"]
        assert parameters["type"] == "object"
        assert set(parameters) == {"type", "properties", "required"}
        for word in ("$ref", "anyOf", "oneOf", "title"):
            assert word not in str(parameters)
        assert all(value["description"] for value in parameters["properties"].values())


async def test_the_tools_work_in_a_tool_node(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(repository_tools(Workspace(tmp_path))))
    graph.add_edge(START, "tools")
    graph.add_edge("tools", END)
    calls = [
        {"name": "read_file", "id": "1", "args": {"target_file": "a.py"}},
        {"name": "grep", "id": "2", "args": {"pattern": "A =", "-i": True}},
        {"name": "read_file", "id": "3", "args": {"target_file": "../b.py"}},
        {"name": "grep", "id": "4", "args": {"self": "x", "config": "y", "run_manager": "z"}},
    ]
    state = {"messages": [AIMessage("", tool_calls=calls)]}
    for answer in (graph.compile().invoke(state), await graph.compile().ainvoke(state)):
        first, second, third, fourth = answer["messages"][1:]
        assert first.content == "1→a = 1\n"
        assert "1:a = 1" in second.content
        assert (third.status, fourth.status) == ("error", "error")


def test_importing_the_package_loads_no_heavy_library() -> None:
    loaded = (
        "import sys, grok_agent.tools; print({'langchain_core', 'numpy', 'PIL'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
