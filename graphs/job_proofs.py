"""What each job must show beside a check command that passes, before its work is done."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from grok_agent.graphs.proof_of_tests import prove
from grok_agent.graphs.public_api import api_changes
from grok_agent.graphs.review_report import NOT_REPORTED, reported
from grok_agent.graphs.state import LoopState
from grok_agent.tools.sandbox import confinement
from grok_agent.tools.tool_kinds import COMMAND_TOOL, EDITING_TOOLS
from grok_agent.tools.workspace import Workspace


@dataclass(frozen=True)
class Shown:
    """``problem`` goes to the model, ``reason`` to the person, both "" for good work; ``facts``
    are told in the outcome in either case."""

    problem: str = ""
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def shown_by(job: str, workspace: Workspace, state: LoopState) -> Shown:
    """What the work of ``job`` shows of itself.

    Code that a model wrote runs here only confined, or where such commands have leave anyway.
    """
    if job == "refactor":
        lines = [str(each) for each in api_changes(workspace.changes())]
        return Shown(facts={"public_api": lines})
    if job == "tests" and workspace.permission != "plan":
        if not _may_run(workspace, "python -m pytest"):
            return Shown(facts={"not_tried": "there is no leave to run the tests"})
        proof = prove(workspace)
        return Shown(proof.problem, proof.problem.partition("\n")[0], proof.facts)
    if job == "review":
        return _review(state)
    if job == "script" and workspace.permission != "plan":
        return _script(workspace, state)
    return Shown()


def _review(state: LoopState) -> Shown:
    asked_already = state["second_chances"] > 0
    if asked_already or reported(_turns(state)) is not None:
        return Shown()
    return Shown(NOT_REPORTED, "The findings were not handed over.")


def _script(workspace: Workspace, state: LoopState) -> Shown:
    """A script was written, and ran to a good end after its last change."""
    written = workspace.changed_files()
    if not written:
        return Shown("No script was written. Write it, or say why there is none.", "No script.")
    ran = _ran_after_last_edit(_turns(state), written)
    if ran:
        return Shown(facts={"ran": ran})
    if state["second_chances"] > 0 or not _has_leave(workspace, f"python {written[0]}"):
        return Shown(facts={"ran": []})
    names = ", ".join(written[:5])
    what = f"Nothing shows that what was written ({names}) runs."
    return Shown(f"{what} Run it on a small sample, and mend what fails.", what)


def _ran_after_last_edit(turns: Sequence[BaseMessage], written: Sequence[str]) -> list[str]:
    """Commands that name a written file and ended well, since the last edit."""
    results = {each.tool_call_id: each for each in turns if isinstance(each, ToolMessage)}
    calls = [call for each in turns if isinstance(each, AIMessage) for call in each.tool_calls]
    ran: list[str] = []
    for call in calls:
        result = results.get(call["id"] or "")
        if result is None or result.status == "error":
            continue
        if call["name"] in EDITING_TOOLS:
            ran = []
        command = str(call["args"].get("command", ""))
        if call["name"] == COMMAND_TOOL and any(name in command for name in written):
            ran += [command] if _ended_well(str(result.text)) else []
    return ran


def _ended_well(result: str) -> bool:
    return re.search(r"^exit: 0$", result, re.MULTILINE) is not None


def _may_run(workspace: Workspace, command: str) -> bool:
    return confinement(workspace.limits).confined or _has_leave(workspace, command)


def _has_leave(workspace: Workspace, command: str) -> bool:
    return workspace.decide(COMMAND_TOOL, {"command": command}).verdict == "allow"


def _turns(state: LoopState) -> Sequence[BaseMessage]:
    return state["messages"][state["turns_from"] :]
