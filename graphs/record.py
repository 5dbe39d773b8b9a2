"""Says what happens in a run: to whoever streams the graph, and to the run's journal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from pydantic import SecretStr

from grok_agent.context.secrets import Secrets
from grok_agent.gateway.ledger import Cost, Usage
from grok_agent.graphs.calls import Ran
from grok_agent.graphs.once import Once
from grok_agent.graphs.state import Budget, CheckResult, LoopState
from grok_agent.graphs.work import Work
from grok_agent.journal import Journal, read_journal, run_folder, stamp, without_secrets
from grok_agent.tools.workspace import Workspace
from grok_agent.work_log import WorkLog

Listener = Callable[[Mapping[str, Any]], None]
"""Hears an event while the run goes on, on the thread that runs the graph's step."""


class Recorder:
    """Sends events, documented in :mod:`grok_agent.journal`, while a node of the graph runs.

    ``hidden`` are texts that no event may show, ``secrets`` those known in the workspace, which no
    event shows either; ``on_event`` hears each event as well. A journal that cannot be written
    costs one notice a run; the run goes on.
    """

    def __init__(
        self,
        journal_dir: Path | str | None,
        hidden: Sequence[str] = (),
        on_event: Listener | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self.secrets = secrets or Secrets()
        self.secrets.know(hidden)
        self._journal_dir = journal_dir
        self._on_event = on_event
        self._hidden = hidden
        self._unwritable: set[str] = set()
        self._unrecorded: set[str] = set()
        self._logs: dict[str, WorkLog] = {}

    def start(
        self, run_id: str, work: Work, task: str, images: Sequence[str], budget: Budget
    ) -> None:
        """A run begins; nothing was sent yet."""
        folder = str(work.workspace.root) if work.workspace else ""
        self.send(
            run_id,
            "start",
            job=work.job,
            task=task,
            images=list(images),
            workspace=folder,
            budget=asdict(budget),
        )

    def once(
        self,
        state: LoopState,
        config: RunnableConfig,
        step: int,
        workspace: Workspace | None = None,
        agent: str = "",
    ) -> Once:
        """What earlier processes have done of this ``step`` (from 1) of the run, or of a sub-agent
        of it that they call ``agent``."""
        run_id = state["run_id"]
        if self._journal_dir is None or not run_id:
            return Once(None, Path(), config, step, workspace)
        folder = run_folder(self._journal_dir, run_id)
        if run_id not in self._logs:
            self._logs[run_id] = WorkLog(folder)
        return Once(self._logs[run_id], folder, config, step, workspace, agent)

    def answer(
        self,
        state: LoopState,
        answer: AIMessage,
        cost: Cost,
        seconds: float,
        *,
        again: bool = False,
    ) -> None:
        """The model answered, ``again`` as to an earlier process; ``state`` counts it already."""
        usage = Usage.of(answer)
        self.send(
            state["run_id"],
            "model",
            "step" if again else "",
            step=state["steps"],
            text=str(answer.text),
            reasoning=str(answer.additional_kwargs.get("reasoning_content") or ""),
            tool_calls=[
                {"id": call["id"], "name": call["name"], "arguments": call["args"]}
                for call in answer.tool_calls
            ],
            finish_reason=str(answer.response_metadata.get("finish_reason") or ""),
            model=state["model"],
            usage=asdict(usage) if usage else None,
            cost=asdict(cost),
            total_usd=state["cost"]["usd"],
            seconds=round(seconds, 3),
        )

    def edits(self, state: LoopState, workspace: Workspace | None) -> None:
        """Files are changed from now on: ``workspace`` records it in the run's folder."""
        run_id = state["run_id"]
        if workspace is None or self._journal_dir is None or not run_id:
            return
        if run_id in self._unrecorded:
            return
        try:
            workspace.record_to(run_folder(self._journal_dir, run_id), state["steps"])
        except OSError as error:
            self._unrecorded.add(run_id)
            text = f"Edits cannot be recorded, so that they cannot be undone: {error}."
            self.notice(state, text)

    def result(self, state: LoopState, ran: Ran, denied: str) -> None:
        """A tool call was answered; ``denied`` is the leave that it lacked."""
        self.send(
            state["run_id"],
            "tool",
            "id" if ran.again else "",
            step=state["steps"],
            id=ran.call["id"],
            tool=ran.call["name"],
            arguments=ran.call["args"],
            ok=ran.message.status != "error",
            denied=denied,
            result=str(ran.message.text),
            seconds=round(ran.seconds, 3),
        )

    def check(self, state: LoopState, check: CheckResult, seconds: float) -> None:
        """The check command was run."""
        self.send(state["run_id"], "check", **asdict(check), seconds=round(seconds, 3))

    def left(self, state: LoopState, tokens: int) -> None:
        """Old turns left the request, which now has ``tokens``."""
        before = state["context_tokens"]
        facts = {"step": state["steps"], "tokens_before": before, "tokens": tokens}
        self.send(state["run_id"], "history", **facts)

    def notice(self, state: LoopState, text: str) -> None:
        """Something that the reader should know; the run goes on."""
        self.send(state.get("run_id", ""), "notice", text=text)

    def send(self, run_id: str, event: str, unless: str = "", /, **fields: Any) -> None:
        """Append one event to the journal, then send it to the custom stream.

        ``unless`` names a field: an event with the same one of the same step is not written again.
        """
        stamped = without_secrets(stamp({"event": event, **fields}, run_id), self._hidden)
        stamped = self.secrets.hide_in(stamped)
        if self._journal_dir is not None and run_id and run_id not in self._unwritable:
            folder = run_folder(self._journal_dir, run_id)
            if not unless or not _is_written(folder, stamped, unless):
                self._append(self._journal_dir, run_id, stamped)
        self._tell(stamped)

    def _tell(self, event: dict[str, Any]) -> None:
        get_stream_writer()(event)
        if self._on_event:
            self._on_event(event)

    def _append(self, journal_dir: Path | str, run_id: str, event: Mapping[str, Any]) -> None:
        try:
            Journal(run_folder(journal_dir, run_id)).append(event)
        except OSError as error:
            self._unwritable.add(run_id)
            text = f"The journal cannot be written: {error}. The run goes on without it."
            self._tell(stamp({"event": "notice", "text": text}, run_id))


def _is_written(folder: Path, event: Mapping[str, Any], by: str) -> bool:
    names = ("event", "step", "agent", by)
    try:
        events = read_journal(folder)
    except OSError:
        return False
    return any(all(each.get(name) == event.get(name) for name in names) for each in events)


def keys_of(model: BaseChatModel) -> list[str]:
    """The secrets that ``model`` holds, in clear, so that they can be kept out of records."""
    values = (getattr(model, name, None) for name in type(model).model_fields)
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
