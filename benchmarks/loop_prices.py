"""What the requests of a run cost, from the bodies as they came over the wire.

Tokens are characters / 4. A request's prefix that an earlier one of the run also had is cached, in
whole blocks of 128 tokens, whether or not the client names its conversation. Dollars per million:
1.00, cached 0.20, answers 2.00; all double for a request of 200,000 tokens or more.
"""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BLOCK_CHARS = 128 * 4
LONG = 200_000
REMEMBERED = 4


@dataclass
class Bill:
    """Sums over the requests of one run; ``prompts`` are the tokens of each of them."""

    usd: float = 0.0
    usd_uncached: float = 0.0
    tokens: int = 0
    cached: int = 0
    rewrites: int = 0
    prompts: list[int] = field(default_factory=list)
    _known: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def charge(self, body: Mapping[str, Any], answer_chars: int) -> None:
        """Add a request with its answer."""
        text = prompt_text(body)
        shared = max((_shared_chars(text, other) for other in self._known), default=0)
        # The last request and nothing but its end is new: otherwise its beginning was rewritten.
        if self._known and not text.startswith(self._known[-1]):
            self.rewrites += 1
        tokens = len(text) // 4
        cached = shared // BLOCK_CHARS * BLOCK_CHARS // 4
        factor = 2 if tokens >= LONG else 1
        out = 2.0 * answer_chars / 4
        self.usd += factor * ((tokens - cached) + 0.2 * cached + out) / 1e6
        self.usd_uncached += factor * (tokens + out) / 1e6
        self.tokens += tokens
        self.cached += cached
        self.prompts.append(tokens)
        self._known.append(text)

    @property
    def cached_share(self) -> float:
        """Of all prompt tokens."""
        return self.cached / max(self.tokens, 1)


def _shared_chars(one: str, other: str) -> int:
    """Length of the longest common beginning, by bisection."""
    low, high = 0, min(len(one), len(other)) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if one.startswith(other[:middle]) else (low, middle)
    return low


def prompt_text(body: Mapping[str, Any]) -> str:
    """What the model reads of a request, in its order: tools, then messages."""
    parts = [json.dumps(body.get("tools") or [], ensure_ascii=False)]
    for message in body["messages"]:
        content = message.get("content")
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        calls = json.dumps(message.get("tool_calls") or "", ensure_ascii=False)
        reasoning = message.get("reasoning_content") or ""
        parts.append(f"<{message['role']}>{reasoning}{text}{calls}")
    return "".join(parts)
