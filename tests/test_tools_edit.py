"""search_replace, write and todo_write as a model uses them."""

import os
from pathlib import Path

import pytest
from langchain_core.messages import ToolMessage

from grok_agent import Workspace, repository_tools


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("def load():\n    return 1\n\n\nprint(load())\n")
    return tmp_path


def call(workspace: Workspace, name: str, **arguments: object) -> ToolMessage:
    tools = {tool.name: tool for tool in repository_tools(workspace)}
    message = tools[name].invoke({"type": "tool_call", "name": name, "id": "1", "args": arguments})
    assert isinstance(message, ToolMessage)
    return message


def edit(workspace: Workspace, path: str, old: str, new: str, **more: object) -> ToolMessage:
    return call(workspace, "search_replace", file_path=path, old_string=old, new_string=new, **more)


def test_an_edit_changes_one_place_and_shows_the_diff_to_people_only(root: Path) -> None:
    workspace = Workspace(root)
    call(workspace, "read_file", target_file="a.py", limit=1)
    message = edit(workspace, "a.py", "    return 1\n", "    return 2\n")
    assert message.text == "The file a.py has been updated."
    assert "-    return 1\n+    return 2\n" in message.artifact.diff
    assert message.artifact.diff == workspace.diff()
    assert (root / "a.py").read_text() == "def load():\n    return 2\n\n\nprint(load())\n"


def test_a_file_is_read_before_it_is_edited_and_again_when_it_changed(root: Path) -> None:
    workspace = Workspace(root)
    assert "not been read" in edit(workspace, "a.py", "return 1", "return 2").text
    workspace.read("a.py")
    (root / "a.py").write_text("def load():\n    return 1  # somebody else\n")
    message = edit(workspace, "a.py", "return 1", "return 2")
    assert message.status == "error"
    assert "changed since" in message.text
    assert "somebody else" in (root / "a.py").read_text()


def test_a_look_that_showed_the_model_nothing_is_no_reading(root: Path) -> None:
    (root / "long.txt").write_text("x\n" * 1_500)
    workspace = Workspace(root)
    workspace.peek("long.txt")
    assert call(workspace, "read_file", target_file="long.txt").status == "error"
    assert "not been read" in call(workspace, "write", file_path="long.txt", content="").text
    assert call(workspace, "read_file", target_file="long.txt", limit=1).status == "success"
    assert call(workspace, "write", file_path="long.txt", content="").status == "success"


def test_two_edits_after_one_read(root: Path) -> None:
    workspace = Workspace(root)
    workspace.read("a.py")
    assert edit(workspace, "a.py", "return 1", "return 2").status == "success"
    assert edit(workspace, "a.py", "return 2", "return 3").status == "success"
    assert "return 3" in (root / "a.py").read_text()


@pytest.mark.parametrize(
    ("old", "new"), [("nowhere", "x"), ("load", "fetch"), ("return 1", "return 1")]
)
def test_what_is_not_found_once_is_refused(root: Path, old: str, new: str) -> None:
    workspace = Workspace(root)
    before = (root / "a.py").read_bytes()
    workspace.read("a.py")
    assert edit(workspace, "a.py", old, new).status == "error"
    assert (root / "a.py").read_bytes() == before


def test_every_occurrence_when_asked_for(root: Path) -> None:
    workspace = Workspace(root)
    workspace.read("a.py")
    message = edit(workspace, "a.py", "load", "fetch", replace_all="true")
    assert message.text == "All occurrences in a.py have been replaced."
    assert (root / "a.py").read_text().count("fetch") == 2


def test_an_empty_old_string_only_creates(root: Path) -> None:
    workspace = Workspace(root)
    assert edit(workspace, "new/b.py", "", "b = 1\n").text == "Created new/b.py."
    assert (root / "new" / "b.py").read_text() == "b = 1\n"
    assert edit(workspace, "a.py", "", "gone").status == "error"
    assert "load" in (root / "a.py").read_text()
    assert "does not exist" in edit(workspace, "none.py", "x", "y").text


