"""Does each piece of a step once, also when the process that began it was killed."""

from collections.abc import Callable
from pathlib import Path

from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp

from grok_agent.graphs.leave import can_interrupt
from grok_agent.graphs.side_by_side import touch_of
from grok_agent.tools.edit_log import Edit, read_edits
from grok_agent.tools.leftovers import remove_drafts
from grok_agent.tools.originals import originals_of
from grok_agent.tools.permission import EDITING_TOOLS, READING_TOOLS
from grok_agent.tools.workspace import Workspace
from grok_agent.work_log import WorkLog

OF_SUB_AGENTS = frozenset({"explore"})
"""Tools whose own requests are kept one by one: run again, they cost nothing, and what they have
cost is counted anew."""

EFFECT_UNKNOWN = (
    "This call was under way when the program was killed; its effect is not known, and it was not"
    " repeated. Look at what it has done before you repeat it."
)
EDIT_DONE = "This edit had taken place when the program was killed; it was not repeated."


def go_on(workspace: Workspace, folder: Path) -> None:
    """Let ``workspace`` know what the run in ``folder`` had read and changed, before it goes on in
    another process than began it, and clear away what a killed edit left. Raises OSError."""
    log = WorkLog(folder)
    workspace.recall(log.seen, originals_of(folder))
    if log.has_unfinished:
        remove_drafts(workspace.root, log.began_at)


class Once:
    """The work of one step (from 1) of the graph, on the record ``log`` of its run in ``folder``.

    Without a log everything is done, as nothing is known of an earlier process. ``agent`` is what a
    sub-agent is called in the record, the same in each process.
    """

    def __init__(
        self,
        log: WorkLog | None,
        folder: Path,
        config: RunnableConfig,
        step: int,
        workspace: Workspace | None,
        agent: str = "",
    ) -> None:
        # The task's name stays the same when LangGraph takes up a step again, and only then.
        self._task = str(config.get("configurable", {}).get("checkpoint_ns", ""))
        self._log = log if can_interrupt(config) else None
        self._folder = folder
        self._step = step
        self._agent = f"{agent} " if agent else ""
        self._answer = f"{self._agent}answer {step}"
        self._workspace = workspace

    def has_answer(self) -> bool:
        """Whether the answer to this step's request has arrived before."""
        return self._log is not None and self._log.finished(self._task, self._answer) is not None

    def answer(self, ask: Callable[[], AIMessage]) -> AIMessage:
        """The answer that arrived before, else that of ``ask``, kept before anything is done."""
        if self._log is None:
            return ask()
        known: AIMessage | None = self._log.finished(self._task, self._answer)
        if known is None:
            known = ask()
            self._log.finish(self._task, self._answer, known)
        return known

    def has_result(self, call: ToolCall) -> bool:
        """Whether ``call`` was answered before."""
        return self._log is not None and bool(self._log.finished(self._task, self._name(call)))

    def result(self, call: ToolCall, run: Callable[[], ToolMessage]) -> ToolMessage:
        """The message that answered ``call`` before, else that of ``run``.

        A call that was cut off runs again if it only reads. An edit is settled by the record of
        edits, and of anything else the model is told that its effect is not known.
        """
        if self._log is None:
            return run()
        if call["name"] in OF_SUB_AGENTS:
            return run()
        known: ToolMessage | None = self._log.finished(self._task, self._name(call))
        if known is not None:
            return known
        reads = call["name"] in READING_TOOLS or not touch_of(call, self._workspace).writes
        if reads:
            message = run()
        elif self._log.has_begun(self._task, self._name(call)):
            message = self._settled(call) or self._begin(call, run)
        else:
            message = self._begin(call, run)
        self._log.finish(self._task, self._name(call), message, self._seen, durable=not reads)
        return message

    def _begin(self, call: ToolCall, run: Callable[[], ToolMessage]) -> ToolMessage:
        assert self._log
        self._log.begin(self._task, self._name(call))
        try:
            return run()
        except GraphBubbleUp:  # it asks for something, and comes again
            self._log.withdraw(self._task, self._name(call))
            raise

    def _settled(self, call: ToolCall) -> ToolMessage | None:
        """The answer to a call that was cut off; None where it may run as if for the first time."""
        if call["name"] not in EDITING_TOOLS:
            return _told(call, EFFECT_UNKNOWN, failed=True)
        edits = self._edits(call)
        if all(edit.done is False for edit in edits):
            return None
        self._mark_known(edits)
        if call["name"] in ("write", "search_replace") and all(edit.done for edit in edits):
            return _told(call, EDIT_DONE)
        states = {True: "changed", False: "not changed", None: "changed by somebody else since"}
        lines = "\n".join(f"{edit.path}: {states[edit.done]}" for edit in edits)
        return _told(call, f"{EFFECT_UNKNOWN}\n{lines}", failed=True)

    def _edits(self, call: ToolCall) -> list[Edit]:
        try:
            edits = read_edits(self._folder)
        except OSError:
            return []
        return [
            edit for edit in edits if (edit.label.step, edit.label.call) == (self._step, _id(call))
        ]

    def _mark_known(self, edits: list[Edit]) -> None:
        if self._workspace:
            done = (edit for edit in edits if edit.done and edit.after)
            self._workspace.recall({edit.path: edit.after.digest for edit in done if edit.after})

    def _name(self, call: ToolCall) -> str:
        return self._agent + _id(call)

    def _seen(self) -> dict[str, str]:
        return self._workspace.seen() if self._workspace else {}


def _told(call: ToolCall, text: str, *, failed: bool = False) -> ToolMessage:
    return ToolMessage(
        f"Error: {text}" if failed else text,
        tool_call_id=_id(call),
        name=call["name"],
        status="error" if failed else "success",
    )


def _id(call: ToolCall) -> str:
    return call["id"] or ""
