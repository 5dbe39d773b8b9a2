"""Where a Python module refers to a variable of its own or of another module."""

import ast
import re
import warnings
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from grok_agent.context.syntax import parse
from grok_agent.errors import ToolError
from grok_agent.tools.code_files import CodeFile
from grok_agent.tools.python_modules import Modules, module_id
from grok_agent.tools.python_scopes import Imported, Scope, Scopes

Edits = dict[tuple[int, int], str]
"""New text for stretches (characters, the end not in it) of a file."""


@dataclass(frozen=True)
class Name:
    """The variable that is renamed, in whichever modules it is known."""

    old: str
    new: str


class PythonModule:
    """A parsed file. Raises SyntaxError, ValueError, RecursionError or MemoryError where Python
    cannot parse it."""

    def __init__(self, code: CodeFile, modules: Modules) -> None:
        self.code = code
        self.id = module_id(code.path)
        self.text = code.text.encode("utf-8", "replace").decode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.tree = ast.parse(self.text)
        self.scopes = Scopes(self.tree)
        self._modules = modules
        self._lines = [0, *(m.end() for m in re.finditer(r"\r\n|\r|\n", self.text))]

    def source(self, imported: Imported) -> str | None:
        """The module from which a name is imported, if it is ours."""
        start = imported.source
        if start is None:
            return None
        if start.level:
            return self._modules.relative(start.level, start.module or "", self.code.path)
        return self._modules.absolute(start.module or "", self.code.path)

    def module_meant(self, node: ast.expr, scope: Scope) -> str | None:
        """The module that an expression such as ``package.module`` is."""
        if isinstance(node, ast.Attribute):
            base = self.module_meant(node.value, scope)
            return base and self._modules.child(base, node.attr)
        if not isinstance(node, ast.Name):
            return None
        owner = scope.resolve(node.id)
        for each in self.scopes.imports:
            if each.binds == node.id and each.scope is owner:
                meant = self._imported_module(each)
                if meant:
                    return meant
        return None

    def _imported_module(self, each: Imported) -> str | None:
        if each.source is None:
            name = each.alias.name if each.alias.asname else each.binds
            return self._modules.absolute(name, self.code.path)
        base = self.source(each)
        return base and self._modules.child(base, each.alias.name)

    def owners(self, name: Name, known: set[str]) -> list[Scope]:
        """The scopes in which the variable is known by its old name; ``known`` are modules."""
        found = [self.scopes.module] if self.id in known else []
        for each in self.scopes.imports:
            if each.source is None or self.source(each) not in known:
                continue
            if each.binds == "*":
                bound = name.old in self.scopes.module.bound or name.old.startswith("_")
                found += [] if bound else [self.scopes.module]
            elif each.binds == name.old == each.alias.name and each.scope.kind != "class":
                found.append(each.scope.resolve(name.old))
        return list({id(scope): scope for scope in found}.values())

    def edits(self, name: Name, known: set[str]) -> Edits:
        """What has to change. Raises ToolError where the new name means something already, and
        where a place cannot be told."""
        owners = self.owners(name, known)
        self._require_free(name, owners)
        places: set[int] = set()
        for each in self.scopes.occurrences:
            if each.name == name.old and each.meant in owners:
                places.update(self._places(each.node, name.old))
        for attribute, scope in self.scopes.attributes:
            if attribute.attr == name.old and self.module_meant(attribute.value, scope) in known:
                places.add(self._end(attribute) - len(name.old))
        places = self._in_formatted(places, name.old)
        places |= self._in_quotes(name.old, owners)
        places |= self._in_all(name.old) if self.scopes.module in owners else set()
        edits = {(at, at + len(name.old)): name.new for at in places}
        for imported in self.scopes.imports:
            edits |= self._import_edits(imported, name, known, owners)
        for start, end in edits:
            if not self.text[start:end].startswith(name.old):
                raise self._unclear(start)
        return edits

    def line_of(self, position: int) -> int:
        """The 1-based line of a character."""
        return bisect_right(self._lines, position)

    def role(self, position: int, old: str) -> str:
        """What the word ``old`` is at ``position``, where it may mean the symbol; else ""."""
        for attribute, _ in self.scopes.attributes:
            if attribute.attr == old and self._end(attribute) - len(old) == position:
                return "an attribute of something unknown"
        if any(start <= position < end for start, end in self._strings):
            return "in a string"
        line = self.text[self._lines[self.line_of(position) - 1] : position]
        return "in a comment" if "#" in line else ""

    # Inside

    @cached_property
    def _strings(self) -> list[tuple[int, int]]:
        return [
            self._stretch(node)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.JoinedStr)
            or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))
        ]

    @cached_property
    def _formatted(self) -> list[ast.JoinedStr]:
        """The f-strings that stand in no other one."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, ast.JoinedStr)]
        inner = {id(each) for node in found for each in ast.walk(node) if each is not node}
        return [node for node in found if id(node) not in inner]

    def _identifiers(self, word: str) -> list[int]:
        root = parse(self.text, "python")
        found = root.find_all(kind="identifier") if root else []
        return [node.range().start.index for node in found if node.text() == word]

    def _import_edits(
        self, each: Imported, name: Name, known: set[str], owners: list[Scope]
    ) -> Edits:
        alias, old, new = each.alias, name.old, name.new
        ours = each.source is not None and alias.name == old and self.source(each) in known
        renamed = each.binds == old and each.scope.resolve(old) in owners
        start, end = self._start(alias), self._end(alias)
        if not (ours or renamed):
            return {}
        if alias.asname:
            source = {(start, start + len(old)): new} if ours else {}
            return source | ({(end - len(old), end): new} if renamed else {})
        if ours:
            return {(start, end): new if renamed else f"{new} as {old}"}
        if "." in alias.name:
            raise self._unclear(start)
        return {(start, end): f"{old} as {new}"}

    def _require_free(self, name: Name, owners: list[Scope]) -> None:
        for owner in owners:
            if name.new in owner.bound or self._modules.child(self.id, name.new):
                raise self._taken(name, None)
        for each in self.scopes.occurrences:
            meant = each.meant
            if each.name == name.old and meant in owners:
                inner = each.scope.resolve(name.new)
                if inner is not meant and meant in list(inner.chain()):
                    raise self._taken(name, each.node)
            elif each.name == name.new:
                between = [scope for scope in each.scope.chain() if scope in owners]
                if any(meant is scope or meant in list(scope.chain()) for scope in between):
                    raise self._taken(name, each.node)

    def _taken(self, name: Name, node: ast.AST | None) -> ToolError:
        line = getattr(node, "lineno", 0)
        place = f"{self.code.path}:{line}" if line else self.code.path
        return ToolError(
            f"{name.new} means something else in {place}; no file was changed.",
            next_step="Choose another name, or rename the other thing first.",
        )

    def _unclear(self, position: int) -> ToolError:
        return ToolError(
            f"{self.code.path}:{self.line_of(position)} cannot be changed surely; no file was"
            " changed.",
            next_step="Change this line by search_replace first, then call again.",
        )

    def _places(self, node: ast.AST, old: str) -> list[int]:
        """Where the name stands in the node that uses, binds or declares it."""
        start = self._start(node)
        if isinstance(node, ast.Name | ast.arg):
            return [start]
        found = [m.start() for m in self._words(old, start, self._end(node))]
        if isinstance(node, ast.Global | ast.Nonlocal):
            return found
        if isinstance(node, ast.ExceptHandler) and node.type:
            found = [at for at in found if at >= self._end(node.type)]
        if isinstance(node, ast.MatchAs | ast.MatchStar | ast.MatchMapping):
            found = found[-1:]
        if not found:
            raise self._unclear(start)
        return found[:1]

    def _in_formatted(self, places: set[int], old: str) -> set[int]:
        """``places``, right also in f-strings, where Python 3.11 gives wrong positions."""
        identifiers: list[int] | None = None
        for node in self._formatted:
            inner = [each for each in ast.walk(node) if _names(each, old)]
            if not inner:
                continue
            if identifiers is None:
                identifiers = self._identifiers(old)
            start, end = self._stretch(node)
            written = {at for at in identifiers if start <= at < end}
            believed = {
                self._end(each) - len(old) if isinstance(each, ast.Attribute) else self._start(each)
                for each in inner
            }
            meant = places & believed
            if believed == written or not meant:
                continue
            if meant != believed or len(written) != len(inner):
                raise self._unclear(start)
            places = (places - believed) | written
        return places

    def _in_quotes(self, old: str, owners: list[Scope]) -> set[int]:
        """Where annotations in quotes use the name."""
        places: set[int] = set()
        for node, scope in self.scopes.quoted:
            if scope.resolve(old) in owners and _uses(node.value, old):
                found = self._words(old, *self._stretch(node))
                places |= {m.start() for m in found if self.text[m.start() - 1] != "."}
        return places

    def _in_all(self, old: str) -> set[int]:
        """Where ``__all__`` lists the name: these strings are names of the module."""
        places = set()
        for statement in self.tree.body:
            if not any(isinstance(n, ast.Name) and n.id == "__all__" for n in ast.walk(statement)):
                continue
            for node in ast.walk(statement):
                if isinstance(node, ast.Constant) and node.value == old:
                    places |= {m.start() for m in self._words(old, *self._stretch(node))}
        return places

    def _words(self, word: str, start: int, end: int) -> list[re.Match[str]]:
        return list(re.compile(rf"\b{re.escape(word)}\b").finditer(self.text, start, end))

    def _stretch(self, node: ast.AST) -> tuple[int, int]:
        return self._start(node), self._end(node)

    def _start(self, node: ast.AST) -> int:
        return self._position(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def _end(self, node: ast.AST) -> int:
        return self._position(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def _position(self, line: int, column: int) -> int:
        """Python counts columns in bytes of UTF-8."""
        start = self._lines[line - 1]
        return start + len(
            self.text[start : start + column].encode()[:column].decode("utf-8", "ignore")
        )


def _names(node: ast.AST, old: str) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == old
    return (isinstance(node, ast.Name) and node.id == old) or (
        isinstance(node, ast.arg | ast.keyword) and node.arg == old
    )


def _uses(annotation: object, old: str) -> bool:
    try:
        tree = ast.parse(str(annotation).strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.Name) and node.id == old for node in ast.walk(tree))
