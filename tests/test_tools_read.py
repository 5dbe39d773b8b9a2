"""read_file and list_dir as a model uses them."""

from pathlib import Path

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool

from grok_agent import Workspace, repository_tools


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("".join(f"line {n}\n" for n in range(1, 26)))
    return tmp_path


def tools_of(workspace: Workspace) -> dict[str, BaseTool]:
    return {tool.name: tool for tool in repository_tools(workspace)}


def call(root: Path | Workspace, name: str, **arguments: object) -> ToolMessage:
    workspace = root if isinstance(root, Workspace) else Workspace(root)
    message = tools_of(workspace)[name].invoke(
        {"type": "tool_call", "name": name, "id": "1", "args": arguments}
    )
    assert isinstance(message, ToolMessage)
    message.text.encode()  # what is sent must be valid UTF-8
    return message


# read_file


def test_numbers_stand_on_the_first_and_every_tenth_line(root: Path) -> None:
    message = call(root, "read_file", target_file="src/a.py", offset=8, limit=5)
    assert message.text == "8→line 8\nline 9\n10→line 10\nline 11\nline 12"
    assert message.artifact.first_line == 8
    assert message.artifact.total_lines == 26


def test_a_last_line_end_gives_an_empty_last_line(root: Path) -> None:
    (root / "t").write_bytes(b"a\r\nb\r\n")
    assert call(root, "read_file", target_file="t").text == "1→a\nb\n"
    (root / "nine").write_text("x\n" * 9)
    assert call(root, "read_file", target_file="nine").text.endswith("x\n10→")


@pytest.mark.parametrize(("offset", "first"), [(-3, "23→line 23"), (-99, "1→line 1"), (0, "1→")])
def test_an_offset_counts_from_either_end(root: Path, offset: int, first: str) -> None:
    assert call(root, "read_file", target_file="src/a.py", offset=offset).text.startswith(first)


def test_numbers_may_come_as_text(root: Path) -> None:
    message = call(root, "read_file", target_file="src/a.py", offset="2", limit="1")
    assert message.text == "2→line 2"


def test_an_offset_behind_the_end_is_an_error(root: Path) -> None:
    message = call(root, "read_file", target_file="src/a.py", offset=99)
    assert message.status == "error"
    assert "26 lines" in message.text


def test_too_much_is_an_error_with_advice_never_a_cut(root: Path) -> None:
    (root / "long.txt").write_text("x\n" * 1_500)
    (root / "wide.txt").write_text(f"{'x' * 300}\n" * 400)
    (root / "one.json").write_bytes(b"[" + b"1," * 25_000_000 + b"1]")
    for path, advice in (
        ("long.txt", "offset and limit"),
        ("wide.txt", "smaller limit"),
        ("one.json", "jq"),
    ):
        message = call(root, "read_file", target_file=path)
        assert message.status == "error"
        assert advice in message.text
    assert call(root, "read_file", target_file="long.txt", limit=1_000).status == "success"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"", "1→"),
        (b"caf\xe9", "1→café"),
        ("gr\u00fcn ".encode() + b"\xff", "1→gr\u00fcn \ufffd"),
        (b"\xef\xbb\xbfmark", "1→mark"),
        (b"\xff\xfew\x00", "1→w"),
        (b"old\rmac\r", "1→old\nmac\n"),
    ],
)
def test_texts_of_many_encodings_are_shown(root: Path, raw: bytes, shown: str) -> None:
    (root / "t").write_bytes(raw)
    assert call(root, "read_file", target_file="t").text == shown


def test_ignored_files_can_be_read_pictures_and_binaries_not(root: Path) -> None:
    (root / ".gitignore").write_text("*.log\n")
    (root / "x.log").write_text("noise")
    (root / "p.PNG").write_bytes(b"\x89PNG\0")
    (root / "b").write_bytes(b"\0")
    assert call(root, "read_file", target_file="x.log").text == "1→noise"
    assert "extract_image_features" in call(root, "read_file", target_file="p.PNG").text
    assert "binary" in call(root, "read_file", target_file="b").text


def test_outputs_kept_in_scratch_can_be_read(root: Path) -> None:
    workspace = Workspace(root)
    (workspace.scratch / "log.txt").write_text("kept")
    inside = str(workspace.scratch / "log.txt")
    assert call(workspace, "read_file", target_file=inside).text == "1→kept"
    outside = f"{workspace.scratch}/../x"
    assert call(workspace, "read_file", target_file=outside).status == "error"
    assert call(workspace, "write", file_path=inside, content="x").status == "error"


def test_wrong_arguments_are_named_with_the_right_ones(root: Path) -> None:
    message = call(root, "read_file", path="src/a.py", limit="many")
    assert message.status == "error"
    for words in (
        "target_file is missing",
        "no argument path",
        "limit",
        "target_file: string, [offset",
    ):
        assert words in message.text


# list_dir


def test_a_small_folder_is_listed_whole(root: Path) -> None:
    (root / "Zoo.md").touch()
    (root / "apple").touch()
    (root / ".hidden").touch()
    (root / ".gitignore").write_text("*.log\n")
    (root / "x.log").touch()
    message = call(root, "list_dir", target_directory=".")
    assert message.text == "- ./\n  - apple\n  - src/\n    - a.py\n  - Zoo.md"
    assert not message.artifact.truncated
    assert call(root, "list_dir", target_directory="src").text == "- src/\n  - a.py"


def test_a_large_subfolder_is_summarised_and_crowds_nothing_out(root: Path) -> None:
    fat = root / "fat"
    fat.mkdir()
    for n in range(900):
        (fat / f"module_number_{n}.py").touch()
    for suffix in ("md", "md", "toml", "txt"):
        (fat / f"{len(list(fat.iterdir()))}.{suffix}").touch()
    text = call(root, "list_dir", target_directory=".").text
    assert "- fat/\n    [904 files in subtree: 900 *.py, 2 *.md, 1 *.toml, ...]" in text
    assert "- src/\n    - a.py" in text
    assert len(text) <= 10_000


def test_a_listing_that_is_too_long_ends_with_advice(root: Path) -> None:
    for n in range(900):
        (root / f"module_number_{n}.py").touch()
    message = call(root, "list_dir", target_directory=".")
    assert message.artifact.truncated
    assert "more lines: list a subfolder" in message.text
    assert len(message.text) < 10_100


def test_folders_that_are_none_are_refused(root: Path) -> None:
    assert "is a file" in call(root, "list_dir", target_directory="src/a.py").text
    assert "does not exist" in call(root, "list_dir", target_directory="none").text
    assert "outside" in call(root, "list_dir", target_directory="..").text
    (root / "empty").mkdir()
    assert call(root, "list_dir", target_directory="empty").text == "- empty/"


def test_ignore_rules_above_the_root_count_only_inside_one_repository(root: Path) -> None:
    (root / ".gitignore").write_text("*.py\n")
    assert call(root / "src", "list_dir", target_directory=".").text.endswith("- a.py")
    (root / ".git").mkdir()
    assert call(root / "src", "list_dir", target_directory=".").text == "- ./"
