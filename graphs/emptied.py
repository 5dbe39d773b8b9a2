"""Breaks a Python function on purpose: its whole body becomes ``return None``.

A test that still passes then says nothing of what the function does. This is extreme mutation
(Niedermayr, Juergens and Wagner, 2016); it needs one run of the tests for a function, where single
changed operators need hundreds.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

MAX_EMPTIED = 3

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Emptied:
    """A file with one function emptied: ``name`` is dotted, ``line`` where it begins (from 1)."""

    path: str
    name: str
    line: int
    text: str


def emptied_functions(tests: Iterable[str], sources: Mapping[str, str]) -> list[Emptied]:
    """The functions of ``sources`` (path -> text) that ``tests`` call, each emptied by itself.

    At most three, those called in most places first. A source counts where a test imports its
    module. Texts that are no Python are passed over, as are functions without a body to lose.
    """
    trees = [tree for text in tests if (tree := _tree(text))]
    called, imported = _called(trees), set(_imported(trees))
    found = [
        (called[function.name], each)
        for path, text in sources.items()
        if _module_names(path) & imported and (tree := _tree(text))
        for name, function in _functions(tree)
        if function.name in called and (each := _emptied(path, text, name, function))
    ]
    found.sort(key=lambda pair: (-pair[0], pair[1].path, pair[1].line))
    return [each for _, each in found[:MAX_EMPTIED]]


def _tree(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _called(trees: Iterable[ast.Module]) -> dict[str, int]:
    """How often each name is called, also as an attribute."""
    calls: dict[str, int] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
                calls[str(name)] = calls.get(str(name), 0) + 1
    return calls


def _imported(trees: Iterable[ast.Module]) -> Iterator[str]:
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module_names(path: str) -> set[str]:
    """The dotted names by which a file may be imported: ``src/a/b.py`` is also ``a.b``."""
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return {".".join(parts[start:]) for start in range(len(parts))}


def _functions(tree: ast.Module) -> Iterator[tuple[str, _Function]]:
    """Functions of the module and methods of its classes."""
    for node in tree.body:
        if isinstance(node, _Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{m.name}", m) for m in node.body if isinstance(m, _Function))


def _emptied(path: str, text: str, name: str, function: _Function) -> Emptied | None:
    first, last = function.body[0], function.body[-1]
    if _is_constant(first):
        if len(function.body) == 1:
            return None
        first = function.body[1]
    lines = text.splitlines(keepends=True)
    on_line_of_head = lines[first.lineno - 1][: first.col_offset].strip()
    if on_line_of_head or _does_nothing(function) or last.end_lineno is None:
        return None
    indent = lines[first.lineno - 1][: first.col_offset]
    body = f"{indent}return None\n"
    start = min((d.lineno for d in getattr(first, "decorator_list", [])), default=first.lineno)
    emptied = "".join([*lines[: start - 1], body, *lines[last.end_lineno :]])
    return Emptied(path, name, function.lineno, emptied)


def _does_nothing(function: _Function) -> bool:
    """Whether emptying it would change nothing: pass, ..., return, return None, or it only raises
    NotImplementedError."""
    (*_, last) = function.body
    rest = [each for each in function.body if not _is_constant(each)]
    if not rest or isinstance(last, ast.Pass):
        return True
    if len(rest) > 1:
        return False
    if isinstance(last, ast.Return):
        return last.value is None or getattr(last.value, "value", 0) is None
    return isinstance(last, ast.Raise) and "NotImplementedError" in ast.dump(last)


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
