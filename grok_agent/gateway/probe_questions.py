"""The requests of the doctor: each is short, cheap, and shows one thing."""

import base64
import struct
import zlib
from collections.abc import Mapping
from typing import Any

MAX_TOKENS = 2_048
"""Of each answer; the reasoning counts."""

COLOUR = "red"
"""What fills the picture that is shown."""

_SIDE_PX = 64
_RED = b"\xff\x00\x00"
_RULES = " ".join(f"Rule {n}: answer in as few words as you can." for n in range(1, 121))


def _png() -> str:
    """A picture filled with ``COLOUR`` as a data URL."""
    rows = (b"\x00" + _RED * _SIDE_PX) * _SIDE_PX
    header = struct.pack(">IIBBBBB", _SIDE_PX, _SIDE_PX, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _asking(*content: Any, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": part} for part in content]
    return {"messages": messages, "max_tokens": MAX_TOKENS, **more}


_TOOL = {
    "type": "function",
    "function": {
        "name": "look_up_city",
        "description": "Looks up the facts about one city.",
        "parameters": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
            "additionalProperties": False,
        },
    },
}
_PICTURE_PARTS = [{"type": "image_url", "image_url": {"url": _png()}}]
_WHICH_COLOUR = "Which colour fills the picture? Answer with one English word."

PLAIN: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": _RULES},
        {"role": "user", "content": "Answer with the word: ready"},
    ],
    "max_tokens": MAX_TOKENS,
}
"""Long enough that a second request with it finds its beginning in the cache."""

TWO_CALLS = _asking("Look up Paris and Oslo. Call the tool for both in one answer.", tools=[_TOOL])
FORCED_CALL = _asking("Say hello.", tools=[_TOOL], tool_choice="required")
SCHEMA = _asking(
    "Name a city and its country.",
    response_format={
        "type": "json_schema",
        "json_schema": {
            "name": "place",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
                "required": ["city", "country"],
                "additionalProperties": False,
            },
        },
    },
)
PICTURE = _asking([{"type": "text", "text": _WHICH_COLOUR}, *_PICTURE_PARTS])
TOOL_PICTURE: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": f"Take the picture. {_WHICH_COLOUR}"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "look_up_city", "arguments": '{"name": "Oslo"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": _PICTURE_PARTS},
    ],
    "tools": [_TOOL],
    "max_tokens": MAX_TOKENS,
}


def fits_schema(value: object) -> bool:
    """Whether ``value`` is what ``SCHEMA`` asks for."""
    return (
        isinstance(value, Mapping)
        and set(value) == {"city", "country"}
        and all(isinstance(text, str) for text in value.values())
    )
