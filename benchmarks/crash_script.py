"""The scripted model of the crash test: it counts up in files, and looks before it repeats."""

import json
from functools import cache
from typing import Any

from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

FILES = [f"src/part_{number}.py" for number in range(6)]
ROUNDS = 6
LOG = "log.txt"
UNKNOWN = "effect is not known"

Action = tuple[str, dict[str, Any]]


def first_files() -> dict[str, str]:
    """What the repository holds at the beginning."""
    return {name: f"# {name}\nVALUE = 0\n" for name in FILES} | {LOG: ""}


@cache
def expected_files() -> dict[str, str]:
    """What it must hold at the end."""
    files = {name: f"# {name}\nVALUE = {ROUNDS}\n" for name in FILES}
    notes = {f"notes/{n}.md": f"Round {n} is over.\n" for n in range(1, ROUNDS + 1)}
    lines = "".join(f"round-{n}\n" for n in range(1, ROUNDS + 1))
    return files | notes | {LOG: lines}


def _read(name: str) -> Action:
    return "read_file", {"target_file": name}


def _edit(name: str, number: int) -> Action:
    texts = {"old_string": f"VALUE = {number - 1}", "new_string": f"VALUE = {number}"}
    return "search_replace", {"file_path": name, **texts}


def _note(number: int) -> Action:
    return "write", {"file_path": f"notes/{number}.md", "content": f"Round {number} is over.\n"}


def _append(number: int) -> Action:
    command = f"sleep 0.05; echo round-{number} >> {LOG}"
    return "run_terminal_command", {"command": command, "description": "Note the round."}


def _round(number: int) -> list[Action]:
    return [*(_edit(name, number) for name in FILES), _note(number), _append(number)]


STAGES: list[list[Action]] = [[_read(name) for name in FILES]]
STAGES += [_round(number) for number in range(1, ROUNDS + 1)]
"""Calls that are sent together, in order."""


def plan(request: ChatRequest) -> Turn:
    """The next calls, as they follow from what the conversation tells."""
    told = _told(request)
    for stage in STAGES:
        if calls := [call for action in stage if (call := _due(action, told))]:
            text = f"{len(calls)} calls, {len(request.messages)} messages."
            return Turn(tool_calls=tuple(calls), content=text, reasoning="Count up." * 20)
    return Turn(content="Counted up.")


def _told(request: ChatRequest) -> list[tuple[str, str]]:
    """Each call, as a text, and its result, in order."""
    results = {
        m["tool_call_id"]: str(m["content"]) for m in request.messages if m["role"] == "tool"
    }
    calls = [call for m in request.messages for call in m.get("tool_calls") or ()]
    return [(_key(_action(call)), results.get(call["id"], "")) for call in calls]


def _action(call: dict[str, Any]) -> Action:
    return call["function"]["name"], json.loads(call["function"]["arguments"])


def _key(action: Action) -> str:
    return json.dumps(action, sort_keys=True)


def _due(action: Action, told: list[tuple[str, str]]) -> ToolCall | None:
    """The call that brings ``action`` forward, or None when it is done."""
    look = _look(action)
    state = "new"
    for key, result in told:
        if key == _key(action):
            state = "unknown" if UNKNOWN in result else "done"
        elif look and key == _key(look) and state == "unknown":
            state = "new" if "No matches" in result else "done"
    if state == "done":
        return None
    chosen = look if state == "unknown" and look else action
    return ToolCall(*chosen)


def _look(action: Action) -> Action | None:
    if action[0] != "run_terminal_command":
        return None
    line = action[1]["command"].split()[3]
    return "grep", {"pattern": f"^{line}$", "path": LOG}
