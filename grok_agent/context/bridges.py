"""Which file an import statement means: names of modules matched with the paths that exist."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

# A file of this name stands for its folder.
FOLDER_FILES = frozenset({"__init__", "index", "mod", "lib", "main"})

_SEPARATORS = re.compile(r"::|[./\\]+")
_FILE_END = re.compile(r"\.(?:[cm]?[jt]sx?|h|hh|hpp|hxx|inc|py|rb|php|vue|svelte|css|scss)$")
_ROOTS = frozenset({"", "@", "~"})

Parts = tuple[str, ...]


class Imported(Protocol):
    """An import statement: the module as written, and the names taken from it."""

    @property
    def module(self) -> str:
        """``pkg.mod``, ``./mod``, ``crate::mod``, ``dir/header.h`` and the like."""

    @property
    def names(self) -> Sequence[str]:
        """What is imported from the module; empty for the module itself."""


def imported_files(imports: Mapping[str, Iterable[Imported]]) -> dict[str, set[str]]:
    """For each path of ``imports`` the paths among them that it imports, itself left out.

    A name is taken for the file whose path ends with most of it, the one nearest to the importing
    file where several do. A name of one word means a file of the same folder or of a top folder.
    A Go package is all files of its folder. What matches no file, such as an installed package, is
    left out.
    """
    paths = _Paths(imports)
    found: dict[str, set[str]] = {}
    for path, statements in imports.items():
        targets = {target for each in statements for target in paths.meant(each, path)}
        found[path] = targets - {path}
    return found


class _Paths:
    """The paths of a repository, found by the last parts of a module's name."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._by_stem: dict[Parts, str] = {}
        self._by_last: dict[str, list[Parts]] = defaultdict(list)
        self._packages: dict[Parts, set[str]] = defaultdict(set)
        for path in sorted(paths):
            stem = _stem(path)
            if stem and stem not in self._by_stem:
                self._by_stem[stem] = path
                self._by_last[stem[-1]].append(stem)
            if path.endswith(".go") and not path.endswith("_test.go"):
                self._packages[tuple(path.split("/")[:-1])].add(path)
        self._known: dict[tuple[Parts, Parts], str | None] = {}

    def meant(self, statement: Imported, importer: str) -> set[str]:
        """The files that ``statement`` in the file ``importer`` means."""
        if importer.endswith(".go"):
            return self._package(statement.module)
        folder = tuple(importer.split("/")[:-1])
        parts, is_relative = _parts(statement.module, importer)
        find = self._exactly if is_relative else self._nearest
        inner = {find((*parts, name), folder) for name in statement.names}
        found = {path for path in inner if path}
        if found:
            return found
        outer = find(parts, folder) or (find(parts[:-1], folder) if len(parts) > 2 else None)
        return {outer} if outer else set()

    def _package(self, module: str) -> set[str]:
        """Go: the files of the folder that the path of a package ends with."""
        parts = tuple(module.strip('"').split("/"))
        ends = (parts[start:] for start in range(1, len(parts)))  # the first is a host's name
        return next((self._packages[end] for end in ends if end in self._packages), set())

    def _exactly(self, parts: Parts, folder: Parts) -> str | None:
        return self._by_stem.get(parts)

    def _nearest(self, parts: Parts, folder: Parts) -> str | None:
        key = (parts, folder)
        if key not in self._known:
            self._known[key] = self._search(parts, folder)
        return self._known[key]

    def _search(self, parts: Parts, folder: Parts) -> str | None:
        stems = self._by_last.get(parts[-1], ()) if parts else ()
        needed = min(len(parts), 2)
        close = [stem for stem in stems if _common(stem[::-1], parts[::-1]) >= needed]
        if len(parts) == 1:
            close = [stem for stem in close if stem[:-1] == folder or len(stem) <= 2]
        if not close:
            return None
        best = max(
            close, key=lambda stem: (_common(stem[::-1], parts[::-1]), _common(stem, folder))
        )
        return self._by_stem[best]


def _stem(path: str) -> Parts:
    parts = posixpath.splitext(path)[0].split("/")
    if len(parts) > 1 and parts[-1] in FOLDER_FILES:
        parts.pop()
    return tuple(parts)


def _parts(module: str, importer: str) -> tuple[Parts, bool]:
    """The module's name as parts, and whether they count from the root of the repository."""
    name = module.strip("\"'<> ")
    folder = tuple(importer.split("/")[:-1])
    if name.startswith(("./", "../")):
        joined = posixpath.normpath(posixpath.join("/".join(folder), _FILE_END.sub("", name)))
        return tuple(joined.split("/")), True
    if name.startswith("."):  # Python: each further dot is one folder up
        inner = name.lstrip(".")
        up = len(name) - len(inner) - 1
        base = folder[: len(folder) - up] if up else folder
        return (*base, *(part for part in inner.split(".") if part)), True
    first, *rest = _SEPARATORS.split(_FILE_END.sub("", name))
    if first in ("crate", "self", "super") and importer.endswith(".rs"):
        return _in_crate(first, rest, importer), True
    return tuple(part for part in (first, *rest) if part not in _ROOTS), False


def _in_crate(first: str, rest: list[str], importer: str) -> Parts:
    """Rust: ``crate`` is the folder ``src`` around the file, ``super`` the module around it."""
    base = _stem(importer)
    if first == "crate":
        last = len(base) - base[::-1].index("src") if "src" in base else len(base) - 1
        return (*base[:last], *rest)
    words = [first, *rest]
    while words[:1] == ["super"]:
        base, words = base[:-1], words[1:]
    return (*base, *(word for word in words if word != "self"))


def _common(first: Parts, second: Parts) -> int:
    """How many parts both begin with."""
    number = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        number += 1
    return number
