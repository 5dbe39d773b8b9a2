"""Plans the renaming of a Python name in all modules that know it."""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from grok_agent.tools.code_change import Remark
from grok_agent.tools.code_files import CodeFile, Planned, Scope
from grok_agent.tools.python_modules import Modules, module_id
from grok_agent.tools.python_names import Edits, Name, PythonModule

MAX_REMARKS = 500
MAX_LINE = 120


@dataclass(frozen=True)
class Plan:
    """The new texts, and what a person should look at."""

    files: tuple[Planned, ...]
    left_alone: tuple[Remark, ...]
    uncertain: tuple[Remark, ...] = ()


class PythonRename:
    """The renaming of one name in all files of a workspace."""

    def __init__(
        self, codes: list[CodeFile], modules: Modules, old: str, new: str, scope: Scope
    ) -> None:
        self._codes = codes
        self._modules = modules
        self._name = Name(old, new)
        self._scope = scope
        self._word = re.compile(rf"\b{re.escape(old)}\b")
        self._parsed: dict[str, PythonModule] = {}
        self._broken: set[str] = set()
        for code in codes:
            if code.language == "python" and (old in code.text or "import *" in code.text):
                self._parse(code)

    def definitions(self) -> list[str]:
        """Paths of the modules that define the name at their own level; a stub is no other."""
        name = self._name.old
        found: dict[str, str] = {}
        for path, module in self._parsed.items():
            scope = module.scopes.module
            for each in module.scopes.occurrences:
                defines = not isinstance(getattr(each.node, "ctx", None), ast.Load)
                if each.name == name and defines and each.meant is scope:
                    found.setdefault(module.id, path)
        return list(found.values())

    def defining_path(self, dotted: str) -> str | None:
        """The file that defines the name which the module ``dotted`` knows, by itself or through
        what it imports."""
        module = self._modules.absolute(dotted, "")
        paths = {module_id(path): path for path in self.definitions()}
        seen: set[str] = set()
        while module and module not in paths and module not in seen:
            seen.add(module)
            module = self._imported_from(module)
        return paths.get(module) if module else None

    def plan(self, module: str) -> Plan:
        """Rename what the module defines. Raises ToolError when that cannot be done surely."""
        known = self._modules_that_know(module)
        files: list[Planned] = []
        remarks: list[Remark] = []
        for code in self._codes:
            if not self._word.search(code.text):
                continue
            parsed = self._parsed.get(code.path)
            edits = parsed.edits(self._name, known) if parsed else {}
            if code.path in self._scope and edits:
                files.append(Planned(code, _edited(code.text, edits), len(edits)))
            elif edits:
                lines = [code.text.count("\n", 0, start) + 1 for start, _ in edits]
                remarks += [_remark(code, line, "outside of the scope") for line in lines]
            remarks += self._mentions(code, parsed, edits)
        return Plan(tuple(files), tuple(remarks[:MAX_REMARKS]))

    # Inside

    def _parse(self, code: CodeFile) -> None:
        try:
            self._parsed[code.path] = PythonModule(code, self._modules)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self._broken.add(code.path)

    def _imported_from(self, module: str) -> str | None:
        name = self._name.old
        for parsed in self._parsed.values():
            if parsed.id == module:
                for each in parsed.scopes.imports:
                    if each.binds in (name, "*") and each.alias.name in (name, "*"):
                        return parsed.source(each)
        return None

    def _modules_that_know(self, module: str) -> set[str]:
        """Modules that have the symbol under its old name as a variable of their own."""
        known = {module}
        while True:
            more = {
                parsed.id
                for path, parsed in self._parsed.items()
                if path in self._scope and parsed.scopes.module in parsed.owners(self._name, known)
            }
            if more <= known:
                return known
            known |= more

    def _mentions(
        self, code: CodeFile, parsed: PythonModule | None, edits: Edits
    ) -> Iterable[Remark]:
        """Where the word stands and was not changed, unless it surely means something else."""
        for match in self._word.finditer(code.text):
            if any(start <= match.start() < end for start, end in edits):
                continue
            why = self._why_left(code, parsed, match.start())
            if why:
                yield _remark(code, code.text.count("\n", 0, match.start()) + 1, why)

    def _why_left(self, code: CodeFile, parsed: PythonModule | None, position: int) -> str:
        if code.path in self._broken:
            return "the file cannot be parsed"
        if parsed is None:
            return "text" if not code.language else f"{code.language} code"
        return parsed.role(position, self._name.old)


def _edited(text: str, edits: Edits) -> str:
    for (start, end), new in sorted(edits.items(), reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _remark(code: CodeFile, line: int, reason: str) -> Remark:
    lines = code.text.split("\n")
    return Remark(code.path, line, reason, lines[line - 1].strip()[:MAX_LINE])
