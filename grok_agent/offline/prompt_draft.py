"""From a request that was read to the arguments of a prompt: defaults, additions, both languages.

What the user said comes first and stays as said; what was measured on a picture follows; the
planner's own additions are few, come last and are marked as such.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from grok_agent.offline.lexicon import Entry, fold, lexicon
from grok_agent.offline.measurements import Measured, Pair
from grok_agent.offline.prompt_looks import Look, look_of, medium_of, sampling_of, size_of
from grok_agent.offline.request_reading import Phrase, Reading

MOST_USER_KEYWORDS = 150
MOST_NEGATIVES = 100
LONGEST_PROSE = 2000
LONGEST_LINE = 600

_PICTURED = ("person", "animal", "object", "clothing", "detail", "setting", "lettering", "action")
_YOUNG = frozenset(
    {"child", "baby", "girl", "boy", "teenage girl", "teenage boy", "teenager", "teenage"}
)


_OPPOSITES = (
    ("low-key lighting", "high-key lighting"),
    ("low contrast", "high contrast"),
    ("warm tones", "cool tones"),
    ("warm light", "cool tones"),
    ("cold light", "warm tones"),
    ("soft focus", "sharp focus"),
    ("blurry", "sharp focus"),
)
_LINES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Clothing", "服饰", ("clothing", "accessory")),
    ("Features", "外貌", ("hair", "face", "age", "expression")),
    ("Pose", "动作", ("pose", "action")),
    ("Setting", "场景", ("setting", "time", "weather", "place")),
    ("Light", "光线", ("light",)),
    ("Composition", "构图", ("framing", "angle", "composition")),
    ("Camera", "相机", ("camera",)),
    ("Style", "风格", ("style", "mood", "quality")),
    ("Colours", "色彩", ("colour",)),
)


def is_refused(reading: Reading) -> bool:
    """Whether the request asks for sexual pictures of minors."""
    said = {entry.en for phrase in reading.positive for entry in phrase.entries}
    return "nsfw" in said and bool(said & _YOUNG)


def draft(
    reading: Reading, pictures: Sequence[Measured] = (), notes: Iterable[str] = ()
) -> dict[str, Any]:
    """Arguments for a PromptSpec. ``pictures`` are measured; the first one gives shape and light.

    Always valid; the facts that had to be left out or changed stand in ``safety_note``.
    """
    picture = _unopposed(pictures[0], reading) if pictures else Measured()
    medium = medium_of(reading)
    look = look_of(reading, medium)
    user = [_keyword(phrase, "user") for phrase in reading.positive[:MOST_USER_KEYWORDS]]
    measured = [_pair(pair, "measured") for pair in _measured_words(picture)]
    subject = _subject(reading)
    positive = _distinct([*user, *measured, *_additions(reading, look, picture)])
    positive = positive or [_pair(subject, "model")]
    width, height = size_of(reading, picture)
    return {
        "title": _cut(" · ".join(dict.fromkeys(subject)), 110),
        "subject": _both(*subject),
        "positive": positive,
        "negative": _negative(reading, look, positive),
        "sentence": _sentence(reading, medium, subject, picture),
        "style": _line(reading, "style", "mood"),
        "medium": medium.en,
        "camera": _line(reading, "camera"),
        "light": _line(reading, "light", also=picture.light),
        "composition": _line(reading, "framing", "angle", "composition"),
        "palette": [{"hex": c.hex, "name_en": c.en, "name_zh": c.zh} for c in picture.colours],
        "identity": _identity(picture),
        "width": width,
        "height": height,
        **sampling_of(reading, look),
        "safety_note": _cut(" ".join([*reading.notes, *notes, *_left_out(reading)]), 3000),
    }


def _subject(reading: Reading) -> Pair:
    """Who or what the picture shows: people, else animals, else things, else what was said."""
    for categories in (("person",), ("animal",), ("object", "lettering"), ("detail",), _PICTURED):
        found = reading.of(*categories)[: 3 if categories[0] in ("person", "animal") else 1]
        if found:
            return " and ".join(p.en for p in found), "和".join(p.zh for p in found)
    if any(entry.en == "portrait" for p in reading.of("framing") for entry in p.entries):
        return "a person", "一位人物"
    if reading.positive:
        return reading.positive[0].en, reading.positive[0].zh
    return "open subject", "主题不限"


def _unopposed(picture: Measured, reading: Reading) -> Measured:
    """The picture without the measured words that the user's words speak against."""
    against = {opposite for p in reading.positive for e in p.entries for opposite in _against(e)}
    against |= {entry.en for phrase in reading.negative for entry in phrase.entries}
    light = tuple(pair for pair in picture.light if pair[0].split(",")[0] not in against)
    sharpness = picture.sharpness if (picture.sharpness or ("",))[0] not in against else None
    return replace(picture, light=light, sharpness=sharpness)


def _against(entry: Entry) -> Iterable[str]:
    """What a wanted entry rules out among the measured words."""
    return (b for pair in _OPPOSITES for a, b in (pair, pair[::-1]) if entry.en == a)


