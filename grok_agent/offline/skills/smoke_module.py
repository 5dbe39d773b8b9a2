"""What a Python module offers, and the smoke test written from it."""

import ast
from dataclasses import dataclass
from pathlib import PurePosixPath

KEEPS_CLASSES = frozenset(
    {"dataclass", "define", "final", "frozen", "runtime_checkable", "total_ordering", "unique"}
)
ENDS_THE_PROGRAM = frozenset({"exit", "quit", "setup", "input"})


@dataclass(frozen=True)
class ModuleNames:
    """The public names of a module's text, in their order there."""

    callables: tuple[str, ...] = ()
    """Functions, and classes whose decorator may put something else in their place."""

    classes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Names in ``__all__`` that the text does not define itself."""

    runs_on_import: str = ""
    """A call at the top level that makes importing unsafe (``main() in line 9``), else empty."""

    relative_level: int = 0
    """The most dots of a relative import: so many packages must enclose the module."""


def read_names(text: str) -> ModuleNames | None:
    """Parse a module's text; None when it is not Python that this interpreter understands."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef)]
    exported = _exported(tree)
    plain = [c.name for c in classes if _stays_a_class(c)]
    callables = [n.name for n in [*functions, *classes] if n.name not in plain]
    own = {*callables, *plain}
    return ModuleNames(
        tuple(dict.fromkeys(name for name in callables if _is_public(name, exported))),
        tuple(dict.fromkeys(name for name in plain if _is_public(name, exported))),
        tuple(name for name in exported or () if name not in own),
        _unsafe_call(tree, own),
        max((n.level for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)), default=0),
    )


def _stays_a_class(node: ast.ClassDef) -> bool:
    decorators = (ast.unparse(d).partition("(")[0].rpartition(".")[2] for d in node.decorator_list)
    return KEEPS_CLASSES.issuperset(decorators)


def _is_public(name: str, exported: list[str] | None) -> bool:
    return not name.startswith("_") if exported is None else name in exported


def _exported(tree: ast.Module) -> list[str] | None:
    """The names in a literal ``__all__``; None when there is none, or it is computed."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
            assert isinstance(node, ast.Assign)
            try:
                names = ast.literal_eval(node.value)
            except (ValueError, TypeError):
                return None
            if isinstance(names, list | tuple) and all(isinstance(n, str) for n in names):
                return list(dict.fromkeys(names))
    return None


def _unsafe_call(tree: ast.Module, own: set[str]) -> str:
    """The first top-level call of the module's own code, or of what ends or asks a program."""
    for node in tree.body:
        if not isinstance(node, ast.Expr):
            continue
        for call in ast.walk(node):
            if isinstance(call, ast.Call):
                name = ast.unparse(call.func)
                if name in own or name.rpartition(".")[2] in ENDS_THE_PROGRAM:
                    return f"{name}() in line {node.lineno}"
    return ""


def import_path(
    path: str, packages: set[str], least_packages: int = 0
) -> tuple[str, PurePosixPath]:
    """The dotted name to import, and the folder that must be on ``sys.path``.

    ``path`` is relative to the repository; ``packages`` are the folders with an ``__init__.py``.
    At least ``least_packages`` folders become part of the name, for namespace packages.
    """
    file = PurePosixPath(path)
    folder = file.parent
    parts = [] if file.stem == "__init__" else [file.stem]
    needed = least_packages
    while folder.name and (str(folder) in packages or needed > 0):
        parts.insert(0, folder.name)
        folder = folder.parent
        needed -= 1
    return ".".join(parts), folder


def write_test(module: str, names: ModuleNames, root: PurePosixPath, depth: int) -> str:
    """The text of the test file; ``depth`` folders lie between the repository and the file."""
    place = f"Path(__file__).resolve().parents[{depth}]"
    if root.parts:
        place += f' / "{root}"'
    sections = [
        (
            "CALLABLES",
            names.callables,
            "callables_can_be_called",
            "callable(getattr(module, name))",
        ),
        ("CLASSES", names.classes, "classes_are_classes", "inspect.isclass(getattr(module, name))"),
        ("EXPORTS", names.others, "exported_names_exist", "hasattr(module, name)"),
    ]
    present = [section for section in sections if section[1]]
    constants = "".join(_constant(name, values) for name, values, _, _ in present)
    checks = "".join(_check(name, title, test) for name, _, title, test in present)
    titles = ["module_can_be_imported", *(title for _, _, title, _ in present)]
    calls = "\n".join(f"    test_{title}()" for title in titles)
    inspect = "import inspect\n" if names.classes else ""
    return f'''"""Smoke tests for `{module}`: it can be imported, and its public names are there.

Nothing in it is called, because a call may have side effects. What its code does is not tested.
"""

import importlib
{inspect}import sys
from pathlib import Path

sys.path.insert(0, str({place}))

MODULE = "{module}"
{constants}

def test_module_can_be_imported():
    assert importlib.import_module(MODULE).__name__ == MODULE
{checks}

if __name__ == "__main__":
{calls}
    print("ok")
'''


def _constant(name: str, values: tuple[str, ...]) -> str:
    return f"{name} = [\n" + "".join(f'    "{value}",\n' for value in values) + "]\n"


def _check(constant: str, title: str, test: str) -> str:
    return f"""

def test_{title}():
    module = importlib.import_module(MODULE)
    for name in {constant}:
        assert {test}, name
"""