def test_lines_keep_their_own_ends_and_other_bytes(root: Path) -> None:
    mixed = b"\xef\xbb\xbfone\r\ntwo\nthree\rfour"
    (root / "m.txt").write_bytes(mixed)
    (root / "w.txt").write_bytes(b"one\r\ntwo\r\n")
    (root / "l.txt").write_bytes(b"caf\xe9\ntwo\n")
    workspace = Workspace(root)
    for name in ("m.txt", "w.txt", "l.txt"):
        workspace.read(name)
        assert edit(workspace, name, "two", "2").status == "success"
    assert (root / "m.txt").read_bytes() == mixed.replace(b"two", b"2")
    assert (root / "w.txt").read_bytes() == b"one\r\n2\r\n"
    assert (root / "l.txt").read_bytes() == b"caf\xe9\n2\n"
    assert edit(workspace, "w.txt", "2", "2\n3").status == "success"
    assert (root / "w.txt").read_bytes() == b"one\r\n2\r\n3\r\n"


def test_write_creates_and_overwrites_what_was_read(root: Path) -> None:
    workspace = Workspace(root)
    assert call(workspace, "write", file_path="x/y.md", content="# y\n").text == "Created x/y.md."
    assert call(workspace, "write", file_path="x/y.md", content="# z\n").status == "success"
    refused = call(workspace, "write", file_path="a.py", content="")
    assert "not been read" in refused.text
    workspace.read("a.py")
    message = call(workspace, "write", file_path="a.py", content="a = 1\n")
    assert message.text == "The file a.py has been overwritten."
    assert workspace.changed_files() == ["a.py", "x/y.md"]


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", ".git/hooks/pre-commit", "a.py/b", "", "x" * 5_000, "d", "n\nl"]
)
def test_nothing_is_written_where_it_must_not_be(root: Path, path: str) -> None:
    (root / "d").mkdir()
    (root / ".git" / "hooks").mkdir(parents=True)
    before = sorted(root.parent.rglob("*"))
    workspace = Workspace(root, permission="all")
    assert call(workspace, "write", file_path=path, content="x").status == "error"
    assert edit(workspace, path, "", "x").status == "error"
    assert sorted(root.parent.rglob("*")) == before


def test_content_that_is_no_text_is_refused(root: Path) -> None:
    workspace = Workspace(root)
    for content in ({"a": 1}, ["a"], None, "nul\0", "lone \ud83d"):
        message = call(workspace, "write", file_path="new.json", content=content)
        assert message.status == "error"
        message.text.encode()
    assert not (root / "new.json").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX links")
def test_an_edit_through_a_link_keeps_the_link(root: Path) -> None:
    (root / "link.py").symlink_to("a.py")
    workspace = Workspace(root)
    workspace.read("a.py")
    assert edit(workspace, "link.py", "return 1", "return 2").status == "success"
    assert (root / "link.py").is_symlink()
    assert "return 2" in (root / "a.py").read_text()


@pytest.mark.parametrize(
    ("raw", "result"),
    [
        (b"one\ntwo", b"one\n2"),
        (b"two", b"2"),
        (b"one\rtwo\rthree\r", b"one\r2\rthree\r"),
        (b"one\r\ntwo\nthree\r\n", b"one\r\n2\nthree\r\n"),
        (b"\tone\n\t\ttwo\t\n", b"\tone\n\t\t2\t\n"),
        (b"\xef\xbb\xbftwo\n", b"\xef\xbb\xbf2\n"),
        ("\ufeffone\r\ntwo\r\n".encode("utf-16-le"), "\ufeffone\r\n2\r\n".encode("utf-16-le")),
        ("\ufeffé two".encode("utf-16-be"), "\ufeffé 2".encode("utf-16-be")),
        (b"caf\xe9 two\x85", b"caf\xe9 2\x85"),
        ("grün two ".encode() + b"\xff", "grün 2 ".encode() + b"\xff"),
    ],
)
def test_all_but_the_passage_stays_byte_for_byte(root: Path, raw: bytes, result: bytes) -> None:
    (root / "t").write_bytes(raw)
    workspace = Workspace(root)
    assert call(workspace, "read_file", target_file="t").status == "success"
    assert edit(workspace, "t", "two", "2").status == "success"
    assert (root / "t").read_bytes() == result


