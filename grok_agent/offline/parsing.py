"""Turns the body of a chat request into a validated ChatRequest, or into a 400."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from grok_agent.offline.messages import check_messages
from grok_agent.offline.problems import bad_request, unknown_model
from grok_agent.offline.schemas import check_schema
from grok_agent.offline.wire import ChatRequest, Request
from grok_agent.profile import GROK_BUILD

MAX_TOOLS = 128
MAX_DEPTH = 128

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RANGES = {"temperature": (0.0, 2.0), "top_p": (0.0, 1.0)}


def parse_chat(request: Request, models: Sequence[str]) -> ChatRequest:
    """The chat request in ``request``; raises a 400 problem that names the first thing wrong."""
    raw = parse_object(request.body)
    model = raw.get("model")
    if not isinstance(model, str) or model not in models:
        raise unknown_model(str(model))
    _check_parameters(raw)
    tools = _tools(raw.get("tools"))
    choice, forced = _tool_choice(raw.get("tool_choice"), [_name(tool) for tool in tools])
    stream_options = raw.get("stream_options") or {}
    if not isinstance(stream_options, Mapping):
        raise bad_request("stream_options: expected an object.")
    return ChatRequest(
        messages=check_messages(raw.get("messages")),
        model=model,
        tools=tools,
        tool_choice=choice,
        forced_tool=forced,
        parallel_tool_calls=raw.get("parallel_tool_calls") is not False,
        response_format=_response_format(raw.get("response_format")),
        stream=_flag(raw, "stream"),
        include_usage=_flag(stream_options, "include_usage"),
        max_tokens=_max_tokens(raw),
        conversation_id=request.headers.get("x-grok-conv-id", ""),
        raw=raw,
    )


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``; NaN, Infinity, lone surrogates and deep nesting are refused."""
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
        _check_depth(value)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"Failed to parse the request body as JSON: {error}") from None
    if not isinstance(value, dict):
        raise bad_request("Failed to parse the request body as JSON: expected an object.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def _check_parameters(raw: Mapping[str, Any]) -> None:
    for name in sorted(GROK_BUILD.refused_parameters):
        if raw.get(name) is not None:
            raise bad_request(f"Model {GROK_BUILD.name} does not support parameter {name}.")
    for name, (least, most) in _RANGES.items():
        value = raw.get(name)
        if value is not None and not (_is_number(value) and least <= value <= most):
            raise bad_request(f"{name} must be a number from {least:g} to {most:g}.")
    if raw.get("n") not in (None, 1):
        raise bad_request("n: this gateway gives one choice an answer.")
    if raw.get("deferred"):
        raise bad_request("deferred: this gateway answers at once only.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flag(values: Mapping[str, Any], name: str) -> bool:
    value = values.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad_request(f"{name}: expected a boolean.")
    return bool(value)


def _max_tokens(raw: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = raw.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise bad_request(f"{name} must be a whole number of at least 1.")
        return value
    return None


def _tools(tools: object) -> list[dict[str, Any]]:
    if tools is None:
        return []
    if not isinstance(tools, list) or len(tools) > MAX_TOOLS:
        raise bad_request(f"tools: expected a list of at most {MAX_TOOLS}.")
    for i, tool in enumerate(tools):
        _check_tool(tool, f"tools[{i}]")
    names = [_name(tool) for tool in tools]
    if len(set(names)) < len(names):
        raise bad_request("tools: each tool needs a name of its own.")
    return tools


def _check_tool(tool: object, where: str) -> None:
    if not isinstance(tool, dict) or tool.get("type") != "function":
        raise bad_request(f'Failed to deserialize {where}: expected type "function".')
    function = tool.get("function")
    if not isinstance(function, Mapping):
        raise bad_request(f"Failed to deserialize {where}: missing field `function`.")
    name = function.get("name")
    if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
        raise bad_request(
            f"{where}.function.name: 1 to 64 letters, digits, _ or - expected, got {name!r}."
        )
    if not isinstance(function.get("description") or "", str):
        raise bad_request(f"{where}.function.description: expected a string.")
    if function.get("parameters") is not None:
        check_schema(function["parameters"], f"{where}.function.parameters")


def _name(tool: Mapping[str, Any]) -> str:
    return str(tool["function"]["name"])


def _tool_choice(choice: object, names: list[str]) -> tuple[str, str]:
    """The mode, and the name of the one tool that must be called or ""."""
    if choice is None:
        return "auto", ""
    if isinstance(choice, str) and choice in ("none", "auto", "required"):
        if choice == "required" and not names:
            raise bad_request("tool_choice: required, but there are no tools.")
        return choice, ""
    function = choice.get("function") if isinstance(choice, Mapping) else None
    if not isinstance(function, Mapping):
        raise bad_request(f"tool_choice: {choice!r} is not none, auto, required or a function.")
    name = function.get("name")
    if name not in names:
        raise bad_request(f"tool_choice: {name!r} is not among the tools.")
    return str(name), str(name)


def _response_format(value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or kind not in ("text", "json_object", "json_schema"):
        raise bad_request("response_format.type: expected text, json_object or json_schema.")
    if kind == "json_schema":
        named = value.get("json_schema")
        if not isinstance(named, Mapping) or not isinstance(named.get("name"), str):
            raise bad_request("response_format.json_schema: expected name and schema.")
        if not named.get("schema"):
            raise bad_request("response_format.json_schema.schema: expected an object.")
        check_schema(named["schema"], "response_format.json_schema.schema")
    return value
