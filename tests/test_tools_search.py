"""grep as a model uses it, with the real ripgrep."""

import os
from pathlib import Path

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from grok_agent import SettingsError, Workspace
from grok_agent.tools import search
from grok_agent.tools.search import Grep

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("import os\n\ndef load():\n    return os\n\n\nload()\n")
    (tmp_path / "b.txt").write_text("LOAD\nload(\n")
    return tmp_path


def grep(root: Path, **arguments: object) -> ToolMessage:
    named = {name.replace("_", "-") if name[0] == "_" else name: v for name, v in arguments.items()}
    message = Grep(workspace=Workspace(root)).invoke(
        {"type": "tool_call", "name": "grep", "id": "1", "args": named}
    )
    assert isinstance(message, ToolMessage)
    return message


def body(message: ToolMessage) -> list[str]:
    first, *lines, last = message.text.splitlines()
    assert first.startswith('<workspace_result workspace_path="')
    assert last == "</workspace_result>"
    return lines


def test_matches_stand_below_their_file(root: Path) -> None:
    assert body(grep(root, pattern="load")) == [
        "Found 3 matching lines",
        "b.txt",
        "2:load(",
        "",
        "src/a.py",
        "3:def load():",
        "7:load()",
    ]


def test_context_lines_carry_a_dash_and_gaps_a_line(root: Path) -> None:
    lines = body(grep(root, pattern=r"load\(\)", path="src", _A="1"))
    assert lines[2:] == ["3:def load():", "4-    return os", "--", "7:load()"]
    assert body(grep(root, pattern="return", _C=1))[2:] == [
        "3-def load():",
        "4:    return os",
        "5-",
    ]


def test_case_type_glob_and_lines_spanned(root: Path) -> None:
    assert body(grep(root, pattern="load", glob="*.txt", _i="true"))[0] == "Found 2 matching lines"
    assert body(grep(root, pattern="load", type="py"))[1] == "src/a.py"
    spanning = grep(root, pattern="def.*return", multiline=True)
    assert body(spanning)[2:] == ["3:def load():", "4:    return os"]


def test_files_and_counts(root: Path) -> None:
    files = grep(root, pattern="load", output_mode="files_with_matches")
    assert body(files) == ["Found 2 files", "b.txt", "src/a.py"]
    counts = grep(root, pattern="load", output_mode="count")
    assert body(counts) == ["Found 3 matching lines across 2 files", "b.txt:1", "src/a.py:2"]


def test_a_limit_says_how_much_it_left_out(root: Path) -> None:
    (root / "many.txt").write_text("needle\n" * 500)
    lines = body(grep(root, pattern="needle"))
    assert lines[0] == "Found 500 matching lines"
    assert len(lines) == 203
    assert lines[-1] == "... [300 lines truncated] ..."
    (root / "many.txt").write_text("needle\n" * 30_000)
    message = grep(root, pattern="needle", head_limit=5)
    assert body(message)[0].startswith("Found at least 20000")
    assert message.artifact.at_least
    assert len(message.artifact.hits) == 5


def test_long_lines_and_much_output_are_bounded(root: Path) -> None:
    (root / "wide.txt").write_text(("needle" + "x" * 4_000 + "\n") * 300)
    message = grep(root, pattern="needle", head_limit=2_000)
    assert len(message.text) < 45_000
    assert max(map(len, message.text.splitlines())) < 1_100


@pytest.mark.parametrize("pattern", ["--files", "-e", "-", "--pre=touch x"])
def test_a_pattern_that_looks_like_an_option_is_a_pattern(root: Path, pattern: str) -> None:
    (root / "options.txt").write_text(f"use {pattern} here\n")
    assert f"1:use {pattern} here" in body(grep(root, pattern=pattern, path="options.txt"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pattern": "load("}, "unclosed group"),
        ({"pattern": "x", "type": "klingon"}, "unrecognized file type"),
        ({"pattern": "x", "glob": "["}, "unclosed character class"),
        ({"pattern": "x", "path": "none"}, "does not exist"),
        ({"pattern": "x", "path": "../.."}, "outside"),
        ({"pattern": ""}, "pattern"),
        ({"pattern": "x", "-A": "some"}, "-A"),
        ({"pattern": "x", "regex": True}, "Its arguments are: pattern: string, [path: string]"),
        ({"pattern": "x", "output_mode": "tree"}, "files_with_matches"),
    ],
)
def test_what_cannot_be_searched_is_said(
    root: Path, arguments: dict[str, object], words: str
) -> None:
    message = Grep(workspace=Workspace(root)).invoke(
        {"type": "tool_call", "name": "grep", "id": "1", "args": arguments}
    )
    assert message.status == "error"
    assert words in message.text


@posix
def test_ignored_files_git_data_and_links_that_leave_are_not_searched(root: Path) -> None:
    outside = root.parent / "outside-of-root"
    outside.mkdir()
    (outside / "o.txt").write_text("load")
    (root / "link").symlink_to(outside)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("load")
    (root / ".gitignore").write_text("*.log\n")
    (root / "x.log").write_text("load")
    (root / ".github").mkdir()
    (root / ".github" / "ci.yml").write_text("load")
    for glob in ("*", "**/*", ".git/**"):
        found = body(grep(root, pattern="load", output_mode="files_with_matches", glob=glob))
        assert not {".git/config", "link/o.txt"} & set(found)
    plain = body(grep(root, pattern="load", output_mode="files_with_matches"))
    assert plain[1:] == [".github/ci.yml", "b.txt", "src/a.py"]
    assert body(grep(root, pattern="load", path="x.log"))[1:] == ["x.log", "1:load"]


def test_no_match_and_odd_files(root: Path) -> None:
    (root / "b.bin").write_bytes(b"load\0")
    (root / "latin.txt").write_bytes(b"caf\xe9 needle\n")
    (root / "naïve name.txt").write_text("needle\n")
    assert body(grep(root, pattern="nothing like it")) == ["No matches found"]
    assert body(grep(root, pattern="load", path="b.bin")) == ["No matches found"]
    assert body(grep(root, pattern="needle"))[1:] == [
        "latin.txt",
        "1:caf\ufffd needle",
        "",
        "naïve name.txt",
        "1:needle",
    ]


def test_a_file_above_five_megabytes_is_named_not_passed_over(root: Path) -> None:
    (root / "large.json").write_bytes(b"x" * 5_100_000)
    message = grep(root, pattern="x", path="large.json")
    assert message.status == "error"
    assert "run_terminal_command" in message.text


@posix
def test_a_search_without_end_is_ended(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = root.parent / "stuck"
    stuck.write_text("#!/bin/sh\nexec sleep 100\n")
    stuck.chmod(0o755)
    monkeypatch.setattr(search, "ripgrep", lambda: str(stuck))
    monkeypatch.setattr(search, "DEADLINE_S", 0.1)
    message = grep(root, pattern="x")
    assert message.status == "error"
    assert "Narrow it with path, glob or type" in message.text


def test_a_missing_ripgrep_is_the_installers_to_mend(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(SettingsError, match="pip install ripgrep"):
        grep(root, pattern="x")


def test_the_model_sees_the_names_it_knows(root: Path) -> None:
    schema = convert_to_openai_tool(Grep(workspace=Workspace(root)))["function"]["parameters"]
    assert list(schema["properties"]) == [
        *("pattern", "path", "glob", "type", "-A", "-B", "-C", "-i"),
        *("multiline", "head_limit", "output_mode"),
    ]
    assert schema["properties"]["-A"]["type"] == "integer"
    assert schema["properties"]["-i"]["type"] == "boolean"
    assert "anyOf" not in str(schema)
