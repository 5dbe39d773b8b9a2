"""Counts the tokens of a request and of an answer, with the prompt cache that xAI documents.

A prefix that an earlier request of the same conversation also had counts as cached, in whole
blocks of 128 tokens; without a conversation id nothing is cached.
"""

import hashlib
import json
from collections import OrderedDict, deque
from dataclasses import dataclass
from threading import Lock
from typing import Any

from grok_agent.context.tokens import TOKENS_PER_ANSWER, count, count_messages, count_tools
from grok_agent.offline.wire import ChatRequest

BLOCK_TOKENS = 128
MAX_CONVERSATIONS = 64
PROMPTS_PER_CONVERSATION = 4


@dataclass(frozen=True)
class Part:
    """One message or the tool list, as the cache compares it: its text and its tokens."""

    text: str
    tokens: int


@dataclass(frozen=True)
class Prompt:
    """The parts of a request in the order in which the model reads them."""

    parts: tuple[Part, ...]

    @classmethod
    def of(cls, request: ChatRequest) -> "Prompt":
        """Measure a request. Images weigh by their size, not by their Base64."""
        tools = Part(_canonical(request.tools), count_tools(request.tools))
        return cls((tools, *map(_message_part, request.messages)))

    @property
    def tokens(self) -> int:
        """Tokens of the whole prompt."""
        return sum(part.tokens for part in self.parts) + TOKENS_PER_ANSWER

    def shared_tokens(self, other: "Prompt") -> int:
        """Tokens of the longest common prefix."""
        shared = 0
        for mine, theirs in zip(self.parts, other.parts, strict=False):
            if mine.text != theirs.text:
                return shared + min(count(_common_prefix(mine.text, theirs.text)), mine.tokens)
            shared += mine.tokens
        return shared


class PromptCache:
    """Remembers the last prompts of the last conversations; safe under threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._prompts: OrderedDict[str, deque[Prompt]] = OrderedDict()

    def cached_tokens(self, conversation_id: str, prompt: Prompt) -> int:
        """Tokens of ``prompt`` that were cached, and remember it for the next request."""
        if not conversation_id:
            return 0
        with self._lock:
            earlier = self._prompts.pop(conversation_id, deque(maxlen=PROMPTS_PER_CONVERSATION))
            known = list(earlier)
            earlier.append(prompt)
            self._prompts[conversation_id] = earlier
            while len(self._prompts) > MAX_CONVERSATIONS:
                self._prompts.popitem(last=False)
        shared = max((prompt.shared_tokens(other) for other in known), default=0)
        return shared // BLOCK_TOKENS * BLOCK_TOKENS


def usage(prompt_tokens: int, cached_tokens: int, answer: int, reasoning: int) -> dict[str, Any]:
    """The ``usage`` object as xAI counts: reasoning stands beside completion_tokens, not inside.

    So ``total_tokens`` is the sum of prompt, completion and reasoning.
    """
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": answer,
        "total_tokens": prompt_tokens + answer + reasoning,
        "prompt_tokens_details": {
            "text_tokens": prompt_tokens,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": cached_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _message_part(message: dict[str, Any]) -> Part:
    return Part(
        _canonical(_without_pictures(message)), count_messages([message]) - TOKENS_PER_ANSWER
    )


def _without_pictures(message: dict[str, Any]) -> dict[str, Any]:
    """The message with each picture replaced by its digest: prompts stay small in memory."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return message | {"content": [_digest_if_picture(block) for block in content]}


def _digest_if_picture(block: dict[str, Any]) -> object:
    if block.get("type") != "image_url":
        return block
    return hashlib.sha256(_canonical(block).encode()).hexdigest()


def _common_prefix(one: str, other: str) -> str:
    """The longest common beginning, by bisection: prompts can be megabytes."""
    low, high = 0, min(len(one), len(other)) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if one.startswith(other[:middle]) else (low, middle)
    return one[:low]


def _canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
