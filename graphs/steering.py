"""What a person says to a run while it goes on; the model reads it with the next request."""

from collections import deque

from langchain_core.messages import HumanMessage

from grok_agent.graphs.request import count_text
from grok_agent.graphs.state import LoopState, Update


class Steering:
    """Messages for the run under way, from any thread; give one to an agent and keep it.

    A message is taken up before the next request, and a run does not end as long as one waits.
    For one run at a time: the first run that looks takes what waits.
    """

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()

    def say(self, text: str) -> None:
        """Add to the task, or change it; blank text is nothing."""
        if text.strip():
            self._waiting.append(text)

    @property
    def is_waiting(self) -> bool:
        """Whether something was said that no run has taken up."""
        return bool(self._waiting)

    def take(self) -> list[str]:
        """What was said since the last time, in its order."""
        taken: list[str] = []
        while self._waiting:
            taken.append(self._waiting.popleft())
        return taken


def said_by_person(state: LoopState, texts: list[str]) -> Update:
    """The state update by which a person speaks to the model while a run goes on."""
    messages = [HumanMessage(text) for text in texts]
    return {"messages": messages, "context_tokens": state["context_tokens"] + count_text(*texts)}
