"""A context for a task, within a budget: rules, a map, and the parts of files that matter most."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from grok_agent.context.choice import Choice
from grok_agent.context.eligible import reason_against
from grok_agent.context.files import DatedFile, snapshot
from grok_agent.context.part_scores import Candidate, candidates
from grok_agent.context.rank import Ranked, rank
from grok_agent.context.ranked_texts import RankedTexts
from grok_agent.context.repo_map import RepoMap, map_of
from grok_agent.context.rules import Rules, rules
from grok_agent.context.secrets import Hidden, Secrets
from grok_agent.context.spans import LeftOut, Span
from grok_agent.context.task_words import Task, read_task
from grok_agent.context.tokens import count
from grok_agent.errors import SettingsError

MAP_FILES = 60

READ_ON_SHARE = 0.03
"""Further files are read while more than this share of the budget is left."""

RULES_SHARE, MAX_RULES_TOKENS = 0.1, 2_000
MAP_SHARE, MAX_MAP_TOKENS = 0.05, 4_000

_Part = TypeVar("_Part", Rules, RepoMap)


@dataclass(frozen=True, slots=True)
class Pack:
    """A packed context. ``tokens`` of ``text`` by our count, never above the budget.

    ``spans`` are the lines that are in, the most important first; in ``text`` they stand in the
    order of paths. ``left_out`` says what is not in, and why. ``map_files`` are on the map, which
    takes ``map_tokens``; ``rules_files`` are the rules that lead the text. ``ranking`` tells of the
    files in ``spans`` why they are where they are, the best first. ``hidden`` are the secrets for
    which placeholders stand in the lines that are in.
    """

    text: str
    tokens: int
    spans: tuple[Span, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    map_files: tuple[str, ...] = ()
    map_tokens: int = 0
    rules_files: tuple[str, ...] = ()
    ranking: tuple[Ranked, ...] = field(default=(), repr=False)
    hidden: tuple[Hidden, ...] = ()

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
    secrets = Secrets(root)
    lead = _hidden(rules(root, min(int(budget * RULES_SHARE), MAX_RULES_TOKENS)), secrets)
    map_room = min(int(budget * MAP_SHARE), MAX_MAP_TOKENS)
    ranked = rank(root, query, len(files))
    led_by = set(lead.files) - set(lead.cut)
    others = [file for file in files if file.path not in led_by]
    shown, left_out = _shown(ranked, others, (*task.paths, *named))
    choice = Choice(budget - lead.tokens - map_room)
    texts = RankedTexts(root, shown, {each.path: each.score for each in ranked}, secrets)
    passed = _fill(choice, [], texts, task)
    plan = _hidden(_map(root, shown, choice, map_room, task), secrets)
    if plan.tokens > map_room:
        plan = RepoMap()
    choice.budget += map_room - plan.tokens
    _fill(choice, passed, texts, task)
    taken = {span.path for span in choice.spans}
    return Pack(
        text=lead.text + plan.text + "".join(choice.blocks),
        tokens=lead.tokens + plan.tokens + choice.tokens,
        spans=tuple(choice.spans),
        left_out=tuple(sorted([*left_out, *texts.unreadable, *_without_room(shown, choice)])),
        map_files=plan.files,
        map_tokens=plan.tokens,
        rules_files=lead.files,
        ranking=tuple(each for each in ranked if each.path in taken),
        hidden=tuple(_in_spans(texts.hidden, choice.spans)),
    )


def _fill(
    choice: Choice, passed: Iterable[Candidate], texts: RankedTexts, task: Task
) -> list[Candidate]:
    """Offer what was passed before, then parts of further files while there is room."""
    passed = choice.take(passed)
    while choice.room > READ_ON_SHARE * choice.budget and not texts.at_end:
        passed += choice.take(candidates(texts.read(), task.terms))
    return passed


def _in_spans(hidden: Iterable[Hidden], spans: Iterable[Span]) -> Iterator[Hidden]:
    lines: dict[str, list[range]] = {}
    for span in spans:
        lines.setdefault(span.path, []).append(range(span.first_line, span.last_line + 1))
    for each in sorted(hidden, key=lambda found: (found.path, found.line)):
        if any(each.line in span for span in lines.get(each.path, ())):
            yield each


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


def _hidden(part: _Part, secrets: Secrets) -> _Part:
    """``part`` without secrets, and with the tokens that it has then."""
    text = secrets.hide(part.text)
    return part if text == part.text else replace(part, text=text, tokens=count(text))


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
