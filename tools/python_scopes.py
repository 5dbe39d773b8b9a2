"""Scopes of a Python module, and which variable a name in it means."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(eq=False)
class Scope:
    """A module, class, function or comprehension; ``bound`` are the names that it binds."""

    kind: str
    parent: "Scope | None" = None
    bound: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)

    def chain(self) -> Iterator["Scope"]:
        """This scope and those around it, innermost first."""
        scope: Scope | None = self
        while scope:
            yield scope
            scope = scope.parent

    def resolve(self, name: str) -> "Scope":
        """The scope whose variable ``name`` means here; the module for one that nobody binds."""
        *inner, module = self.chain()
        for scope in inner:
            if scope is not self and scope.kind == "class":
                continue
            if name in scope.globals:
                return module
            if name in scope.bound and name not in scope.nonlocals:
                return scope
        return module


@dataclass(frozen=True, eq=False)
class Occurrence:
    """A name that is used, bound or declared by ``node``.

    ``early``: it is used before the scope, read from the top, binds it.
    """

    name: str
    scope: Scope
    node: ast.AST
    early: bool = False

    @property
    def meant(self) -> Scope:
        """The scope whose variable this is. A class body finds outer names until it binds them."""
        if not (self.early and self.scope.kind == "class" and self.name in self.scope.bound):
            return self.scope.resolve(self.name)
        outer = next(scope for scope in self.scope.chain() if scope.kind != "class")
        return outer.resolve(self.name)


@dataclass(frozen=True, eq=False)
class Imported:
    """One name of an import statement; ``scope`` is where it is bound."""

    alias: ast.alias
    scope: Scope
    source: ast.ImportFrom | None

    @property
    def binds(self) -> str:
        """The name that it binds; ``"*"`` for all names of a module."""
        if self.alias.asname:
            return self.alias.asname
        return self.alias.name if self.source else self.alias.name.partition(".")[0]


class Scopes(ast.NodeVisitor):
    """All scopes, names, imports, attributes and quoted annotations of one module."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = self._scope = Scope("module")
        self.occurrences: list[Occurrence] = []
        self.imports: list[Imported] = []
        self.attributes: list[tuple[ast.Attribute, Scope]] = []
        self.quoted: list[tuple[ast.Constant, Scope]] = []
        self.generic_visit(tree)

    def _bind(self, name: str, node: ast.AST, scope: Scope | None = None) -> None:
        scope = scope or self._scope
        owner = self.module if name in scope.globals else scope
        owner.bound.add(name)
        self.occurrences.append(Occurrence(name, scope, node))

    def _inside(self, kind: str, *nodes: ast.AST) -> None:
        outer, self._scope = self._scope, Scope(kind, self._scope)
        for node in nodes:
            self.visit(node)
        self._scope = outer

    def _each(self, *nodes: ast.AST | None) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Bind the name here; the parameters and the body are a scope of their own."""
        self._each(*node.decorator_list)
        self._annotation(node.returns)
        self._function(node.args, *getattr(node, "type_params", []), *node.body)
        self._bind(node.name, node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """As :meth:`visit_FunctionDef`."""
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """As a function without a name."""
        self._function(node.args, node.body)

    def _function(self, args: ast.arguments, *body: ast.AST) -> None:
        every = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
        named = [arg for arg in every if arg]
        self._each(*args.defaults, *args.kw_defaults)
        for arg in named:
            self._annotation(arg.annotation)
        outer, self._scope = self._scope, Scope("function", self._scope)
        for arg in named:
            self._bind(arg.arg, arg)
        self._each(*body)
        self._scope = outer

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Bind the name here; the body is a scope of its own, unseen by functions in it."""
        self._each(*node.decorator_list, *node.bases, *node.keywords)
        self._inside("class", *node.body)
        self._bind(node.name, node)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        first, *rest = node.generators
        self.visit(first.iter)
        value = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._inside("comprehension", first.target, *first.ifs, *rest, *value)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """Bind in the scope around all comprehensions."""
        self.visit(node.value)
        outer = next(scope for scope in self._scope.chain() if scope.kind != "comprehension")
        self._bind(node.target.id, node.target, outer)

    def visit_Name(self, node: ast.Name) -> None:
        """Note a use, or bind."""
        if isinstance(node.ctx, ast.Load):
            early = node.id not in self._scope.bound
            self.occurrences.append(Occurrence(node.id, self._scope, node, early))
        else:
            self._bind(node.id, node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """The value comes first."""
        self._each(node.value, *node.targets)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """The value comes first."""
        self._each(node.value)
        self._annotation(node.annotation)
        self._each(node.target)

    def _annotation(self, node: ast.expr | None) -> None:
        self._each(node)
        waiting: list[ast.AST] = [node] if node else []
        while waiting:
            each = waiting.pop()
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                self.quoted.append((each, self._scope))
            elif not (isinstance(each, ast.Subscript) and _is_literal(each.value)):
                waiting += ast.iter_child_nodes(each)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """What is gone through comes first."""
        self._each(node.iter, node.target, *node.body, *node.orelse)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        """As :meth:`visit_For`."""
        self.visit_For(node)

    def visit_Global(self, node: ast.Global) -> None:
        """Names of this scope that mean the module's variables."""
        self._scope.globals.update(node.names)
        self.module.bound.update(node.names)
        self._declare(node)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        """Names of this scope that mean variables of a function around it."""
        self._scope.nonlocals.update(node.names)
        self._declare(node)

    def _declare(self, node: ast.Global | ast.Nonlocal) -> None:
        self.occurrences += [Occurrence(name, self._scope, node) for name in node.names]

    def visit_Import(self, node: ast.Import) -> None:
        """Bind the first part of each module's name, or the name after ``as``."""
        self._import(node.names, None)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Bind each name that is imported."""
        self._import(node.names, node)

    def _import(self, names: list[ast.alias], source: ast.ImportFrom | None) -> None:
        for alias in names:
            imported = Imported(alias, self._scope, source)
            self.imports.append(imported)
            if imported.binds != "*":
                owner = self.module if imported.binds in self._scope.globals else self._scope
                owner.bound.add(imported.binds)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Note the attribute; what it is taken from may be a module."""
        self.attributes.append((node, self._scope))
        self.visit(node.value)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """Bind the caught error's name."""
        if node.name:
            self._bind(node.name, node)
        self.generic_visit(node)

    def _capture(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self._bind(node.name, node)
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = _capture

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        """Bind the name that takes the rest."""
        if node.rest:
            self._bind(node.rest, node)
        self.generic_visit(node)


def _is_literal(node: ast.expr) -> bool:
    """Whether strings in the brackets of ``node`` are values, not types."""
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in ("Literal", "Annotated")
