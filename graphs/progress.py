"""Whether a run gets anywhere: errors that come again, and edits that undo each other.

What is remembered is plain data in the state; each step of tool calls makes the next of it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from langchain_core.messages import ToolCall

from grok_agent.errors import ToolError
from grok_agent.graphs.guards import Patience
from grok_agent.graphs.side_by_side import EDITS_OF_ONE_FILE
from grok_agent.graphs.state import Stop, ending
from grok_agent.tools.permission import COMMAND_TOOL
from grok_agent.tools.workspace import Workspace

PATIENCE_WITH_ERRORS = Patience(nudge=3, halt=6)
PATIENCE_WITH_UNDOING = Patience(nudge=2, halt=4)
"""In edits in a row that bring a file back to a text that it has had; trying something out and
taking it back, once each, is none of it."""

MAX_REMEMBERED = 12
"""Errors, files, and texts of one file: all of it stands in each state of the run."""

DIGEST_CHARS = 8
TARGETS = ("file_path", "target_file", "target_directory", "path", "command")

_PASSING = re.compile(r"0x[0-9a-f]+|\b\d+(?:\.\d+)?\s?(?:s|ms|seconds)\b", re.IGNORECASE)
"""What differs from one run of a failing command to the next: addresses and durations."""


@dataclass(frozen=True)
class Seen:
    """A call that was answered: ``failed`` tells the error, if it was one."""

    call: ToolCall
    text: str
    is_error: bool

    @property
    def failed(self) -> bool:
        """Whether it is an error, or a command that did not end well."""
        ended_badly = self.text.startswith("exit: ") and not self.text.startswith("exit: 0\n")
        return self.is_error or (self.call["name"] == COMMAND_TOOL and ended_badly)

    @property
    def target(self) -> str:
        """What the call was about."""
        return next((str(self.call["args"][t]) for t in TARGETS if t in self.call["args"]), "")


def texts_of_edited(calls: Iterable[ToolCall], workspace: Workspace | None) -> dict[str, str]:
    """Digests of the files, by path, that ``calls`` would edit one at a time; "" for none there."""
    paths = [
        str(call["args"].get("file_path")) for call in calls if call["name"] in EDITS_OF_ONE_FILE
    ]
    return {path: _digest(path, workspace) for path in paths} if workspace else {}


def advanced(
    progress: Mapping[str, Any],
    seen: Sequence[Seen],
    before: Mapping[str, str],
    after: Mapping[str, str],
) -> dict[str, Any]:
    """What is remembered after a step: ``seen`` calls, and edited files ``before`` and ``after``.

    ``warning`` is for the model, ``stuck`` for the person; "" where there is nothing to say.
    """
    errors = _errors(progress.get("errors", {}), seen)
    files = _files(progress.get("files", {}), before, after)
    said = [*_about_errors(errors, seen), *_about_files(files, before, after)]
    return {
        "errors": errors,
        "files": files,
        "warning": " ".join(text for text, is_end in said if not is_end),
        "stuck": next((text for text, is_end in said if is_end), ""),
    }


def without_progress(progress: Mapping[str, Any]) -> Stop | None:
    """The end of a run that gets nowhere, or None."""
    reason = progress.get("stuck", "")
    return ending("stuck", f"{reason} Look at it, and say what to do.") if reason else None


def _errors(known: Mapping[str, int], seen: Sequence[Seen]) -> dict[str, int]:
    """How often each error has come since what it was about last went well."""
    errors = dict(known)
    for key in {_key(each) for each in seen if each.failed}:
        errors[key] = errors.pop(key, 0) + 1
    for each in seen:
        if not each.failed:
            about = _about(each)
            errors = {key: times for key, times in errors.items() if not key.startswith(about)}
    return dict(list(errors.items())[-MAX_REMEMBERED:])


def _files(
    known: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, Any]:
    """The texts that each file has had, and how many edits in a row led back to one of them."""
    files = dict(known)
    for path in before.keys() & after.keys():
        file = files.pop(path, {"texts": [], "returns": 0})
        texts, returns = list(file["texts"]), file["returns"]
        if before[path] not in texts:
            texts.append(before[path])
        if after[path] != before[path]:
            returns = returns + 1 if after[path] in texts else 0
            texts = [text for text in texts if text != after[path]] + [after[path]]
        files[path] = {"texts": texts[-MAX_REMEMBERED:], "returns": returns}
    return dict(list(files.items())[-MAX_REMEMBERED:])


def _about_errors(errors: Mapping[str, int], seen: Sequence[Seen]) -> Iterable[tuple[str, bool]]:
    for key, each in {_key(each): each for each in seen if each.failed}.items():
        times = errors.get(key, 0)
        what = f"{each.call['name']} {each.target[:100]}".rstrip()
        if times == PATIENCE_WITH_ERRORS.nudge:
            yield (
                f"{what} has failed {times} times with the same error, and what was done in between"
                " has not changed that. Find the cause before you try again, or go another way.",
                False,
            )
        if times >= PATIENCE_WITH_ERRORS.halt:
            yield f"The same error came {times} times: {what}: {_gist(each.text)}.", True


def _about_files(
    files: Mapping[str, Any], before: Mapping[str, str], after: Mapping[str, str]
) -> Iterable[tuple[str, bool]]:
    for path in sorted(before.keys() & after.keys()):
        returns = files.get(path, {}).get("returns", 0)
        if before[path] == after[path]:
            continue
        if returns == PATIENCE_WITH_UNDOING.nudge:
            yield (
                f"The last {returns} edits of {path} undid each other: it is again as it was."
                " Decide how it should be, and go on from there.",
                False,
            )
        if returns >= PATIENCE_WITH_UNDOING.halt:
            yield f"The last {returns} edits of {path} undid each other.", True


def _about(seen: Seen) -> str:
    """The first part of the keys of all errors of one tool about one thing."""
    return sha256(f"{seen.call['name']}\0{seen.target}".encode("utf-8", "replace")).hexdigest()[
        :DIGEST_CHARS
    ]


def _key(seen: Seen) -> str:
    text = _PASSING.sub("", seen.text)
    return _about(seen) + sha256(text.encode("utf-8", "replace")).hexdigest()[:DIGEST_CHARS]


def _gist(text: str) -> str:
    lines = [line for line in text.removeprefix("Error: ").splitlines() if line.strip()]
    return (lines[-1] if text.startswith("exit: ") else lines[0])[:200].rstrip(".") if lines else ""


def _digest(path: str, workspace: Workspace) -> str:
    try:
        return workspace.peek(path).digest[:DIGEST_CHARS]
    except (ToolError, OSError, ValueError):
        return ""
