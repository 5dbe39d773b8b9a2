"""Pictures in results of tools, for gateways that take pictures from users only."""

from collections.abc import Mapping
from typing import Any

from grok_agent.gateway.fields import mapping_of, mappings_of, text_of
from grok_agent.gateway.ladder import is_picture

MOVED = "[picture: see the next message of the user]"
INTRODUCTION = "Pictures that the tools above returned, in their order:"


def has_tool_pictures(payload: Mapping[str, Any]) -> bool:
    """Whether a tool's result in ``payload`` holds a picture."""
    return any(map(_has_pictures, mappings_of(payload.get("messages"))))


def move_tool_pictures(payload: dict[str, Any]) -> dict[str, Any]:
    """``payload`` with each picture of a tool's result in a user's message behind the results.

    The results of one answer's calls stay together, as the protocol wants them; the texts of a
    result that held pictures become one string, with a word where each picture stood. Returns
    ``payload`` itself where there is nothing to move, and never changes it.
    """
    if not has_tool_pictures(payload):
        return payload
    messages: list[Any] = []
    waiting: list[Any] = []
    for message in payload["messages"]:
        if mapping_of(message).get("role") != "tool":
            messages += _introduced(waiting)
            waiting = []
        if _has_pictures(message):
            waiting += filter(is_picture, message["content"])
            message = {**message, "content": _as_text(message["content"])}
        messages.append(message)
    return {**payload, "messages": messages + _introduced(waiting)}


def _has_pictures(message: Any) -> bool:
    if mapping_of(message).get("role") != "tool":
        return False
    return any(map(is_picture, mappings_of(message.get("content"))))


def _as_text(content: list[Any]) -> str:
    parts = (MOVED if is_picture(part) else _text(part) for part in content)
    return "\n".join(filter(None, parts))


def _text(part: Any) -> str:
    return text_of(part) or text_of(mapping_of(part).get("text"))


def _introduced(pictures: list[Any]) -> list[dict[str, Any]]:
    if not pictures:
        return []
    return [{"role": "user", "content": [{"type": "text", "text": INTRODUCTION}, *pictures]}]
