"""The agent for prompts: words, reference pictures or both become one structured prompt.

::

    survey -> guard -> call_model -> run_tools -> guard -> call_model ... -> verify -> finish

The loop is in :mod:`grok_agent.graphs.loop`. This file says when the work is good (a valid prompt
was handed over) and what comes out (the prompt, saved in the library).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

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
from grok_agent.graphs.work import FirstLook, Notice, Verdict
from grok_agent.library import PromptLibrary
from grok_agent.prompts.critique import critique
from grok_agent.prompts.derive import with_identity
from grok_agent.prompts.fallback import fallback
from grok_agent.prompts.presets import (
    REASONING_RESERVE_TOKENS,
    preset_of,
    temperature_advice,
    temperature_of,
)
from grok_agent.prompts.schema import PromptSpec, Target
from grok_agent.tools.images import extract_image_features_tool
from grok_agent.tools.prompts import NAME as EMIT
from grok_agent.tools.prompts import emit_prompt_schema_tool
from grok_agent.tools.workspace import Workspace
from grok_agent.vision.features import ImageFeatures, extract, render
from grok_agent.vision.prepare import prepare

MEASURE = "extract_image_features"
REVISE = f"Mend these and call {EMIT} once more with the whole prompt."
MOST_INVALID = 2  # the first try and one repair; then a prompt is made without the model
MAX_VARIANTS = 20
MOST_MEASURED = 4  # pictures whose measurements go along unasked, some 600 tokens each


@dataclass(frozen=True)
class PromptRequest:
    """How the prompt is wanted.

    ``preset`` is one of :data:`grok_agent.prompts.presets.PRESETS`, "" for none; ``target`` the
    image model; ``variants`` how many prompts, which differ in the fields of ``vary``;
    ``revisions`` how often the model may mend weaknesses of a valid prompt; ``banned`` words that
    count as such. Raises :class:`SettingsError` for values out of range; the caller mends it.
    """

    preset: str = ""
    target: Target | None = None
    variants: int = 1
    vary: Sequence[str] = ("light", "composition")
    revisions: int = 1
    banned: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.variants <= MAX_VARIANTS:
            raise SettingsError(
                f"{self.variants} variants are none or too many.",
                next_step=f"Ask for 1 to {MAX_VARIANTS}.",
            )
        if self.target is not None and self.target not in get_args(Target):
            raise SettingsError(
                f"{self.target!r} is no target.",
                next_step=f"Use one of: {', '.join(get_args(Target))}.",
            )
        if self.preset:
            preset_of(self.preset)

    @property
    def instructions(self) -> str:
        """What the system message says of it, "" for a plain request."""
        lines = []
        if self.preset:
            lines.append(preset_of(self.preset).instructions)
        if self.target:
            lines.append(f"Target: {self.target}. Set target to it.")
        if self.variants > 1:
            lines.append(
                f"Variants: {self.variants}. Call {EMIT} that many times in one answer. The prompts"
                f" differ in {' and '.join(self.vary)}; subject and identity stay word for word."
            )
        return "\n\n# This prompt\n" + "\n".join(lines) if lines else ""

    def model_options(self, model: BaseChatModel) -> dict[str, Any]:
        """Temperature and limit of tokens, as far as the model has none of its own."""
        options: dict[str, Any] = {}
        preset = preset_of(self.preset) if self.preset else None
        if getattr(model, "temperature", None) is None:
            options["temperature"] = temperature_of(self.preset)
        if preset and getattr(model, "max_tokens", None) is None:
            options["max_tokens"] = preset.max_tokens * self.variants + REASONING_RESERVE_TOKENS
        return options

    def advice(self, model: BaseChatModel) -> str:
        """What speaks against the temperature that the model was given, "" if nothing does."""
        temperature = getattr(model, "temperature", None)
        return "" if temperature is None else temperature_advice(self.preset, temperature)


def prompt_agent(
    model: BaseChatModel,
    *,
    request: PromptRequest | None = None,
    workspace: Workspace | None = None,
    library: PromptLibrary | None = None,
    budget: Budget | None = None,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    journal_dir: Path | str | None = None,
    on_event: Listener | None = None,
) -> CompiledStateGraph[LoopState, None, RunInput, RunOutput]:
    """An agent that writes text-to-image prompts, as a compiled LangGraph graph.

    Input is ``{"task": "...", "images": [paths]}`` or ``{"messages": [...]}``. The pictures given
    may be measured, others only inside ``workspace``. The outcome holds the prompt as the dump of a
    :class:`PromptSpec`; with a ``library`` it is saved there and ``prompt_id`` is its number.
    ``request`` says what kind of prompt, for which target and how many. A model without a
    temperature of its own gets the preset's, else the one for portraits.

    Every prompt is valid. Where the model fails twice to hand one over, it is made of the task's
    words and of measurements, and its ``safety_note`` says so.

    How a run ends is a value in the outcome. Raises :class:`SettingsError` when the graph is run
    without a task; the caller mends it. ``journal_dir`` and ``on_event`` as for
    :func:`grok_agent.graphs.repository.repository_agent`.
    """
    wanted = request or PromptRequest()
    return build(
        model,
        PromptWork(workspace, library, wanted.model_options(model), wanted, wanted.advice(model)),
        name="prompt_agent",
        budget=budget or Budget(),
        checkpointer=checkpointer,
        journal_dir=journal_dir,
        on_event=on_event,
    )


@dataclass(frozen=True)
class PromptWork:
    """Writing prompts, as the loop sees it."""

    workspace: Workspace | None
    library: PromptLibrary | None
    model_options: Mapping[str, Any]
    request: PromptRequest
    advice: str = ""
    job: str = "prompt"

    @property
    def system(self) -> str:
        """Who the agent is, and what is special about this prompt."""
        return PROMPT + self.request.instructions

    @property
    def second_chances(self) -> int:
        """Once for a prompt that is missing, and for each revision."""
        return max(1, self.request.revisions)

    def tools(self, images: Sequence[str]) -> Sequence[BaseTool]:
        """The tool that measures these pictures, and the one that takes the prompt."""
        readable = _readable(images, self.workspace)
        return [extract_image_features_tool(readable), emit_prompt_schema_tool()]

    def survey(self, task: str, images: Sequence[str]) -> FirstLook:
        """Where the pictures lie, and what is measured on them, beside the pictures themselves."""
        preset = preset_of(self.request.preset) if self.request.preset else None
        if preset and preset.needs_picture and not images:
            raise ToolError(
                f"The preset {preset.name} needs a reference picture.",
                next_step="Give one, or take another preset.",
            )
        for path in images:
            prepare(Path(path))
        lines = [f"{number}: {printable(path)}" for number, path in enumerate(images, start=1)]
        if not lines:
            return FirstLook("")
        listed = ["<pictures>", *lines, "</pictures>", "<measurements>"]
        for number, path in enumerate(images[:MOST_MEASURED], start=1):
            listed.append(f"{number}: {render(_features(path))}")
        return FirstLook("\n".join([*listed, "</measurements>"]))

    def is_settled(self, state: LoopState) -> bool:
        """Whether the model has failed to hand over a valid prompt, and to repair it."""
        invalid = [each for each in _results(state, EMIT) if each.status == "error"]
        return len(invalid) >= MOST_INVALID and not _artifacts(state, EMIT)

    def verify(self, state: LoopState) -> Verdict:
        """Ask once for what is missing or weak; what stays so is not the model's any more."""
        emitted = _artifacts(state, EMIT)
        if state["second_chances"] >= self.second_chances:
            return Verdict()
        if len(emitted) < self.request.variants:
            missing = f"{len(emitted)} of {self.request.variants} prompts were handed over."
            return Verdict(problem=f"{missing} Call {EMIT} now with each whole prompt.")
        measured = _measured(state)
        remarks = critique(
            _spec(emitted[-1]),
            banned=self.request.banned,
            features=measured[0] if len(measured) == 1 else None,
        )
        if not remarks or not self.request.revisions:
            return Verdict()
        listed = "\n".join(f"- {remark}" for remark in remarks)
        return Verdict(problem=f"The prompt is valid but can be better:\n{listed}\n{REVISE}")

    def results(self, state: LoopState, notice: Notice) -> Mapping[str, Any]:
        """The prompts, the first one's number in the library, and what was lacking, told."""
        if self.advice:
            notice(self.advice)
        ended = state["stop"]
        emitted = [_spec(each) for each in _artifacts(state, EMIT)][-self.request.variants :]
        if not emitted and ended and ended["status"] == "done":
            notice("The model handed over no valid prompt; one was made without it.")
            measured = _measured(state)
            emitted = [fallback(str(task_of(state).text), measured[-1] if measured else None)]
        if not emitted:
            return {}
        first, *others = emitted
        specs = [first, *(with_identity(each, first) for each in others)]
        try:
            numbers = _save(specs, state, self.library) if self.library else []
        except (SettingsError, ToolError) as error:
            notice(f"The prompt was not saved: {error}")
            numbers = []
        return {
            "prompt": first.model_dump(),
            "prompt_id": numbers[0] if numbers else None,
            "variants": [each.model_dump() for each in specs[1:]],
        }


