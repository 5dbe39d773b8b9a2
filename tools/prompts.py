"""The tool by which a model hands over its finished prompt as data."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from langchain_core.tools import ArgsSchema, BaseTool, ToolException
from langchain_core.utils.json_schema import dereference_refs
from pydantic import ValidationError

from grok_agent.errors import ToolError
from grok_agent.prompts.problems import explain
from grok_agent.prompts.schema import PromptSpec

NAME = "emit_prompt_schema"
DESCRIPTION = (
    "Hand over the finished text-to-image prompt as structured data, in English and Chinese. "
    "Call it once, when the prompt is complete; every statement stands in both languages with the "
    "same meaning. If the answer lists problems, correct them and call it once more."
)


class EmitPromptSchema(BaseTool):
    """Checks a prompt and returns it as a :class:`PromptSpec` in the message's artifact.

    A prompt that does not pass comes back as a tool message with ``status="error"`` (called
    without a tool call: as text) that has one problem a line, for the model to mend in its next
    call.
    """

    name: str = NAME
    description: str = DESCRIPTION
    args_schema: ArgsSchema | None = None
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True

    def _run(self, /, **arguments: Any) -> tuple[str, PromptSpec]:
        try:
            spec = read_prompt(arguments)
        except ToolError as error:  # LangChain makes an error message only of its own class
            raise ToolException(str(error)) from error
        return (
            f"The prompt “{spec.title}” is valid: {len(spec.positive)} positive and"
            f" {len(spec.negative)} negative keywords, {spec.width} x {spec.height} px.",
            spec,
        )


def emit_prompt_schema_tool() -> BaseTool:
    """The tool ``emit_prompt_schema``; it needs no workspace and writes nothing."""
    return EmitPromptSchema(args_schema=prompt_parameters())


def prompt_parameters() -> dict[str, Any]:
    """JSON schema of the tool's parameters: one plain object, no references, no unions."""
    schema = dereference_refs(PromptSpec.model_json_schema())
    return {key: value for key, value in schema.items() if key != "$defs"}


def read_prompt(arguments: Mapping[str, Any]) -> PromptSpec:
    """Read a model's arguments, forgiving numbers sent as text and values sent as JSON text.

    Raises :class:`ToolError` with one problem a line; the model mends them in its next call.
    """
    try:
        return PromptSpec.model_validate(
            {name: _unpacked(name, value) for name, value in arguments.items()}, strict=False
        )
    except ValidationError as error:
        raise ToolError(
            "The prompt was not accepted:\n" + "\n".join(f"- {line}" for line in explain(error)),
            next_step=f"\nCorrect these and call {NAME} once more with the whole prompt.",
        ) from None


def _unpacked(name: str, value: Any) -> Any:
    """Some models send a nested object or list as a string that holds its JSON."""
    field = PromptSpec.model_fields.get(name)
    if field is None or field.annotation in (str, int, float) or not isinstance(value, str):
        return value
    if not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
