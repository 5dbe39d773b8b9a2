"""The planner's English-Chinese vocabulary of pictures, and how it is found in a text.

``lexicon.json`` lists the entries by category, one string each: the English name, the Chinese
name, then further spellings in either language, separated by " | ". A Chinese text has no spaces,
so the longest spelling that stands at a position wins.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

MODIFIERS = frozenset({"age", "count", "adjective", "colour", "material", "place"})
"""Categories that describe the noun after them: red dress, 红色的裙子."""

THINGS = frozenset(
    {"person", "animal", "object", "clothing", "accessory", "hair", "face", "setting"}
)
"""Categories that a modifier describes."""

PLURAL = frozenset({"person", "animal", "object", "clothing", "accessory", "setting", "face"})


@dataclass(frozen=True)
class Entry:
    """One thing a picture can have, named in both languages."""

    en: str
    zh: str
    category: str


class Lexicon:
    """Finds entries in folded text; see :func:`fold`."""

    def __init__(self, spellings: Mapping[str, Entry]) -> None:
        self._spellings = dict(spellings)
        self._by_first: dict[str, list[int]] = defaultdict(list)
        for first, lengths in _lengths(spellings).items():
            self._by_first[first] = sorted(lengths, reverse=True)

    def match(self, text: str, start: int) -> tuple[Entry, int] | None:
        """The entry with the longest spelling at ``start`` (counted from 0), and where it ends."""
        for length in self._by_first.get(text[start], ()):
            end = start + length
            entry = self._spellings.get(text[start:end])
            if entry and end <= len(text) and is_whole_word(text, start, end):
                return entry, end
        return None

    def named(self, spelling: str) -> Entry | None:
        """The entry with exactly this spelling."""
        return self._spellings.get(fold(spelling))

    def __len__(self) -> int:
        """How many entries there are."""
        return len(set(self._spellings.values()))


@cache
def lexicon() -> Lexicon:
    """The vocabulary of this package, read once."""
    source = files("grok_agent.offline").joinpath("lexicon.json").read_text(encoding="utf-8")
    spellings: dict[str, Entry] = {}
    for category, lines in json.loads(source).items():
        for line in lines:
            names = line.split(" | ")
            entry = Entry(names[0], names[1], category)
            for name in _variants(names, category):
                spellings.setdefault(fold(name), entry)
    return Lexicon(spellings)


def fold(text: str) -> str:
    """``text`` for comparing: lower case, plain width, hyphens as spaces; as long as before."""
    return "".join(map(_folded, text))


def is_chinese(character: str) -> bool:
    """Whether ``character`` is a Chinese one, without punctuation."""
    return "\u4e00" <= character <= "\u9fff" or "\u3400" <= character <= "\u4dbf"


def is_whole_word(text: str, start: int, end: int) -> bool:
    """Whether no Latin word is cut at either end of ``text[start:end]``."""
    return not (_in_word(text, start) or _in_word(text, end))


def _in_word(text: str, border: int) -> bool:
    if not 0 < border < len(text):
        return False
    before, after = text[border - 1], text[border]
    return all(each.isalnum() and not is_chinese(each) for each in (before, after))


@cache
def _folded(character: str) -> str:
    if character in "-‐‑–_":
        return " "
    if character in "’‘`":
        return "'"
    if "\uff01" <= character <= "\uff5e":  # full-width forms
        character = chr(ord(character) - 0xFEE0)
    lower = character.lower()
    return lower if len(lower) == 1 else character


def _variants(names: Iterable[str], category: str) -> Iterable[str]:
    for name in names:
        yield name
        if category in PLURAL and name.isascii() and not name.endswith("s"):
            yield name + ("es" if name.endswith(("ch", "sh", "x")) else "s")


def _lengths(spellings: Iterable[str]) -> Mapping[str, set[int]]:
    lengths: dict[str, set[int]] = defaultdict(set)
    for spelling in spellings:
        lengths[spelling[0]].add(len(spelling))
    return lengths
