"""Takes the secrets out of messages, right before they leave for the gateway."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from grok_agent.context.secrets import Secrets

SAID_BESIDES = ("reasoning_content",)


def without_secrets(messages: Sequence[BaseMessage], secrets: Secrets) -> list[BaseMessage]:
    """The same messages without the secrets in their texts and in the arguments of calls.

    A message without any is returned as it is, and none is changed in place. A message always
    leaves in the form in which it left first, so the beginning of a conversation stays the same.
    """
    return [_hidden(message, secrets) for message in messages]


def _hidden(message: BaseMessage, secrets: Secrets) -> BaseMessage:
    update: dict[str, Any] = {"content": _content(message.content, secrets)}
    if isinstance(message, AIMessage):
        update["tool_calls"] = secrets.hide_in(message.tool_calls)
        said = {name: message.additional_kwargs.get(name) for name in SAID_BESIDES}
        kept = {name: secrets.hide(text) for name, text in said.items() if isinstance(text, str)}
        update["additional_kwargs"] = {**message.additional_kwargs, **kept}
    changed = {name: value for name, value in update.items() if value != getattr(message, name)}
    return message.model_copy(update=changed) if changed else message


def _content(content: Any, secrets: Secrets) -> Any:
    if isinstance(content, str):
        return secrets.hide(content)
    return [_block(block, secrets) for block in content]


def _block(block: Any, secrets: Secrets) -> Any:
    if isinstance(block, str):
        return secrets.hide(block)
    if isinstance(block, Mapping) and isinstance(block.get("text"), str):
        return {**block, "text": secrets.hide(block["text"])}
    return block  # a picture
