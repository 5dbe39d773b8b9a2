"""A map of a repository: for each file the signatures that the rest of it refers to most."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import log1p, sqrt
from pathlib import Path

from grok_agent.context.files import DatedFile, snapshot
from grok_agent.context.first_focus import first_focus
from grok_agent.context.pack_text import guarded, plain_name, section
from grok_agent.context.rank import rank
from grok_agent.context.searched import is_indexed
from grok_agent.context.symbols import Definition, Symbols, symbols_for
from grok_agent.context.task_words import read_task
from grok_agent.context.tokens import count
from grok_agent.context.words import parts

SECTION = "repository_map"

FOCUS_FILES = 150
"""With a focus, only so many of the best files are looked at."""

FEW_FILES = 300
"""So many are ranked at once, without a first look."""

FIRST_LOOK_FILES = 40

SIGNATURE_CHARS = 120

_BY_KIND = {
    **dict.fromkeys(("class", "struct", "trait", "interface"), 1.2),
    **dict.fromkeys(("constant", "variable", "property", "prototype", "module"), 0.4),
}
_OTHER_KIND = 0.8
_UNUSED = 0.1
_PRIVATE = 0.3
_TEST = 0.1
_NEXT_IN_FILE = 0.9  # each further signature of one file is worth less
_WANTED = 1.0


@dataclass(frozen=True, slots=True)
class RepoMap:
    """``text`` of the map in its frame, ``tokens`` of it by our count, and the ``files`` on it.

    With a focus, the files that fit it best come first; in ``text`` they stand in path order.
    """

    text: str = ""
    tokens: int = 0
    files: tuple[str, ...] = ()


def repo_map(
    repo_dir: Path | str,
    budget: int,
    focus: str = "",
    *,
    may_read: Callable[[str], bool] | None = None,
    is_first_look: bool = False,
) -> RepoMap:
    """The most telling signatures of the repository in at most ``budget`` tokens by our count.

    ``focus`` says in words what the map is wanted for; then it shows the files that rank best for
    it. Files stand in the order of paths and signatures in that of the file, without line numbers,
    so that a change inside a function leaves the map as it is. Files that ``may_read``, if given,
    is false of are not on it. ``is_first_look``: where the repository is large and has never been
    ranked, the words of the focus are looked for instead, which takes a tenth of the time. Raises
    SettingsError when ``repo_dir`` is no folder.
    """
    root = Path(repo_dir).resolve()
    files = [file for file in snapshot(root) if file.kind in ("source", "test")]
    if may_read:
        files = [file for file in files if may_read(file.path)]
    if not focus.strip():
        return map_of(root, files, budget)
    if is_first_look and len(files) > FEW_FILES and not is_indexed(root):
        best = first_focus(root, [file.path for file in files], focus)[:FIRST_LOOK_FILES]
    else:
        best = [found.path for found in rank(root, focus, FOCUS_FILES)]
    places = {path: place for place, path in enumerate(best)}
    files = [file for file in files if file.path in places]
    return map_of(root, files, budget, terms=read_task(focus).terms, places=places)


def map_of(
    root: Path,
    files: Sequence[DatedFile],
    budget: int,
    *,
    terms: Mapping[str, float] | None = None,
    places: Mapping[str, int] | None = None,
) -> RepoMap:
    """As :func:`repo_map`, of ``files`` alone.

    ``terms`` of a task and ``places`` of a ranking (from 0) make signatures and files worth more.
    """
    symbols = symbols_for(root, files)
    worth = _Worth.of(symbols, terms or {})
    tests = {file.path for file in files if file.kind == "test"}
    lines: list[_Line] = []
    for path, found in symbols.items():
        weight = (_TEST if path in tests else 1.0) / sqrt(
            1 + places.get(path, len(files)) if places else 1
        )
        lines += _lines(path, found.definitions, worth, weight)
    drawn = _fitting(lines, budget)
    best_first = sorted(drawn.files, key=lambda path: places[path]) if places else drawn.files
    return replace(drawn, files=tuple(best_first))


@dataclass(frozen=True, slots=True)
class _Worth:
    """In how many files each name is used, in how many it is defined, and what is wanted."""

    using: Mapping[str, int]
    defining: Mapping[str, int]
    wanted: Mapping[str, float]

    @classmethod
    def of(cls, symbols: Mapping[str, Symbols], wanted: Mapping[str, float]) -> "_Worth":
        using: Counter[str] = Counter()
        defining: Counter[str] = Counter()
        for found in symbols.values():
            names = {definition.name for definition in found.definitions}
            defining.update(names)
            using.update(name for name, _ in found.references if name not in names)
        return cls(using, defining, wanted)

    def __call__(self, definition: Definition) -> float:
        name = definition.name
        users = self.using.get(name, 0)
        if definition.parent:  # it is reached through what it belongs to
            users = min(users, self.using.get(definition.parent.rpartition(".")[2], 0))
        used = log1p(users) / sqrt(self.defining[name])
        worth = _BY_KIND.get(definition.kind, _OTHER_KIND) * (used + _UNUSED)
        if name.startswith("_"):
            worth *= _PRIVATE
        if not self.wanted:
            return worth
        words = parts(name)
        share = sum(term in self.wanted for term in words) / max(len(words), 1)
        return worth + share * (worth + _WANTED)


@dataclass(frozen=True, slots=True)
class _Line:
    """A signature; ``number`` counts those of its file, ``above`` has the ones it lies in."""

    path: str
    number: int
    text: str
    worth: float
    above: tuple[int, ...]


def _lines(
    path: str, definitions: Sequence[Definition], worth: _Worth, weight: float
) -> Iterable[_Line]:
    first = {_full_name(each): number for number, each in reversed([*enumerate(definitions)])}
    values = [worth(each) for each in definitions]
    order = sorted(first.values(), key=lambda number: (-values[number], number))
    for nth, number in enumerate(order):
        each = definitions[number]
        outer = each.parent.split(".") if each.parent else []
        names = (".".join(outer[: depth + 1]) for depth in range(len(outer)))
        above = tuple(first[name] for name in names if first.get(name, number) < number)
        signature = " ".join(each.signature.split())
        if len(signature) > SIGNATURE_CHARS:
            signature = f"{signature[: SIGNATURE_CHARS - 3]}..."
        text = guarded(f"{'  ' * (len(above) + 1)}{signature}\n")
        yield _Line(path, number, text, values[number] * weight * _NEXT_IN_FILE**nth, above)


def _full_name(definition: Definition) -> str:
    return f"{definition.parent}.{definition.name}" if definition.parent else definition.name


def _fitting(lines: Sequence[_Line], budget: int) -> RepoMap:
    """The best lines that fit. None begins with a blank line, so that their tokens add up."""
    left = budget - count(section(SECTION, ["-\n"])) + count("-\n")
    by_place = {(line.path, line.number): line for line in lines}
    taken: dict[str, dict[int, str]] = {}
    for line in sorted(lines, key=lambda line: (-line.worth, line.path, line.number)):
        known = taken.get(line.path, {})
        wanted = {at: by_place[line.path, at].text for at in (*line.above, line.number)}
        missing = {at: text for at, text in wanted.items() if at not in known}
        cost = sum(map(count, missing.values()))
        cost += 0 if known else count(_head(line.path))
        if cost <= left:
            left -= cost
            taken[line.path] = known | missing
        if left < _CLOSE:
            break
    files = tuple(sorted(taken))
    text = section(
        SECTION,
        chain.from_iterable(
            (_head(path), *(text for _, text in sorted(taken[path].items()))) for path in files
        ),
    )
    return RepoMap(text, count(text), files)


_CLOSE = 5
"""Tokens of the budget that are not worth another look."""


def _head(path: str) -> str:
    return guarded(f"{plain_name(path)}\n")
