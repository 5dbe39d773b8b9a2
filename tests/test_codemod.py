"""rewrite_code and rename_symbol as a model uses them."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from langchain_core.messages import ToolMessage

from grok_agent import Workspace, repository_tools
from grok_agent.tools.permission import Mode


def call(root: Path, name: str, *, mode: Mode = "edits", **arguments: object) -> ToolMessage:
    return call_in(Workspace(root, permission=mode), name, **arguments)


def call_in(workspace: Workspace, name: str, **arguments: object) -> ToolMessage:
    tools = {tool.name: tool for tool in repository_tools(workspace)}
    message = tools[name].invoke({"type": "tool_call", "name": name, "id": "1", "args": arguments})
    assert isinstance(message, ToolMessage)
    return message


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "pkg" / "sub").mkdir(parents=True)
    texts = {
        "pkg/__init__.py": "from .core import load\nfrom .core import load as fetch\n"
        "__all__ = ['load', 'fetch']\n",
        "pkg/core.py": "def load(x):\n    '''load it'''\n    return load  # load\n\n\n"
        "def other(load):\n    return load\n\n\n"
        "def third():\n    return [load for _ in ()], f'{load(1)!r} load'\n",
        "pkg/sub/__init__.py": "from ..core import *\n",
        "pkg/sub/user.py": "import pkg\nimport pkg.core as c\nfrom . import load as mine\n"
        "from pkg import core\n\n\ndef go(thing):\n"
        "    getattr(pkg, 'load')\n    thing.load()\n"
        "    return pkg.load(1), c.load, core.load, mine, pkg.core.load\n",
        "free.py": "def other():\n    load = 1\n    return load\n",
        "README.md": "call load()\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_python_name_is_renamed_where_it_is_meant_and_only_there(package: Path) -> None:
    workspace = Workspace(package)
    message = call_in(workspace, "rename_symbol", target="pkg.core.load", new_name="read")
    assert message.status == "success", message.text
    assert (package / "pkg/__init__.py").read_text() == (
        "from .core import read\nfrom .core import read as fetch\n__all__ = ['read', 'fetch']\n"
    )
    assert (package / "pkg/core.py").read_text() == (
        "def read(x):\n    '''load it'''\n    return read  # load\n\n\n"
        "def other(load):\n    return load\n\n\n"
        "def third():\n    return [read for _ in ()], f'{read(1)!r} load'\n"
    )
    assert (package / "pkg/sub/user.py").read_text() == (
        "import pkg\nimport pkg.core as c\nfrom . import read as mine\n"
        "from pkg import core\n\n\ndef go(thing):\n"
        "    getattr(pkg, 'load')\n    thing.load()\n"
        "    return pkg.read(1), c.read, core.read, mine, pkg.core.read\n"
    )
    left = {(each.path, each.line, each.reason) for each in message.artifact.left_alone}
    assert left == {
        ("README.md", 1, "text"),
        ("pkg/core.py", 2, "in a string"),
        ("pkg/core.py", 3, "in a comment"),
        ("pkg/core.py", 11, "in a string"),
        ("pkg/sub/user.py", 8, "in a string"),
        ("pkg/sub/user.py", 9, "an attribute of something unknown"),
    }
    assert message.artifact.diff == workspace.diff()
    workspace.require_fresh("pkg/core.py")  # counts as read


def test_a_dry_run_changes_nothing(package: Path) -> None:
    workspace = Workspace(package)
    message = call_in(workspace, "rename_symbol", target="pkg.load", new_name="read", dry_run=True)
    assert message.text.startswith("Would change ")
    assert message.artifact.places == 12
    assert "+def read(x):" in message.text
    assert workspace.diff() == ""


def test_code_is_rewritten_in_every_file_of_the_paths(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.py").write_bytes(b"x = 1\r\nprint(old(1, old(2)), 'old(3)')\r\n")
    (tmp_path / "two.py").write_text("old(4)\n")
    workspace = Workspace(tmp_path)
    change = {"pattern": "old($$$A)", "rewrite": "new($$$A)", "language": "python"}
    message = call_in(workspace, "rewrite_code", paths=["a"], **change)
    assert (tmp_path / "a/one.py").read_bytes() == (b"x = 1\r\nprint(new(1, new(2)), 'old(3)')\r\n")
    assert (tmp_path / "two.py").read_text() == "old(4)\n"
    assert message.text.startswith("Changed 2 places in 1 file.\na/one.py: 2\n")
    assert message.artifact.diff == workspace.diff()


@pytest.mark.parametrize("tool", ["rewrite_code", "rename_symbol"])
def test_leave_is_needed_as_for_any_edit(tmp_path: Path, tool: str) -> None:
    verdicts = [
        Workspace(tmp_path, permission=mode).decide(tool, {}).verdict
        for mode in ("plan", "ask", "edits", "all")
    ]
    assert verdicts == ["deny", "ask", "allow", "allow"]


def test_a_public_function_of_a_real_library_is_renamed(tmp_path: Path) -> None:
    spec = find_spec("rich")
    assert spec
    assert spec.origin
    shutil.copytree(
        Path(spec.origin).parent, tmp_path / "rich", ignore=shutil.ignore_patterns("__pycache__")
    )
    message = call(tmp_path, "rename_symbol", target="rich.cells.cell_len", new_name="width_of")
    assert message.status == "success", message.text
    assert len(message.artifact.files) > 5
    script = (
        "import pkgutil, importlib, io, rich, rich.cells, rich.table, rich.console, rich.text\n"
        "assert not hasattr(rich.cells, 'cell_len')\n"
        "for m in ('text', 'segment', 'table', 'markdown', 'progress', 'panel', 'tree'):\n"
        "    importlib.import_module('rich.' + m)\n"
        "t = rich.table.Table('a', 'b'); t.add_row('1', '\\u4e2d')\n"
        "rich.console.Console(file=io.StringIO()).print(t, 'x' * 300)\n"
        "print(rich.__file__)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(str(tmp_path))
