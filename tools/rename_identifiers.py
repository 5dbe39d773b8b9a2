"""Plans the renaming of an identifier where scopes are not resolved."""

import re

from grok_agent.context.symbols import symbols_of
from grok_agent.context.syntax import parse
from grok_agent.errors import ToolError
from grok_agent.tools.code_change import Remark
from grok_agent.tools.code_files import CodeFile, Planned, Scope
from grok_agent.tools.rename_python import Plan

MAX_REMARKS = 500
FAMILIES = (frozenset({"javascript", "typescript", "tsx"}), frozenset({"c", "cpp"}))
"""Languages whose files use each other's names."""

MEMBERS = ("field_identifier", "property_identifier", "shorthand_property_identifier")


def rename_identifiers(
    codes: list[CodeFile], language: str, old: str, new: str, scope: Scope
) -> Plan:
    """Rename every identifier ``old`` of the language in ``scope``.

    Members of objects and short forms are changed as well and named as uncertain; words in
    strings and comments are left. Raises ToolError when ``old`` is defined in several files of the
    scope, or ``new`` in any.
    """
    family = next((each for each in FAMILIES if language in each), frozenset({language}))
    ours = [each for each in codes if each.language in family and each.path in scope]
    _require_one(ours, old, new)
    files: list[Planned] = []
    left: list[Remark] = []
    uncertain: list[Remark] = []
    for code in ours:
        if old not in code.text:
            continue
        root = parse(code.text, code.language)
        if root is None:
            left.append(Remark(code.path, 0, "too long or too deep to be parsed"))
            continue
        text, places = code.text, 0
        lines = code.text.split("\n")
        leaves = [n for n in root.find_all(regex=f"^{old}$") if not n.children()]
        for node in sorted(leaves, key=lambda n: -n.range().start.index):
            stretch = node.range()
            line = stretch.start.line + 1
            shown = lines[line - 1].strip()[:120]
            if "identifier" not in node.kind() and node.kind() not in ("name", "constant", "word"):
                left.append(Remark(code.path, line, f"a {node.kind()}", shown))
                continue
            if node.kind() in MEMBERS:
                uncertain.append(Remark(code.path, line, "a member of an object", shown))
            text = text[: stretch.start.index] + new + text[stretch.end.index :]
            places += 1
        if places:
            files.append(Planned(code, text, places))
        left += _words_left(code, old, {n.range().start.index for n in leaves})
    return Plan(tuple(files), tuple(left[:MAX_REMARKS]), tuple(uncertain[:MAX_REMARKS]))


def _require_one(codes: list[CodeFile], old: str, new: str) -> None:
    def defining(name: str) -> list[str]:
        return [
            code.path
            for code in codes
            if name in code.text
            and any(each.name == name for each in symbols_of(code.path, code.text).definitions)
        ]

    several, taken = defining(old), defining(new)
    if len(several) > 1:
        raise ToolError(
            f"{old} is defined in several files, whose uses cannot be told apart:"
            f" {', '.join(several[:20])}.",
            next_step="Give a scope that holds only one of them, or use rewrite_code.",
        )
    if taken:
        raise ToolError(
            f"{new} is defined already in {', '.join(taken[:20])}.",
            next_step="Choose another name.",
        )


def _words_left(code: CodeFile, old: str, changed: set[int]) -> list[Remark]:
    """Words in strings and comments."""
    lines = code.text.split("\n")
    found = []
    for match in re.finditer(rf"\b{re.escape(old)}\b", code.text):
        if match.start() not in changed:
            line = code.text.count("\n", 0, match.start()) + 1
            found.append(
                Remark(code.path, line, "in a string or comment", lines[line - 1].strip()[:120])
            )
    return found
