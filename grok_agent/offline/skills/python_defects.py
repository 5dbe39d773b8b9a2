"""Defects that can be told from the syntax of a Python file alone, without running a program."""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """A defect at ``line``, counted from 1; ``severity`` as reports of findings have it."""

    line: int
    severity: str
    what: str


def defects(source: str) -> list[Defect]:
    """What is wrong in ``source``, in the order of its lines; nothing where it cannot be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parser warns of some of them itself
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = {defect for node in ast.walk(tree) for defect in _of(node)}
    return sorted(found, key=lambda defect: (defect.line, defect.what))


def _of(node: ast.AST) -> Iterator[Defect]:
    match node:
        case ast.ExceptHandler(type=None):
            yield Defect(node.lineno, "medium", "A bare except also catches KeyboardInterrupt.")
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from _mutable_defaults(node)
        case ast.Compare(ops=[operator], comparators=[ast.Constant(value=None)]):
            if isinstance(operator, ast.Eq | ast.NotEq):
                yield Defect(node.lineno, "low", "None is compared with == or != instead of is.")
        case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=value)]):
            if isinstance(value, str | bytes | int | float) and not isinstance(value, bool):
                yield Defect(node.lineno, "medium", "A literal is compared by identity.")
        case ast.Assert(test=ast.Tuple(elts=[_, *_])):
            yield Defect(node.lineno, "high", "An assert on a tuple can never fail.")
        case ast.Dict():
            yield from _repeated_keys(node)


def _mutable_defaults(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Defect]:
    for default in (*function.args.defaults, *function.args.kw_defaults):
        if isinstance(default, ast.List | ast.Dict | ast.Set):
            what = f"The calls of {function.name} share one mutable default argument."
            yield Defect(default.lineno, "medium", what)


def _repeated_keys(node: ast.Dict) -> Iterator[Defect]:
    seen: set[object] = set()
    for key in node.keys:
        if isinstance(key, ast.Constant):
            if (type(key.value), key.value) in seen:
                yield Defect(key.lineno, "high", f"The key {key.value!r} is given twice.")
            seen.add((type(key.value), key.value))
