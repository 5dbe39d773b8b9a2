"""Plans the renaming of a symbol over all files."""

import keyword
import re
from dataclasses import dataclass

from grok_agent.context.files import walk
from grok_agent.context.languages import language_of
from grok_agent.context.symbols import symbols_of
from grok_agent.errors import ToolError
from grok_agent.tools.code_files import CodeFile, Scope, code_files
from grok_agent.tools.python_modules import Modules, module_id
from grok_agent.tools.rename_identifiers import rename_identifiers
from grok_agent.tools.rename_python import Plan, PythonRename
from grok_agent.tools.workspace import Workspace

IDENTIFIER = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Target:
    """What is to be renamed: ``name`` as the file ``path`` defines it."""

    path: str
    name: str
    language: str


def plan_rename(workspace: Workspace, target: str, new_name: str, scope: Scope) -> Plan:
    """What has to change so that ``target`` is called ``new_name``.

    Raises ToolError: no such symbol, several of them, or the new name is taken or no name.
    """
    name = re.split(r"[.:]", target.strip())[-1]
    _require_names(name, new_name)
    codes = list(code_files(workspace))
    paths = [each.path for each in walk(workspace.root) if language_of(each.path) == "python"]
    python = PythonRename(codes, Modules(paths), name, new_name, scope)
    found = _find(target.strip(), name, codes, python)
    if found.path not in scope:
        raise ToolError(
            f"{target} is defined in {found.path}, outside of the scope.",
            next_step="Widen the scope.",
        )
    if found.language == "python":
        if keyword.iskeyword(new_name):
            raise ToolError(f"{new_name} is a Python keyword.", next_step="Choose another name.")
        if new_name.startswith("__") and not new_name.endswith("__"):
            raise ToolError(
                f"{new_name} means something else inside of classes.",
                next_step="Choose a name without two leading underscores.",
            )
        return python.plan(module_id(found.path))
    return rename_identifiers(codes, found.language, name, new_name, scope)


def _require_names(name: str, new_name: str) -> None:
    for each in (name, new_name):
        if not IDENTIFIER.fullmatch(each):
            raise ToolError(f"{each!r} is no name.", next_step="Give one name, without dots.")
    if name == new_name:
        raise ToolError(f"It is called {name} already.", next_step="Choose another name.")


def _find(target: str, name: str, codes: list[CodeFile], python: PythonRename) -> Target:
    if ":" in target:
        path, _, inner = target.partition(":")
        inner = inner.lstrip(":")
        places = [t for t in _definitions(codes, name, python) if t.path == path.removeprefix("./")]
        if "." in inner and any(place.language == "python" for place in places):
            raise _member(target, name)
    elif "." in target:
        defined = python.defining_path(target.rpartition(".")[0])
        if defined is None:
            raise _member(target, name) if "." in target else _unknown(target)
        return Target(defined, name, "python")
    else:
        places = _definitions(codes, name, python)
    if not places:
        raise _unknown(target)
    if len({(place.path, place.language) for place in places}) > 1:
        listed = ", ".join(f"{place.path}:{name}" for place in places[:20])
        raise ToolError(
            f"{name} is defined {len(places)} times: {listed}.", next_step="Name one of them."
        )
    return places[0]


def _definitions(codes: list[CodeFile], name: str, python: PythonRename) -> list[Target]:
    """The files that define the name; in Python at the level of the module."""
    found = [Target(path, name, "python") for path in python.definitions()]
    for code in codes:
        if code.language in ("", "python") or name not in code.text:
            continue
        if any(each.name == name for each in symbols_of(code.path, code.text).definitions):
            found.append(Target(code.path, name, code.language))
    return found


def _unknown(target: str) -> ToolError:
    return ToolError(
        f"No file defines {target} as a function, class or module variable.",
        next_step="Find it with grep and name it as path:name.",
    )


def _member(target: str, name: str) -> ToolError:
    return ToolError(
        f"{target} is no function, class or variable of a module; which objects have a member is"
        " not known.",
        next_step=f"Rename a member with rewrite_code: pattern $OBJECT.{name}, and its definition"
        " with search_replace.",
    )
