"""The skill that renames one symbol wherever it stands as a whole word."""

import re

from grok_agent.offline.skills.outputs import read_hits
from grok_agent.offline.skills.reading import Whole, read_whole
from grok_agent.offline.skills.rename_account import account, obstacle
from grok_agent.offline.skills.rename_edits import plan_edits
from grok_agent.offline.skills.rename_run import RenameRun
from grok_agent.offline.skills.rename_task import read_rename
from grok_agent.offline.transcript import Transcript
from grok_agent.offline.wire import ToolCall, Turn

FILES_PER_TURN = 10
SEARCHES_AT_MOST = 20
HEAD_LIMIT = 2000
JOBS = frozenset({"", "refactor", "script"})


class Rename:
    """Greps a name, reads every file that has it, edits each place, greps again.

    A name that is taken, unknown or no identifier is answered in words, and nothing is changed.
    """

    def matches(self, t: Transcript) -> bool:
        """Whether the task asks to rename one named symbol to another."""
        return t.job in JOBS and read_rename(t.task) is not None

    def next_turn(self, t: Transcript) -> Turn:
        """The next tool calls, or the closing account."""
        task = read_rename(t.task)
        if task is None or task.problem:
            problem = task.problem if task else "I see no pair of names in the task."
            return Turn(content=f"{problem} Nothing was changed.")
        missing = sorted({"grep", "read_file"} - t.tools)
        if missing:
            return Turn(content=f"To rename I need {' and '.join(missing)}, which I was not given.")
        run = RenameRun(t, task)
        if not run.searches:
            return Turn(
                reasoning=f"Find each whole word {task.old}, and see whether {task.new} is free.",
                tool_calls=tuple(_first_calls(run)),
            )
        if words := obstacle(run):
            return Turn(content=words)
        calls = [] if run.all_refused else _work(run) or _search_again(run)
        if calls:
            return Turn(reasoning=_intent(calls, task.old), tool_calls=tuple(calls))
        return Turn(content=account(run))


def _first_calls(run: RenameRun) -> list[ToolCall]:
    look = [ToolCall("list_dir", {"target_directory": "."})]
    greps = [_grep(run, run.narrow_pattern), _grep(run, run.new_pattern)]
    return (look if "list_dir" in run.transcript.tools else []) + greps


def _grep(run: RenameRun, pattern: str, glob: str = "") -> ToolCall:
    arguments: dict[str, object] = {"pattern": pattern, "head_limit": HEAD_LIMIT}
    if run.task.only_in:
        arguments["path"] = run.task.only_in
    if glob:
        arguments["glob"] = glob
    return ToolCall("grep", arguments)


def _work(run: RenameRun) -> list[ToolCall]:
    """Edits of the files that were read, and reads of the next ones."""
    edited = set(run.edited)
    edits: list[ToolCall] = []
    reads: list[ToolCall] = []
    for path in run.known:
        if path in edited:
            continue
        state = read_whole(run.transcript, path)
        if isinstance(state, Whole):
            edits += _edit_calls(run, path, state.text)
        elif isinstance(state, ToolCall):
            reads.append(state)
    return edits + reads[:FILES_PER_TURN]


def _edit_calls(run: RenameRun, path: str, text: str) -> list[ToolCall]:
    calls = []
    for edit in plan_edits(text, run.task.old, run.task.new):
        arguments: dict[str, object] = {
            "file_path": path,
            "old_string": edit.old,
            "new_string": edit.new,
        }
        if edit.replace_all:
            arguments["replace_all"] = True
        calls.append(ToolCall("search_replace", arguments))
    return calls


def _search_again(run: RenameRun) -> list[ToolCall]:
    """A grep that confirms the work, or goes on where the last one was cut."""
    if run.edited_since_search:
        return [_grep(run, run.wide_pattern)]
    last = read_hits(run.searches[-1].result)
    if last is None or last.complete or len(run.searches) >= SEARCHES_AT_MOST:
        return []
    seen = dict.fromkeys([*run.known, *last.files, *run.binary])
    glob = "!/{" + ",".join(map(_as_glob, seen)) + "}"
    if any(search.arguments.get("glob") == glob for search in run.searches):
        return []
    return [_grep(run, run.wide_pattern, glob)]


def _as_glob(path: str) -> str:
    """The path as a glob that matches nothing else."""
    return re.sub(r"([*?\[\]{},!\\])", r"[\1]", path)


def _intent(calls: list[ToolCall], old: str) -> str:
    names = {call.name for call in calls}
    if "search_replace" in names:
        return f"Change each {old} in the files that I have read."
    if "read_file" in names:
        return f"Read the files that hold {old} before touching them."
    return f"See whether a {old} is left."
