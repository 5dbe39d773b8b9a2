"""Judges the messages of a request: their form, their order, their images."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from grok_agent.offline.problems import bad_request
from grok_agent.profile import ImageLimits

ROLES = ("system", "developer", "user", "assistant", "tool")
EMPTY = "Each message must have at least one content element."

_DATA_URL = re.compile(r"data:(image/[\w.+-]+);base64,", re.IGNORECASE)


def check_messages(messages: object) -> list[dict[str, Any]]:
    """The messages, unchanged; raises a 400 problem at the first that cannot be used."""
    if not isinstance(messages, list) or not messages:
        raise bad_request("Invalid request content: messages must be a list that is not empty.")
    for i, message in enumerate(messages):
        _check_form(message, f"messages[{i}]")
    _check_order(messages)
    return messages


def _check_form(message: object, where: str) -> None:
    if not isinstance(message, dict):
        raise bad_request(f"Failed to deserialize {where}: expected an object.")
    role = message.get("role")
    if role not in ROLES:
        expected = ", ".join(ROLES)
        raise bad_request(f"Failed to deserialize {where}.role: {role!r} is none of {expected}.")
    if role == "assistant":
        _check_calls(message.get("tool_calls"), f"{where}.tool_calls")
    elif message.get("tool_calls"):
        raise bad_request(f"{where}: only an assistant message may have tool_calls.")
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise bad_request(f"Failed to deserialize {where}: missing field `tool_call_id`.")
    if message.get("content") is None and role == "assistant" and message.get("tool_calls"):
        return
    _check_content(message.get("content"), role, f"{where}.content")


def _check_content(content: object, role: str, where: str) -> None:
    if isinstance(content, str):
        return
    if not content:
        raise bad_request(f"{where}: {EMPTY}")
    if not isinstance(content, list):
        raise bad_request(f"Failed to deserialize {where}: expected a string or a list.")
    for i, block in enumerate(content):
        _check_block(block, role, f"{where}[{i}]")


def _check_block(block: object, role: str, where: str) -> None:
    kind = block.get("type") if isinstance(block, Mapping) else None
    if isinstance(block, Mapping) and kind == "text":
        if not isinstance(block.get("text"), str):
            raise bad_request(f"Failed to deserialize {where}.text: expected a string.")
    elif isinstance(block, Mapping) and kind == "image_url" and role in ("user", "tool"):
        image = block.get("image_url")
        check_image(image.get("url") if isinstance(image, Mapping) else image, where)
    elif isinstance(block, Mapping) and kind == "refusal" and role == "assistant":
        return
    else:
        raise bad_request(
            f"Failed to deserialize {where}: unknown variant `{kind}` for the role {role},"
            " expected `text` or, for user and tool, `image_url`."
        )


def check_image(url: object, where: str) -> None:
    """Raise a 400 problem unless ``url`` is http(s), or a data URL of a picture worth reading."""
    if not isinstance(url, str):
        raise bad_request(f"Failed to deserialize {where}.image_url.url: expected a string.")
    if url.lower().startswith(("http://", "https://")):
        return
    head = _DATA_URL.match(url)
    if head is None:
        raise bad_request(f"{where}: an image must be an http(s) URL or a Base64 data URL.")
    try:
        data = b64decode(url[head.end() :], validate=True)
    except ValueError:
        raise bad_request(f"{where}: Invalid Base64 in the image data URL.") from None
    width, height = _picture_size(data, where)
    limits = ImageLimits()
    if min(width, height) < limits.min_side_px or width * height < limits.min_pixels:
        raise bad_request(
            f"{where}: Image is too small: {width}x{height} pixels; each side needs at least"
            f" {limits.min_side_px} and the whole {limits.min_pixels}."
        )
    if width * height > limits.max_source_pixels:
        raise bad_request(f"{where}: Image is too large: {width}x{height} pixels.")


def _picture_size(data: bytes, where: str) -> tuple[int, int]:
    import warnings
    from io import BytesIO

    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is judged by the caller
            with Image.open(BytesIO(data)) as picture:
                return picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise bad_request(f"{where}: Unable to process the image: not a known format.") from None


def _check_calls(calls: object, where: str) -> None:
    if calls is None or calls == []:
        return
    if not isinstance(calls, list):
        raise bad_request(f"Failed to deserialize {where}: expected a list.")
    for i, call in enumerate(calls):
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(call.get("id"), str):
            raise bad_request(f"Failed to deserialize {where}[{i}]: expected id and function.")
        if not isinstance(function.get("name"), str):
            raise bad_request(f"Failed to deserialize {where}[{i}]: missing field `name`.")
        _check_arguments(function.get("arguments"), f"{where}[{i}].function.arguments")
    ids = [call["id"] for call in calls]
    if len(set(ids)) < len(ids):
        raise bad_request(f"{where}: the ids of tool calls must differ.")


def _check_arguments(arguments: object, where: str) -> None:
    try:
        json.loads(arguments if isinstance(arguments, str) else "")
    except (ValueError, RecursionError):
        raise bad_request(f"{where} must be a string that holds JSON.") from None


def _check_order(messages: list[dict[str, Any]]) -> None:
    """Each tool message answers a call of the assistant message before it, and none is open."""
    open_calls: set[str] = set()
    for i, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise bad_request(
                    f"messages[{i}]: a message with role 'tool' must be a response to a preceding"
                    f" message with 'tool_calls'; {message['tool_call_id']!r} is not open."
                )
            open_calls.remove(message["tool_call_id"])
            continue
        _check_answered(open_calls)
        open_calls = {call["id"] for call in message.get("tool_calls") or ()}
    _check_answered(open_calls)


def _check_answered(open_calls: set[str]) -> None:
    if open_calls:
        raise bad_request(
            "An assistant message with 'tool_calls' must be followed by tool messages responding"
            f" to each 'tool_call_id'; missing: {', '.join(sorted(open_calls))}."
        )
