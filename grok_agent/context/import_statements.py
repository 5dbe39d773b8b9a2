"""Reads import statements of many languages."""

import re
from collections.abc import Callable, Iterator, Mapping

from grok_agent.context.symbol_records import Import

Module = tuple[str, tuple[str, ...]]
"""A module as the statement writes it, and the names that are taken out of it."""

_QUOTED = re.compile(r"""["'`]([^"'`\n]+)["'`]""")
_INCLUDED = re.compile(r'[<"]([^>"\n]+)[>"]')
_COMMENT = re.compile(r"#[^\n]*|//[^\n]*|/\*.*?\*/", re.DOTALL)
_FROM_IMPORT = re.compile(r"from\b(.+?)\bimport\b(.*)", re.DOTALL)
_IMPORT_FROM = re.compile(r"(?:import|export)\b(.*?)\bfrom\s*[\"']([^\"'\n]+)", re.DOTALL)
_BRACES = re.compile(r"\{(.*?)\}", re.DOTALL)
_ALIAS = re.compile(r"\s+as\s.*|\s*=>.*", re.DOTALL)
_USE = re.compile(r"(?:pub\s*(?:\([^)]*\))?\s*)?(?:use|extern\s+crate)\b(.*)", re.DOTALL)
_MOD = re.compile(r"(?:pub\s*(?:\([^)]*\))?\s*)?mod\s+(\w+)\s*;")
_REQUIRED = re.compile(r"\b(?:require|import)\s*\(\s*([\"'`])([^\"'`\n]{1,500})\1\s*[,)]")
_MAX_CHARS = 20_000

SCRIPTED = frozenset({"javascript", "typescript", "tsx", "vue", "svelte"})
"""Languages with the import statements of JavaScript."""


def imports_in(statement: str, language: str) -> list[Module]:
    """What ``statement``, one import statement of ``language``, takes in."""
    read = _READERS.get(language)
    return list(read(statement[:_MAX_CHARS])) if read else []


def required(text: str) -> list[Import]:
    """Modules that are taken in by a call of JavaScript's ``require`` or ``import``."""
    found: list[Import] = []
    line, position = 1, 0
    for match in _REQUIRED.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        found.append(Import(match[2], (), line))
    return found


def _listed(names: str) -> tuple[str, ...]:
    """Names between commas, without their aliases."""
    found = (_ALIAS.sub("", name.strip()).strip() for name in names.split(","))
    return tuple(name for name in found if name)


def _python(statement: str) -> Iterator[Module]:
    statement = _COMMENT.sub("", statement).replace("\\", " ")
    if match := _FROM_IMPORT.match(statement):
        yield "".join(match[1].split()), _listed(match[2].strip().strip("()"))
    else:
        for module in _listed(statement.removeprefix("import")):
            yield module, ()


def _javascript(statement: str) -> Iterator[Module]:
    match = _IMPORT_FROM.match(statement)
    if match is None:
        if quoted := _QUOTED.search(statement):
            yield quoted[1], ()
        return
    clause, module = match.groups()
    braces = _BRACES.search(clause)
    names = _listed(_COMMENT.sub("", braces[1])) if braces else ()
    names = tuple(name.removeprefix("type ").strip() for name in names)
    outside = _BRACES.sub("", clause).removeprefix(" type ")
    whole = ("*",) if "*" in outside else ()
    default = ("default",) if re.match(r"\s*[\w$]", outside) else ()
    yield module, default + whole + names


def _quoted(statement: str) -> Iterator[Module]:
    if quoted := _QUOTED.search(statement):
        yield quoted[1], ()


def _included(statement: str) -> Iterator[Module]:
    if included := _INCLUDED.search(statement):
        yield included[1], ()


def _rust(statement: str) -> Iterator[Module]:
    if file := _MOD.match(statement):
        yield f"self::{file[1]}", ()
    elif match := _USE.match(_COMMENT.sub("", statement)):
        yield from _use_tree("", match[1].strip().rstrip(";"))


def _use_tree(prefix: str, tree: str) -> Iterator[Module]:
    """``std::{io, fmt::{self, Display}}`` as io of std and as self and Display of std::fmt."""
    path, brace, rest = tree.partition("{")
    module = "::".join(filter(None, (prefix, path.strip().rstrip(":"))))
    if not brace:
        path, _, name = _ALIAS.sub("", module).rpartition("::")
        yield (path, (name,)) if path else (name, ())
        return
    names = []
    for branch in _branches(rest.rpartition("}")[0]):
        if "::" in branch or "{" in branch:
            yield from _use_tree(module, branch)
        else:
            names.append(_ALIAS.sub("", branch))
    if names:
        yield module, tuple(names)


def _branches(text: str) -> Iterator[str]:
    """Parts between the commas that stand in no braces."""
    depth, part = 0, ""
    for char in text:
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            if part.strip():
                yield part.strip()
            part = ""
        else:
            part += char
    if part.strip():
        yield part.strip()


def _dotted(statement: str) -> Iterator[Module]:
    """``import a.b.C``, ``import a.b.*`` and ``import a.b.{C, D => E}``."""
    match = re.match(r"import\s+(?:static\s+)?(.*)", _COMMENT.sub("", statement), re.DOTALL)
    if match is None:
        return
    path = match[1].strip().rstrip(";").strip()
    if braces := _BRACES.search(path):
        names = _listed(braces[1])
        module = path[: braces.start()].strip().rstrip(".")
    else:
        module, _, name = _ALIAS.sub("", path).rpartition(".")
        names = (name,) if module else ()
        module = module or name
    yield module, tuple("*" if name in ("_", "given") else name for name in names)


def _using(statement: str) -> Iterator[Module]:
    path = statement.strip().rstrip(";").partition("=")[2] or statement.strip().rstrip(";")
    if words := path.split():
        yield words[-1], ()


def _php(statement: str) -> Iterator[Module]:
    if not statement.startswith("use"):
        yield from _quoted(statement)
        return
    path = re.sub(r"^use\s+(?:function\s+|const\s+)?", "", statement).strip().rstrip(";")
    if braces := _BRACES.search(path):
        yield path[: braces.start()].strip().strip("\\"), _listed(braces[1])
        return
    for name in _listed(path):
        module, _, last = name.strip("\\").rpartition("\\")
        yield (module, (last,)) if module else (last, ())


def _ruby(statement: str) -> Iterator[Module]:
    for module, names in _quoted(statement):
        is_near = statement.startswith("require_relative") and not module.startswith(".")
        yield f"./{module}" if is_near else module, names


def _swift(statement: str) -> Iterator[Module]:
    if words := statement.split():
        module, _, name = words[-1].partition(".")
        yield module, ((name,) if name else ())


def _bash(statement: str) -> Iterator[Module]:
    words = statement.split()
    if len(words) > 1:
        yield words[1].strip("\"'"), ()


_READERS: Mapping[str, Callable[[str], Iterator[Module]]] = {
    "bash": _bash,
    "c": _included,
    "cpp": _included,
    "csharp": _using,
    "go": _quoted,
    "java": _dotted,
    "javascript": _javascript,
    "kotlin": _dotted,
    "lua": _quoted,
    "php": _php,
    "python": _python,
    "ruby": _ruby,
    "rust": _rust,
    "scala": _dotted,
    "swift": _swift,
    "tsx": _javascript,
    "typescript": _javascript,
}
