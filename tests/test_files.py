"""Which files a repository has: a walk over real folders, and what it remembers."""

import os
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from unittest import mock

import pytest

from grok_agent.context.files import UnreadableFileError, dated, read_text, snapshot, walk
from grok_agent.errors import SettingsError, ToolError
from grok_agent.tools import ripgrep
from grok_agent.tools.ripgrep import list_files

LONG_AGO_NS = 1_600_000_000_000_000_000


def write(root: Path, name: str, data: bytes = b"text\n", *, settled: bool = True) -> Path:
    """A file that looks as if it had not changed for years, so that a cache may trust its date."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if settled:
        os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    return path


def names(root: Path) -> list[str]:
    return [file.path for file in walk(root)]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[list[str]]:
    """Names of the files below ``tmp_path`` that were opened for reading."""
    seen: list[str] = []
    real = os.open

    def open_and_note(path: str, flags: int, *rest: int) -> int:
        if str(path).startswith(str(tmp_path)):
            seen.append(Path(path).name)
        return real(path, flags, *rest)

    with mock.patch.object(os, "open", open_and_note):
        yield seen


def test_a_walk_gives_each_file_with_what_is_known_of_it(tmp_path: Path) -> None:
    write(tmp_path, "src/app.py", b"print('hi')\n")
    write(tmp_path, "src-old/app.py")
    write(tmp_path, "src.md")
    write(tmp_path, "logo.png", b"\x89PNG\0")
    found = {file.path: file for file in walk(tmp_path)}
    assert list(found) == ["logo.png", "src/app.py", "src-old/app.py", "src.md"]
    app = found["src/app.py"]
    assert (app.size, app.mtime_ns, app.kind, app.encoding) == (12, LONG_AGO_NS, "source", "utf-8")
    assert (found["logo.png"].kind, found["logo.png"].encoding) == ("binary", "")


@pytest.mark.parametrize("with_git", [True, False])
def test_ignore_rules_hold_with_git_without_commits_and_without_git(
    tmp_path: Path, with_git: bool
) -> None:
    if with_git:
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    write(tmp_path, ".gitignore", b"*.log\n/build/\n!keep.log\n")
    for name in ("a.log", "keep.log", "build/x.py", "sub/build/x.py", ".github/ci.yml"):
        write(tmp_path, name)
    write(tmp_path, "sub/.gitignore", b"local.py\n")
    for name in ("sub/local.py", ".hg/store", ".svn/entries", ".env"):
        write(tmp_path, name)
    kept = [".env", ".github/ci.yml", ".gitignore", "keep.log", "sub/.gitignore", "sub/build/x.py"]
    assert names(tmp_path) == kept


def test_a_submodule_is_walked_without_its_git_file(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    write(tmp_path, "lib/.git", b"gitdir: ../.git/modules/lib\n")
    write(tmp_path, "lib/.gitignore", b"out\n")
    write(tmp_path, "lib/code.py")
    write(tmp_path, "lib/out/made.py")
    assert names(tmp_path) == ["lib/.gitignore", "lib/code.py"]


def test_grokignore_wins_over_exceptions_in_a_gitignore(tmp_path: Path) -> None:
    write(tmp_path, ".gitignore", b"*\n!*/\n!*.py\n")
    write(tmp_path, ".grokignore", b"\xef\xbb\xbf# ours\n\n/private/  \nsecond.py\n")
    for name in ("a.py", "private/b.py", "sub/private/c.py", "sub/second.py", "d.txt"):
        write(tmp_path, name)
    assert names(tmp_path) == ["a.py", "sub/private/c.py"]
    assert list_files(tmp_path, "sub") == ["private/c.py"]


def test_grokignore_knows_exceptions_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, ".grokignore", b"*.csv\n!small.csv\n.grokignore\n")
    write(tmp_path, "large.csv")
    write(tmp_path, "small.csv")
    assert names(tmp_path) == ["small.csv"]


def test_a_broken_grokignore_is_named(tmp_path: Path) -> None:
    write(tmp_path, ".gitignore", b"[\n")
    write(tmp_path, "a.py")
    assert "a.py" in names(tmp_path)  # git does not mind a broken line either
    write(tmp_path, ".grokignore", b"[\n")
    with pytest.raises(SettingsError, match=r"\.grokignore cannot be used: .*unclosed"):
        names(tmp_path)


def test_links_are_neither_followed_nor_listed(tmp_path: Path) -> None:
    outside = write(tmp_path, "outside/secret.py")
    root = tmp_path / "root"
    write(root, "real.py")
    (root / "link.py").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent)
    (root / "loop").symlink_to(root)
    (root / "broken").symlink_to(root / "nothing")
    os.mkfifo(root / "pipe.py")
    assert names(root) == ["real.py"]
    through_a_link = tmp_path / "alias"
    through_a_link.symlink_to(root)
    assert [file.path for file in snapshot(through_a_link)] == ["real.py"]


def test_any_name_that_the_file_system_takes(tmp_path: Path) -> None:
    odd = [
        "-rf.py",
        "a b.py",
        "new\nline.py",
        "tab\t.py",
        "文件.py",
        "😀.py",
        "quo'te\".py",
        "*.py",
    ]
    odd += [os.fsdecode(b"\xff\xfe.py"), "n" * 200 + ".py"]
    for name in odd:
        write(tmp_path, f"in {name}/{name}")
    found = snapshot(tmp_path)
    assert {file.path for file in found} == {f"in {name}/{name}" for name in odd}
    assert {read_text(tmp_path, file) for file in found} == {"text\n"}


def test_the_walk_streams_and_ends_with_its_reader(tmp_path: Path) -> None:
    for number in range(1_200):
        write(tmp_path, f"f{number:05}.txt", settled=False)
    walked = walk(tmp_path)
    assert [next(walked).path for _ in range(3)] == ["f00000.txt", "f00001.txt", "f00002.txt"]
    walked.close()  # type: ignore[attr-defined]
    assert len(names(tmp_path)) == 1_200


def test_a_second_snapshot_reads_no_file(tmp_path: Path, opened: list[str]) -> None:
    write(tmp_path, "a/app.py")
    write(tmp_path, "app.js")
    write(tmp_path, "picture.png", b"\0")
    first = snapshot(tmp_path)
    assert [file.digest for file in first] == [sha256(b"text\n").hexdigest()] * 2 + [""]
    assert opened == ["app.py", "app.js"]
    assert snapshot(tmp_path) == first
    assert names(tmp_path) == ["a/app.py", "app.js", "picture.png"]
    assert opened == ["app.py", "app.js"]


def test_a_changed_file_is_read_again(tmp_path: Path, opened: list[str]) -> None:
    path = write(tmp_path, "a.py", b"one\n")
    write(tmp_path, "b.py")
    before = snapshot(tmp_path)
    write(tmp_path, "a.py", b"two\n")  # same size and date: only the time of the change tells
    del opened[:]
    after = snapshot(tmp_path)
    assert opened == ["a.py"]
    assert after[0].digest == sha256(path.read_bytes()).hexdigest() != before[0].digest
    assert after[1] == before[1]


def test_a_file_that_has_just_changed_is_not_trusted(tmp_path: Path, opened: list[str]) -> None:
    """Two changes within one tick of the file system's clock leave the same date."""
    write(tmp_path, "a.py", settled=False)
    snapshot(tmp_path)
    snapshot(tmp_path)
    assert opened == ["a.py", "a.py"]


