"""A valid prompt from what is known without the model: the words asked with, and measurements."""

from collections.abc import Mapping
from typing import Any

from grok_agent.prompts.schema import MAX_KEYWORD_CHARACTERS, Colour, Keyword, PromptSpec, Text
from grok_agent.prompts.sizes import fits, size_for

FALLBACK_NOTE = (
    "Fallback: made from the request's own words and from measurements, because the model handed"
    " over no valid prompt; complete and translate it."
    " 备用提示词：模型未提交有效结果，仅由原始文字与实测数据生成，请补充并翻译。"
)
MAX_SUBJECT_CHARACTERS = 1_000


def fallback(task: str, features: Mapping[str, Any] | None = None) -> PromptSpec:
    """The prompt that ``task`` and the dump of the measured ``features`` allow; always valid.

    The task's words stand in both languages as they are. Measured keywords are marked so, and
    ``safety_note`` says what this prompt is.
    """
    words = " ".join(task.split()) or "picture"
    measured = features or {}
    width, height = _size(measured)
    keywords = [_keyword(words, words, "user"), *_light(measured)]
    unique = {word.en.casefold(): word for word in reversed(keywords)}
    return PromptSpec(
        title=words[:60],
        subject=Text(en=words[:MAX_SUBJECT_CHARACTERS], zh=words[:MAX_SUBJECT_CHARACTERS]),
        positive=list(unique.values())[::-1],
        palette=_palette(measured),
        width=width,
        height=height,
        safety_note=FALLBACK_NOTE,
    )


def _size(measured: Mapping[str, Any]) -> tuple[int, int]:
    ratio = str(_group(measured, "size").get("aspect_ratio") or "1:1")
    try:
        width, height = size_for(ratio)
    except ValueError:
        return 1024, 1024
    return (width, height) if fits(ratio, width, height) else (1024, 1024)


def _palette(measured: Mapping[str, Any]) -> list[Colour]:
    colours = _group(measured, "palette").get("colours") or []
    return [
        Colour(hex=each["hex"], name_en=each["name_en"], name_zh=each["name_zh"])
        for each in colours[:12]
    ]


def _light(measured: Mapping[str, Any]) -> list[Keyword]:
    light = _group(measured, "light")
    if not light.get("key"):
        return []
    return [_keyword(f"{light['key']} light", f"{light.get('key_zh') or light['key']}", "measured")]


def _group(measured: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    group = measured.get(name)
    return group if isinstance(group, Mapping) and group.get("available", True) else {}


def _keyword(en: str, zh: str, source: Any) -> Keyword:
    return Keyword(en=en[:MAX_KEYWORD_CHARACTERS], zh=zh[:MAX_KEYWORD_CHARACTERS], source=source)
