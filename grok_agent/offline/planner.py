"""Chooses who answers: the first skill that matches, else plain words about what can be done."""

from collections.abc import Sequence

from grok_agent.offline.skills import Skill
from grok_agent.offline.transcript import Transcript
from grok_agent.offline.wire import ChatRequest, Planner, Turn

SKILLS: tuple[Skill, ...] = ()
"""In the order in which they are asked."""

CAPABILITIES = (
    "I am the deterministic offline planner, not grok-build-0.1. I can rename a symbol, tidy code"
    " with ruff, review code with ruff, write smoke tests for a module, say what a repository is,"
    " and turn a text or a picture into a structured prompt. For anything else set GROK_API_KEY and"
    " leave --offline out."
)


def planner_of(skills: Sequence[Skill]) -> Planner:
    """A planner that asks ``skills`` in this order."""

    def plan_with(request: ChatRequest) -> Turn:
        transcript = Transcript.of(request)
        for skill in skills:
            if skill.matches(transcript):
                return skill.next_turn(transcript)
        return Turn(content=CAPABILITIES, refusal=CAPABILITIES)

    return plan_with


def plan(request: ChatRequest) -> Turn:
    """Answer ``request`` with the skills of this package."""
    return planner_of(SKILLS)(request)
