"""A context for a task, within a budget: rules, a map, and the parts of files that matter most."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grok_agent.context.choice import Choice
from grok_agent.context.eligible import reason_against
from grok_agent.context.files import DatedFile, UnreadableFileError, read_text, snapshot
from grok_agent.context.joints import joints
from grok_agent.context.part_scores import Candidate, RankedText, candidates
from grok_agent.context.parts import Lines, divide, lines_of
from grok_agent.context.rank import Ranked, rank
from grok_agent.context.repo_map import RepoMap, map_of
from grok_agent.context.rules import rules
from grok_agent.context.spans import LeftOut, Span
from grok_agent.context.task_words import Task, read_task
from grok_agent.errors import SettingsError

READ_TOGETHER = 120
READ_TOGETHER_BYTES = 20_000_000
"""So many of the best files compete part by part; further ones come only after them."""

MAP_FILES = 60
MIN_LINES = 12  # definitions of fewer lines are not looked into
PART_CHARS = 2_000
JOINED_CHARS = 1_000
HARD_CHARS = 6_000
"""Parts are about ``PART_CHARS`` long; a single statement is cut only above ``HARD_CHARS``."""

RULES_SHARE, MAX_RULES_TOKENS = 0.1, 2_000
MAP_SHARE, MAX_MAP_TOKENS = 0.05, 4_000


@dataclass(frozen=True, slots=True)
class Pack:
    """A packed context. ``tokens`` of ``text`` by our count, never above the budget.

    ``spans`` are the lines that are in, the most important first; in ``text`` they stand in the
    order of paths. ``left_out`` says what is not in, and why. ``map_files`` are on the map, which
    takes ``map_tokens``; ``rules_files`` are the rules that lead the text. ``ranking`` tells of the
    files in ``spans`` why they are where they are, the best first.
    """

    text: str
    tokens: int
    spans: tuple[Span, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    map_files: tuple[str, ...] = ()
    map_tokens: int = 0
    rules_files: tuple[str, ...] = ()
    ranking: tuple[Ranked, ...] = field(default=(), repr=False)

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute ``name``, so that a pack also reads as a mapping."""
        return getattr(self, name, default)


def pack(repo_dir: Path | str, query: str, budget: int, *, named: Sequence[str] = ()) -> Pack:
    """What matters most for the task ``query`` in the repository, in at most ``budget`` tokens.

    Without a task, the files that matter most by themselves. ``named`` are paths or patterns of
    files that may be in although they look generated, secret and the like, as may those that the
    task names. The same repository and task give the same text. Raises SettingsError for a folder
    that cannot be listed or a budget below 0; the caller mends it.
    """
    if budget < 0:
        raise SettingsError(
            f"A budget of {budget:,} tokens is below zero.", next_step="Give 0 tokens or more."
        )
    root = Path(repo_dir).resolve()
    files = snapshot(root)
    task = read_task(query)
    lead = rules(root, min(int(budget * RULES_SHARE), MAX_RULES_TOKENS))
    map_room = min(int(budget * MAP_SHARE), MAX_MAP_TOKENS)
    ranked = rank(root, query, len(files))
    led_by = set(lead.files) - set(lead.cut)
    others = [file for file in files if file.path not in led_by]
    shown, left_out = _shown(ranked, others, (*task.paths, *named))
    choice = Choice(budget - lead.tokens - map_room)
    scores = {each.path: each.score for each in ranked}
    reading = _Reading(root, shown, scores, task)
    reading.offer(choice)
    plan = _map(root, shown, choice, map_room, task)
    choice.budget += map_room - plan.tokens
    reading.offer(choice)
    taken = {span.path for span in choice.spans}
    return Pack(
        text=lead.text + plan.text + "".join(choice.blocks),
        tokens=lead.tokens + plan.tokens + choice.tokens,
        spans=tuple(choice.spans),
        left_out=tuple(sorted([*left_out, *reading.unreadable, *_without_room(shown, choice)])),
        map_files=plan.files,
        map_tokens=plan.tokens,
        rules_files=lead.files,
        ranking=tuple(each for each in ranked if each.path in taken),
    )


class _Reading:
    """Reads the files of a ranking as far as there is room for their parts."""

    def __init__(
        self,
        root: Path,
        files: Sequence[DatedFile],
        scores: Mapping[str, float],
        task: Task,
    ) -> None:
        self.unreadable: list[LeftOut] = []
        self._root = root
        self._files = files
        self._scores = scores
        self._best = max(scores.values(), default=0.0)
        self._task = task
        self._place = 0
        self._texts: dict[str, Sequence[str]] = {}
        self._passed: list[Candidate] = []

    def offer(self, choice: Choice) -> None:
        """Let ``choice`` take from what was passed before, then from further files."""
        if choice.room:
            self._passed = choice.take(self._passed, self._texts)
        while choice.room and self._place < len(self._files):
            found = candidates(list(self._next()), self._task.terms)
            self._passed += choice.take(found, self._texts)

    def _next(self) -> Iterator[RankedText]:
        start, size = self._place, 0
        while self._place < min(start + READ_TOGETHER, len(self._files)):
            place, file = self._place, self._files[self._place]
            size += file.size
            if size > READ_TOGETHER_BYTES and place > start:
                break
            self._place += 1
            try:
                text = read_text(self._root, file)
            except UnreadableFileError as error:
                self.unreadable.append(LeftOut(file.path, error.reason))
                continue
            lines = lines_of(text)
            self._texts[file.path] = lines
            yield RankedText(
                file.path,
                place,
                self._best - self._scores.get(file.path, 0.0),
                file.kind,
                lines,
                parts_of(text, file.path, lines),
            )


def parts_of(text: str, path: str, lines: Sequence[str]) -> list[Lines]:
    """The parts of a text that are taken or left as a whole."""
    sizes = [len(line) for line in lines]
    places = joints(text, path, MIN_LINES) if sum(sizes) > PART_CHARS else []
    return divide(sizes, places, (1, len(lines)), PART_CHARS, joined=JOINED_CHARS, hard=HARD_CHARS)


def _shown(
    ranked: Sequence[Ranked], files: Sequence[DatedFile], named: Sequence[str]
) -> tuple[list[DatedFile], list[LeftOut]]:
    """The files that may be in, best first, and the others."""
    by_path = {file.path: file for file in files}
    order = dict.fromkeys([*(each.path for each in ranked if each.path in by_path), *by_path])
    shown: list[DatedFile] = []
    left_out: list[LeftOut] = []
    for path in order:
        if reason := reason_against(by_path[path], named):
            left_out.append(LeftOut(path, reason))
        else:
            shown.append(by_path[path])
    return shown, left_out


def _map(
    root: Path, shown: Sequence[DatedFile], choice: Choice, budget: int, task: Task
) -> RepoMap:
    """A map of the best files that are not in as a whole."""
    best = [file for file in shown if file.kind in ("source", "test")][:MAP_FILES]
    places = {file.path: place for place, file in enumerate(best)}
    partial = [file for file in best if not choice.has_all_of(file.path)]
    return map_of(root, partial, budget, terms=task.terms, places=places)


def _without_room(shown: Iterable[DatedFile], choice: Choice) -> Iterator[LeftOut]:
    taken = {span.path for span in choice.spans}
    for file in shown:
        if file.path not in taken:
            yield LeftOut(file.path, "no room")
    for path, first, last in choice.shortened:
        yield LeftOut(f"{path}:{first}-{last}", "a long line, of which only the beginning is in")
