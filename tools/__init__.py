"""Tools for LangChain applications, bound to one guarded workspace.

Importing this package loads neither LangChain nor the picture libraries; the two functions do.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from grok_agent.tools.workspace import Workspace

__all__ = ["image_tools", "reading_tools", "repository_tools"]


def repository_tools(workspace: "Workspace") -> "list[BaseTool]":
    """The tools that read, search, edit and run commands in ``workspace``.

    In the permission mode ``"plan"`` the editing tools are not offered; the command tool then
    runs only commands known to read only.
    """
    from grok_agent.tools.codemod import RenameSymbol, RewriteCode
    from grok_agent.tools.jobs import GetOutput, KillCommand
    from grok_agent.tools.plan import TodoWrite
    from grok_agent.tools.run import RunTerminalCommand
    from grok_agent.tools.search_replace import SearchReplace, Write

    editing: list[BaseTool] = [
        SearchReplace(workspace=workspace),
        Write(workspace=workspace),
        RewriteCode(workspace=workspace),
        RenameSymbol(workspace=workspace),
        GetOutput(workspace=workspace),
        KillCommand(workspace=workspace),
    ]
    doing: list[BaseTool] = [
        RunTerminalCommand(workspace=workspace),
        TodoWrite(workspace=workspace),
    ]
    return [*reading_tools(workspace), *([] if workspace.permission == "plan" else editing), *doing]


def reading_tools(workspace: "Workspace") -> "list[BaseTool]":
    """The tools that only read: files, folders, text, and what files define."""
    from grok_agent.tools.folders import ListDir
    from grok_agent.tools.read import ReadFile
    from grok_agent.tools.repo_map import RepoMap
    from grok_agent.tools.search import Grep

    return [
        ReadFile(workspace=workspace),
        ListDir(workspace=workspace),
        Grep(workspace=workspace),
        RepoMap(workspace=workspace),
    ]


def image_tools(
    workspace: "Workspace | None" = None, base_dir: Path | str = "."
) -> "list[BaseTool]":
    """The tools that measure a picture and take the finished prompt.

    Pictures are named relative to the root of ``workspace``; without one, to ``base_dir``, and
    none outside is opened.
    """
    from grok_agent.tools.images import extract_image_features_tool
    from grok_agent.tools.prompts import emit_prompt_schema_tool
    from grok_agent.tools.workspace import Workspace

    place = workspace or Workspace(base_dir, permission="plan")
    return [extract_image_features_tool(place.resolve), emit_prompt_schema_tool()]
