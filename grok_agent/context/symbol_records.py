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

    ``language`` is empty where the file has none. ``counted`` holds the identifiers and their
    counts by turns between blanks: a repository has hundreds of thousands, seldom all needed.
    """

    language: str
    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    counted: str = ""

    @property
    def references(self) -> tuple[tuple[str, int], ...]:
        """Each identifier in the order of first use, and how often; unpacked at each access.

        These are all words of two characters or more that could be identifiers, those in comments
        and strings too.
        """
        words = self.counted.split()
        return tuple(zip(words[::2], map(int, words[1::2]), strict=True))


def to_bytes(symbols: Symbols) -> bytes:
    """``symbols`` in a compact form."""
    definitions = [
        (d.name, d.kind, d.first_line, d.last_line, d.signature, d.parent)
        for d in symbols.definitions
    ]
    imports = [(i.module, i.names, i.line) for i in symbols.imports]
    row = (symbols.language, definitions, imports, symbols.counted)
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def from_bytes(stored: bytes) -> Symbols:
    """What :func:`to_bytes` was given; raises ValueError for bytes that are nothing of the kind."""
    try:
        language, definitions, imports, counted = json.loads(stored)
        return Symbols(
            language,
            tuple([Definition(*row) for row in definitions]),
            tuple([Import(module, tuple(names), line) for module, names, line in imports]),
            counted,
        )
    except TypeError as error:
        raise ValueError(f"these bytes hold no symbols: {error}") from None
