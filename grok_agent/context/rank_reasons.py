"""Why a file stands where it does in a ranking, in words."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from grok_agent.context.signals import Signals
from grok_agent.context.standing import Side
from grok_agent.context.task_words import Task
from grok_agent.context.term_index import Posting

MAX_WORDS = 5

_GROUPS = {
    "words": ("fields", "subject", "cover"),
    "names": ("identifiers",),
    "path": ("path", "base", "prefix", "scope"),
    "history": ("profile", "memory", "best"),
    "habit": ("recent", "often"),
    "task": ("named", "module", "given"),
    "quote": ("quoted",),
    "asked": ("asked",),
    "kind": ("markup", "test", "docs", "aside", "plain", "foreign"),
}
_GROUP_OF = {signal: group for group, signals in _GROUPS.items() for signal in signals}
_SIDES: dict[Side, str] = {
    "core": "program code",
    "markup": "a style, template or shell script",
    "test": "a test",
    "docs": "documentation",
    "aside": "an example, script or fixture",
    "plain": "settings or data",
    "foreign": "written by a program, or by others",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for a file, or against it when ``weight`` is below 0.

    ``signal`` is words, names, path, history, habit, task, quote, asked or kind; ``words`` say what
    was found.
    """

    signal: str
    weight: float
    words: str


class Reasons:
    """The reasons of files in a ranking for ``task``."""

    def __init__(
        self,
        task: Task,
        found: Signals,
        in_files: Mapping[str, Sequence[Posting]],
        weights: Mapping[str, float],
    ) -> None:
        self._task = task
        self._found = found
        self._weights = weights
        self._terms = sorted(found.rarity, key=lambda term: -found.rarity[term])
        self._having = {
            term: {posting.number for posting in in_files.get(term, ())} for term in self._terms
        }
        self._numbers = {
            place: number for number, places in found.corpus.places.items() for place in places
        }

    def of(self, place: int) -> tuple[Reason, ...]:
        """Those of the file at ``place``, the strongest first; the weights sum up to its score."""
        sums: dict[str, float] = defaultdict(float)
        for signal, weight in self._weights.items():
            if score := self._found.scores.get(signal, {}).get(place):
                sums[_GROUP_OF[signal]] += weight * score
        ordered = sorted(sums.items(), key=lambda item: (-abs(item[1]), item[0]))
        return tuple(Reason(group, weight, self._say(group, place)) for group, weight in ordered)

    def _say(self, group: str, place: int) -> str:
        if group == "words":
            return self._spelled(self._in_text(place))
        if group == "names":
            return self._spelled(term for term in self._in_text(place) if term[0] == "=")
        if group == "path":
            return self._spelled(sorted(self._found.taken_apart[place].terms.keys()))
        if group == "history":
            commit = self._found.best_commit.get(place, "")
            return f"such as commit {commit[:10]}" if commit else "messages of its commits"
        if group == "habit":
            return "changed lately or often"
        if group == "task":
            return "named in the task"
        if group == "quote":
            return "has text that the task quotes"
        return _SIDES[self._found.sides[place]]

    def _in_text(self, place: int) -> list[str]:
        number = self._numbers.get(place)
        return [term for term in self._terms if number in self._having[term]]

    def _spelled(self, terms: Iterable[str]) -> str:
        spelled = (self._task.spelling.get(term, "") for term in terms)
        return ", ".join([word for word in dict.fromkeys(spelled) if word][:MAX_WORDS])
