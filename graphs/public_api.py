"""What a change adds to, takes from and alters in the public names of code."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grok_agent.context.file_kinds import classify
from grok_agent.context.symbols import language_of, symbols_of
from grok_agent.tools.changes import Change

_PUBLIC_KINDS = frozenset({"function", "class", "method", "constant", "interface", "trait", "enum"})


@dataclass(frozen=True)
class ApiChange:
    """One public name whose signature differs; "" where it is not there."""

    path: str
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before:
            return f"+ {self.path}: {self.after}"
        if not self.after:
            return f"- {self.path}: {self.before}"
        return f"~ {self.path}: {self.before} -> {self.after}"


def api_changes(changes: Iterable[Change]) -> list[ApiChange]:
    """How the public names of the changed source files differ, in the order of files and names.

    Public is what has no name with a leading underscore in its dotted name and stands in no
    function; a name that moves to another file is gone here and new there.
    """
    return [each for change in changes for each in _of_file(change)]


def _of_file(change: Change) -> Iterator[ApiChange]:
    texts = [change.before.content or b"", change.after or b""]
    if not language_of(change.name) or classify(change.name, texts[1] or texts[0]) != "source":
        return
    before, after = (_public(change.name, text.decode("utf-8", "replace")) for text in texts)
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, ""), after.get(name, "")
        if old != new:
            yield ApiChange(change.name, name, old, new)


def _public(path: str, text: str) -> dict[str, str]:
    """Signatures by dotted name."""
    found: dict[str, str] = {}
    functions: set[str] = set()
    for each in symbols_of(path, text).definitions:
        name = f"{each.parent}.{each.name}" if each.parent else each.name
        if each.kind in ("function", "method"):
            functions.add(name)
        is_local = each.parent in functions
        if each.kind in _PUBLIC_KINDS and not is_local and not _is_private(name):
            found.setdefault(name, each.signature)
    return found


def _is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.endswith("__") for part in name.split("."))
