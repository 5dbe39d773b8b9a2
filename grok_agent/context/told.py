"""Tells what the program said to the model from what a person said."""

from langchain_core.messages import BaseMessage, HumanMessage

FEEDBACK_MARK = "grok_agent_feedback"
"""Key in ``additional_kwargs`` of a message by which the loop, not a person, speaks."""


def is_told(message: BaseMessage) -> bool:
    """Whether ``message`` was said to the model by the program."""
    return FEEDBACK_MARK in message.additional_kwargs


def is_persons(message: BaseMessage) -> bool:
    """Whether a person said ``message``."""
    return isinstance(message, HumanMessage) and not is_told(message)
