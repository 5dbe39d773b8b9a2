"""Runs the tool calls of one answer: reads side by side, everything else in the order sent."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ContextThreadPoolExecutor
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, ValidationError

from grok_agent.errors import GrokAgentError
from grok_agent.tools.overflow import shortened
from grok_agent.tools.permission import READING_TOOLS
from grok_agent.tools.workspace import Workspace

MAX_CONCURRENT = 8


@dataclass(frozen=True)
class Ran:
    """One call with the message that answers it; ``seconds`` is wall time."""

    call: ToolCall
    message: ToolMessage
    seconds: float = 0.0


def run_calls(
    calls: Iterable[ToolCall],
    tools: Mapping[str, BaseTool],
    missing: Mapping[str, str],
    config: RunnableConfig,
    workspace: Workspace | None = None,
) -> Iterator[Ran]:
    """Run each call and yield what came back, in the order sent.

    A call whose id is in ``missing`` is not run and answered with the text found there. Neighbours
    that only read run at the same time, at most eight; any other call waits for those before it.
    What is too long for a request goes to a file in the scratch folder of ``workspace``.
    Nothing that a tool raises gets out, except what steers the graph itself.
    """

    def run(call: ToolCall) -> Ran:
        began = time.monotonic()
        refused = missing.get(call["id"] or "")
        message = failure(call, refused) if refused else answer(call, tools, config)
        return Ran(call, shortened(message, workspace), time.monotonic() - began)

    for reading, group in groupby(calls, key=lambda call: call["name"] in READING_TOOLS):
        yield from _run_group(run, list(group), at_once=reading)


def answer(call: ToolCall, tools: Mapping[str, BaseTool], config: RunnableConfig) -> ToolMessage:
    """The message that answers one call; whatever goes wrong is an error message."""
    tool = tools.get(call["name"])
    if tool is None:
        return failure(call, f"There is no tool {call['name']}. Tools: {', '.join(tools)}.")
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
    run: Callable[[ToolCall], Ran], calls: Sequence[ToolCall], *, at_once: bool
) -> Iterator[Ran]:
    # A call that may take long stays on this thread, where Ctrl-C reaches it.
    if not at_once or len(calls) == 1:
        yield from map(run, calls)
        return
    with ContextThreadPoolExecutor(max_workers=MAX_CONCURRENT) as pool:
        yield from pool.map(run, calls)


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


def _wrong_arguments(tool: BaseTool, error: ValidationError) -> str:
    problems = "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}"
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    )
    schema = json.dumps(_parameters(tool), ensure_ascii=False)
    return f"{tool.name} cannot take these arguments: {problems}. Its parameters: {schema}"


def _parameters(tool: BaseTool) -> Any:
    return tool.tool_call_schema if isinstance(tool.tool_call_schema, dict) else tool.args
