"""The guard, the text it keeps byte for byte, and what it says has changed."""

import os
import socket
import stat
import subprocess
import sys
import threading
import tracemalloc
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grok_agent import SettingsError, ToolError, Workspace
from grok_agent.tools.open_folder import Folder
from grok_agent.tools.run import run_command

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace folder beside a file that must stay out of reach."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    root = tmp_path / "root"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_text("a = 1\n")
    return root


# The root


def test_a_missing_root_a_file_and_a_wrong_mode_are_refused(root: Path) -> None:
    for wrong in (root / "none", root / "src" / "a.py"):
        with pytest.raises(SettingsError, match="Name an existing folder"):
            Workspace(wrong)
    with pytest.raises(SettingsError, match="plan, ask, edits, all"):
        Workspace(root, permission="yolo")  # type: ignore[arg-type]


# Paths


@pytest.mark.parametrize("path", ["src/a.py", "./src//a.py", "src/../src/a.py", r"src\a.py"])
def test_many_spellings_mean_one_file(root: Path, path: str) -> None:
    workspace = Workspace(root)
    assert workspace.resolve(path) == workspace.root / "src" / "a.py"
    assert workspace.relative(workspace.root / "src" / "a.py") == "src/a.py"


@pytest.mark.parametrize(
    "path",
    [
        "",
        " ",
        "..",
        "../outside/secret.txt",
        "src/../../outside/secret.txt",
        "/etc/passwd",
        r"..\outside\secret.txt",
        r"C:\Windows\win.ini",
        r"\\server\share\x",
        ".git/config",
        ".GIT/config",
        "src/.git/hooks/pre-commit",
        ".git./config",
        ".git /config",
        "git~1/config",
        "\uff0egit/config",
        ".g\u200cit/config",
        "nul\0byte",
        "new\nline",
        "\ud800",
        "x" * 4_096,
        "x" * 256,
        "x/" * 2_048,
        "src/a.py/b",
    ],
)
def test_paths_that_no_tool_may_touch(root: Path, path: str) -> None:
    workspace = Workspace(root, permission="all")
    for use in (workspace.resolve, workspace.read, lambda path: workspace.write(path, "x")):
        with pytest.raises(ToolError) as refusal:
            use(path)
        assert refusal.value.next_step


@posix
def test_links_are_followed_inside_and_refused_outside(root: Path) -> None:
    (root / "inside").symlink_to("src")
    (root / "leaves").symlink_to("../outside")
    (root / "src" / "file").symlink_to("../../outside/secret.txt")
    (root / "broken").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    (root / ".git").mkdir()
    (root / "g").symlink_to(".git")
    workspace = Workspace(root)
    assert workspace.relative("inside/a.py") == "src/a.py"
    for path in ("leaves", "leaves/secret.txt", "src/file", "broken", "broken/x", "loop", "g/x"):
        with pytest.raises(ToolError):
            workspace.resolve(path)
        with pytest.raises(ToolError):
            workspace.write(path, "x")
    assert (root.parent / "outside" / "secret.txt").read_text() == "secret"
    assert not (root / "nowhere").exists()


@posix
def test_pipes_sockets_and_devices_are_refused_without_waiting(root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "null").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(root / "sock"))
        workspace = Workspace(root)
        for name in ("pipe", "null", "sock"):
            with pytest.raises(ToolError):
                workspace.read(name)


@posix
def test_a_folder_exchanged_for_a_link_behind_the_guards_back_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(root)
    open_folder = Folder.open

    def exchange_then_open(*arguments: Any, **options: Any) -> AbstractContextManager[Folder]:
        if not (root / "src").is_symlink():
            (root / "src").rename(root / "old")
            (root / "src").symlink_to("../outside")
        return open_folder(*arguments, **options)

    monkeypatch.setattr(Folder, "open", exchange_then_open)
    with pytest.raises(ToolError):
        workspace.write("src/secret.txt", "overwritten")
    assert (root.parent / "outside" / "secret.txt").read_text() == "secret"