def test_binary_files_are_not_edited(root: Path) -> None:
    for raw in (b"two\0", b"\xff\xfet\x00w\x00o", bytes(range(256))):
        (root / "t").write_bytes(raw)
        workspace = Workspace(root)
        assert edit(workspace, "t", "two", "2").status == "error"
        assert call(workspace, "write", file_path="t", content="x").status == "error"
        assert (root / "t").read_bytes() == raw


def test_an_empty_file_can_be_filled(root: Path) -> None:
    (root / "empty.py").write_bytes(b"")
    workspace = Workspace(root)
    assert call(workspace, "read_file", target_file="empty.py").status == "success"
    assert edit(workspace, "empty.py", "x", "y").status == "error"
    assert call(workspace, "write", file_path="empty.py", content="x = 1").status == "success"
    assert (root / "empty.py").read_bytes() == b"x = 1"


def test_a_changed_file_is_shown_around_the_place_and_can_be_edited_at_once(root: Path) -> None:
    lines = [f"line {n}" for n in range(1, 201)]
    (root / "long.txt").write_text("\n".join(lines))
    workspace = Workspace(root)
    call(workspace, "read_file", target_file="long.txt")
    lines[99:100] = ["new above", "line 100, changed"]
    (root / "long.txt").write_text("\n".join(lines))
    message = edit(workspace, "long.txt", "line 100\nline 101", "one hundred")
    assert message.status == "error"
    assert "101→line 100, changed\n102→line 101\n" in message.text
    assert message.text.count("\n") < 20
    after = edit(workspace, "long.txt", "line 100, changed\nline 101", "one hundred")
    assert after.status == "success"
    assert "one hundred\nline 102\n" in (root / "long.txt").read_text()


def test_a_long_changed_file_is_read_again_before_it_is_overwritten(root: Path) -> None:
    (root / "long.txt").write_text("x\n" * 500)
    workspace = Workspace(root)
    workspace.read("long.txt")
    (root / "long.txt").write_text("y\n" * 500)
    for _ in range(2):
        message = call(workspace, "write", file_path="long.txt", content="")
        assert message.status == "error"
        assert "read_file" in message.text
    assert (root / "long.txt").read_text() == "y\n" * 500


def test_a_file_deleted_meanwhile_is_said_to_be(root: Path) -> None:
    workspace = Workspace(root)
    workspace.read("a.py")
    (root / "a.py").unlink()
    message = edit(workspace, "a.py", "return 1", "return 2")
    assert "was deleted since it was read" in message.text
    assert not (root / "a.py").exists()


# todo_write


def test_the_list_is_merged_by_id_or_replaced(root: Path) -> None:
    todo_write = next(t for t in repository_tools(Workspace(root)) if t.name == "todo_write")
    first = [{"id": "1", "content": "read"}, {"id": "2", "content": "edit", "status": "pending"}]
    assert todo_write.invoke({"todos": first}) == "- [pending] 1: read\n- [pending] 2: edit"
    update = [{"id": 1, "status": "completed"}]
    text = todo_write.invoke({"todos": update, "merge": "true"})
    assert text == "- [completed] 1: read\n- [pending] 2: edit"
    alone = [{"id": "3", "content": "test", "status": "in_progress"}]
    assert todo_write.invoke({"todos": alone, "merge": False}) == "- [in_progress] 3: test"
    assert todo_write.invoke({"todos": [], "merge": False}) == "The list is empty."


@pytest.mark.parametrize(
    ("todos", "words"),
    [
        ([{"id": "1", "content": "a"}, {"id": "1", "content": "b"}], "twice"),
        ([{"id": "9", "status": "completed"}], "no content"),
        ([{"content": "a"}], "id is missing"),
        ([{"id": "1", "content": "a", "status": "done"}], "in_progress"),
        ("read, edit", "todos"),
    ],
)
def test_lists_that_cannot_be_kept_are_refused(root: Path, todos: object, words: str) -> None:
    message = call(Workspace(root), "todo_write", todos=todos)
    assert message.status == "error"
    assert words in message.text