def test_what_was_deleted_leaves_the_cache(tmp_path: Path, empty_environment: Path) -> None:
    for number in range(5):
        write(tmp_path, f"{number}.py")
    snapshot(tmp_path)
    for number in (0, 2):
        (tmp_path / f"{number}.py").unlink()
    snapshot(tmp_path)
    (cache,) = (empty_environment / "cache" / "files").glob("*.sqlite")
    with sqlite3.connect(cache) as connection:
        keys = [row[0] for row in connection.execute("SELECT key FROM files")]
    connection.close()
    assert keys == [b"1.py", b"3.py", b"4.py"]


@pytest.mark.parametrize("trouble", ["damaged", "foreign", "folder", "no folder"])
def test_without_a_cache_everything_works(
    tmp_path: Path, empty_environment: Path, trouble: str
) -> None:
    write(tmp_path, "a.py")
    folder = empty_environment / "cache" / "files"
    snapshot(tmp_path)
    (cache,) = folder.glob("*.sqlite")
    cache.unlink()
    if trouble == "damaged":
        cache.write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    elif trouble == "foreign":
        cache.write_bytes(b"no database at all" * 500)
    elif trouble == "folder":
        cache.mkdir()
    else:
        folder.rmdir()
        folder.parent.rmdir()
        folder.parent.write_text("in the way")
    digest = sha256(b"text\n").hexdigest()
    for _ in range(2):
        assert [file.digest for file in snapshot(tmp_path)] == [digest]
    if trouble in ("damaged", "foreign"):
        assert len(cache.read_bytes()) > 0  # made anew
        with sqlite3.connect(cache) as connection:
            assert connection.execute("SELECT count(*) FROM files").fetchone() == (1,)
        connection.close()


def test_two_walks_at_once_agree(tmp_path: Path) -> None:
    for number in range(600):
        write(tmp_path, f"{number:03}.py")
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(snapshot(tmp_path))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0] == results[1]
    assert snapshot(tmp_path) == results[0]


def test_files_that_vanish_or_change_during_the_walk(tmp_path: Path) -> None:
    for number in range(2_000):
        write(tmp_path, f"{number:04}.py", settled=False)
    walked = dated(tmp_path)
    first = next(walked)
    for path in tmp_path.iterdir():
        path.unlink()
    tmp_path.rmdir()
    rest = list(walked)  # what ripgrep had listed already, as far as it is still there
    assert all(file.digest == "" for file in rest)
    with pytest.raises(UnreadableFileError, match="vanished") as caught:
        read_text(tmp_path, first)
    assert (caught.value.path, caught.value.reason) == ("0000.py", "vanished")
    with pytest.raises(SettingsError, match="cannot be listed"):
        names(tmp_path)


