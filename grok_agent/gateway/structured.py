"""Answers in the form of a schema, enforced by the gateway and parsed without losing refusals."""

from operator import itemgetter
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from grok_agent.gateway.faults import ContentRefusedError
from grok_agent.gateway.outgoing import response_format


class JsonAnswer(JsonOutputParser):
    """Parses the answer as JSON; raises ContentRefusedError for a refusal."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The JSON value; None while a streamed one has not begun."""
        raise_refusal(result)
        return super().parse_result(result, partial=partial)


class PydanticAnswer(PydanticOutputParser[Any]):
    """Parses the answer as an object of the class; raises ContentRefusedError for a refusal."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The object; None while a streamed one is not valid yet."""
        raise_refusal(result)
        return super().parse_result(result, partial=partial)


def structured_output(
    model: BaseChatModel,
    schema: Any,
    *,
    include_raw: bool,
    strict: bool | None,
    tools: list[Any] | None = None,
    **kwargs: Any,
) -> Runnable[Any, Any]:
    """``model`` with ``schema`` as its ``json_schema`` format, and the parser that fits it."""
    strict = _says_strict(schema) if strict is None else strict
    if tools:
        kwargs["tools"] = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
    bound = model.bind(
        response_format=response_format(schema, strict=strict),
        ls_structured_output_format={
            "kwargs": {"method": "json_schema", "strict": strict},
            "schema": convert_to_openai_tool(schema),
        },
        **kwargs,
    )
    is_class = isinstance(schema, type) and is_basemodel_subclass(schema)
    parser: Runnable[Any, Any] = (
        PydanticAnswer(pydantic_object=schema) if is_class else JsonAnswer()
    )
    if not include_raw:
        return bound | parser
    parsed = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([unparsed], exception_key="parsing_error")


def raise_refusal(result: list[Generation]) -> None:
    """Raise ContentRefusedError when the model refused instead of answering."""
    generation = result[0] if result else None
    if not isinstance(generation, ChatGeneration):
        return
    if refusal := generation.message.additional_kwargs.get("refusal"):
        raise ContentRefusedError(
            f"The model refused: {refusal}", next_step="Change the task or the picture."
        )


def _says_strict(schema: Any) -> bool:
    """What ``schema`` says itself about strictness; on where it says nothing."""
    own = schema.get("json_schema", schema).get("strict") if isinstance(schema, dict) else None
    return own is not False
