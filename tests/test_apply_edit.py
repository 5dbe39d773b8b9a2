import contextlib
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grok_agent.errors import ToolError
from grok_agent.tools.edit import apply_edit

SOURCE = """\
import os


class Greeter:
    \"\"\"Says "hello" - politely.\"\"\"

    def greet(self, name):
        text = "Hello, " + name
        print(text)
        return text

    def leave(self, name):
        print("Bye, " + name)
        return 42


def main():
    Greeter().greet("world")
"""


def refusal(before: str, old: str, new: str, **kwargs: bool) -> str:
    with pytest.raises(ToolError) as caught:
        apply_edit(before, old, new, **kwargs)
    assert caught.value.next_step
    return str(caught.value)


# Exact matches


def test_an_exact_match_is_replaced() -> None:
    assert apply_edit(SOURCE, "return 42", "return 43") == SOURCE.replace("42", "43")


def test_an_exact_match_wins_over_a_look_alike() -> None:
    before = "if a:\n    go()\n  \n" + "        go()\n        stop()\n" + "    go()\n    stop()\n"
    after = apply_edit(before, "\n    go()\n    stop()\n", "\n    go()\n")
    assert after == "if a:\n    go()\n  \n        go()\n        stop()\n    go()\n"


def test_replace_all_changes_every_match() -> None:
    assert apply_edit(SOURCE, "name", "who", replace_all=True) == SOURCE.replace("name", "who")


def test_replace_all_changes_every_loose_match() -> None:
    before = "  a = 1\n  b = 2\nx\n    a = 1\n    b = 2\n"
    after = apply_edit(before, "a = 1 \nb = 2", "a = 1\nc = 3", replace_all=True)
    assert after == "  a = 1\n  c = 3\nx\n    a = 1\n    c = 3\n"


# What the model may have wrong about lines that stay


@pytest.mark.parametrize("blanks", ["  ", "\t", "    \t "])
def test_blanks_at_line_ends_stay_as_they_are_in_the_file(blanks: str) -> None:
    before = SOURCE.replace("print(text)", "print(text)" + blanks)
    old = '        text = "Hello, " + name\n        print(text)\n        return text'
    after = apply_edit(before, old, old.replace("Hello", "Hi"))
    assert after == before.replace("Hello", "Hi")
    wrong = old.replace("name\n", "name \n")
    assert apply_edit(SOURCE, wrong, wrong.replace("return text", "return 1")) == SOURCE.replace(
        "return text", "return 1"
    )


def test_typography_stays_as_it_is_in_the_file() -> None:
    old = '    """Says “hello” – politely."""\n\n    def greet(self, name):'
    new = old.replace("name", "who")
    assert apply_edit(SOURCE, old, new) == SOURCE.replace("greet(self, name)", "greet(self, who)")
    typographic = SOURCE.replace('"hello" -', "“hello” –")
    plain = '    """Says "hello" - politely."""\n\n    def greet(self, name):'
    after = apply_edit(typographic, plain, plain.replace("name", "who"))
    assert after == typographic.replace("greet(self, name)", "greet(self, who)")


def test_typographic_quotes_of_the_model_do_not_get_into_code() -> None:
    old = "        text = “Hello, ” + name\n        print(text)"
    new = "        text = “Hi, ” + name\n        print(text)"
    assert apply_edit(SOURCE, old, new) == SOURCE.replace("Hello", "Hi")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("def leave(self, name):\n    return 0", "    def leave(self, name):\n        return 0"),
        (
            "            def leave(self, name):\n                return 0",
            "    def leave(self, name):\n        return 0",
        ),
        ("\tdef leave(self, name):\n\t\treturn 0", "    def leave(self, name):\n        return 0"),
    ],
)
def test_new_lines_take_the_indentation_of_the_file(shown: str, expected: str) -> None:
    step = re.sub("return 0", 'print("Bye, " + name)\n', shown.split("\n")[1]).rstrip("\n")
    last = re.sub("return 0", "return 42", shown.split("\n")[1])
    old = "\n".join([shown.split("\n")[0], step, last])
    stood = '    def leave(self, name):\n        print("Bye, " + name)\n        return 42'
    assert apply_edit(SOURCE, old, shown) == SOURCE.replace(stood, expected)


def test_new_lines_take_the_tabs_of_the_file() -> None:
    before = "func f() {\n\tif a {\n\t\tgo()\n\t}\n}\n"
    after = apply_edit(
        before,
        "    if a {\n        go()\n    }",
        "    if a {\n        stop(\n            1)\n    }",
    )
    assert after == "func f() {\n\tif a {\n\t\tstop(\n\t\t\t1)\n\t}\n}\n"


def test_a_block_that_gets_deeper_is_moved_as_a_whole() -> None:
    old = 'print("Bye, " + name)\nreturn 42'
    new = 'if name:\n    print("Bye, " + name)\nreturn 42'
    assert apply_edit(SOURCE, old, new) == SOURCE.replace(
        '        print("Bye', '        if name:\n            print("Bye'
    )


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_new_lines_take_the_line_ends_of_the_file(end: str) -> None:
    before = SOURCE.replace("\n", end)
    old = "        print(text)\n        return text"
    new = "        print(text)\n        log(text)\n        return text"
    assert apply_edit(before, old, new) == SOURCE.replace(old, new).replace("\n", end)
    assert apply_edit(before, "return 42", "x = 1\n        return x") == SOURCE.replace(
        "return 42", "x = 1\n        return x"
    ).replace("\n", end)


