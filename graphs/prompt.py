"""The agent for prompts: words, reference pictures or both become one structured prompt.

::

    survey -> guard -> call_model -> run_tools -> guard -> call_model ... -> verify -> finish

The loop is in :mod:`grok_agent.graphs.loop`. This file says when the work is good (a valid prompt
was handed over) and what comes out (the prompt, saved in the library).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph

from grok_agent.errors import SettingsError, ToolError
from grok_agent.graphs.instructions import PROMPT
from grok_agent.graphs.loop import build
from grok_agent.graphs.record import Listener
from grok_agent.graphs.request import image_paths, task_of
from grok_agent.graphs.state import Budget, LoopState, RunInput, RunOutput
from grok_agent.graphs.survey import printable
from grok_agent.graphs.work import Notice, Verdict
from grok_agent.library import PromptLibrary
from grok_agent.profile import TEMPERATURES
from grok_agent.prompts.schema import PromptSpec
from grok_agent.tools.images import extract_image_features_tool
from grok_agent.tools.prompts import NAME as EMIT
from grok_agent.tools.prompts import emit_prompt_schema_tool
from grok_agent.tools.workspace import Workspace
from grok_agent.vision.prepare import prepare

MEASURE = "extract_image_features"
NOT_EMITTED = f"No valid prompt was handed over with {EMIT}."


def prompt_agent(
    model: BaseChatModel,
    *,
    workspace: Workspace | None = None,
    library: PromptLibrary | None = None,
    budget: Budget | None = None,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    journal_dir: Path | str | None = None,
    on_event: Listener | None = None,
) -> CompiledStateGraph[LoopState, None, RunInput, RunOutput]:
    """An agent that writes one text-to-image prompt, as a compiled LangGraph graph.

    Input is ``{"task": "...", "images": [paths]}`` or ``{"messages": [...]}``. The pictures given
    may be measured, others only inside ``workspace``. The outcome holds the prompt as the dump of a
    :class:`PromptSpec`; with a ``library`` it is saved there and ``prompt_id`` is its number.
    A model without a temperature of its own gets the one for portraits.
    ``journal_dir`` and ``on_event`` as for :func:`grok_agent.graphs.repository.repository_agent`.

    How a run ends is a value in the outcome. Raises :class:`SettingsError` when the graph is run
    without a task; the caller mends it.
    """
    has_own = getattr(model, "temperature", None) is not None
    return build(
        model,
        PromptWork(
            workspace, library, {} if has_own else {"temperature": TEMPERATURES["portrait"]}
        ),
        name="prompt_agent",
        budget=budget or Budget(),
        checkpointer=checkpointer,
        journal_dir=journal_dir,
        on_event=on_event,
    )


@dataclass(frozen=True)
class PromptWork:
    """Writing one prompt, as the loop sees it."""

    workspace: Workspace | None
    library: PromptLibrary | None
    model_options: Mapping[str, Any]
    job: str = "prompt"
    system: str = PROMPT
    second_chances: int = 1

    def tools(self, images: Sequence[str]) -> Sequence[BaseTool]:
        """The tool that measures these pictures, and the one that takes the prompt."""
        readable = _readable(images, self.workspace)
        return [extract_image_features_tool(readable), emit_prompt_schema_tool()]

    def survey(self, images: Sequence[str]) -> str:
        """Where the pictures lie, once each is known to be one."""
        for path in images:
            prepare(Path(path))
        lines = [f"{number}: {printable(path)}" for number, path in enumerate(images, start=1)]
        return "\n".join(["<pictures>", *lines, "</pictures>"]) if lines else ""

    def verify(self, state: LoopState) -> Verdict:
        """The work is good once a valid prompt was handed over."""
        if _artifacts(state, EMIT):
            return Verdict()
        return Verdict(
            problem=f"{NOT_EMITTED} Call it now with the whole prompt.",
            reason=f"{NOT_EMITTED} Say the task in other words, or take another model.",
        )

    def results(self, state: LoopState, notice: Notice) -> Mapping[str, Any]:
        """The last valid prompt, and its number in the library."""
        emitted = _artifacts(state, EMIT)
        if not emitted:
            return {}
        try:
            number = _save(emitted[-1], state, self.library) if self.library else None
        except (SettingsError, ToolError) as error:
            notice(f"The prompt was not saved: {error}")
            number = None
        return {"prompt": emitted[-1], "prompt_id": number}


def _save(prompt: Mapping[str, Any], state: LoopState, library: PromptLibrary) -> int:
    task = task_of(state)
    measured = _artifacts(state, MEASURE)
    return library.save(
        PromptSpec.model_validate(prompt, strict=False),
        task=str(task.text),
        model=state["model"],
        images=[prepare(Path(path)).sha256 for path in image_paths(task)],
        features=measured[-1] if measured else None,
        cost_usd=state["cost"]["usd"],
    )


def _artifacts(state: LoopState, tool: str) -> list[dict[str, Any]]:
    """What successful calls of ``tool`` made in this run, oldest first, as plain types."""
    turns = state["messages"][state["turns_from"] :]
    results = (each for each in turns if isinstance(each, ToolMessage) and each.name == tool)
    return [each.artifact for each in results if each.status == "success" and each.artifact]


def _readable(images: Sequence[str], workspace: Workspace | None) -> Callable[[str], Path]:
    """The guard of the measuring tool: the pictures given, and what the workspace lets pass."""

    given = {printable(path): Path(path) for path in images}

    def resolve(path: str) -> Path:
        if path in given:
            return given[path]
        if workspace is not None:
            return workspace.resolve(path)
        named = ", ".join(given) or "none was given"
        raise ToolError(
            f"{path} is none of the task's pictures.", next_step=f"Use one of these: {named}."
        )

    return resolve
