"""The tool ``todo_write``: the model's own list of what is to do."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError

from grok_agent.errors import ToolError
from grok_agent.tools.results import Todo, TodoList
from grok_agent.tools.workspace_tool import Arguments, WorkspaceTool


class TodoArguments(Arguments):
    """One item; an update of a known id may leave out what stays."""

    id: str = Field(min_length=1, description="Short name of the item, unique in the list.")
    content: str | None = Field(default=None, description="What is to do.")
    status: Literal["pending", "in_progress", "completed", "cancelled"] | None = Field(
        default=None, description="State of the item."
    )


class TodoWriteArguments(Arguments):
    """Arguments of ``todo_write``."""

    todos: list[TodoArguments] = Field(description="Items to add or to update.")
    merge: bool = Field(
        default=True, description="True: update the list by id. False: replace the list."
    )


class TodoWrite(WorkspaceTool):
    """Keeps the task list of one run; :meth:`going_on_from` gives each run a list of its own."""

    name: str = "todo_write"
    description: str = (
        "Keep a list of what is to do in a task of several steps: add items, and update their"
        " status as you go."
    )
    arguments = TodoWriteArguments
    _todos: dict[str, Todo] = PrivateAttr(default_factory=dict)

    def going_on_from(self, todos: Sequence[Mapping[str, str]]) -> Self:
        """The tool with the list ``todos`` (id, content, status)."""
        tool = self.model_copy()
        tool._todos = {each["id"]: Todo(**each) for each in todos}
        return tool

    def carry_out(self, arguments: TodoWriteArguments) -> TodoList:
        """Update the list; raises ToolError for ids sent twice and new items without content."""
        self._todos = _merged(self._todos, arguments)
        return TodoList(tuple(self._todos.values()))


def list_after(
    todos: Sequence[Mapping[str, str]], calls: Sequence[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """The list ``todos`` (id, content, status) after calls with these arguments, without those
    that cannot be carried out."""
    known = {each["id"]: Todo(**each) for each in todos}
    for given in calls:
        try:
            known = _merged(known, TodoWriteArguments.model_validate(given))
        except (ValidationError, ToolError):
            continue
    return [asdict(todo) for todo in known.values()]


def _merged(known: Mapping[str, Todo], arguments: TodoWriteArguments) -> dict[str, Todo]:
    ids = [todo.id for todo in arguments.todos]
    if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
        raise ToolError(
            f"These ids stand twice in todos: {', '.join(twice)}.",
            next_step="Give every item an id of its own.",
        )
    merged = dict(known) if arguments.merge else {}
    for todo in arguments.todos:
        merged[todo.id] = _updated(merged.get(todo.id), todo)
    return merged


def _updated(known: Todo | None, sent: TodoArguments) -> Todo:
    content = sent.content or (known.content if known else None)
    if content is None:
        raise ToolError(
            f"The new item {sent.id} has no content.", next_step="Say in content what is to do."
        )
    return Todo(sent.id, content, sent.status or (known.status if known else "pending"))
