"""Finds the calls that lack leave, and asks a person for it before any call of the answer runs."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import ToolCall
from langchain_core.runnables import RunnableConfig
from langgraph.types import interrupt

from grok_agent.errors import PermissionDeniedError, ToolError
from grok_agent.tools.edit import apply_edit
from grok_agent.tools.leaves import likes_of
from grok_agent.tools.workspace import Workspace

MAX_PREVIEW_CHARS = 20_000
ALWAYS = "always"
DECLINED = "A person was asked and did not allow this call. Go on without it; do not repeat it."


def missing_leaves(
    calls: Sequence[ToolCall], workspace: Workspace, config: RunnableConfig
) -> dict[str, str]:
    """The calls that may not run: call id -> which leave is missing.

    Where the graph can be interrupted, one interrupt asks for all calls that a person may allow:
    ``{"type": "permission", "calls": [{id, tool, arguments, reason, preview, likes}]}``, resumed
    with the ids granted: a list, or ``{"calls": {id: true, false or "always"}}``, where "always"
    also allows in this workspace what falls under the rules ``likes``; True grants all. The node
    that calls this starts again from its top on resume, so nothing may have run before. Elsewhere
    the workspace's ``ask_leave`` gets the same question and gives the same answers; without one
    nobody is asked.
    """
    missing = {_id(call): text for call in calls if (text := _refusal(call, workspace))}
    asked = [call for call in calls if _id(call) in missing and _may_be_asked(call, workspace)]
    ask = interrupt if can_interrupt(config) else workspace.ask_leave
    if not asked or ask is None:
        return missing
    answer = ask({"type": "permission", "calls": [_question(c, workspace) for c in asked]})
    if isinstance(answer, Mapping):
        answer = answer.get("calls", answer)
    for call in asked:
        if _grants(answer, _id(call)):
            remembers = isinstance(answer, Mapping) and answer.get(_id(call)) == ALWAYS
            keep = workspace.leaves.remember if remembers else workspace.leaves.grant
            keep(call["name"], call["args"])
            del missing[_id(call)]
        else:
            missing[_id(call)] = DECLINED
    return missing


def preview(call: ToolCall, workspace: Workspace) -> str:
    """What the call would do: a command's text, an edit's diff without secrets; "" where that
    cannot be shown."""
    arguments = call["args"]
    if command := arguments.get("command"):
        return str(command)[:MAX_PREVIEW_CHARS]
    try:
        before, after = _edit(call["name"], workspace.with_secrets(arguments), workspace)
    except (ToolError, OSError, KeyError, TypeError):
        return ""
    path = str(arguments["file_path"])
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"a/{path}", f"b/{path}", lineterm=""
    )
    return workspace.secrets.hide("\n".join(lines))[:MAX_PREVIEW_CHARS]


def _edit(tool: str, arguments: Mapping[str, Any], workspace: Workspace) -> tuple[str, str]:
    path = arguments["file_path"]
    exists = workspace.resolve(path).exists()
    before = workspace.peek(path).text if exists else ""
    if tool == "write":
        return before, arguments["content"]
    everywhere = bool(arguments.get("replace_all"))
    return before, apply_edit(before, arguments["old_string"], arguments["new_string"], everywhere)


def _refusal(call: ToolCall, workspace: Workspace) -> str:
    try:
        workspace.require(call["name"], call["args"])
    except PermissionDeniedError as error:
        return str(error)
    return ""


def _may_be_asked(call: ToolCall, workspace: Workspace) -> bool:
    return workspace.decide(call["name"], call["args"]).verdict == "ask"


def _question(call: ToolCall, workspace: Workspace) -> dict[str, Any]:
    return {
        "id": _id(call),
        "tool": call["name"],
        "arguments": call["args"],
        "reason": workspace.decide(call["name"], call["args"]).reason,
        "preview": preview(call, workspace),
        "likes": likes_of(call["name"], call["args"]),
    }


def _grants(answer: Any, call_id: str) -> bool:
    """Whether the answer grants this call; anything that is not understood grants nothing."""
    if isinstance(answer, Mapping):
        return answer.get(call_id) is True or answer.get(call_id) == ALWAYS
    if isinstance(answer, list | tuple | set | frozenset):
        return call_id in answer
    return answer is True


def can_interrupt(config: RunnableConfig) -> bool:
    """Whether the graph's steps are kept, so that one can stop and be taken up again."""
    # LangGraph says nowhere in public whether a checkpointer, own or a parent's, is at work.
    return config.get("configurable", {}).get("__pregel_checkpointer") is not None


def _id(call: ToolCall) -> str:
    return call["id"] or ""
