"""The first step of a run: which message is the task, and a clean slate for the counters."""

from dataclasses import asdict

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig

from grok_agent.errors import SettingsError
from grok_agent.gateway.ledger import Cost, Usage
from grok_agent.graphs.request import newest_task, task_message
from grok_agent.graphs.state import LoopState
from grok_agent.journal import new_run_id


def begin(state: LoopState, config: RunnableConfig) -> tuple[HumanMessage, LoopState]:
    """The task and the state that a new run starts from.

    The thread's id is the run's id; a run without a thread gets one of its own. Raises
    :class:`SettingsError` when there is nothing to do; the caller mends it.
    """
    said = state.get("messages", [])
    task = _task(state)
    is_new = all(message.id != task.id for message in said)
    fresh = LoopState(
        messages=[task] if is_new else [],
        run_id=str(config.get("configurable", {}).get("thread_id") or new_run_id()),
        task_id=task.id or "",
        turns_from=len(said) + is_new,
        background="",
        history=None,
        context_tokens=0,
        measured_tokens=0,
        steps=0,
        seconds=0.0,
        usage=asdict(Usage()),
        cost=asdict(Cost()),
        model="",
        incomplete=0,
        repairs=0,
        second_chances=0,
        repeated={},
        progress={},
        todos=[],
        denied="",
        check=None,
        verification={},
        stop=None,
        outcome={},
    )
    return task, fresh


def _task(state: LoopState) -> HumanMessage:
    given = state.get("task", "")
    found = task_message(given, state.get("images", [])) if given else None
    found = found or newest_task(state.get("messages", []))
    if found is None or not str(found.text).strip():
        raise SettingsError(
            "There is no task.",
            next_step='Give {"task": "..."}, or {"messages": [...]} with a human message.',
        )
    return found
