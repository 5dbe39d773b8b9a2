"""Answers that only LangChain's conformance suite needs, as a planner for the embedded gateway."""

import json
import re
import struct
import zlib
from typing import Any

from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

JOKE = {"setup": "Why do cats sit on keyboards?", "punchline": "To keep an eye on the mouse."}

ARGUMENTS: dict[str, dict[str, Any]] = {
    "magic_function": {"input": 3},
    "magic_function_no_args": {},
    "my_adder_tool": {"a": 3, "b": 4},
    "get_weather": {"location": "San Francisco, CA"},
    "greeting_generator": {"answer_style": "pirate"},
}


def answer(chat: ChatRequest) -> Turn:
    """Call the tool that the suite expects, tell the joke that it asks for, or greet."""
    if chat.response_format:
        return Turn(content=json.dumps(JOKE), reasoning="The user wants a joke in JSON.")
    names = [tool["function"]["name"] for tool in chat.usable_tools]
    if chat.forced_tool:
        return Turn(tool_calls=(call(chat.forced_tool, chat),))
    answered = chat.messages[-1]["role"] == "tool"
    if names and (chat.tool_choice == "required" or not answered):
        return Turn(tool_calls=(call(names[0], chat),))
    return Turn(content="Hello! How are you?", reasoning="A greeting is due.")


def call(name: str, chat: ChatRequest) -> ToolCall:
    if name == "unicode_customer":
        customer = re.search(r"'(.+?)'", str(chat.messages[-1]["content"]))
        text = customer[1] if customer else ""
        return ToolCall(name, {"customer_name": text, "description": "a company"})
    return ToolCall(name, ARGUMENTS.get(name, {}))


def png(side: int = 32) -> bytes:
    """A black square of ``side`` pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checked = name + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" * (side + 1)) * side)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts
