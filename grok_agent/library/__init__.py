"""The prompt library: prompts kept, found again, exchanged, and offered to agents as memory."""

from grok_agent.library.prompts import PromptLibrary
from grok_agent.library.records import Record
from grok_agent.library.sqlite import LIBRARY_VERSION

__all__ = ["LIBRARY_VERSION", "PromptLibrary", "Record"]
