"""Skills read what tools print: recorded forms, real tools' forms, and noise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grok_agent.offline.skills.outputs import (
    Command,
    Hits,
    is_done,
    read_command,
    read_hits,
    read_page,
    read_tree,
)
from grok_agent.tools import results
from grok_agent.tools.folders import list_tree
from grok_agent.tools.results import render

GREP = """<workspace_result workspace_path="/project">
Found at least 5 matching lines
src/a.py
3:def get_key():
4-    pass
--
12:get_key()

12:odd name
7:get_key

/project/b.txt
1:
data.bin: binary file matches (found "\\0" byte around offset 4)
... [120 lines truncated] ...
</workspace_result>"""


def test_hits_are_grouped_by_file() -> None:
    assert read_hits(GREP) == Hits(
        {
            "src/a.py": ((3, "def get_key():"), (12, "get_key()")),
            "12:odd name": ((7, "get_key"),),
            "b.txt": ((1, ""),),
        },
        binary=("data.bin",),
        complete=False,
    )


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ('<workspace_result workspace_path="/w">\nNo matches found\n</workspace_result>', Hits()),
        ("No matches found", Hits()),
        ("Found 1 files\n./a.py\n", Hits({"a.py": ()})),
        ("Error: ripgrep says: regex parse error", None),
        ("[cleared to save room]", None),
        ("", None),
    ],
)
def test_a_list_of_hits_is_told_from_other_words(text: str, hits: Hits | None) -> None:
    assert read_hits(text) == hits


ODD_LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"))


@given(st.lists(ODD_LINE, min_size=1, max_size=40), st.integers(min_value=1, max_value=10_000))
def test_a_page_comes_back_as_it_was_shown(lines: list[str], first: int) -> None:
    excerpt = results.FileExcerpt("a", first, tuple(lines), 99_999, "utf-8")
    page = read_page(render(excerpt))
    assert page
    assert (page.first, list(page.lines)) == (first, lines)


@pytest.mark.parametrize(
    "text", ["", "Error: a.py does not exist.", "x\n2→y", "1→a\n" + "b\n" * 8 + "no anchor"]
)
def test_words_are_no_page(text: str) -> None:
    assert read_page(text) is None


@given(st.lists(ODD_LINE, min_size=1, max_size=20))
def test_hits_come_back_as_they_were_shown(lines: list[str]) -> None:
    hits = tuple(results.SearchHit("a/b c.py", n, text, True) for n, text in enumerate(lines, 1))
    shown = results.SearchResult("/w", "content", hits, (), len(hits), False, 0)
    assert read_hits(render(shown)) == Hits({"a/b c.py": tuple(enumerate(lines, 1))})


def test_a_commands_header_is_told_from_its_output() -> None:
    assert read_command("exit: 1\nno\nexit: 0\n") == Command(1, "no\nexit: 0\n")
    assert read_command("exit: killed (timeout)\npart") == Command(
        None, "part", killed="killed (timeout)"
    )
    cut = results.CommandResult("c", 0, "", "a\nb", True, 90_000, "/tmp/x/c.log", 1.0)
    assert read_command(render(cut)) == Command(0, "a\nb", full_output="/tmp/x/c.log")
    assert read_command("Error: run_terminal_command was refused").code is None


def test_a_tree_has_paths_and_counts_what_is_summarised() -> None:
    names = ["a.py", "b/c/d.py", "b/e f.md", *(f"z/y/{n:04}.rs" for n in range(1_000))]
    listing = list_tree(".", names)
    tree = read_tree(render(listing))
    assert tree.files == ("a.py", "b/c/d.py", "b/e f.md")
    assert tree.folders == ("b", "b/c", "z", "z/y")
    assert tree.unlisted == {".rs": 1_000}
    assert tree.unlisted_by_folder == {"z/y": 1_000}
    assert read_tree("Error: no such folder").files == ()


@pytest.mark.parametrize("action", ["created", "edited", "replaced all", "overwritten"])
def test_a_done_edit_is_told_from_a_refused_one(action: str) -> None:
    assert is_done(render(results.EditResult("a has changed.py", action, "")))
    assert not is_done("a.py has changed since it was read. Read it again.")
    assert not is_done("search_replace was refused: it changes files.")


@given(st.text())
def test_noise_never_raises(text: str) -> None:
    for shown in (text, f"Found 3 matching lines\n{text}", f"1→{text}", f"- ./\n  - {text}"):
        read_hits(shown)
        read_page(shown)
        read_command(shown)
        read_tree(shown)


def test_siblings_after_a_folder_are_not_inside_it() -> None:
    tree = read_tree("- ./\n  - a/\n    - b.py\n  - c/\n    [2 files in subtree: 2 *.py]\n  - d.py")
    assert tree.files == ("a/b.py", "d.py")
    assert tree.unlisted_by_folder == {"c": 2}
