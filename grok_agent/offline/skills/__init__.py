"""What the offline planner can do, one skill a file.

A skill is stateless and deterministic: it reads a transcript, says whether it can help, and gives
the next turn. It never touches the disk; whatever it needs it asks for through the tools offered.
"""

from typing import Protocol

from grok_agent.offline.transcript import Transcript
from grok_agent.offline.wire import Turn


class Skill(Protocol):
    """One thing that the planner can do."""

    def matches(self, t: Transcript) -> bool:
        """Whether this skill can do what is asked with the tools that are offered."""

    def next_turn(self, t: Transcript) -> Turn:
        """The next turn: tool calls, or the closing words."""
