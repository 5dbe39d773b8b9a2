"""Definitions, imports and identifiers of source files, kept by their content.

Languages with a grammar are parsed; for others, and for texts that a parser must not see, patterns
find what they can.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from grok_agent.context.content_cache import ContentCache
from grok_agent.context.files import DatedFile, UnreadableFileError, read_text
from grok_agent.context.languages import language_of, refined
from grok_agent.context.symbol_records import Definition, Import, Symbols, from_bytes, to_bytes

__all__ = ["Definition", "Import", "Symbols", "language_of", "symbols_for", "symbols_of"]

FORM = "2"
"""Grows when the same text gives other symbols than before."""

_BATCH = 256


def symbols_of(path: str, text: str) -> Symbols:
    """What ``text`` defines, imports and refers to; its language is told by the name of ``path``.

    Never raises for a string: broken, foreign or hostile text gives what can be found in it, a file
    without a programming language nothing.
    """
    language = language_of(path)
    if language is None:
        return Symbols("")
    text = text.removeprefix("\ufeff")
    language = refined(language, text)
    # Where the cache knows all files, nothing of this is needed.
    from grok_agent.context.fallback_symbols import fallback_definitions, fallback_imports
    from grok_agent.context.identifiers import count_identifiers
    from grok_agent.context.syntax import parse
    from grok_agent.context.syntax_symbols import definitions_and_imports

    tree = parse(text, language)
    if tree is not None:
        definitions, imports = definitions_and_imports(tree, text, language)
    else:
        definitions = fallback_definitions(text, language)
        imports = fallback_imports(text, language)
    return Symbols(language, definitions, imports, count_identifiers(text))


def symbols_for(root: str | os.PathLike[str], files: Iterable[DatedFile]) -> dict[str, Symbols]:
    """The symbols of ``files`` (below ``root``) by path, those of a known content from the cache.

    Left out are files without a programming language, without a digest, and those that vanished or
    changed since they were listed.
    """
    keyed = [
        (f"{language}:{file.digest}", file)
        for file in files
        if file.digest and (language := language_of(file.path))
    ]
    cache = ContentCache("symbols", FORM)
    known = _decoded(cache.get_many(key for key, _ in keyed))
    missing = iter([(key, file) for key, file in keyed if key not in known])
    while batch := list(islice(missing, _BATCH)):
        fresh = _read(Path(root), batch)
        cache.put_many({key: to_bytes(symbols) for key, symbols in fresh.items()})
        known |= fresh
    cache.close()
    return {file.path: known[key] for key, file in keyed if key in known}


def _read(root: Path, files: Iterable[tuple[str, DatedFile]]) -> dict[str, Symbols]:
    """What the files say, by key; of several with the same content one is read."""
    found: dict[str, Symbols] = {}
    for key, file in files:
        if key not in found:
            with suppress(UnreadableFileError):
                found[key] = symbols_of(file.path, read_text(root, file))
    return found


def _decoded(values: Mapping[str, bytes]) -> dict[str, Symbols]:
    found = {}
    for key, value in values.items():
        with suppress(ValueError):
            found[key] = from_bytes(value)
    return found
