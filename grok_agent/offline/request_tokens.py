"""A prompt request as tokens: known words, unknown ones, and what joins, ends or negates them."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grok_agent.offline.lexicon import Entry, fold, is_chinese, is_whole_word, lexicon
from grok_agent.offline.request_grammar import (
    FIGURES,
    LETTERING,
    PATTERNS,
    SENTENCE_START,
    Kind,
)
from grok_agent.offline.request_settings import Span

_ENDS = frozenset(".。!?！？\n")
_QUOTES = {'"': '"', "“": "”", "「": "」", "『": "』", "'": "'"}
_LONGEST_QUOTATION = 80
_LOOK_AHEAD = 3


@dataclass(frozen=True)
class Token:
    """A piece of the text from ``start`` up to ``end``, counted from 0."""

    kind: Kind
    start: int
    end: int
    entry: Entry | None = None


def tokens(text: str, settings: Sequence[Span] = ()) -> list[Token]:
    """Every token of ``text`` in order; ``settings`` are spans that were read already."""
    return list(_Scanner(text, settings).scan())


class _Scanner:
    def __init__(self, text: str, settings: Sequence[Span]) -> None:
        self.text = text
        self.folded = fold(text)
        self.settings = dict(sorted(settings))
        self.borders = {start for start, _ in settings}
        self.last: Token | None = None

    def scan(self) -> Iterator[Token]:
        position = 0
        while position < len(self.text):
            token = self._token_at(position)
            position = token.end if token else position + 1
            if token:
                self.last = token
                yield token

    def _token_at(self, start: int) -> Token | None:
        character = self.text[start]
        if start in self.settings:
            return Token("setting", start, self.settings[start])
        if character in _ENDS:
            return Token("end", start, start + 1)
        if character.isspace():
            return None
        found = self._quotation(start) or self._meaning(start)
        if found:
            return found
        if _is_word(character):
            return Token("unknown", start, self._word_end(start))
        return self._symbol(start)

    def _meaning(self, start: int) -> Token | None:
        """The longest thing with a meaning at ``start``; a single Chinese character is doubtful."""
        found = self._longest(start)
        if not found or found.end - start > 1 or not is_chinese(self.text[start]):
            return found
        if self._in_unknown_word(start):
            return None
        after_known = self._touches_known(start) and found.kind != "known"
        return found if after_known or self._goes_on(found.end, _LOOK_AHEAD) else None

    def _longest(self, start: int) -> Token | None:
        candidates = [*self._figures(start), *self._entries(start), *self._grammar(start)]
        return max(candidates, key=lambda token: token.end, default=None)

    def _figures(self, start: int) -> Iterator[Token]:
        for pattern, en, zh, category in FIGURES:
            found = pattern.match(self.folded, start)
            if found and self._is_free(start, found.end()):
                figure = found[1] or "".join(filter(str.isdigit, found[0]))
                entry = Entry(en.format(figure), zh.format(figure), category)
                yield Token("known", start, found.end(), entry)

    def _entries(self, start: int) -> Iterator[Token]:
        found = lexicon().match(self.folded, start)
        if found and self._is_free(start, found[1]):
            yield Token("known", start, found[1], found[0])

    def _grammar(self, start: int) -> Iterator[Token]:
        if self.last is None or self.last.kind == "end":
            order = SENTENCE_START.match(self.folded, start)
            if order and self._is_free(start, order.end()):
                yield Token("order", start, order.end())
        for kind, pattern in PATTERNS:
            found = pattern.match(self.folded, start)
            if found and self._is_free(start, found.end()):
                is_flag = kind == "not" and self.text[max(start - 2, 0) : start] == "--"
                yield Token("list of nots" if is_flag else kind, start, found.end())

    def _quotation(self, start: int) -> Token | None:
        """Text in quotes that shall be written in the picture."""
        closing = _QUOTES.get(self.text[start])
        before = self.folded[max(start - 20, 0) : start]
        if not closing or not LETTERING.search(before):
            return None
        end = self.text.find(closing, start + 1, start + 1 + _LONGEST_QUOTATION)
        words = self.text[start + 1 : end].strip()
        if end < 0 or not words or "\n" in words:
            return None
        return Token("known", start, end + 1, Entry(f'"{words}"', f"“{words}”", "lettering"))

    def _symbol(self, start: int) -> Token | None:
        category = unicodedata.category(self.text[start])
        if category in ("So", "Sk"):  # emoji and their skin tones
            return Token("unknown", start, start + 1)
        if category.startswith("C"):
            return None
        return Token("comma", start, start + 1)

    def _word_end(self, start: int) -> int:
        if is_chinese(self.text[start]):
            return start + 1
        end = start + 1
        while end < len(self.text) and end not in self.borders and self._goes_on_in_word(end):
            end += 1
        return end

    def _goes_on_in_word(self, position: int) -> bool:
        character = self.text[position]
        if _is_word(character):
            return not is_chinese(character)
        inside = character in "'’-.&" and position + 1 < len(self.text)
        return inside and _is_word(self.text[position + 1])

    def _is_free(self, start: int, end: int) -> bool:
        """Whether no word is cut and no setting lies in between."""
        if any(position in self.borders for position in range(start + 1, end)):
            return False
        return is_whole_word(self.folded, start, end)

    def _in_unknown_word(self, start: int) -> bool:
        last = self.last
        return last is not None and last.kind == "unknown" and last.end == start

    def _touches_known(self, start: int) -> bool:
        last = self.last
        return last is not None and last.kind == "known" and last.end == start

    def _goes_on(self, position: int, look_ahead: int) -> bool:
        """Whether something with a meaning, or no Chinese character, follows at ``position``."""
        if look_ahead == 0 or position >= len(self.text) or not is_chinese(self.text[position]):
            return True
        found = self._longest(position)
        if not found:
            return False
        return found.end - position > 1 or self._goes_on(found.end, look_ahead - 1)


def _is_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")