def test_a_file_that_grows_while_it_is_read(tmp_path: Path) -> None:
    log = write(tmp_path, "app.txt", b"line\n" * 1_000)
    real = os.read

    def read_and_grow(descriptor: int, most: int) -> bytes:
        if os.fstat(descriptor).st_ino == log.stat().st_ino:
            with log.open("ab") as file:
                file.write(b"more\n" * 1_000)
        return real(descriptor, most)

    with mock.patch.object(os, "read", read_and_grow):
        (seen,) = snapshot(tmp_path)  # it comes to an end
    assert seen.size == 5_000
    with pytest.raises(UnreadableFileError, match="changed"):
        read_text(tmp_path, seen)
    (now,) = snapshot(tmp_path)  # nothing of the torn reading was kept
    assert now.digest == sha256(log.read_bytes()).hexdigest()
    assert read_text(tmp_path, now).encode() == log.read_bytes()


def test_a_file_exchanged_for_a_link_is_not_read(tmp_path: Path) -> None:
    outside = write(tmp_path, "outside.txt", b"secret")
    root = tmp_path / "root"
    inside = write(root, "a.txt", b"public")
    (seen,) = walk(root)
    inside.unlink()
    inside.symlink_to(outside)
    with pytest.raises(UnreadableFileError, match="unreadable"):
        read_text(root, seen)


def test_an_unreadable_file_is_listed_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, "closed.py")
    write(tmp_path, "open.py")
    real = os.open

    def refuse(path: str, flags: int, *rest: int) -> int:
        if str(path).endswith("closed.py"):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest)

    with mock.patch.object(os, "open", refuse):
        closed, readable = snapshot(tmp_path)
        assert (closed.kind, closed.encoding, closed.digest) == ("source", "", "")
        assert readable.digest
        with pytest.raises(UnreadableFileError, match="unreadable"):
            read_text(tmp_path, closed)
    assert snapshot(tmp_path)[0].digest  # as soon as it may be read


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_closed_folder_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "closed/a.py").parent.chmod(0)
    write(tmp_path, "open/b.py")
    try:
        assert names(tmp_path) == ["open/b.py"]
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_no_folder_is_an_error_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be listed: .* Give the folder"):
        names(write(tmp_path, "a.py"))


def test_text_comes_without_mark_and_with_its_own_line_ends(tmp_path: Path) -> None:
    write(tmp_path, "bom.cs", b"\xef\xbb\xbfone\r\ntwo\r\n")
    write(tmp_path, "wide.txt", "один\n".encode("utf-16"))
    write(tmp_path, "latin.txt", "café, naïve\n".encode("latin-1"))
    write(tmp_path, "zh.txt", ("为提示词团队准备的说明文件。" * 3).encode("gb18030"))
    assert {file.path: read_text(tmp_path, file) for file in walk(tmp_path)} == {
        "bom.cs": "one\r\ntwo\r\n",
        "wide.txt": "один\n",
        "latin.txt": "café, naïve\n",
        "zh.txt": "为提示词团队准备的说明文件。" * 3,
    }


def test_binary_files_have_no_text(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", b"\0\1\2\3")
    (seen,) = walk(tmp_path)
    assert seen.kind == "binary"
    with pytest.raises(UnreadableFileError, match="binary"):
        read_text(tmp_path, seen)


def test_a_file_of_many_megabytes_is_hashed_in_parts(tmp_path: Path) -> None:
    data = b"0123456789abcdef" * 200_000
    write(tmp_path, "big.csv", data)
    (seen,) = snapshot(tmp_path)
    assert (seen.kind, seen.digest) == ("data", sha256(data).hexdigest())


def test_a_file_that_turns_out_binary_is_no_source(tmp_path: Path) -> None:
    write(tmp_path, "blob.py", b"x = 1\n" * 5_000 + b"\0\1\2")
    (seen,) = snapshot(tmp_path)
    assert (seen.kind, seen.encoding, seen.digest) == ("binary", "", "")


@pytest.mark.parametrize("date_ns", [-1, (1 << 63) + 5, 3 * 10**18])
def test_files_from_other_times(tmp_path: Path, date_ns: int) -> None:
    os.utime(write(tmp_path, "a.py"), ns=(date_ns, date_ns))
    first = snapshot(tmp_path)
    assert snapshot(tmp_path) == first
    assert read_text(tmp_path, first[0]) == "text\n"


def test_a_pipe_for_an_ignore_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".grokignore")
    write(tmp_path, "a.py")
    assert names(tmp_path) == ["a.py"]


def test_a_listing_that_hangs_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / ".gitignore")  # ripgrep waits for its end
    monkeypatch.setattr(ripgrep, "LIST_DEADLINE_S", 0.2)
    with pytest.raises(ToolError, match="took longer"):
        ripgrep.list_files(tmp_path)


def test_a_file_without_end_has_no_text(tmp_path: Path) -> None:
    path = write(tmp_path, "huge.txt")
    os.truncate(path, 10 << 30)  # sparse: it takes no room on the disk
    (seen,) = walk(tmp_path)
    with pytest.raises(UnreadableFileError, match="too large"):
        read_text(tmp_path, seen)
