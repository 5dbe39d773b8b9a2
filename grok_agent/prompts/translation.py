"""Which words of a prompt stand in one language only, and putting their translations in place.

Prompts that come from other programs have one language; :mod:`grok_agent.prompts.importing` puts
it into both, so that nothing is lost. Names, numbers and codes are the same in both languages.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from grok_agent.prompts.remark import HAN
from grok_agent.prompts.schema import PromptSpec, Text

KEYWORD_FIELDS = ("positive", "negative", "identity")
TEXT_FIELDS = ("subject", "sentence", "style", "camera", "light", "composition")

_WORD = re.compile(r"[a-z]{3,}")


@dataclass(frozen=True)
class Gap:
    """Words that are not in both languages: where they stand (``field`` and, in a list, an index
    from 0 after a point), and which languages are missing."""

    path: str
    text: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Translation:
    """The same words in English and Chinese."""

    en: str
    zh: str


def gaps(spec: PromptSpec) -> list[Gap]:
    """The entries of ``spec`` that are not in both languages, in the schema's order."""
    found = (
        Gap(path, en if "zh" in missing else zh, missing)
        for path, en, zh in _pairs(spec)
        if (missing := _missing(en, zh))
    )
    return list(found)


def with_translations(spec: PromptSpec, translations: Mapping[str, Translation]) -> PromptSpec:
    """``spec`` with the missing languages of its :func:`gaps` taken from ``translations``, by path.

    What stands in the right language stays as it is, word for word. A translation that would make
    the prompt invalid, because its list has that word already or the other list has it, is left
    out, and its entry stays as it was.
    """
    for gap in gaps(spec):
        if translation := translations.get(gap.path):
            spec = _with(spec, gap, translation) or spec
    return spec


def problem_of(gap: Gap, translation: Translation) -> str:
    """Why ``translation`` cannot fill ``gap``; "" if it can."""
    for language, text in (("en", translation.en), ("zh", translation.zh)):
        if language in gap.missing and not text.strip():
            return f"{language} is empty"
    if "en" in gap.missing and HAN.search(translation.en):
        return "en holds Chinese characters"
    return ""


def _pairs(spec: PromptSpec) -> Iterator[tuple[str, str, str]]:
    for name in TEXT_FIELDS:
        text: Text = getattr(spec, name)
        yield name, text.en, text.zh
    for name in (*KEYWORD_FIELDS, "variants"):
        for number, word in enumerate(getattr(spec, name)):
            yield f"{name}.{number}", word.en, word.zh


def _missing(en: str, zh: str) -> tuple[str, ...]:
    lacks_en = bool(HAN.search(en))
    lacks_zh = bool(_WORD.search(zh)) and (not HAN.search(zh) or zh == en)
    return ("en",) * lacks_en + ("zh",) * lacks_zh


def _with(spec: PromptSpec, gap: Gap, translation: Translation) -> PromptSpec | None:
    if problem_of(gap, translation):
        return None
    values = spec.model_dump()
    name, _, index = gap.path.partition(".")
    entry: dict[str, Any] = values[name][int(index)] if index else values[name]
    for language in gap.missing:
        entry[language] = getattr(translation, language).strip()
    try:
        return PromptSpec.model_validate(values)
    except ValidationError:
        return None