def _measured_words(picture: Measured) -> list[Pair]:
    colours = [(f"{c.en} tones", f"{c.zh.removesuffix('色')}色调") for c in picture.colours[:3]]
    return [*colours, *picture.light, *([picture.sharpness] if picture.sharpness else [])]


def _identity(picture: Measured) -> list[dict[str, Any]]:
    """What is locked across derivatives: only the measured colours, since no face was seen."""
    return _distinct(
        _pair((f"reference colour {c.hex} ({c.en})", f"参考色 {c.hex}（{c.zh}）"), "measured")
        for c in picture.colours[:4]
    )


def _additions(reading: Reading, look: Look, picture: Measured) -> list[dict[str, Any]]:
    """Few words of the planner's own: light where none was said, and what the medium needs."""
    names = list(look.additions)
    if look.wants_light and not picture.light and not reading.of("light"):
        names.insert(0, "soft light")
    if reading.of("quality"):
        names = [name for name in names if name != "highly detailed"]
    unwanted = {entry.en for phrase in reading.negative for entry in phrase.entries}
    unwanted |= {opposite for p in reading.positive for e in p.entries for opposite in _against(e)}
    if picture.sharpness:
        unwanted.add("sharp focus")
    return [_entry(name) for name in names if name not in unwanted]


def _negative(
    reading: Reading, look: Look, positive: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The user's unwanted things, then the usual ones, without any that is wanted."""
    wanted = {fold(word[language]) for word in positive for language in ("en", "zh")}
    entries = {entry.en for phrase in reading.positive for entry in phrase.entries}
    if reading.of("lettering"):
        entries.add("text")
    said = [_keyword(phrase, "user") for phrase in reading.negative[:MOST_NEGATIVES]]
    named = {entry.en for phrase in reading.negative for entry in phrase.entries}
    usual = [_entry(name) for name in look.negatives if name not in entries | named]
    return [
        word
        for word in _distinct([*said, *usual])
        if fold(word["en"]) not in wanted and fold(word["zh"]) not in wanted
    ]


def _sentence(reading: Reading, medium: Entry, subject: Pair, picture: Measured) -> dict[str, str]:
    """Prose in both languages: the user's own words in theirs, built in the other."""
    measured = _measured_words(picture)
    english = [f"{medium.en[0].upper()}{medium.en[1:]} of {subject[0]}."]
    chinese = [f"{subject[1]}，{medium.zh}。"]
    for label, label_zh, categories in _LINES:
        phrases = reading.of(*categories)[:30]
        if phrases:
            english.append(f"{label}: {', '.join(phrase.en for phrase in phrases)}.")
            chinese.append(f"{label_zh}：{'、'.join(phrase.zh for phrase in phrases)}。")
    if reading.prose and reading.is_chinese:
        chinese = [f"{reading.prose.rstrip('。.')[:LONGEST_PROSE]}。"]
    elif reading.prose:
        english = [f"{reading.prose.rstrip('。.')[:LONGEST_PROSE]}."]
    if measured:
        english.append(f"Measured on the picture: {', '.join(en for en, _ in measured)}.")
        chinese.append(f"图片实测：{'、'.join(zh for _, zh in measured)}。")
    return _both(_cut(" ".join(english), 3500), _cut("".join(chinese), 3500))


def _line(reading: Reading, *categories: str, also: Iterable[Pair] = ()) -> dict[str, str]:
    pairs = [*((phrase.en, phrase.zh) for phrase in reading.of(*categories)), *also]
    return _both(
        _cut(", ".join(en for en, _ in pairs), LONGEST_LINE),
        _cut("，".join(zh for _, zh in pairs), LONGEST_LINE),
    )


def _left_out(reading: Reading) -> list[str]:
    notes = []
    over = len(reading.positive) - MOST_USER_KEYWORDS
    if over > 0:
        notes.append(
            f"The request is longer than a prompt can be: its last {over} phrases were left out of"
            f" the keywords. 请求过长，最后{over}个短语未列入关键词。"
        )
    if any(phrase.en in ("4K resolution", "8K resolution") for phrase in reading.positive):
        notes.append(
            "Image models work best at their trained size: generate at the size given and scale up"
            " to 4K or 8K afterwards. 建议先按给定尺寸生成，再放大到4K或8K。"
        )
    return notes


def _keyword(phrase: Phrase, source: str) -> dict[str, Any]:
    return {"en": phrase.en, "zh": phrase.zh, "weight": phrase.weight, "source": source}


def _pair(pair: Pair, source: str) -> dict[str, Any]:
    return {"en": pair[0], "zh": pair[1], "weight": 1.0, "source": source}


def _entry(name: str) -> dict[str, Any]:
    entry = lexicon().named(name) or Entry(name, name, "")
    return _pair((entry.en, entry.zh), "model")


def _distinct(keywords: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    first: dict[str, dict[str, Any]] = {}
    for keyword in keywords:
        first.setdefault(keyword["en"].strip().casefold(), keyword)
    return list(first.values())


def _both(en: str, zh: str) -> dict[str, str]:
    return {"en": en, "zh": zh}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
