"""A request on its way out: what the model refuses is left away, what it needs is put in."""

import logging
from collections.abc import Sequence
from threading import Lock
from typing import Any

import openai
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_function
from pydantic import BaseModel

from grok_agent.gateway.fields import whole_characters
from grok_agent.profile import MAX_ADVISED_TEMPERATURE, Profile

log = logging.getLogger("grok_agent")

_said: set[str] = set()
_saying = Lock()


def advise(subject: str, text: str) -> None:
    """Log ``text`` as a warning, once per process and ``subject``.

    A log line and not ``warnings.warn``: the matter is settled already, and must not become an
    exception in a program that runs with warnings as errors.
    """
    with _saying:
        if subject in _said:
            return
        _said.add(subject)
    log.warning(text)


def drop_refused(payload: dict[str, Any], profile: Profile) -> None:
    """Remove from ``payload`` the parameters that the model answers with an error."""
    for name in sorted(profile.refused_parameters & payload.keys()):
        del payload[name]
        advise(name, f"{profile.name} does not take the parameter {name!r}; it is not sent.")


def advise_temperature(temperature: object) -> None:
    """Say once when the temperature is higher than the model keeps faces and fields steady at."""
    if isinstance(temperature, int | float) and temperature > MAX_ADVISED_TEMPERATURE:
        advise(
            "temperature",
            f"A temperature of {temperature} is above {MAX_ADVISED_TEMPERATURE}: faces and the"
            " fields of a schema begin to drift.",
        )


def shape_messages(messages: Sequence[BaseMessage], wire: Sequence[dict[str, Any]]) -> None:
    """Give each assistant message of ``wire`` its reasoning back, and plain texts as one string.

    ``wire`` are the same messages in the form that is sent. The server's cache of a prefix misses
    without the reasoning, and many gateways take assistant and tool texts only as a string.
    """
    for message, sent in zip(messages, wire, strict=True):
        if isinstance(message, AIMessage | ToolMessage):
            sent["content"] = _plain(sent.get("content"))
        if isinstance(message, AIMessage):
            if not sent["content"]:
                sent["content"] = None if sent.get("tool_calls") else ""
            if reasoning := _reasoning_of(message):
                sent["reasoning_content"] = reasoning


def encodable(value: Any) -> Any:
    """``value`` with U+FFFD for half characters, as bad file names and torn texts hold them."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, list):
        return [encodable(item) for item in value]
    if isinstance(value, dict):
        return {encodable(key): encodable(item) for key, item in value.items()}
    return value


def response_format(schema: object, *, strict: bool) -> Any:
    """``schema`` (pydantic class, typed dictionary or JSON schema) as a ``json_schema`` format.

    A schema that already is in that form is returned as it is.
    """
    if isinstance(schema, dict):
        if "type" in schema and "json_schema" in schema:
            return schema
        if "name" in schema and "schema" in schema:
            return {"type": "json_schema", "json_schema": schema}
    if strict and isinstance(schema, type) and issubclass(schema, BaseModel):
        function: Any = openai.pydantic_function_tool(schema)["function"]
    else:
        function = convert_to_openai_function(schema, strict=strict)  # type: ignore[arg-type]
    described = {key: value for key, value in function.items() if key != "parameters"}
    return {"type": "json_schema", "json_schema": {**described, "schema": function["parameters"]}}


def _plain(content: object) -> object:
    """A list of nothing but texts as one string; any other content as it is."""
    if not isinstance(content, list):
        return content
    texts = [part.get("text") if isinstance(part, dict) else part for part in content]
    if not all(isinstance(text, str) for text in texts):
        return content
    return "".join(map(str, texts))


def _reasoning_of(message: AIMessage) -> str:
    kept = message.additional_kwargs.get("reasoning_content")
    if isinstance(kept, str):
        return kept
    blocks = message.content if isinstance(message.content, list) else []
    return "".join(
        str(block.get("reasoning") or "")
        for block in blocks
        if isinstance(block, dict) and block.get("type") == "reasoning"
    )