NAMES = st.one_of(
    st.sampled_from(["..", ".", "src", "a.py", "leaves", "inside", "up", "", "~", ".git", "..."]),
    st.text(max_size=8),
)
PATHS = st.builds(
    lambda lead, names, gap: lead + gap.join(names),
    st.sampled_from(["", "/", "//", "{root}/", "{root}", "\\", "C:\\", "file:///"]),
    st.lists(NAMES, max_size=7),
    st.sampled_from(["/", "//", "\\", "/./"]),
)


@posix
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=PATHS)
def test_no_path_leads_outside(root: Path, path: str) -> None:
    for name, target in (("leaves", "../outside"), ("inside", "src"), ("src/up", "..")):
        if not (root / name).is_symlink():
            (root / name).symlink_to(target)
    workspace = Workspace(root)
    try:
        found = workspace.resolve(path.replace("{root}", str(workspace.root)))
    except ToolError:
        return
    assert Path(os.path.realpath(found)).is_relative_to(workspace.root)
    assert ".git" not in found.relative_to(workspace.root).parts


# Text

TEXTS = [
    b"",
    b"one",
    b"one\ntwo\n",
    b"one\r\ntwo\r\n",
    b"one\r\ntwo\nthree\rfour",
    b"old\rmac\r",
    b"\xef\xbb\xbfwith a mark\n",
    "\ufeffwide\r\n".encode("utf-16-le"),
    b"\xfe\xff" + "wide\n".encode("utf-16-be"),
    b"caf\xe9\n",
    b"\x93quoted\x94\n",
    b"\x81\x8d\n",
    "gr\u00fcn ".encode() + b"\xff stray\n",
]


@pytest.mark.parametrize("raw", TEXTS)
def test_what_is_read_goes_back_byte_for_byte(root: Path, raw: bytes) -> None:
    (root / "t").write_bytes(raw)
    workspace = Workspace(root)
    assert workspace.write("t", workspace.read("t").text).text is not None
    assert (root / "t").read_bytes() == raw


@given(raw=st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_go_back_as_they_came_or_are_refused(root: Path, raw: bytes) -> None:
    (root / "t").write_bytes(raw)
    workspace = Workspace(root)
    try:
        text = workspace.read("t").text
    except ToolError:
        assert b"\0" in raw or raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        return
    workspace.write("t", text)
    assert (root / "t").read_bytes() == raw


def test_a_new_text_takes_the_line_ends_and_the_mark_of_the_old(root: Path) -> None:
    (root / "t").write_bytes(b"\xef\xbb\xbfa\r\nb\r\n")
    workspace = Workspace(root)
    assert workspace.read("t").newline == "\r\n"
    workspace.write("t", "x\ny\n")
    assert (root / "t").read_bytes() == b"\xef\xbb\xbfx\r\ny\r\n"


def test_a_character_that_the_encoding_lacks_is_refused(root: Path) -> None:
    (root / "t").write_bytes(b"caf\xe9\n")
    workspace = Workspace(root)
    assert workspace.read("t").text == "café\n"
    with pytest.raises(ToolError, match="cp1252"):
        workspace.write("t", "中文\n")
    assert (root / "t").read_bytes() == b"caf\xe9\n"
    with pytest.raises(ToolError):
        workspace.write("new", "lone \ud83d")
    assert not (root / "new").exists()


def test_binary_folders_and_large_files_are_refused(root: Path) -> None:
    (root / "b").write_bytes(b"a\0b")
    (root / "large").write_bytes(b"x" * 1_001)
    workspace = Workspace(root, max_file_bytes=1_000)
    for path, words in (("b", "binary"), ("src", "folder"), ("large", "at most")):
        with pytest.raises(ToolError, match=words):
            workspace.read(path)
    with pytest.raises(ToolError, match="at most"):
        workspace.write("new", "x" * 1_001)
    with pytest.raises(ToolError, match="binary"):
        workspace.write("new", "a\0b")
    assert not (root / "new").exists()


def test_a_wrong_case_is_pointed_out(root: Path) -> None:
    if (root / "SRC").exists():
        pytest.skip("this file system takes any case")
    with pytest.raises(ToolError, match=r"Did you mean src/a\.py\?"):
        Workspace(root).read("src/A.py")


# Writing


@posix
def test_writing_keeps_mode_bits_and_the_target_of_a_link(root: Path) -> None:
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o750)
    (root / "link").symlink_to("run.sh")
    Workspace(root).write("link", "#!/bin/sh\nls\n")
    assert (root / "link").is_symlink()
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o750
    assert (root / "run.sh").read_text().endswith("ls\n")


