"""Texts are cut at their joints: every line is in one part, and no statement is torn."""

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_agent.context.joints import WITHIN_EXPRESSION, joints
from grok_agent.context.parts import cut, divide, head, lines_of
from grok_agent.context.tokens import count

PYTHON = '''\
"""Reads orders."""

import json
from pathlib import Path


# What an order costs.
PRICES = {
    "tea": 3,
    "coffee": 4,
}


@cached
def read(path: Path) -> list[dict]:
    """Orders of a file."""
    with path.open() as file:
        rows = json.load(file)
    return [
        row
        for row in rows
        if row["amount"] > 0
    ]


class Till:
    """Adds up."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, order: dict) -> None:
        """Add an order."""
        self.total += sum(
            PRICES[name] * number
            for name, number in order.items()
        )

    def close(self) -> int:
        return self.total
'''


def text_of(text: str, part: tuple[int, int]) -> str:
    return "".join(lines_of(text)[part[0] - 1 : part[1]])


def check_cover(text: str, parts: list[tuple[int, int]]) -> None:
    assert [first for first, _ in parts] == [1, *(last + 1 for _, last in parts[:-1])]
    assert parts[-1][1] == len(lines_of(text))
    assert "".join(text_of(text, part) for part in parts) == text


def test_code_is_cut_between_definitions() -> None:
    parts = cut(PYTHON, "shop.py", 90)
    check_cover(PYTHON, parts)
    starts = [lines_of(PYTHON)[first - 1] for first, _ in parts]
    assert "@cached\n" in starts
    assert "class Till:\n" in starts
    assert all(count(text_of(PYTHON, part)) <= 90 for part in parts)


@pytest.mark.parametrize("max_tokens", [50, 80, 120, 200])
def test_no_statement_is_cut_while_it_fits(max_tokens: int) -> None:
    starts = {first for first, _ in cut(PYTHON, "shop.py", max_tokens)}
    for node in ast.walk(ast.parse(PYTHON)):
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            inside = set(range(node.lineno + 1, (node.end_lineno or 0) + 1))
            assert not inside & starts, ast.unparse(node)


def test_comments_and_attributes_stay_with_what_they_stand_before() -> None:
    text = "fn a() {\n    b();\n}\n\n/// Doubles.\n#[inline]\nfn c(x: u8) -> u8 {\n    2 * x\n}\n"
    assert [joint.line for joint in joints(text, "lib.rs", 2) if joint.rank == 0] == [5]


def test_prose_is_cut_at_headings_then_at_paragraphs() -> None:
    text = "# A\n\none\n\ntwo\n\n## B\n\nthree\n\nTitle\n=====\n\nfour\n"
    ranks = {joint.line: joint.rank for joint in joints(text, "a.md", 1)}
    assert ranks[7] < ranks[5]
    assert ranks[11] < ranks[5]


def test_a_long_table_is_cut_between_its_items_only_when_it_must() -> None:
    text = "TABLE = [\n" + "".join(f'    "item number {n}",\n' for n in range(200)) + "]\n"
    sizes = [len(line) for line in lines_of(text)]
    places = joints(text, "table.py", 5)
    assert all(place.rank >= WITHIN_EXPRESSION for place in places)
    whole = (1, len(sizes))
    assert divide(sizes, places, whole, 500, joined=500, hard=100_000) == [whole]
    assert len(divide(sizes, places, whole, 500, joined=500)) > 5


@settings(max_examples=60)
@given(
    text=st.lists(
        st.sampled_from(["def f():\n", "    x = 1\n", "\n", "# note\n", '"""', "if a:\n", "é\r\n"])
        | st.text(max_size=40),
        max_size=60,
    ).map("".join),
    path=st.sampled_from(["a.py", "a.go", "a.rs", "a.ts", "a.c", "a.md", "a.unknown"]),
    max_tokens=st.integers(min_value=1, max_value=60),
)
def test_any_text_is_covered_by_parts_that_fit(text: str, path: str, max_tokens: int) -> None:
    parts = cut(text, path, max_tokens)
    if not text:
        assert parts == []
        return
    check_cover(text, parts)
    for first, last in parts:
        assert first == last or count(text_of(text, (first, last))) <= max_tokens


@given(text=st.text(max_size=300), max_tokens=st.integers(min_value=0, max_value=50))
def test_the_head_of_a_text_fits(text: str, max_tokens: int) -> None:
    start = head(text, max_tokens)
    assert text.startswith(start)
    assert count(start) <= max_tokens


@pytest.mark.parametrize("line", ["a" * 10_000_000, "x = 1; " * 1_500_000, "汉字" * 3_000_000])
def test_one_endless_line_is_a_part_whose_head_can_be_had(line: str) -> None:
    assert cut(line, "bundle.js", 1_000) == [(1, 1)]
    start = head(line, 1_000)
    assert start
    assert line.startswith(start)
    assert count(start) <= 1_000


def test_this_package_can_be_cut_small() -> None:
    for path in sorted((Path(__file__).parent.parent / "grok_agent" / "context").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        check_cover(text, cut(text, path.name, 200))
