"""Runs the tool calls of one answer: side by side where none has to wait for another."""

import difflib
import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ContextThreadPoolExecutor
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, ValidationError

from grok_agent.errors import GrokAgentError
from grok_agent.graphs.once import Once
from grok_agent.graphs.side_by_side import side_by_side
from grok_agent.tools.edit_log import during_call
from grok_agent.tools.overflow import shortened
from grok_agent.tools.terminal import end_commands
from grok_agent.tools.workspace import Workspace

MAX_CONCURRENT = 8
MAX_CALLS = 64
"""Calls of one answer that are run; no task needs more, and a model that runs wild sends more."""

TOO_MANY = (
    f"Not run: of one answer only the first {MAX_CALLS} calls are run. Ask for it again in another"
    " answer, if it is still needed."
)


@dataclass(frozen=True)
class Ran:
    """One call with the message that answers it; ``seconds`` is wall time, ``again`` says that an
    earlier process has run it."""

    call: ToolCall
    message: ToolMessage
    seconds: float = 0.0
    again: bool = False

    @property
    def failed(self) -> bool:
        """Whether the answer is an error."""
        return self.message.status == "error"


def run_calls(
    calls: Iterable[ToolCall],
    tools: Mapping[str, BaseTool],
    missing: Mapping[str, str],
    config: RunnableConfig,
    workspace: Workspace | None = None,
    once: Once | None = None,
) -> Generator[Ran]:
    """Run each call and yield what came back, in the order sent.

    A call whose id is in ``missing`` is not run and answered with the text found there, as are all
    calls behind the first ``MAX_CALLS``. Neighbours that do not hinder each other run at the same
    time, at most eight (:mod:`grok_agent.graphs.side_by_side`). What is too long for a request goes
    to a file in the scratch folder of ``workspace``. Nothing that a tool raises gets out, except
    what steers the graph itself. Closed early, as by Ctrl-C, it ends the commands that still run.
    ``once`` knows the calls that an earlier process has run.
    """
    calls = list(calls)

    def run(call: ToolCall) -> Ran:
        began = time.monotonic()
        refused = missing.get(call["id"] or "")
        again = once is not None and once.has_result(call)

        def do() -> ToolMessage:
            return shortened(answer(call, tools, config), workspace)

        with during_call(call["id"] or ""):
            if refused:
                message = failure(call, refused)
            elif once:
                message = once.result(call, do)
            else:
                message = do()
        return Ran(call, message, time.monotonic() - began, again)

    for group in side_by_side(calls[:MAX_CALLS], workspace):
        yield from _run_group(run, group, workspace)
    for call in calls[MAX_CALLS:]:
        yield Ran(call, failure(call, TOO_MANY))


def answer(call: ToolCall, tools: Mapping[str, BaseTool], config: RunnableConfig) -> ToolMessage:
    """The message that answers one call; whatever goes wrong is an error message."""
    tool = tools.get(call["name"])
    if tool is None:
        return failure(call, _no_such_tool(call["name"], tools))
    try:
        message = tool.invoke({**call, "type": "tool_call"}, config)
    except GraphBubbleUp:
        raise
    except ValidationError as error:
        return failure(call, _wrong_arguments(tool, error))
    except GrokAgentError as error:
        return failure(call, str(error))
    except Exception as error:  # noqa: BLE001 - a broken tool is the model's news, not the run's end
        return failure(call, f"{call['name']} broke: {type(error).__name__}: {error}")
    return _kept(message)


def failure(call: ToolCall, text: str) -> ToolMessage:
    """An error message that answers ``call``."""
    return _marked(
        ToolMessage(text, tool_call_id=call["id"] or "", name=call["name"], status="error")
    )


def _run_group(
    run: Callable[[ToolCall], Ran], calls: Sequence[ToolCall], workspace: Workspace | None
) -> Iterator[Ran]:
    if len(calls) == 1:  # on this thread, where Ctrl-C reaches it
        yield run(calls[0])
        return
    pool = ContextThreadPoolExecutor(max_workers=MAX_CONCURRENT)
    is_cut = False
    try:
        yield from pool.map(run, calls)
    except BaseException as error:
        is_cut = not isinstance(error, Exception)
        raise
    finally:
        pool.shutdown(wait=not is_cut, cancel_futures=is_cut)
        if is_cut and workspace:
            end_commands(workspace)


def _kept(message: Any) -> ToolMessage:
    """The message as the state keeps it: an artifact as plain types, or none.

    Pydantic artifacts (a prompt, measured features) are results; the others repeat the text that
    the model reads, and the state holds each text once.
    """
    if not isinstance(message, ToolMessage):
        raise TypeError(f"A tool returned {type(message).__name__} instead of a tool message.")
    artifact = message.artifact
    plain = artifact.model_dump(mode="json") if isinstance(artifact, BaseModel) else None
    return _marked(message.model_copy(update={"artifact": plain}))


def _marked(message: ToolMessage) -> ToolMessage:
    """The chat protocol drops a message's status, so an error says in its text that it is one."""
    text = str(message.text)
    if message.status != "error" or text.lower().startswith("error"):
        return message
    return message.model_copy(update={"content": f"Error: {text}"})


def _no_such_tool(name: str, tools: Mapping[str, BaseTool]) -> str:
    lost = f"There is no tool {name[:100]}. Tools: {', '.join(tools)}."
    near = difflib.get_close_matches(name[:100], tools, n=1, cutoff=0.5)
    if not near:
        return lost
    schema = json.dumps(_parameters(tools[near[0]]), ensure_ascii=False)
    return f"{lost} Did you mean {near[0]}? Its parameters: {schema}"


def _wrong_arguments(tool: BaseTool, error: ValidationError) -> str:
    problems = "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}"
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    )
    schema = json.dumps(_parameters(tool), ensure_ascii=False)
    return f"{tool.name} cannot take these arguments: {problems}. Its parameters: {schema}"


def _parameters(tool: BaseTool) -> Any:
    return tool.tool_call_schema if isinstance(tool.tool_call_schema, dict) else tool.args
