"""Files and modules that a task names, found in a repository: whole paths, ends of paths, names."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from grok_agent.context.content_signals import Scores
from grok_agent.context.task_words import Named

_SLASH = re.compile(r"[\\/]")
_FOREIGN = re.compile(
    r"(^|[\\/])(site-packages|dist-packages|node_modules|lib[\\/]python3[.\d]*"
    r"|\.cargo|pkg[\\/]mod|rustc|usr)[\\/]"
)
_STEMLESS = frozenset(("__init__", "index", "mod"))


class PathEnds:
    """The files at ``paths`` by what their paths end with; ``root_name`` is the folder of all.

    A trace or a module may begin above the repository, so the folder's name counts as a part.
    """

    def __init__(self, root_name: str, paths: Sequence[str]) -> None:
        self._parts = [(root_name, *path.split("/")) for path in paths]
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        for place, parts in enumerate(self._parts):
            self._by_name[parts[-1]].append(place)
            self._by_stem[_stem(parts)].append(place)

    def files(self, named: Sequence[Named]) -> Scores:
        """How surely each file is meant by one of ``named``: 1 for a path that ends only there.

        Of paths with line numbers (a stack trace) the first counts full and the others half.
        """
        found: Scores = {}
        in_trace = False
        for each in named:
            parts = tuple(part for part in _SLASH.split(each.path) if part not in ("", ".", ".."))
            sure = 0.5 if each.line and in_trace else 1.0
            matched = self._ending(parts, bool(_FOREIGN.search(each.path))) or self._grown(parts)
            for place, share in matched.items():
                found[place] = max(found.get(place, 0.0), sure * share)
                in_trace = in_trace or each.line > 0
        return found

    def modules(self, modules: Iterable[str]) -> Scores:
        """The same for dotted names: a module, or something in it (``package.module.Name``)."""
        found: Scores = {}
        for module in modules:
            parts = tuple(part for part in re.split(r"\.|::", module) if part)
            for end in range(len(parts), max(len(parts) - 3, 1), -1):
                matched = self._module(parts[:end])
                for place in matched:
                    found[place] = max(found.get(place, 0.0), 1 / len(matched))
                if matched:
                    break
        return found

    def _ending(self, parts: tuple[str, ...], foreign: bool) -> Scores:
        """Files that share the longest end with ``parts``, which has a file name at its end."""
        if not parts:
            return {}
        candidates = self._by_name.get(parts[-1], [])
        if not candidates and len(parts) > 1:
            candidates = self._by_stem.get(parts[-1], [])
        shared = {place: _shared_end(self._parts[place], parts) for place in candidates}
        most = max(shared.values(), default=0)
        if most < min(len(parts), 2) and (foreign or not self._has_name(parts[-1])):
            return {}
        best = [place for place in shared if shared[place] == most]
        partly = 0.6 if most < min(len(parts), 2) else 1.0
        return {place: partly / len(best) for place in best}

    def _grown(self, parts: tuple[str, ...]) -> Scores:
        """Files of a module that has become a folder, or has got another ending since."""
        matched = self._module((*parts[:-1], parts[-1].partition(".")[0])) if parts else []
        return dict.fromkeys(matched, 0.6 / max(len(matched), 1))

    def _has_name(self, name: str) -> bool:
        return name in self._by_name

    def _module(self, parts: tuple[str, ...]) -> list[int]:
        return [
            place
            for place in self._by_stem.get(parts[-1], ())
            if _shared_end(_module_parts(self._parts[place]), parts) >= 2
        ]


def _stem(parts: Sequence[str]) -> str:
    """The name of a file without its ending; of ``__init__.py`` and its like, the folder's."""
    stem = parts[-1].partition(".")[0] or parts[-1]
    return parts[-2] if stem in _STEMLESS and len(parts) > 1 else stem


def _module_parts(parts: tuple[str, ...]) -> tuple[str, ...]:
    stem = parts[-1].partition(".")[0]
    return parts[:-1] if stem in _STEMLESS else (*parts[:-1], stem)


def _shared_end(path: Sequence[str], parts: Sequence[str]) -> int:
    """How many parts at the end are the same; the last of a path may come without its ending."""
    shared = 0
    for have, asked in zip(reversed(path), reversed(parts), strict=False):
        if have != asked and not (shared == 0 and have.partition(".")[0] == asked):
            break
        shared += 1
    return shared
