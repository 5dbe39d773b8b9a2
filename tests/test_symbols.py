"""Definitions, imports and identifiers of source files."""

from grok_agent.context.symbols import symbols_of


def outline(path: str, text: str) -> list[str]:
    """Definitions as ``first-last kind parent.name``."""
    return [
        f"{d.first_line}-{d.last_line} {d.kind} {d.parent}.{d.name}".replace(" .", " ")
        for d in symbols_of(path, text).definitions
    ]


def test_a_python_file() -> None:
    text = (
        "import os.path as p, sys\n"
        "from .a import (b as c,  # why\n    d)\n"
        "LIMIT = 3\n\n\n"
        "@cache\nclass A(B):\n    @property\n    def f(self, x: int = 1) -> int:\n"
        "        def inner(): ...\n        return x\n"
    )
    found = symbols_of("pkg/a.py", text)
    assert outline("pkg/a.py", text) == [
        "4-4 variable LIMIT",
        "7-12 class A",
        "9-12 method A.f",
        "11-11 function A.f.inner",
    ]
    assert [d.signature for d in found.definitions] == [
        "LIMIT = 3",
        "class A(B)",
        "def f(self, x: int = 1) -> int",
        "def inner()",
    ]
    assert [(i.module, i.names, i.line) for i in found.imports] == [
        ("os.path", (), 1),
        ("sys", (), 1),
        (".a", ("b", "d"), 2),
    ]
    assert dict(found.references)["int"] == 2
