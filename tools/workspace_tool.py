"""What every repository tool has in common: one workspace, lenient arguments, a typed result."""

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Literal

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import run_in_executor
from langchain_core.tools import ArgsSchema, BaseTool, ToolException
from langchain_core.utils.json_schema import dereference_refs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from grok_agent.errors import ToolError
from grok_agent.tools.results import Result, render
from grok_agent.tools.tool_kinds import EDITING_TOOLS
from grok_agent.tools.workspace import Workspace


class Arguments(BaseModel):
    """Arguments of a tool as the model sends them; numbers and booleans may come as text."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class WorkspaceTool(BaseTool):
    """A tool bound to one :class:`Workspace`.

    The message's content is the rendered text without secrets, its artifact the typed result.
    Whatever the model can mend (wrong arguments, a missing file, a missing leave) comes back as a
    tool message with ``status="error"``; called without a tool call, as the error's text.
    """

    workspace: Workspace = Field(exclude=True, repr=False)
    args_schema: ArgsSchema | None = None
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True
    arguments: ClassVar[type[Arguments]]

    def model_post_init(self, context: Any, /) -> None:
        """Offer the parameters as plain JSON schema: LangChain loses names such as ``-A``."""
        super().model_post_init(context)
        self.args_schema = parameters_of(self.arguments)

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The pydantic model that checks the arguments."""
        return self.arguments

    @abstractmethod
    def carry_out(self, arguments: Any) -> Result:
        """Do what the checked ``arguments`` ask. Raises ToolError."""

    def _run(self, /, **given: Any) -> tuple[str, Result]:
        try:
            arguments = read_arguments(self.name, self.arguments, given)
            self.workspace.require(self.name, given)
            if self.name in EDITING_TOOLS:  # no other may have the secrets: a command would tell
                whole = self.workspace.with_secrets(given)
                arguments = read_arguments(self.name, self.arguments, whole)
            result = self.carry_out(arguments)
        except ToolError as error:
            raise ToolException(self.workspace.secrets.hide_own(str(error))) from error
        return self.workspace.secrets.hide_own(render(result)), result

    async def _arun(self, /, **given: Any) -> tuple[str, Result]:
        # BaseTool._arun takes `self` by name, and a model may send an argument of that name.
        return await run_in_executor(None, partial(self._run, **given))


def parameters_of(arguments: type[Arguments]) -> dict[str, Any]:
    """JSON schema of ``arguments``: one plain object, no titles, no references, no unions."""
    schema = dereference_refs(arguments.model_json_schema(by_alias=True))
    return {
        "type": "object",
        "properties": {name: _plain(value) for name, value in schema["properties"].items()},
        "required": schema.get("required", []),
    }


def read_arguments(tool: str, model: type[Arguments], given: Mapping[str, Any]) -> Arguments:
    """Check ``given``; raises ToolError that names each wrong argument and the right ones."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        wrong = "; ".join(_explain(problem) for problem in found[:5])
        raise ToolError(
            f"{tool} was called wrongly: {wrong}.",
            next_step=f"Its arguments are: {signature_of(model)}.",
        ) from None


def signature_of(model: type[Arguments]) -> str:
    """Names and types of the arguments on one line; those in brackets may be left out."""
    schema = parameters_of(model)
    named = ((name, _type(value)) for name, value in schema["properties"].items())
    needed = set(schema["required"])
    return ", ".join(
        f"{name}: {kind}" if name in needed else f"[{name}: {kind}]" for name, kind in named
    )


def _type(schema: Mapping[str, Any]) -> str:
    if choices := schema.get("enum"):
        return "|".join(map(str, choices))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if inner := schema.get("properties"):
        return "{" + ", ".join(f"{name}: {_type(value)}" for name, value in inner.items()) + "}"
    return str(schema.get("type", "any"))


def _explain(problem: Mapping[str, Any]) -> str:
    where = ".".join(str(step) for step in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"it has no argument {where}"
    if problem["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {problem['msg'].removeprefix('Value error, ')}"


def _plain(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_plain(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: _plain(value)
        for name, value in schema.items()
        if name not in ("title", "anyOf") and not (name == "default" and value is None)
    }
    if "properties" in schema:
        kept["properties"] = {name: _plain(value) for name, value in schema["properties"].items()}
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    return {**(_plain(choices[0]) if choices else {}), **kept}
