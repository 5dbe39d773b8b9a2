"""What is known about the symbols of one file."""

import json
from dataclasses import dataclass
from typing import Literal

DefinitionKind = Literal[
    "class",
    "constant",
    "enum",
    "function",
    "impl",
    "interface",
    "macro",
    "method",
    "module",
    "property",
    "prototype",
    "struct",
    "trait",
    "type",
    "variable",
]


@dataclass(frozen=True, slots=True)
class Definition:
    """A named piece of code.

    Lines are 1-based and inclusive, and only a line feed ends one; decorators and attributes belong
    to the piece, comments in front of it do not. ``signature`` is its head on one line, cut after
    200 characters. ``parent`` names what it belongs to, from outside in with dots, or is empty.

    ``impl`` is a block that adds to a type defined elsewhere, ``prototype`` a C function without
    body, ``variable`` a name at the top level of a file.
    """

    name: str
    kind: DefinitionKind
    first_line: int
    last_line: int
    signature: str
    parent: str


@dataclass(frozen=True, slots=True)
class Import:
    """A statement that takes in another module, as written there.

    ``module`` is a dotted name, a path or a URL; leading dots mean "relative". ``names`` are those
    taken out of it under the names that they have there: ``*`` for all, ``default`` for the default
    export of JavaScript, none for the module itself. ``line`` is 1-based.
    """

    module: str
    names: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Symbols:
    """Definitions and imports in the order of the file, and how often each identifier stands in it.

    ``references`` counts every word that could be an identifier and has two characters or more,
    those in comments and strings too. ``language`` is empty where the file has none.
    """

    language: str
    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    references: tuple[tuple[str, int], ...] = ()


def to_bytes(symbols: Symbols) -> bytes:
    """``symbols`` in a compact form."""
    columns = [
        symbols.language,
        [
            (d.name, d.kind, d.first_line, d.last_line, d.signature, d.parent)
            for d in symbols.definitions
        ],
        [(i.module, i.names, i.line) for i in symbols.imports],
        " ".join(name for name, _ in symbols.references),
        [count for _, count in symbols.references],
    ]
    return json.dumps(columns, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def from_bytes(stored: bytes) -> Symbols:
    """What :func:`to_bytes` was given; raises ValueError for bytes that are nothing of the kind."""
    try:
        language, definitions, imports, names, counts = json.loads(stored)
        return Symbols(
            language,
            tuple(Definition(*row) for row in definitions),
            tuple(Import(module, tuple(names), line) for module, names, line in imports),
            tuple(zip(names.split(" ") if names else (), counts, strict=True)),
        )
    except (TypeError, AttributeError) as error:
        raise ValueError(f"no symbols: {error}") from None