def test_line_ends_of_the_model_do_not_get_into_the_file() -> None:
    old = "        print(text)\r\n        return text"
    after = apply_edit(SOURCE, old, old.replace("return text", "return 1\r\n"))
    assert after == SOURCE.replace("return text", "return 1\n")


def test_mixed_line_ends_stay_where_they_are() -> None:
    before = "a = 1\r\nb = 2\nc = 3\r\nd = 4\n"
    after = apply_edit(before, "a = 1\nb = 2\nc = 3\nd = 4\n", "a = 1\nb = 5\nc = 3\nd = 4\n")
    assert after == "a = 1\r\nb = 5\nc = 3\r\nd = 4\n"


def test_an_edit_that_starts_with_a_line_feed_does_not_halve_a_line_end() -> None:
    assert apply_edit("a\r\nfoo\r\nb\r\n", "\nfoo", "\nbar") == "a\r\nbar\r\nb\r\n"


def test_blank_lines_may_be_missing_or_extra() -> None:
    missing = "        return text\n    def leave(self, name):\n"
    after = apply_edit(SOURCE, missing + '        print("Bye, " + name)', missing + "        pass")
    assert after == SOURCE.replace('print("Bye, " + name)', "pass")
    extra = "        print(text)\n\n        return text"
    after = apply_edit(SOURCE, extra, extra.replace("return text", "return 1"))
    assert after == SOURCE.replace("return text", "return 1")


@pytest.mark.parametrize("mark", ["...", "        # ... existing code ...", "    // rest of it …"])
def test_lines_that_the_model_left_out_stay(mark: str) -> None:
    old = f"    def greet(self, name):\n{mark}\n        return text"
    new = f"    def greet(self, who):\n{mark}\n        return text"
    assert apply_edit(SOURCE, old, new) == SOURCE.replace("greet(self, name)", "greet(self, who)")


def test_a_slip_in_a_line_that_stays_is_forgiven() -> None:
    old = '        text = "Helo, " + name\n        print(text)\n        return text'
    expected = SOURCE.replace("        return text", "        return 1")
    assert apply_edit(SOURCE, old, old.replace("return text", "return 1")) == expected
    right = old.replace("Helo", "Hello").replace("return text", "return 1")
    assert apply_edit(SOURCE, old, right) == expected


def test_a_text_without_final_newline_stays_without() -> None:
    before = "def f():\n    a = 1\n    return a"
    assert apply_edit(before, "a = 1\nreturn a\n", "a = 2\nreturn a\n") == (
        "def f():\n    a = 2\n    return a"
    )
    assert apply_edit(before, "    return a\n", "    return a + 1\n    # end\n") == (
        "def f():\n    a = 1\n    return a + 1\n    # end"
    )
    assert apply_edit(before, "  a = 1\n  return a", "  a = 1") == "def f():\n    a = 1"


def test_a_byte_order_mark_stays() -> None:
    after = apply_edit(
        "\ufeffimport os \nimport sys\n", "import os\nimport sys", "import re\nimport sys"
    )
    assert after == "\ufeffimport re\nimport sys\n"


def test_undecodable_bytes_stay() -> None:
    before = "a = 'caf\udce9'\nb = 2\n"
    after = apply_edit(before, "a = 'caf\ufffd'\nb = 2\n", "a = 'caf\ufffd'\nb = 3\n")
    assert after == "a = 'caf\udce9'\nb = 3\n"
    assert "would be lost" in refusal(before, "a = 'caf\ufffd'\nb = 2", "x = 'caf\ufffd'\nb = 2")


# Refusals


def test_two_places_are_refused_with_their_lines() -> None:
    assert "2 places, at lines 9, 13" in refusal(SOURCE, "        print(", "        log(")


def test_two_places_that_differ_in_indentation_are_refused() -> None:
    before = "  a = 1\n  b = 2\nx\n    a = 1\n    b = 2\n"
    assert "lines 1, 4" in refusal(before, "a = 1 \nb = 2", "c = 3")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        return text", "        return text\n\n    def wave(self):\n        pass"),
        ("        return 42", "        log()\n        return 42"),
        ("import os", "import os\nimport sys"),
        ("    Greeter().greet(name)", '    Greeter().greet("world")\n'),
    ],
)
def test_an_edit_is_not_applied_twice(old: str, new: str) -> None:
    after = SOURCE.replace(old, new)
    assert "already applied" in refusal(after, old, new)


def test_an_edit_whose_result_only_begins_the_same_is_applied() -> None:
    before = " * @param url The URL\n * @returns x\n"
    after = apply_edit(before, " * @param url The URL", " * @param url The URL\n *")
    assert after == " * @param url The URL\n *\n * @returns x\n"