def test_when_writing_fails_the_old_file_stands_and_nothing_is_left(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    workspace = Workspace(root)
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(ToolError, match="No space left"):
        workspace.write("src/a.py", "a = 2\n")
    assert [path.name for path in (root / "src").iterdir()] == ["a.py"]
    assert (root / "src" / "a.py").read_text() == "a = 1\n"
    assert workspace.diff() == ""


def test_a_read_only_file_and_a_folder_of_that_name_are_refused(root: Path) -> None:
    (root / "src" / "a.py").chmod(0o444)
    workspace = Workspace(root)
    refused = [("src/a.py", "read-only"), ("src/a.py/b", "not a")]
    for path, words in (*refused, ("src", "folder"), (".", "folder")):
        with pytest.raises(ToolError, match=words):
            workspace.write(path, "x")


def test_an_edit_needs_a_fresh_read(root: Path) -> None:
    workspace = Workspace(root)
    with pytest.raises(ToolError, match="not been read"):
        workspace.require_fresh("src/a.py")
    workspace.read("src/a.py")
    assert workspace.require_fresh("src/a.py").text == "a = 1\n"
    workspace.write("src/a.py", "a = 2\n")
    assert workspace.require_fresh("src/a.py").text == "a = 2\n"
    (root / "src" / "a.py").write_text("a = 3\n")
    with pytest.raises(ToolError, match=r"changed since it was read\. Now it is:\n1→a = 3\n"):
        workspace.require_fresh("src/a.py")
    assert workspace.require_fresh("src/a.py").text == "a = 3\n"  # what was shown counts as read
    (root / "src" / "a.py").unlink()
    with pytest.raises(ToolError, match="was deleted since it was read"):
        workspace.require_fresh("src/a.py")


def test_edits_of_one_file_run_one_after_the_other(root: Path) -> None:
    workspace = Workspace(root)
    workspace.write("n", "0")

    def count() -> None:
        for _ in range(10):
            with workspace.editing("n"):
                workspace.write("n", str(int(workspace.require_fresh("n").text) + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert workspace.read("n").text == "40"


# Changes


def test_the_diff_covers_own_edits_and_commands_and_git_can_apply_it(
    root: Path, tmp_path: Path
) -> None:
    (root / "gone.txt").write_text("one\ntwo")
    (root / "win.txt").write_bytes(b"a\r\nb\r\n")
    (root / "with blank.txt").write_text("x\n")
    (root / "data.bin").write_bytes(b"\0\1")
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", root, copy], check=True)
    workspace = Workspace(root, permission="all")
    workspace.write("src/a.py", "a = 2\n")
    workspace.write("new/made.py", "x = 1")
    workspace.write("empty.txt", "")
    run_command(
        workspace, "rm gone.txt; printf 'c\\r\\n' >> win.txt; echo y >> 'with blank.txt'", 9
    )
    run_command(workspace, "cp src/a.py neu.py; chmod +x neu.py", 9)
    assert workspace.changed_files() == [
        "empty.txt",
        "gone.txt",
        "neu.py",
        "new/made.py",
        "src/a.py",
        "win.txt",
        "with blank.txt",
    ]
    diff = workspace.diff()
    assert "--- /dev/null\n+++ b/new/made.py\n@@ -0,0 +1 @@\n+x = 1\n\\ No newline at end" in diff
    assert "deleted file mode 100644\n--- a/gone.txt\n+++ /dev/null\n" in diff
    assert "new file mode 100755" in diff
    subprocess.run(["git", "apply", "-"], cwd=copy, input=diff.encode(), check=True)
    (root / "data.bin").write_bytes(b"\0\2")
    assert "Binary files a/data.bin and b/data.bin differ" in workspace.diff()
    subprocess.run(["diff", "-r", "-x", "data.bin", root, copy], check=True)


def test_a_change_taken_back_is_no_change(root: Path) -> None:
    workspace = Workspace(root)
    workspace.write("src/a.py", "a = 2\n")
    workspace.write("src/a.py", "a = 1\n")
    assert workspace.diff() == ""
    assert workspace.changed_files() == []


def test_ignored_files_stay_out_and_large_ones_are_named(root: Path) -> None:
    (root / ".gitignore").write_text("*.log\n")
    (root / "large.txt").write_bytes(b"x" * 2_100_000)
    workspace = Workspace(root)
    run_command(workspace, "echo noise > x.log; echo more >> large.txt", 9)
    assert workspace.changed_files() == ["large.txt"]
    assert "earlier text was not kept" in workspace.diff()


def test_a_look_at_files_changes_nothing_in_them(root: Path) -> None:
    subprocess.run(["git", "init", "-q", root], check=True)
    before = sorted(path.as_posix() for path in root.rglob("*"))
    workspace = Workspace(root)
    run_command(workspace, "true; ls", 9)
    assert workspace.diff() == ""
    assert sorted(path.as_posix() for path in root.rglob("*")) == before


# Others at work


COUNT = """
import sys
from grok_agent import Workspace

workspace = Workspace(sys.argv[1])
for _ in range(40):
    with workspace.editing("n"):
        workspace.write("n", str(int(workspace.peek("n").text) + 1))
"""


@posix
def test_two_processes_in_one_workspace_lose_no_edit(root: Path) -> None:
    (root / "n").write_text("0")
    programs = [subprocess.Popen([sys.executable, "-c", COUNT, root]) for _ in range(2)]
    assert [program.wait() for program in programs] == [0, 0]
    assert (root / "n").read_text() == "80"


def test_of_two_agents_the_second_is_shown_what_the_first_did(root: Path) -> None:
    first, second = Workspace(root), Workspace(root)
    for workspace in (first, second):
        workspace.read("src/a.py")
    first.write("src/a.py", "a = 2\n")
    with pytest.raises(ToolError, match=r"1→a = 2"):
        second.require_fresh("src/a.py", "a = 1")
    assert second.require_fresh("src/a.py", "a = 2").text == "a = 2\n"


@pytest.mark.parametrize("name", ["SRC/b.py", "src/A.py", "src/\uff41.py", "Src/a/b/c.py"])
def test_a_new_name_that_looks_like_one_that_is_there_is_refused(root: Path, name: str) -> None:
    if (root / "SRC").exists():
        pytest.skip("this file system takes any case")
    before = sorted(root.rglob("*"))
    with pytest.raises(ToolError, match="take these names for one"):
        Workspace(root).write(name, "x")
    assert sorted(root.rglob("*")) == before


def test_a_name_in_another_unicode_form_is_pointed_out(root: Path) -> None:
    (root / "caf\u00e9.py").write_text("x = 1\n")
    if (root / "cafe\u0301.py").exists():
        pytest.skip("this file system takes any form")
    with pytest.raises(ToolError, match="Did you mean caf\u00e9"):
        Workspace(root).read("cafe\u0301.py")


def test_two_hundred_megabytes_are_refused_unread(root: Path) -> None:
    with (root / "huge").open("wb") as file:
        file.truncate(200_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(ToolError, match=r"200\.0 MB"):
            Workspace(root).read("huge")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@posix
def test_a_folder_that_takes_no_new_file_keeps_the_old_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ = os.open

    def read_only(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied", path)
        return open_(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(ToolError, match="Permission denied"):
        Workspace(root).write("src/a.py", "a = 2\n")
    assert (root / "src" / "a.py").read_text() == "a = 1\n"
