"""How a node of a syntax tree tells the name of what it defines, and whose part that is."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ast_grep_py import SgNode

Name = tuple[str, str]
"""A name and the dotted name of its owner where the node itself tells it, else an empty one."""

Namer = Callable[["SgNode"], Iterator[Name]]
"""Finds what a node defines; nothing where it has no name."""

_NAME_NODES = ("identifier", "simple_identifier", "type_identifier", "name")
_TYPE_ARGUMENTS = re.compile(r"<[^<>]*>|\[[^\[\]]*\]")
_SEPARATORS = re.compile(r"::|\\|[.:]")
_NO_OWNERS = frozenset({"exports", "module", "this", "self", "prototype", "window", "globalThis"})
_NO_NAMES = frozenset(  # what a parser takes for one after code that it did not understand
    {"if", "for", "while", "switch", "return", "else", "do", "sizeof", "defined", "struct", "const"}
    | {"void", "char", "int", "long", "short", "unsigned", "signed", "float", "double"}
)


def by_name(node: "SgNode") -> Iterator[Name]:
    """The usual way: a field of the node, or the first child that is a name."""
    if name := node.field("name") or _first_name(node):
        yield _split(name.text())


def _split(text: str) -> Name:
    """``a::b::C`` as C of a.b."""
    if "<" in text or "[" in text:
        text = _TYPE_ARGUMENTS.sub("", text)
    if text.isidentifier():
        return text, ""
    owner, _, operator = text.partition("operator")
    if operator and not owner.strip().endswith(("_", ".")) and not operator[0].isalnum():
        return f"operator{operator}", ".".join(filter(None, _SEPARATORS.split(owner.strip())))
    *owners, name = [part.strip() for part in _SEPARATORS.split(text) if part.strip()] or [""]
    return name, ".".join(owners)


def by_dotted_name(node: "SgNode") -> Iterator[Name]:
    """A namespace keeps its dots: it is one definition."""
    if name := node.field("name"):
        parts = [part.strip() for part in _SEPARATORS.split(name.text().strip("\"'"))]
        yield ".".join(filter(None, parts)), ""


def _first_name(node: "SgNode") -> "SgNode | None":
    return next((child for child in node.children() if child.kind() in _NAME_NODES), None)


def by_declarators(node: "SgNode") -> Iterator[Name]:
    """C and C++ wind declarators around names: ``*(*name(int))[3], other``."""
    for declarator in node.field_children("declarator"):
        yield from _of_declarator(declarator)


def _of_declarator(node: "SgNode") -> Iterator[Name]:
    while True:
        inner = node.field("name" if node.kind() == "variable_declarator" else "declarator")
        if inner is None and node.kind() in ("parenthesized_declarator", "reference_declarator"):
            inner = next((child for child in node.children() if child.is_named()), None)
        if inner is None:
            name, owner = _split(node.text())
            if name and name not in _NO_NAMES:
                yield name, owner
            return
        node = inner


def by_inner_declarators(node: "SgNode") -> Iterator[Name]:
    """C# puts a declaration between a field and its names."""
    for declaration in node.children():
        for declarator in declaration.children():
            if declarator.kind() == "variable_declarator":
                yield from by_name(declarator)


def by_names(node: "SgNode") -> Iterator[Name]:
    """Go declares several names at once."""
    for name in node.field_children("name"):
        if name.kind() == "identifier":
            yield name.text(), ""


def by_receiver(node: "SgNode") -> Iterator[Name]:
    """A method of Go belongs to the type of its receiver: ``func (s *Server[T]) Run()``."""
    name, receiver = node.field("name"), node.field("receiver")
    if name:
        words = re.findall(r"\w+", _TYPE_ARGUMENTS.sub("", receiver.text())) if receiver else []
        yield name.text(), words[-1] if words else ""


def by_type(node: "SgNode") -> Iterator[Name]:
    """Rust's ``impl Display for Point<T>`` adds to Point."""
    if on := node.field("type"):
        yield _split(on.text())[0], ""


def by_target(node: "SgNode") -> Iterator[Name]:
    """``Router.prototype.use = function ...`` and ``exports.parse = ...`` of JavaScript."""
    left = node.field("left")
    if left and left.kind() in ("identifier", "member_expression"):
        name, owner = _split(left.text())
        if name.isidentifier() and name not in _NO_OWNERS:
            parts = [part for part in owner.split(".") if part not in _NO_OWNERS]
            yield name, ".".join(parts)


def by_left(node: "SgNode") -> Iterator[Name]:
    """The left side of an assignment as it stands there."""
    if left := node.field("left"):
        yield left.text(), ""


def by_variable(node: "SgNode") -> Iterator[Name]:
    """A declarator of JavaScript that names one thing and does not take another one apart."""
    name = node.field("name")
    if name and name.kind() == "identifier":
        yield name.text(), ""


def by_plain_variables(node: "SgNode") -> Iterator[Name]:
    """Those that hold neither a function, which is found wherever it stands, nor a module."""
    for declarator in node.children():
        if declarator.kind() == "variable_declarator":
            value = declarator.field("value")
            if value is None or not (value.kind() in _FUNCTIONS or _is_required(value)):
                yield from by_variable(declarator)


def _is_required(value: "SgNode") -> bool:
    return value.kind() == "call_expression" and value.text().startswith("require(")


_FUNCTIONS = ("arrow_function", "function_expression", "generator_function", "class")


def by_assignment(node: "SgNode") -> Iterator[Name]:
    """An assignment of Python at the top level."""
    for child in node.children():
        if child.kind() == "assignment":
            left = child.field("left")
            if left and left.kind() == "identifier":
                yield left.text(), ""


def by_wrapped_name(node: "SgNode") -> Iterator[Name]:
    """Kotlin wraps the name once, Swift twice."""
    for child in node.children():
        if child.kind() in ("variable_declaration", "pattern"):
            if name := _first_name(child):
                yield name.text(), ""
            return


def by_first_target(node: "SgNode") -> Iterator[Name]:
    """Lua assigns functions to several targets, of which the first counts."""
    left = next(iter(node.children()), None)
    if left:
        yield _split(left.text().partition(",")[0])
