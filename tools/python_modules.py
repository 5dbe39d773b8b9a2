"""Which file of a workspace an import means."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath


def module_id(path: str) -> str:
    """What a module is called here: its path without suffix; a package is its folder."""
    stem = path.rpartition(".")[0]
    return stem.removesuffix("__init__").rstrip("/") if _is_package(path) else stem


class Modules:
    """The modules of a workspace by their dotted names."""

    def __init__(self, paths: Iterable[str]) -> None:
        paths = list(paths)
        packages = {module_id(path) for path in paths if _is_package(path)}
        ids = {module_id(path) for path in paths}
        folders = {str(up) for name in ids for up in PurePosixPath(name).parents if str(up) != "."}
        self.ids = ids | folders
        self._by_name: defaultdict[str, set[str]] = defaultdict(set)
        for name in self.ids:
            root = PurePosixPath(name).parent
            while str(root) in packages:
                root = root.parent
            for start in {PurePosixPath("."), root}:
                self._by_name[".".join(PurePosixPath(name).relative_to(start).parts)].add(name)

    def absolute(self, dotted: str, importer: str) -> str | None:
        """The module that ``import dotted`` in the file ``importer`` means, if it is ours."""
        found = self._by_name.get(dotted, set())
        if not found:
            tail = "/" + dotted.replace(".", "/")
            found = {name for name in self.ids if name.endswith(tail)} if "." in dotted else set()
        near = sorted(found, key=lambda name: -_shared(name, importer))
        if len(near) > 1 and _shared(near[0], importer) == _shared(near[1], importer):
            return None
        return near[0] if near else None

    def relative(self, level: int, dotted: str, importer: str) -> str | None:
        """The module that ``from ..dotted import`` with ``level`` dots means."""
        folder = PurePosixPath(importer).parent
        for _ in range(level - 1):
            folder = folder.parent
        name = str(folder.joinpath(*dotted.split("."))) if dotted else str(folder)
        return name if name in self.ids else None

    def child(self, module: str, name: str) -> str | None:
        """The submodule ``name`` of a package."""
        inner = f"{module}/{name}"
        return inner if inner in self.ids else None


def _is_package(path: str) -> bool:
    return PurePosixPath(path).stem == "__init__"


def _shared(name: str, importer: str) -> int:
    """How many leading folders two paths share."""
    count = 0
    for one, other in zip(name.split("/"), importer.split("/"), strict=False):
        if one != other:
            break
        count += 1
    return count
