"""Plans the search_replace calls that rename a whole word in one file."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """One search_replace call; ``old`` is unique in the text unless ``replace_all``."""

    old: str
    new: str
    replace_all: bool = False

    def apply(self, text: str) -> str:
        """The text after this edit."""
        return text.replace(self.old, self.new, -1 if self.replace_all else 1)


def whole_word(name: str) -> re.Pattern[str]:
    """``name`` where no letter, digit or underscore touches it."""
    return re.compile(rf"\b{re.escape(name)}\b")


def plan_edits(text: str, old: str, new: str) -> list[Edit]:
    r"""Edits that, applied in order, turn ``text`` into ``re.sub(r"\bold\b", new, text)``.

    ``text`` has ``\n`` line ends. Where the name is also part of longer names, the edits replace
    whole lines: as few as make the place unique, or one line everywhere if all its copies qualify.
    """
    word = whole_word(old)
    edits: list[Edit] = []
    while match := word.search(text):
        edit = _next_edit(text, match.start(), word, new)
        edits.append(edit)
        text = edit.apply(text)
    return edits


def _next_edit(text: str, position: int, word: re.Pattern[str], new: str) -> Edit:
    name = word.pattern.removeprefix(r"\b").removesuffix(r"\b")
    everywhere = Edit(name, new, replace_all=True)
    if _is_right(everywhere, text, word, new):
        return everywhere
    lines = text.split("\n")
    row = text.count("\n", 0, position)
    for first, last in _windows(row, len(lines)):
        old = "\n".join(lines[first : last + 1])
        unique = text.find(old) == text.rfind(old)
        edit = Edit(old, word.sub(new, old), replace_all=not unique)
        if unique or (first == last and _is_right(edit, text, word, new)):
            return edit
    raise AssertionError("the window of all lines is unique")


def _is_right(edit: Edit, text: str, word: re.Pattern[str], new: str) -> bool:
    """The edit changes whole words only: finishing the rename gives what it gave before."""
    return word.sub(new, edit.apply(text)) == word.sub(new, text)


def _windows(row: int, count: int) -> list[tuple[int, int]]:
    """0-based line ranges around ``row``, smallest first, growing by one line at a time."""
    windows = [(row, row)]
    first = last = row
    while first > 0 or last < count - 1:
        if last < count - 1:
            last += 1
            windows.append((first, last))
        if first > 0:
            first -= 1
            windows.append((first, last))
    return windows
