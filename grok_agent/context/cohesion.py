"""Puts files that belong together into one group: those that import each other, then neighbours.

Two greedy steps. Clusters first: the strongest link joins its two ends as long as they stay small
(Kruskal, 1956, with a bound on size). Then groups are filled with clusters: the one that pulls most
and fits, else the next by path. A link to a file that many import is weak, so that a common module
does not glue strangers together.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

Links = Mapping[str, Mapping[str, float]]
"""How strongly one name pulls others; the same in both directions."""

CLUSTERS_IN_A_GROUP = 4
"""A cluster has at most this part of a group, so that groups can be filled."""


def links_of(targets: Mapping[str, Iterable[str]]) -> Links:
    """Links from what each file refers to; a reference weighs 1 / (references to its target)."""
    pairs = [(source, target) for source, found in targets.items() for target in sorted(found)]
    popularity = Counter(target for _, target in pairs)
    links: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for source, target in pairs:
        links[source][target] += 1 / popularity[target]
        links[target][source] += 1 / popularity[target]
    return links


def grouped(sizes: Mapping[str, int], links: Links, room: int) -> list[list[str]]:
    """Each name of ``sizes`` in exactly one group, no group larger than ``room``; deterministic.

    ``sizes`` are in the unit of ``room``; what is larger than ``room`` is a group of its own.
    Groups come in the order of their first names, names inside a group in alphabetical order.
    """
    clusters = {names[0]: names for names in _clusters(sizes, links, room // CLUSTERS_IN_A_GROUP)}
    weights = {first: sum(sizes[name] for name in names) for first, names in clusters.items()}
    between = _between(clusters, links)
    left = dict.fromkeys(sorted(clusters))
    found = []
    while left:
        firsts = _Growth(left, weights, between, room).taken()
        found.append(sorted(name for first in firsts for name in clusters[first]))
    return sorted(found)


def _clusters(sizes: Mapping[str, int], links: Links, bound: int) -> list[list[str]]:
    """Names joined along the strongest links, each cluster at most ``bound`` or one name."""
    parent = {name: name for name in sizes}
    weight = dict(sizes)

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    pairs = ((-pull, a, b) for a, others in links.items() for b, pull in others.items() if a < b)
    for _, a, b in sorted(pairs):
        one, other = root(a), root(b)
        if one != other and weight[one] + weight[other] <= bound:
            parent[other] = one
            weight[one] += weight[other]
    members: dict[str, list[str]] = defaultdict(list)
    for name in sorted(sizes):
        members[root(name)].append(name)
    return list(members.values())


def _between(clusters: Mapping[str, list[str]], links: Links) -> Links:
    """The links of clusters, each named by its first member."""
    home = {name: first for first, names in clusters.items() for name in names}
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name, others in links.items():
        for other, pull in others.items():
            if home[name] != home[other]:
                sums[home[name]][home[other]] += pull
    return sums


class _Growth:
    """One group that takes names out of ``left`` until nothing more fits."""

    def __init__(
        self, left: dict[str, None], sizes: Mapping[str, int], links: Links, room: int
    ) -> None:
        self._left = left
        self._sizes = sizes
        self._links = links
        self._room = room
        self._pull: dict[str, float] = defaultdict(float)
        self._strongest: list[tuple[float, str]] = []

    def taken(self) -> list[str]:
        """The names of the group, in the order in which they joined."""
        in_order = iter(list(self._left))
        found = [next(in_order)]  # whatever its size
        self._take(found[0])
        while (name := self._strongest_fit() or self._next_fit(in_order)) is not None:
            self._take(name)
            found.append(name)
        return found

    def _take(self, name: str) -> None:
        del self._left[name]
        self._room -= self._sizes[name]
        for other, pull in self._links.get(name, {}).items():
            if other in self._left:
                self._pull[other] += pull
                heapq.heappush(self._strongest, (-self._pull[other], other))

    def _strongest_fit(self) -> str | None:
        while self._strongest:
            pull, name = heapq.heappop(self._strongest)
            if self._fits(name) and self._pull[name] == -pull:
                return name
        return None

    def _next_fit(self, in_order: Iterator[str]) -> str | None:
        return next((name for name in in_order if self._fits(name)), None)

    def _fits(self, name: str) -> bool:
        return name in self._left and self._sizes[name] <= self._room
