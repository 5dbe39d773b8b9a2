"""The step of the loop that runs the tool calls of an answer."""

from collections.abc import Container, Mapping, Sequence
from contextlib import closing
from typing import cast

from langchain_core.messages import AIMessage, AnyMessage, ToolCall
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool

from grok_agent.graphs.calls import MAX_CALLS, Ran, run_calls
from grok_agent.graphs.guards import count_repeats
from grok_agent.graphs.leave import missing_leaves
from grok_agent.graphs.progress import Seen, advanced, texts_of_edited
from grok_agent.graphs.record import Recorder
from grok_agent.graphs.request import count_text, image_paths, task_of
from grok_agent.graphs.share import Share
from grok_agent.graphs.side_by_side import PLAN_TOOL
from grok_agent.graphs.state import Budget, LoopState, Update
from grok_agent.graphs.work import Work
from grok_agent.tools.permission import EDITING_TOOLS
from grok_agent.tools.plan import TodoWrite, list_after


class ToolStep:
    """Runs the calls of the last answer, once leave for all of them has been asked."""

    def __init__(self, work: Work, budget: Budget, record: Recorder) -> None:
        self._work = work
        self._budget = budget
        self._record = record

    def __call__(self, state: LoopState, config: RunnableConfig) -> Update:
        """The results of the calls, and what they tell of the run."""
        workspace = self._work.workspace
        calls = cast(AIMessage, state["messages"][-1]).tool_calls
        share = Share(state, self._budget, config, self._record)
        tools = self._tools(state, share)
        missing = self._missing_leaves(calls[:MAX_CALLS], tools, config)
        self._record.edits(state, workspace)
        results: list[Ran] = []
        before = texts_of_edited(calls, workspace)
        once = self._record.once(state, config, state["steps"], workspace)
        running = run_calls(calls, tools, missing, config, workspace, once)
        with share.ended_if_cut(), closing(running):
            for ran in running:
                self._record.result(state, ran, missing.get(ran.call["id"] or "", ""))
                results.append(ran)
        after = texts_of_edited(calls, workspace)
        messages: list[AnyMessage] = [ran.message for ran in results]
        return {
            "messages": messages,
            "context_tokens": state["context_tokens"] + count_text(*(m.text for m in messages)),
            "repeated": count_repeats(calls, state["repeated"]),
            "progress": advanced(state["progress"], _seen(results, missing), before, after),
            "todos": list_after(state["todos"], _plans(results)),
            "denied": "\n".join(missing.values()),
            **share.taken(),
        }

    def _tools(self, state: LoopState, share: Share) -> dict[str, BaseTool]:
        """The tools, those that keep something bound to this run."""
        tools = {tool.name: tool for tool in self._work.tools(image_paths(task_of(state)))}
        if isinstance(plan := tools.get(PLAN_TOOL), TodoWrite):
            tools[PLAN_TOOL] = plan.going_on_from(state["todos"])
        return {name: share.bound(tool) for name, tool in tools.items()}

    def _missing_leaves(
        self, calls: Sequence[ToolCall], tools: Container[str], config: RunnableConfig
    ) -> dict[str, str]:
        if self._work.workspace is None:
            return {}
        # A tool that does not exist needs no leave; one that is withheld for its effect does.
        known = [each for each in calls if each["name"] in tools or each["name"] in EDITING_TOOLS]
        return missing_leaves(known, self._work.workspace, config)


def _seen(results: Sequence[Ran], missing: Mapping[str, str]) -> list[Seen]:
    """What was tried: neither calls without leave, nor those beyond the number that is run."""
    return [
        Seen(ran.call, str(ran.message.text), ran.failed)
        for ran in results[:MAX_CALLS]
        if ran.call["id"] not in missing
    ]


def _plans(results: Sequence[Ran]) -> list[Mapping[str, object]]:
    return [ran.call["args"] for ran in results if ran.call["name"] == PLAN_TOOL and not ran.failed]
