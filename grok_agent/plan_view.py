"""The model's plan as a person sees it: all of it once, then what changes."""

import re

MARKS = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]", "cancelled": "[-]"}

_ITEM = re.compile(r"- \[(\w+)\] (.*)")  # as ``todo_write`` answers


class PlanView:
    """Tells of each state of the list what is new in it."""

    def __init__(self) -> None:
        self._shown: list[str] = []

    def news(self, result: str) -> list[str]:
        """The lines to show for what ``todo_write`` answered: changed items behind a count, all of
        them where none was shown before; nothing where the list is as it was."""
        found = [(match[1], match[2]) for match in map(_ITEM.match, result.splitlines()) if match]
        lines = [f"    {MARKS.get(status, '[?]')} {text}" for status, text in found]
        changed = [line for line in lines if line not in self._shown]
        is_same = lines == self._shown
        self._shown = lines
        if is_same:
            return []
        settled = sum(status in ("completed", "cancelled") for status, _ in found)
        return [f"  todo   {settled} of {len(found)} done", *changed]
