"""The request of one step, composed from what the state keeps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    convert_to_openai_messages,
)

from grok_agent.context.history import Kept, nothing_left
from grok_agent.context.shown import with_short_arguments
from grok_agent.context.tokens import TOKENS_PER_MESSAGE, count, count_messages
from grok_agent.context.told import FEEDBACK_MARK, is_persons
from grok_agent.graphs.state import LoopState, Update
from grok_agent.graphs.survey import lasting

MAX_EARLIER_CHARS = 60_000
"""Of what was said in earlier turns of the thread; the oldest stays away first."""


def compose(state: LoopState, system: str) -> list[BaseMessage]:
    """System text, what was said before, the task with its background, and this run's turns.

    For turns that have left stands the record of them, behind the task; what the survey told to
    begin with leaves with the first of them. As long as none leaves,
    everything before the newest turn is byte for byte what the request before it held.
    """
    messages = state["messages"]
    task = task_of(state)
    kept = kept_of(state)
    return [
        SystemMessage(system),
        *_words(messages[: messages.index(task)]),
        _opening(task, _background(state["background"], kept), kept["notes"]),
        *(_as_shown(message, kept["shown"]) for message in messages[kept["first"] :]),
    ]


def kept_of(state: LoopState) -> Kept:
    """What is known of the turns that left the request; at the beginning, none has."""
    return state.get("history") or nothing_left(
        state["turns_from"], state["context_tokens"], state["steps"]
    )


def task_of(state: LoopState) -> AnyMessage:
    """The message that is this run's task."""
    return next(message for message in state["messages"] if message.id == state["task_id"])


def count_request(request: Sequence[BaseMessage], schemas: Sequence[Mapping[str, Any]]) -> int:
    """Estimated prompt tokens of a request whose pictures are already in place."""
    return count_messages(convert_to_openai_messages(list(request)), schemas)


def count_text(*texts: str) -> int:
    """Tokens of messages that join a request, one for each of ``texts``."""
    return sum(TOKENS_PER_MESSAGE + count(text) for text in texts)


def count_answer(answer: AIMessage) -> int:
    """Tokens of an answer when it is part of the next request."""
    return count_text(str(answer.text), *(str(call["args"]) for call in answer.tool_calls))


def tell(state: LoopState, text: str) -> Update:
    """The state update by which the loop, not a person, speaks to the model."""
    message = HumanMessage(text, additional_kwargs={FEEDBACK_MARK: True})
    return {"messages": [message], "context_tokens": state["context_tokens"] + count_text(text)}


def newest_task(messages: Sequence[AnyMessage]) -> HumanMessage | None:
    """The last message that a person wrote, or None."""
    said = (each for each in reversed(messages) if isinstance(each, HumanMessage))
    return next(filter(is_persons, said), None)


def task_message(task: str, images: Sequence[str]) -> HumanMessage:
    """The task as a message; pictures are references, put in place right before each request."""
    if not images:
        return HumanMessage(task, id=str(uuid4()))
    blocks: list[str | dict[str, Any]] = [{"type": "text", "text": task}]
    blocks += [{"type": "image_file", "path": str(Path(path).absolute())} for path in images]
    return HumanMessage(blocks, id=str(uuid4()))


def image_paths(message: BaseMessage) -> list[str]:
    """The files that a task refers to, in its order."""
    return [str(each["path"]) for each in _blocks(message) if each.get("type") == "image_file"]


def _background(text: str, kept: Kept) -> str:
    return lasting(text) if kept["notes"] else text


def _opening(task: BaseMessage, background: str, notes: str) -> HumanMessage:
    query = f"<user_query>\n{task.text}\n</user_query>"
    text = "\n\n".join(part for part in (background, query, notes) if part)
    pictures = [block for block in _blocks(task) if block.get("type") != "text"]
    return HumanMessage([{"type": "text", "text": text}, *pictures] if pictures else text)


def _as_shown(message: BaseMessage, shown: Mapping[str, str]) -> BaseMessage:
    if isinstance(message, AIMessage):
        return with_short_arguments(message)
    text = shown.get(message.id or "")
    return message if text is None else message.model_copy(update={"content": text})


def _words(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """What was said in earlier turns, without tool traffic, which could be half of a pair."""
    said: list[BaseMessage] = []
    left = MAX_EARLIER_CHARS
    for message in reversed(messages):
        left -= len(str(message.text)) if is_persons(message) or _is_answer(message) else 0
        if left < 0:
            break
        if is_persons(message):
            said.append(HumanMessage(message.content))
        elif _is_answer(message):
            said.append(AIMessage(str(message.text)))
    return said[::-1]


def _is_answer(message: BaseMessage) -> bool:
    return isinstance(message, AIMessage) and bool(message.text) and not message.tool_calls


def _blocks(message: BaseMessage) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return []
    return [block for block in message.content if isinstance(block, dict)]
