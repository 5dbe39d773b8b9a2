"""What a skill reads: the task, the tools offered, and what was done since the task was given."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from grok_agent.offline.wire import ChatRequest

_OPEN, _CLOSE = "<user_query>", "</user_query>"
_VARIANTS = re.compile(r"^Variants: (\d{1,2})\.", re.MULTILINE)
_JOB = re.compile(r"^Job:[ \t]*(\w+)", re.MULTILINE)
_ERROR = re.compile(r"\s*error\b", re.IGNORECASE)


@dataclass(frozen=True)
class Exchange:
    """One tool call and its result.

    The protocol has no mark for a failed call, so ``is_error`` is true where the result begins
    with the word "error".
    """

    name: str
    arguments: dict[str, Any]
    result: str
    is_error: bool = False


@dataclass(frozen=True)
class Transcript:
    """A request as a skill sees it.

    ``task`` is the text inside the last ``<user_query>`` of the message that gives the task, or
    that message's whole text. That message is the last user message with a ``<user_query>``, or
    the last user message where there is none. ``exchanges`` are the calls after it, in order;
    ``feedback`` is the last user message after it ("" for none), and ``answered`` counts the
    exchanges that came before that feedback. ``images`` are URLs and data URLs. ``tools`` are the
    names that may be called now; ``variants`` is how many results the system message asks for.
    """

    task: str = ""
    job: str = ""
    tools: frozenset[str] = frozenset()
    exchanges: list[Exchange] = field(default_factory=list)
    feedback: str = ""
    answered: int = 0
    images: list[str] = field(default_factory=list)
    variants: int = 1
    context: str = ""  # what stands in the task's message outside its <user_query>

    @classmethod
    def of(cls, request: ChatRequest) -> Self:
        """Read a request."""
        messages = request.messages
        start = _task_index(messages)
        given = text_of(messages[start].get("content")) if start is not None else ""
        query = _query(given)
        later = messages[start + 1 :] if start is not None else messages
        replies = [i for i, message in enumerate(later) if message.get("role") == "user"]
        before_feedback = later[: replies[-1]] if replies else []
        return cls(
            task=(given if query is None else given[query]).strip(),
            job=_in_system(messages, _JOB),
            variants=int(_in_system(messages, _VARIANTS) or 1),
            tools=frozenset(tool["function"]["name"] for tool in request.usable_tools),
            exchanges=_exchanges(later),
            feedback=text_of(later[replies[-1]].get("content")) if replies else "",
            answered=len(_exchanges(before_feedback)),
            images=_images(messages[start:] if start is not None else []),
            context="" if query is None else _around(given, query),
        )

    def results(self, name: str) -> list[Exchange]:
        """The exchanges with the tool ``name``, in order."""
        return [exchange for exchange in self.exchanges if exchange.name == name]

    @property
    def since_feedback(self) -> list[Exchange]:
        """The exchanges after the feedback; all of them where there was none."""
        return self.exchanges[self.answered :]


def text_of(content: object) -> str:
    """The text of a message's content: the string, or its text blocks joined by newlines."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    blocks = (block.get("text") for block in content if isinstance(block, Mapping))
    return "\n".join(text for text in blocks if isinstance(text, str))


def _task_index(messages: list[dict[str, Any]]) -> int | None:
    """Where the task stands: the last user message with a query, else the last user message."""
    users = [i for i, message in enumerate(messages) if message.get("role") == "user"]
    asked = [i for i in users if _query(text_of(messages[i].get("content")))]
    candidates = asked or users
    return candidates[-1] if candidates else None


def _in_system(messages: list[dict[str, Any]], pattern: re.Pattern[str]) -> str:
    for message in messages:
        if message.get("role") in ("system", "developer"):
            found = pattern.search(text_of(message.get("content")))
            if found:
                return found.group(1)
    return ""


def _exchanges(messages: list[dict[str, Any]]) -> list[Exchange]:
    calls: dict[str, dict[str, Any]] = {}
    found = []
    for message in messages:
        for call in message.get("tool_calls") or ():
            calls[call["id"]] = call["function"]
        if message.get("role") == "tool" and message.get("tool_call_id") in calls:
            function = calls[message["tool_call_id"]]
            found.append(_exchange(function, text_of(message.get("content"))))
    return found


def _exchange(function: dict[str, Any], result: str) -> Exchange:
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except ValueError:
        arguments = {}
    return Exchange(
        name=function["name"],
        arguments=arguments if isinstance(arguments, dict) else {},
        result=result,
        is_error=_ERROR.match(result) is not None,
    )


def _images(messages: list[dict[str, Any]]) -> list[str]:
    urls = []
    for message in messages:
        content = message.get("content")
        if message.get("role") != "user" or not isinstance(content, list):
            continue
        for block in content:
            if block.get("type") == "image_url":
                image = block["image_url"]
                urls.append(image["url"] if isinstance(image, Mapping) else image)
    return urls


def _query(text: str) -> slice | None:
    """Where the last query stands in ``text``, without its tags; None for no query."""
    start, end = text.rfind(_OPEN), text.rfind(_CLOSE)
    return slice(start + len(_OPEN), end) if 0 <= start < end else None


def _around(text: str, query: slice) -> str:
    before = text[: query.start - len(_OPEN)]
    return f"{before}{text[query.stop + len(_CLOSE) :]}".strip()