def test_a_line_that_is_to_go_must_be_as_it_is_in_the_file() -> None:
    old = '        print("Bye, " + name)\n        return 41'
    message = refusal(SOURCE, old, old.replace("return 41", "return 1"))
    assert "not found" in message
    assert "14→        return 42" in message
    renamed = '        print("Bye, " + nome)\n        return 42'
    message = refusal(SOURCE, renamed, "        pass\n        return 42")
    assert "line 13 differs" in message


def test_a_text_that_is_not_there_is_refused_with_the_nearest_lines() -> None:
    message = refusal(SOURCE, '    print("Goodbye, " + name)\n    return None', "pass")
    assert "not found" in message
    assert re.search(r"nearest lines are \d+-\d+", message)
    assert '13→        print("Bye, " + name)' in message
    assert "not found" in refusal("", "anything", "else")


def test_left_out_lines_do_not_go() -> None:
    old = "    def greet(self, name):\n...\n        return text"
    assert "would go" in refusal(SOURCE, old, "    def greet(self, name):\n        return text")
    assert "placeholder" in refusal(
        SOURCE, "        print(text)", "        # ... existing code ..."
    )


def test_an_insertion_beside_an_unknown_blank_line_is_refused() -> None:
    old = "        return text\n    def leave(self, name):"
    new = "        return text\n    x = 1\n    def leave(self, name):"
    assert "blank lines after line 10" in refusal(SOURCE, old, new)


@pytest.mark.parametrize(("old", "new"), [("return 42", "return 42"), ("", "x"), ("", "")])
def test_nothing_to_do_is_refused(old: str, new: str) -> None:
    refusal(SOURCE, old, new)


def test_an_edit_that_changes_nothing_is_refused() -> None:
    assert "already applied" in refusal(
        SOURCE, "print(text)  \nreturn text", "print(text)\nreturn text "
    )


def test_a_new_line_that_cannot_be_moved_left_is_refused() -> None:
    old = '            print("Bye, " + name)\n            return 42'
    assert "too little indentation" in refusal(SOURCE, old, old + "\nend")


# Size


def test_one_long_line_and_a_long_old_text() -> None:
    line = "ab cd, " * 1_000_000
    assert apply_edit(line + "END" + line, "END", "STOP") == line + "STOP" + line
    assert "not found" in refusal(line, "END " * 200_000, "x")
    many = "".join(f"    line {i}\n" for i in range(50_000))
    shown = "".join(f"line {i}\n" for i in range(50_000))
    assert apply_edit(many, shown, shown.replace("line 7\n", "seven\n")) == many.replace(
        "line 7\n", "seven\n"
    )
    assert "places" in refusal(many * 2, shown, "x\n")


# Properties

LINE = st.text(st.sampled_from("ab1 \t(){}=\"'“—.é\udc80"), max_size=6)
TEXT = st.lists(LINE, max_size=12).map("\n".join)


@given(TEXT, TEXT, TEXT, st.booleans())
@settings(deadline=None, max_examples=400)
def test_any_edit_is_applied_or_refused(before: str, old: str, new: str, every: bool) -> None:
    with contextlib.suppress(ToolError):
        assert apply_edit(before, old, new, every) != before


@given(TEXT, st.data())
@settings(deadline=None, max_examples=300)
def test_a_unique_exact_match_is_replaced_literally(before: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(before)))
    old = before[start : data.draw(st.integers(start, len(before)))]
    new = data.draw(TEXT)
    assume(old and old not in new and before.count(old) == 1)
    assume(before.find(old, before.find(old) + 1) < 0)
    assume(new.count("\ufffd") == 0)
    assert apply_edit(before, old, new) == before.replace(old, new)


NAMES = st.lists(st.from_regex(r"[a-z]{6,9}", fullmatch=True), min_size=8, max_size=12, unique=True)


@given(NAMES, st.sampled_from(["\n", "\r\n", "\r"]), st.data())
@settings(deadline=None, max_examples=200)
def test_bytes_outside_of_the_edit_do_not_change(
    names: list[str], end: str, data: st.DataObject
) -> None:
    indents = [data.draw(st.sampled_from(["", "    ", "        "])) for _ in names]
    tails = [data.draw(st.sampled_from(["", " ", "\t", "\udce9"])) for _ in names]
    lines = [f"{i}{name} = 1{t}" for i, name, t in zip(indents, names, tails, strict=True)]
    first = data.draw(st.integers(0, len(lines) - 4))
    shown = [line.rstrip(" \t").replace("\udce9", "\ufffd") for line in lines[first : first + 4]]
    margin = min(len(line) - len(line.lstrip()) for line in shown)
    shown = [line[margin:] for line in shown]
    fresh = [shown[0], "brand = 2", *shown[1:]]
    fitted = [*lines[: first + 1], " " * margin + "brand = 2", *lines[first + 1 :]]
    before, expected = end.join([*lines, ""]), end.join([*fitted, ""])
    assert apply_edit(before, "\n".join(shown), "\n".join(fresh)) == expected
    assert "already applied" in refusal(expected, "\n".join(shown), "\n".join(fresh))
