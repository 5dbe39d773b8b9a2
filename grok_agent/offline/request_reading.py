"""What a person asks of a picture: phrases wanted and unwanted, in both languages, and settings.

Deterministic. Nothing that was said is lost: words that the lexicon does not have are kept as
they stand, in both languages.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grok_agent.offline.lexicon import MODIFIERS, THINGS, Entry, fold, is_chinese
from grok_agent.offline.request_settings import Named, Span, read_settings
from grok_agent.offline.request_tokens import Token, tokens

LONGEST_PHRASE = 160
_WEIGHT = re.compile(r"\(([^()]{1,200}):\s*(\d(?:\.\d{1,2})?)\)")
_UNLISTED = THINGS | {"flaw", "lettering"}
_UNSPOKEN = frozenset({"setting", "order", "not", "list of nots"})
_DIGIT = re.compile(r"\d")
_EMOJI_JOINERS = "\u200d\ufe0f"
_ACTION = re.compile(r"[a-z]{3,}ing")


@dataclass(frozen=True)
class Phrase:
    """One thing said, in both languages. ``entries`` are the lexicon's words in it."""

    en: str
    zh: str
    category: str
    entries: frozenset[Entry] = frozenset()
    weight: float = 1.0


@dataclass(frozen=True)
class Reading:
    """A request, read. ``prose`` is what was said of the picture, as it was said, without
    settings and negatives; ``is_chinese`` tells its language; ``notes`` what needs a person's eye.
    """

    positive: tuple[Phrase, ...]
    negative: tuple[Phrase, ...]
    named: Named
    prose: str
    is_chinese: bool
    notes: tuple[str, ...]

    def of(self, *categories: str) -> list[Phrase]:
        """The wanted phrases of these categories, in the order in which they were said."""
        return [phrase for phrase in self.positive if phrase.category in categories]


def read_request(request: str) -> Reading:
    """Read a request for a picture in English, Chinese or both; any text is accepted."""
    text = request.encode("utf-8", "replace").decode("utf-8")
    named = read_settings(fold(text))
    weights = [(found.end(1), found.end(2)) for found in _WEIGHT.finditer(text)]
    reader = _Reader(text, tokens(text, _apart([*named.spans, *weights])))
    reader.read()
    positive = _without_repeats(reader.positive)
    unwanted = _without_repeats(reader.negative)
    negative = [phrase for phrase in unwanted if not _contradicts(phrase, positive)]
    return Reading(
        positive=tuple(positive),
        negative=tuple(negative),
        named=named,
        prose=reader.prose(),
        is_chinese=_is_mostly_chinese(text),
        notes=(*named.notes, *(_contradiction(p) for p in unwanted if p not in negative)),
    )


