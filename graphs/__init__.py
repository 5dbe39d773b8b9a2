"""The agents as compiled LangGraph graphs. Importing this package loads neither of them."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grok_agent.graphs.embed import as_tool, sqlite_checkpointer
    from grok_agent.graphs.explore import Explore
    from grok_agent.graphs.prompt import prompt_agent
    from grok_agent.graphs.repository import repository_agent
    from grok_agent.graphs.state import Budget, CheckResult, Outcome
    from grok_agent.graphs.steering import Steering
    from grok_agent.graphs.sweep import sweep_agent
    from grok_agent.graphs.sweep_options import SweepOptions

_HOME = {
    "Budget": "state",
    "CheckResult": "state",
    "Explore": "explore",
    "Outcome": "state",
    "Steering": "steering",
    "SweepOptions": "sweep_options",
    "as_tool": "embed",
    "prompt_agent": "prompt",
    "repository_agent": "repository",
    "sqlite_checkpointer": "embed",
    "sweep_agent": "sweep",
}

__all__ = [
    "Budget",
    "CheckResult",
    "Explore",
    "Outcome",
    "Steering",
    "SweepOptions",
    "as_tool",
    "prompt_agent",
    "repository_agent",
    "sqlite_checkpointer",
    "sweep_agent",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"grok_agent.graphs.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
