"""The call ledger: one line for each thing that was read, changed, run or said in a run.

A line outlives the result that it stands for and says how to get it again. It never changes, so
that a request which lists them has the same beginning as the one before it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from grok_agent.context.told import is_told

Kind = Literal["read", "search", "change", "run", "words"]

Keep = Callable[[str], str]
"""Puts a text where tools can read it again and says where; "" where that cannot be done."""

REMEMBERED = 4_000
"""Answers whose entries stay in memory."""

MAX_WORDS = 240
MAX_OUTCOME = 160
MAX_VALUE = 90
MAX_PATH = 200
MAX_NAMED_FILES = 6

CHARS_WORTH_KEEPING = 1_200
"""Output of this length gets a place from which it can be read again."""

_NUMBERED = re.compile(r"\s*(\d+)→")
_HIT = re.compile(r"\d+[:-]")
_STORED = re.compile(
    r"(?:full output at|all of it is in|output so far at):? ([^\];]+?)(?=[\];:]|$)"
)
_SILENT = frozenset({"todo_write"})  # the plan is shown by itself


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger.

    ``path`` is the file that it is about, ``first`` and ``last`` the lines (from 1) that were read,
    ``text`` what an edit put there. ``failed``: it did not do what was asked.
    """

    kind: Kind
    line: str
    path: str = ""
    first: int = 0
    last: int = 0
    text: str = ""
    failed: bool = False


class CallLedger:
    """The ledger of one conversation at a time; each message of it is read once.

    ``keep`` stores outputs that no call repeats.
    """

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._known: dict[str, list[Entry]] = {}

    def entries(self, messages: Sequence[BaseMessage]) -> list[Entry]:
        """The entries of ``messages``, in their order."""
        found: list[Entry] = []
        for index, message in enumerate(messages):
            if isinstance(message, AIMessage):
                found += self._of_answer(message, messages, index)
            elif isinstance(message, HumanMessage) and is_told(message):
                words = _line(str(message.text), MAX_WORDS)
                found.append(Entry("words", f"you were told: {words}"))
        return found

    def _of_answer(
        self, answer: AIMessage, messages: Sequence[BaseMessage], index: int
    ) -> list[Entry]:
        if answer.id in self._known:
            return self._known[answer.id]
        replies = takewhile(lambda each: isinstance(each, ToolMessage), messages[index + 1 :])
        results = {each.tool_call_id: each for each in replies if isinstance(each, ToolMessage)}
        found = list(_of_answer(answer, results, self._keep))
        if answer.id:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[answer.id] = found
        return found


def _of_answer(
    answer: AIMessage, results: Mapping[str, ToolMessage], keep: Keep
) -> Iterator[Entry]:
    if words := str(answer.text).strip():
        yield Entry("words", f"you said: {_line(words, MAX_WORDS)}")
    for call in answer.tool_calls:
        result = results.get(call["id"] or "")
        if call["name"] not in _SILENT:
            yield _of_call(call["name"], call["args"], result, keep)


def _of_call(name: str, args: Mapping[str, Any], result: ToolMessage | None, keep: Keep) -> Entry:
    text = str(result.text) if result is not None else ""
    failed = result is None or result.status == "error" or text.lower().startswith("error")
    if failed:
        outcome = _line(text, MAX_OUTCOME) or "Error: no result"
        return Entry("run", f"{_called(name, args)}: {outcome}", _path(args), failed=True)
    match name:
        case "read_file":
            return _read(args, text)
        case "search_replace" | "write":
            return _changed(name, args)
        case "grep":
            return _searched(args, text)
        case "list_dir" | "repo_map":
            return Entry("search", f"{_called(name, args)}: {text.count(chr(10))} lines")
    return _other(name, args, text, keep)


def _read(args: Mapping[str, Any], text: str) -> Entry:
    path = _path(args)
    head = _NUMBERED.match(text)
    first = int(head[1]) if head else 1
    last = first + text.count("\n")
    return Entry("read", f"read {_shown_path(args)} lines {first}-{last}", path, first, last)


def _changed(name: str, args: Mapping[str, Any]) -> Entry:
    path = _path(args)
    if name == "write":
        content = str(args.get("content", ""))
        return Entry(
            "change",
            f"wrote {_shown_path(args)} ({content.count(chr(10))} lines)",
            path,
            text=content,
        )
    old, new = str(args.get("old_string", "")), str(args.get("new_string", ""))
    everywhere = " everywhere" if args.get("replace_all") else ""
    before, after = _differing(old, new)
    what = f"{_quoted(before)} -> {_quoted(after)}{everywhere}"
    return Entry("change", f"changed {_shown_path(args)}: {what}", path, text=new)


def _differing(old: str, new: str) -> tuple[str, str]:
    """The first lines in which two texts differ."""
    before, after = old.split("\n"), new.split("\n")
    same = 0
    while same < min(len(before), len(after)) - 1 and before[same] == after[same]:
        same += 1
    return before[same], after[same]


def _searched(args: Mapping[str, Any], text: str) -> Entry:
    lines = [line for line in text.split("\n") if line and not line.startswith(("<", "--", "..."))]
    files = [line for line in lines[1:] if not _HIT.match(line)]
    named = ", ".join(files[:MAX_NAMED_FILES])
    more = f" and {len(files) - MAX_NAMED_FILES} more" if len(files) > MAX_NAMED_FILES else ""
    where = f" in {named}{more}" if named else ""
    head = lines[0] if lines else "nothing"
    return Entry("search", f"{_called('grep', args)}: {_line(head + where, MAX_OUTCOME)}")


def _other(name: str, args: Mapping[str, Any], text: str, keep: Keep) -> Entry:
    lines = [line for line in text.split("\n") if line.strip()]
    ends = lines[:1] + (lines[-1:] if len(lines) > 1 else [])
    outcome = " … ".join(_line(line, MAX_OUTCOME) for line in ends) or "no output"
    stored = _STORED.search(text)
    place = stored[1] if stored else keep(text) if len(text) >= CHARS_WORTH_KEEPING else ""
    whole = f" (all of it: read_file {place})" if place else ""
    return Entry("run", f"{_called(name, args)}: {outcome}{whole}", _path(args))


def _called(name: str, args: Mapping[str, Any]) -> str:
    given = {key: value for key, value in args.items() if key != "description"}
    if len(given) == 1 or name == "run_terminal_command":
        first = next(iter(given.values()), "")
        return f"{name} {_value(first)}"
    pairs = (f"{key}={_value(value)}" for key, value in given.items())
    return f"{name} {' '.join(pairs)}".rstrip()


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return _line(text, MAX_VALUE)


def _path(args: Mapping[str, Any]) -> str:
    return str(args.get("target_file") or args.get("file_path") or "")


def _shown_path(args: Mapping[str, Any]) -> str:
    return _line(_path(args), MAX_PATH)


def _quoted(text: str) -> str:
    return f'"{_line(text.strip(), MAX_VALUE)}"'


def _line(text: str, most: int) -> str:
    """``text`` on one line, with at most ``most`` characters."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most else line[: most - 1] + "…"
