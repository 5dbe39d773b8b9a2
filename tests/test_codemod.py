"""rewrite_code and rename_symbol as a model uses them."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from langchain_core.messages import ToolMessage

from grok_agent import Workspace, repository_tools
from grok_agent.errors import ToolError
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


def rename(root: Path, text: str, **more: object) -> str:
    """What becomes of ``text`` when its ``load`` is renamed to ``read``."""
    (root / "m.py").write_text(text)
    message = call(root, "rename_symbol", target="m.py:load", new_name="read", **more)
    return (root / "m.py").read_text() if message.status == "success" else message.text


HEAD, RENAMED = "def load(): pass\n", "def read(): pass\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (
            "def f(a=load, *, load=load): return load\n",
            "def f(a=read, *, load=read): return load\n",
        ),
        ("def f():\n    global load\n    load = 1\n", "def f():\n    global read\n    read = 1\n"),
        ("x = [load for load in load()]\n", "x = [load for load in read()]\n"),
        ("class A:\n    load = load\n    y = load\n", "class A:\n    load = read\n    y = load\n"),
        (
            "class A:\n    def load(self): return load\n",
            "class A:\n    def load(self): return read\n",
        ),
        ("f(load=load)\n", "f(load=read)\n"),
        ("é = '中😀'; load()\n", "é = '中😀'; read()\n"),
        ('x = f"""\n{load()} load {y}\n{load}"""\n', 'x = f"""\n{read()} load {y}\n{read}"""\n'),
        ("try: pass\nexcept E as load: load\n", "try: pass\nexcept E as read: read\n"),
        ("match x:\n    case [*load]: load\n", "match x:\n    case [*read]: read\n"),
        (
            "try:\n    from fast import load\nexcept ImportError: pass\n",
            "try:\n    from fast import load as read\nexcept ImportError: pass\n",
        ),
        (
            "@load\nclass B(load, m=load): x: load = load\n",
            "@read\nclass B(read, m=read): x: read = read\n",
        ),
        ("def f():\n    load = 1\n    def g(): nonlocal load; load = 2\n",) * 2,
        (
            "def f(x: 'list[load]') -> 'm.load': y: Literal['load'] = 'load'\n",
            "def f(x: 'list[read]') -> 'm.load': y: Literal['load'] = 'load'\n",
        ),
        ("lambda load: load; del load\n", "lambda load: load; del read\n"),
    ],
)
def test_scopes_are_those_of_python(tmp_path: Path, text: str, after: str) -> None:
    assert rename(tmp_path, HEAD + text) == RENAMED + after


@pytest.mark.parametrize(
    "text",
    [
        "read = 1\n",
        "def f(read): return load\n",
        "def f(): return read\n",
        "def f():\n    for read in (): load()\n",
    ],
)
def test_a_name_that_is_taken_is_refused(tmp_path: Path, text: str) -> None:
    refusal = rename(tmp_path, HEAD + text)
    assert "read means something else in m.py" in refusal
    assert (tmp_path / "m.py").read_text() == HEAD + text


def test_a_local_variable_of_the_new_name_elsewhere_does_no_harm(tmp_path: Path) -> None:
    text = "def f(read): return read\nload()\n"
    assert rename(tmp_path, HEAD + text) == RENAMED + text.replace("load", "read")


def test_bytes_line_ends_and_marks_stay(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_bytes(b"\xef\xbb\xbfdef load(): pass\r\n# \xff\xc3\xa9\r\nload()\r\n")
    (tmp_path / "n.py").write_bytes(b"# \xe9t\xe9\rfrom m import load\rload()\r")
    message = call(tmp_path, "rename_symbol", target="load", new_name="read")
    assert message.status == "success", message.text
    expected = b"\xef\xbb\xbfdef read(): pass\r\n# \xff\xc3\xa9\r\nread()\r\n"
    assert (tmp_path / "m.py").read_bytes() == expected
    assert (tmp_path / "n.py").read_bytes() == b"# \xe9t\xe9\rfrom m import read\rread()\r"


def test_what_nobody_wrote_is_not_touched(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    untouched = {
        ".gitignore": "hidden.py\n",
        "hidden.py": "old(1)\n",
        "vendor/a.py": "old(1)\n",
        ".env.py": "old(1)\n",
        "gen.py": "# Code generated by a program. DO NOT EDIT.\nold(1)\n",
        "broken.py": "old(1)\ndef (:\n",
        "nul.py": "old(1)\0",
    }
    for name, text in untouched.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "link.py").symlink_to("gen.py")
    (tmp_path / "own.py").write_text("old(1)\n")
    change = {"pattern": "old($A)", "rewrite": "new($A)", "language": "python"}
    message = call(tmp_path, "rewrite_code", **change)
    names = {each.path for each in message.artifact.files}
    assert "own.py" in names
    assert names <= {"own.py", "broken.py"}
    for name in ("hidden.py", "vendor/a.py", ".env.py", "gen.py", "nul.py"):
        assert (tmp_path / name).read_text() == untouched[name]


def test_nothing_is_written_when_one_file_cannot_be(package: Path) -> None:
    (package / "pkg/sub/user.py").chmod(0o444)
    workspace = Workspace(package)
    message = call_in(workspace, "rename_symbol", target="pkg.load", new_name="read")
    assert message.status == "error"
    assert "pkg/sub/user.py is read-only; no file was changed." in message.text
    assert workspace.diff() == ""


def test_a_failure_half_way_names_what_stands(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, write = Workspace(package), Workspace.write

    def full_disk(self: Workspace, path: str, text: str) -> object:
        if path == "pkg/core.py":
            raise ToolError("pkg/core.py: No space left on device.")
        return write(self, path, text)

    monkeypatch.setattr(Workspace, "write", full_disk)
    message = call_in(workspace, "rename_symbol", target="pkg.load", new_name="read")
    assert message.status == "error"
    assert "No space left" in message.text
    assert "Changed: pkg/__init__.py. Not changed: pkg/core.py, pkg/sub/user.py." in message.text
    assert workspace.changed_files() == ["pkg/__init__.py"]


def test_a_scope_keeps_the_rest_and_lists_it(package: Path) -> None:
    arguments = {"target": "pkg.core.load", "new_name": "read", "scope": "pkg/core.py"}
    message = call(package, "rename_symbol", **arguments)
    assert [each.path for each in message.artifact.files] == ["pkg/core.py"]
    outside = [e.path for e in message.artifact.left_alone if e.reason == "outside of the scope"]
    assert {"pkg/__init__.py", "pkg/sub/user.py"} <= set(outside)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"target": "nowhere", "new_name": "x"}, "No file defines nowhere"),
        ({"target": "load", "new_name": "load"}, "called load already"),
        ({"target": "load", "new_name": "a b"}, "no name"),
        ({"target": "load", "new_name": "class"}, "Python keyword"),
        ({"target": "", "new_name": "x"}, "no name"),
        ({"target": "other", "new_name": "x"}, "defined 2 times: free.py:other, pkg/core.py:other"),
        ({"target": "../x.py:load", "new_name": "x"}, "No file defines"),
        ({"target": "load", "new_name": "x", "scope": "../"}, "outside"),
        ({"target": "load", "new_name": "x", "scope": "free.py"}, "outside of the scope"),
        ({"target": "pkg.core.Loader.load", "new_name": "x"}, "rewrite_code"),
    ],
)
def test_a_rename_that_cannot_be_meant_is_refused(
    package: Path, arguments: dict[str, str], words: str
) -> None:
    workspace = Workspace(package)
    message = call_in(workspace, "rename_symbol", **arguments)
    assert message.status == "error"
    assert words in message.text
    assert workspace.diff() == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pattern": "f($A)", "rewrite": "g($B)"}, "rewrite uses $B"),
        ({"pattern": "$A", "rewrite": "g($A)"}, "matches everything"),
        ({"pattern": "", "rewrite": "x"}, "matches everything"),
        ({"pattern": "f(); g()", "rewrite": "x"}, "no python code"),
        ({"pattern": "load", "rewrite": "(("}, "no valid python"),
        ({"pattern": "load", "rewrite": "x", "language": "klingon"}, "no grammar"),
        ({"pattern": "load", "rewrite": "x", "paths": ["/etc"]}, "outside"),
        ({"pattern": "load", "rewrite": "x", "paths": ["nowhere"]}, "does not exist"),
    ],
)
def test_a_rewrite_that_cannot_be_right_is_refused(
    package: Path, arguments: dict[str, object], words: str
) -> None:
    workspace = Workspace(package)
    message = call_in(workspace, "rewrite_code", **{"language": "python", **arguments})
    assert message.status == "error"
    assert words in message.text
    assert workspace.diff() == ""


def test_statements_move_with_their_indentation_and_strings_stay(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("if a:\n    if old:\n        x = '''\n  in'''\n        y\n")
    rewrite = "if new:\n    with lock:\n        $$$BODY"
    change = {"pattern": "if old: $$$BODY", "rewrite": rewrite, "language": "python"}
    call(tmp_path, "rewrite_code", **change)
    assert (tmp_path / "a.py").read_text() == (
        "if a:\n    if new:\n        with lock:\n            x = '''\n  in'''\n            y\n"
    )


def test_other_languages_are_renamed_by_identifier_with_what_is_not_certain(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.ts").write_text("export function load(): number {\n  return 1; // load\n}\n")
    (tmp_path / "b.js").write_text("import { load } from './a';\nx.load(load(), 'load');\n")
    (tmp_path / "c.go").write_text("package c\n\nvar x = load\n")
    message = call(tmp_path, "rename_symbol", target="load", new_name="read")
    assert message.status == "success", message.text
    assert (tmp_path / "a.ts").read_text().startswith("export function read()")
    assert (tmp_path / "b.js").read_text() == (
        "import { read } from './a';\nx.read(read(), 'load');\n"
    )
    assert (tmp_path / "c.go").read_text() == "package c\n\nvar x = load\n"
    assert [(e.path, e.line) for e in message.artifact.uncertain] == [("b.js", 2)]
    assert [(e.path, e.line) for e in message.artifact.left_alone] == [("a.ts", 2), ("b.js", 2)]
