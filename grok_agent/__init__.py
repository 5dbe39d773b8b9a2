"""Drive xAI's grok-build-0.1 through native tool calls, behind any OpenAI-compatible gateway.

Public names are loaded when first used (PEP 562): importing the package loads no LangChain.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from grok_agent.chat_model import ChatGrokBuild
    from grok_agent.context.history import HistoryLimits
    from grok_agent.errors import GatewayError, GrokAgentError, SettingsError, ToolError
    from grok_agent.graphs.explore import Explore
    from grok_agent.graphs.prompt import prompt_agent
    from grok_agent.graphs.repository import repository_agent
    from grok_agent.graphs.state import Budget, Outcome
    from grok_agent.graphs.steering import Steering
    from grok_agent.graphs.translate import translate
    from grok_agent.library import PromptLibrary
    from grok_agent.offline import offline_model
    from grok_agent.prompts.schema import PromptSpec
    from grok_agent.settings import Settings
    from grok_agent.tools import image_tools, repository_tools
    from grok_agent.tools.workspace import Workspace
    from grok_agent.vision.compare import compare_faces
    from grok_agent.vision.sheet import contact_sheet

_HOME = {
    "Budget": "grok_agent.graphs.state",
    "ChatGrokBuild": "grok_agent.chat_model",
    "Explore": "grok_agent.graphs.explore",
    "GatewayError": "grok_agent.errors",
    "GrokAgentError": "grok_agent.errors",
    "HistoryLimits": "grok_agent.context.history",
    "Outcome": "grok_agent.graphs.state",
    "PromptLibrary": "grok_agent.library",
    "PromptSpec": "grok_agent.prompts.schema",
    "Settings": "grok_agent.settings",
    "SettingsError": "grok_agent.errors",
    "Steering": "grok_agent.graphs.steering",
    "ToolError": "grok_agent.errors",
    "Workspace": "grok_agent.tools.workspace",
    "compare_faces": "grok_agent.vision.compare",
    "contact_sheet": "grok_agent.vision.sheet",
    "image_tools": "grok_agent.tools",
    "offline_model": "grok_agent.offline",
    "prompt_agent": "grok_agent.graphs.prompt",
    "repository_agent": "grok_agent.graphs.repository",
    "repository_tools": "grok_agent.tools",
    "translate": "grok_agent.graphs.translate",
}

__all__ = [
    "Budget",
    "ChatGrokBuild",
    "Explore",
    "GatewayError",
    "GrokAgentError",
    "HistoryLimits",
    "Outcome",
    "PromptLibrary",
    "PromptSpec",
    "Settings",
    "SettingsError",
    "Steering",
    "ToolError",
    "Workspace",
    "__version__",
    "compare_faces",
    "contact_sheet",
    "image_tools",
    "offline_model",
    "prompt_agent",
    "repository_agent",
    "repository_tools",
    "translate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
