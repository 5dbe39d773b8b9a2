"""A context for a task, within a budget: rules, a map, and the parts of files that matter most."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grok_agent.context.choice import Choice
from grok_agent.context.file_kinds import Kind
from grok_agent.context.files import DatedFile, UnreadableFileError, read_text, snapshot
from grok_agent.context.joints import joints
from grok_agent.context.part_scores import RankedText, candidates
from grok_agent.context.parts import MIN_LINES, divide, lines_of
from grok_agent.context.rank import rank
from grok_agent.context.rules import rules
from grok_agent.context.spans import LeftOut, Span
from grok_agent.context.task_words import Task, read_task
from grok_agent.errors import SettingsError

READ_FILES = 120
"""So many of the best files are cut into parts; the others can only be on the map."""

MAX_READ_BYTES = 4_000_000
PART_CHARS = 2_000
JOINED_CHARS = 1_000
RULES_SHARE = 0.1
MAX_RULES_TOKENS = 2_000

_NOT_UNLESS_NAMED: dict[Kind, str] = {
    "secret": "looks like a secret",
    "lock": "lock file",
    "minified": "minified",
    "generated": "generated",
    "vendored": "vendored",
    "data": "data",
}


@dataclass(frozen=True, slots=True)
class Pack:
    """A packed context. ``tokens`` of ``text`` by our count, never above the budget.

    ``spans`` are the lines that are in, the most important first; in ``text`` they stand in the
    order of paths. ``left_out`` says what is not in, and why. ``map_files`` are on the map, which
    takes ``map_tokens``; ``rules_files`` are the rules that lead the text.
    """

    text: str
    tokens: int
    spans: tuple[Span, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    map_files: tuple[str, ...] = ()
    map_tokens: int = 0
    rules_files: tuple[str, ...] = ()
    order: tuple[str, ...] = field(default=(), repr=False)

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute ``name``, so that a pack also reads as a mapping."""
        return getattr(self, name, default)


def pack(repo_dir: Path | str, query: str, budget: int) -> Pack:
    """What matters most for the task ``query`` in the repository, in at most ``budget`` tokens.

    The same repository and task give the same text. Raises SettingsError for a folder that cannot
    be read or a budget below 0; the caller mends it.
    """
    if budget < 0:
        raise SettingsError(
            f"A budget of {budget} tokens is below zero.", next_step="Give 0 tokens or more."
        )
    root = Path(repo_dir).resolve()
    files = snapshot(root)
    left_out: list[LeftOut] = []
    task = read_task(query)
    head = rules(root, min(int(budget * RULES_SHARE), MAX_RULES_TOKENS), files)
    ranked = [found.path for found in rank(root, query, len(files))]
    by_path = {file.path: file for file in files}
    eligible = [
        by_path[path]
        for path in ranked
        if path in by_path and _is_eligible(by_path[path], task, left_out)
    ]
    read = list(_read(root, eligible[:READ_FILES], left_out))
    choice = Choice(budget - head.tokens, {file.path: file.lines for file in read})
    choice.take(candidates(read, task.terms))
    left_out += _not_taken(eligible, choice)
    text = head.text + "".join(choice.blocks())
    return Pack(
        text,
        head.tokens + choice.tokens,
        tuple(choice.spans),
        tuple(sorted(left_out)),
        rules_files=head.files,
    )


def _is_eligible(file: DatedFile, task: Task, left_out: list[LeftOut]) -> bool:
    named = any(file.path == path or file.path.endswith(f"/{path}") for path in task.paths)
    reason = "" if named else _NOT_UNLESS_NAMED.get(file.kind, "")
    if file.kind == "binary" or not file.digest:
        reason = "binary or unreadable"
    elif not file.size:
        reason = "empty"
    elif file.size > MAX_READ_BYTES and not reason:
        reason = f"larger than {MAX_READ_BYTES:,} bytes"
    if reason:
        left_out.append(LeftOut(file.path, reason))
    return not reason


def _read(root: Path, files: Iterable[DatedFile], left_out: list[LeftOut]) -> Iterator[RankedText]:
    for place, file in enumerate(files):
        try:
            text = read_text(root, file)
        except UnreadableFileError as error:
            left_out.append(LeftOut(file.path, error.reason))
            continue
        lines = lines_of(text)
        if lines:
            yield RankedText(file.path, place, file.kind, lines, parts_of(text, file.path, lines))


def parts_of(text: str, path: str, lines: Sequence[str]) -> list[tuple[int, int]]:
    """The parts of a text that are taken or left as a whole."""
    sizes = [len(line) for line in lines]
    places = joints(text, path, MIN_LINES) if sum(sizes) > PART_CHARS else []
    return divide(sizes, places, (1, len(lines)), PART_CHARS, JOINED_CHARS)


def _not_taken(files: Iterable[DatedFile], choice: Choice) -> list[LeftOut]:
    taken = {span.path for span in choice.spans}
    return [LeftOut(file.path, "no room") for file in files if file.path not in taken]