class _Reader:
    """Goes through the tokens once, gathers them into phrases and knows what is negated."""

    def __init__(self, text: str, found: Sequence[Token]) -> None:
        self.text = text
        self.tokens = found
        self.weights = [(m.span(), float(m[2])) for m in _WEIGHT.finditer(text)]
        self.positive: list[Phrase] = []
        self.negative: list[Phrase] = []
        self.group: list[Token] = []
        self.negates = ""
        self.spoken: list[tuple[int, int]] = []

    def read(self) -> None:
        for index, token in enumerate(self.tokens):
            if token.kind in ("known", "unknown"):
                self._add(index)
            else:
                self._pass(index)
            if not self.negates and token.kind not in _UNSPOKEN:
                self.spoken.append((token.start, token.end))
        self._flush()

    def prose(self) -> str:
        """The text of all that was not negated and no setting, its gaps closed."""
        pieces: list[str] = []
        end = 0
        for start, stop in self.spoken:
            gap = self.text[end:start]
            pieces += [
                " " if gap and (gap.isspace() or len(gap) > 1) else gap,
                self.text[start:stop],
            ]
            end = stop
        return _tidied("".join(pieces))

    def _add(self, index: int) -> None:
        if self.group and not self._belongs(index):
            self._flush()
        self.group.append(self.tokens[index])

    def _pass(self, index: int) -> None:
        token = self.tokens[index]
        if token.kind == "stop" and self.group and self._is_action(self.group[-1]):
            return  # holding a lantern
        if token.kind == "join" and self.group and self._modifies(self.group[-1]):
            return
        self._flush()
        if token.kind in ("not", "list of nots"):
            self.negates = token.kind
        elif (
            token.kind == "end"
            or (self.negates == "not" and token.kind == "but")
            or (self.negates == "not" and token.kind == "comma" and not self._list_goes_on(index))
            or (self.negates == "not" and token.kind == "and" and not self._is_thing(index + 1))
        ):
            self.negates = ""

    def _belongs(self, index: int) -> bool:
        """Whether the token is part of the phrase that is being gathered."""
        last, token = self.group[-1], self.tokens[index]
        gap = self.text[last.end : token.start]
        if self._is_action(last):
            return "\n" not in gap and (token.entry is None or token.entry.category in _DESCRIBED)
        if last.entry and last.entry.category in MODIFIERS:
            return token.entry is None or token.entry.category in _DESCRIBED
        if last.entry:
            return False
        if token.entry is None:
            return not gap.strip(_EMOJI_JOINERS) or (
                gap.isspace() and not is_chinese(self.text[token.start])
            )
        return token.entry.category in THINGS

    def _modifies(self, token: Token) -> bool:
        return token.entry is None or token.entry.category in MODIFIERS

    def _is_action(self, token: Token) -> bool:
        if token.entry:
            return token.entry.category == "action"
        return _ACTION.fullmatch(self.text[token.start : token.end].lower()) is not None

    def _is_thing(self, index: int) -> bool:
        if index >= len(self.tokens):
            return False
        token = self.tokens[index]
        if token.kind == "unknown":
            return True
        return token.entry is not None and token.entry.category in _UNLISTED | MODIFIERS

    def _list_goes_on(self, index: int) -> bool:
        """Whether the list of what is unwanted continues behind this comma.

        It does after 、 and /, before a flaw, and where an "or" still comes.
        """
        if self.text[self.tokens[index].start] in "、/":
            return True
        clause, has_or = self._clause_after(index)
        flaws = [t.entry is not None and t.entry.category == "flaw" for t in clause]
        return bool(clause) and (all(flaws) or has_or)

    def _clause_after(self, index: int) -> tuple[list[Token], bool]:
        """The words up to the next comma, and whether a short list with "or" begins there."""
        clause: list[Token] = []
        commas = 0
        for position, token in enumerate(self.tokens[index + 1 :]):
            if token.kind in ("end", "but", "not", "list of nots") or position > 12:
                break
            if token.kind == "or":
                return clause, True
            commas += token.kind == "comma"
            if not commas and token.kind in ("known", "unknown"):
                clause.append(token)
        return clause, False

    def _flush(self) -> None:
        group, self.group = self.group, []
        while group:
            part = _fitting(group)
            (self.negative if self.negates else self.positive).append(self._phrase(part))
            group = group[len(part) :]

    def _phrase(self, group: Sequence[Token]) -> Phrase:
        start, end = group[0].start, group[-1].end
        said = " ".join(self.text[start:end].split())[: LONGEST_PHRASE + 40]
        entries = [token.entry for token in group if token.entry]
        named = [entry for entry in entries if entry.category in THINGS] or entries
        category = "action" if self._is_action(group[0]) and len(group) > 1 else ""
        is_plain = len(group) == 1 and bool(entries) and (_DIGIT.search(said) or len(said) == 1)
        names = (
            _joined([self._name(token, "en") for token in group]),
            _joined([self._name(token, "zh") for token in group]),
        )
        if not entries:
            names = said, said
        in_chinese = any(map(is_chinese, said))
        return Phrase(
            en=names[0] if in_chinese or is_plain else said,
            zh=said if in_chinese and not is_plain else names[1],
            category=category or (named[-1].category if named else "detail"),
            entries=frozenset(entries),
            weight=self._weight(start),
        )

    def _name(self, token: Token, language: str) -> str:
        if token.entry:
            return token.entry.en if language == "en" else token.entry.zh
        return self.text[token.start : token.end]

    def _weight(self, start: int) -> float:
        inside = (weight for (first, end), weight in self.weights if first <= start < end)
        return min(max(next(inside, 1.0), 0.1), 2.0)


_DESCRIBED = THINGS | MODIFIERS | {"flaw", "lettering", "light", "camera", "medium", "framing"}


def _fitting(group: Sequence[Token]) -> Sequence[Token]:
    """As many of the first tokens as make a phrase of bearable length, at least one."""
    count = 1
    while count < len(group) and group[count].end - group[0].start <= LONGEST_PHRASE:
        count += 1
    return group[:count]


def _joined(names: Iterable[str]) -> str:
    """Names side by side; a space stands between them unless both sides are Chinese."""
    joined = ""
    for name in names:
        touches = joined and is_chinese(joined[-1]) and is_chinese(name[0])
        joined += name if touches or not joined else f" {name}"
    return joined


def _apart(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those left out that begin inside an earlier one."""
    kept: list[Span] = []
    for span in sorted(spans):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def _tidied(prose: str) -> str:
    prose = re.sub(r"\s+", " ", prose)
    prose = re.sub(r"(?:\s*[,，、;；]\s*)+([,，.。])", r"\1", prose)
    prose = re.sub(r"\s+([,，.。)])", r"\1", prose)
    return prose.strip(" ,，、;；:：-")


def _without_repeats(phrases: Iterable[Phrase]) -> list[Phrase]:
    first: dict[str, Phrase] = {}
    for phrase in phrases:
        if phrase.en.strip() and phrase.zh.strip():
            first.setdefault(phrase.en.casefold(), phrase)
    return list(first.values())


def _contradicts(unwanted: Phrase, positive: Iterable[Phrase]) -> bool:
    """Whether something wanted says the same; what is wanted wins."""
    return any(
        fold(unwanted.en) == fold(wanted.en)
        or fold(unwanted.zh) == fold(wanted.zh)
        or (bool(unwanted.entries) and unwanted.entries <= wanted.entries)
        for wanted in positive
    )


def _contradiction(phrase: Phrase) -> str:
    return (
        f"The request both wants and excludes “{phrase.en}”; it was kept as wanted."
        f" 请求中既要求又排除“{phrase.zh}”，已按要求保留。"
    )


def _is_mostly_chinese(text: str) -> bool:
    return sum(map(is_chinese, text)) > len(re.findall(r"[A-Za-z]{2,}", text))
