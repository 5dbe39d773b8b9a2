"""Chooses who answers: the first skill that matches, else plain words about what can be done.

A forced tool choice and a forced form are honoured also where no skill speaks, by the smallest
value that the schema allows.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from grok_agent.offline.sample import NoSampleError, minimal
from grok_agent.offline.skills import Skill
from grok_agent.offline.skills.describe import Describe
from grok_agent.offline.skills.prompts import ImageToPrompt, TextToPrompt
from grok_agent.offline.skills.rename import Rename
from grok_agent.offline.skills.review import Review
from grok_agent.offline.skills.smoke_tests import SmokeTests
from grok_agent.offline.skills.sweep import Sweep
from grok_agent.offline.skills.tidy import Tidy
from grok_agent.offline.skills.translate import Translate
from grok_agent.offline.transcript import Transcript
from grok_agent.offline.wire import ChatRequest, Planner, ToolCall, Turn

SKILLS: tuple[Skill, ...] = (
    Sweep(),
    Translate(),
    ImageToPrompt(),
    TextToPrompt(),
    Rename(),
    Tidy(),
    Review(),
    SmokeTests(),
    Describe(),
)
"""In the order in which they are asked."""

CAPABILITIES = (
    "I am the deterministic offline planner, not grok-build-0.1. I can rename a symbol, tidy code"
    " with ruff, review code with ruff, write smoke tests for a module, say what a repository is,"
    " and turn a text or a picture into a structured prompt. For anything else set GROK_API_KEY and"
    " leave --offline out."
)


def plan(request: ChatRequest) -> Turn:
    """Answer ``request`` with the skills of this package."""
    return planner_of(SKILLS)(request)


def planner_of(skills: Sequence[Skill]) -> Planner:
    """A planner that asks ``skills`` in this order."""

    def plan_with(request: ChatRequest) -> Turn:
        transcript = Transcript.of(request)
        skill = next((skill for skill in skills if skill.matches(transcript)), None)
        turn = skill.next_turn(transcript) if skill else _refuse(CAPABILITIES)
        try:
            return _honour(request, turn)
        except NoSampleError as error:
            return _refuse(f"I cannot answer in the form that is asked for: {error}")

    return plan_with


def _refuse(words: str) -> Turn:
    return Turn(content=words, refusal=words, reasoning="None of my skills fits this request.")


def _honour(request: ChatRequest, turn: Turn) -> Turn:
    """``turn`` as the request's tool_choice, parallel_tool_calls and response_format want it."""
    if request.forced_tool or request.tool_choice == "required":
        turn = _with_forced_call(request, turn)
    if turn.tool_calls:
        return turn if request.parallel_tool_calls else _first_call_only(turn)
    form = request.response_format or {}
    if form.get("type") == "json_schema" and not _is_json(turn.content):
        schema = form["json_schema"]["schema"]
        return Turn(content=json.dumps(minimal(schema)), reasoning=turn.reasoning)
    if form.get("type") == "json_object" and not _is_json(turn.content):
        return replace(turn, content=json.dumps({"answer": turn.content}))
    return turn


def _with_forced_call(request: ChatRequest, turn: Turn) -> Turn:
    wanted = {request.forced_tool} if request.forced_tool else set(_parameters(request))
    calls = tuple(call for call in turn.tool_calls if call.name in wanted)
    if calls:
        return replace(turn, tool_calls=calls)
    name = request.forced_tool or next(iter(_parameters(request)))
    arguments = minimal({"type": "object", **_parameters(request)[name]})
    return Turn(reasoning=turn.reasoning, tool_calls=(ToolCall(name, arguments),))


def _parameters(request: ChatRequest) -> dict[str, dict[str, Any]]:
    """The parameter schemas of the offered tools by name, in their order."""
    functions = [tool["function"] for tool in request.tools]
    return {function["name"]: function.get("parameters") or {} for function in functions}


def _first_call_only(turn: Turn) -> Turn:
    return replace(turn, tool_calls=turn.tool_calls[:1])


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