def _save(specs: Sequence[PromptSpec], state: LoopState, library: PromptLibrary) -> list[int]:
    """Keep the prompts; variants are derived from the first, which bears the cost."""
    task = task_of(state)
    measured = _measured(state)
    numbers: list[int] = []
    for spec in specs:
        number = library.save(
            spec,
            task=str(task.text),
            model=state["model"],
            images=[prepare(Path(path)).sha256 for path in image_paths(task)],
            features=measured[-1] if measured else None,
            cost_usd=0.0 if numbers else state["cost"]["usd"],
            derived_from=numbers[0] if numbers else None,
        )
        numbers.append(number)
    return numbers


def _spec(dump: Mapping[str, Any]) -> PromptSpec:
    return PromptSpec.model_validate(dump, strict=False)


def _measured(state: LoopState) -> list[dict[str, Any]]:
    """What the model measured in this run, else what it was told of the pictures; may be empty."""
    if found := _artifacts(state, MEASURE):
        return found
    try:
        paths = image_paths(task_of(state))[:MOST_MEASURED]
        return [_features(path).model_dump(mode="json") for path in paths]
    except ToolError:
        return []  # the pictures are gone by now, and the run goes on without


def _features(path: str) -> ImageFeatures:
    """What is measured on a picture of the task: once, while its file stays as it is."""
    with suppress(OSError):
        status = Path(path).stat()
        return _extracted(path, status.st_size, status.st_mtime_ns)
    return extract(Path(path))  # says what is wrong with it


@lru_cache(maxsize=MOST_MEASURED)
def _extracted(path: str, size: int, mtime_ns: int) -> ImageFeatures:
    return extract(Path(path))


def _artifacts(state: LoopState, tool: str) -> list[dict[str, Any]]:
    """What successful calls of ``tool`` made in this run, oldest first, as plain types."""
    results = _results(state, tool)
    return [each.artifact for each in results if each.status == "success" and each.artifact]


def _results(state: LoopState, tool: str) -> list[ToolMessage]:
    turns = state["messages"][state["turns_from"] :]
    return [each for each in turns if isinstance(each, ToolMessage) and each.name == tool]


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
