"""Turns a text, or a text and measured pictures, into a structured prompt in both languages."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from grok_agent.offline.measurements import Measured, read_measurements
from grok_agent.offline.prompt_draft import draft, is_refused
from grok_agent.offline.request_reading import Reading, read_request
from grok_agent.offline.transcript import Exchange, Transcript
from grok_agent.offline.wire import ToolCall, Turn
from grok_agent.prompts.schema import PromptSpec

EMIT = "emit_prompt_schema"
MEASURE = "extract_image_features"
MOST_CALLS = 2
"""The first try and one repair."""

_ASKED = re.compile(
    r"\bprompts? (?:for|of|that|to)\b|\btext[- ]to[- ]image\b|\bimage prompt\b|提示词|提示语|文生图"
    r"|(?:生成|画|绘制|创作)(?:一张|一幅|张|幅|一个).{0,40}(?:肖像|画|图|照片|像|海报|插画)",
    re.IGNORECASE,
)
_LISTED = re.compile(r"^\s*\d+: (.+?)\s*$", re.MULTILINE)
_PICTURES = re.compile(r"<pictures>(.*?)</pictures>", re.DOTALL)
_PATH = re.compile(
    r"[\"'`]?((?:[~./\\]|[A-Za-z]:[\\/]|\w)[^\s\"'`<>|,;，；。、：]{0,400}?"
    r"\.(?:jpe?g|png|webp|avif|hei[cf]|tiff?|bmp|gif))(?![\w.])[\"'`]?",
    re.IGNORECASE,
)
_LIGHTS = tuple(
    {"en": english, "zh": chinese}
    for english, chinese in (
        ("soft window light from the side", "侧面柔和窗光"),
        ("golden hour backlight", "黄金时刻逆光"),
        ("overcast diffuse daylight", "阴天漫射光"),
        ("low-key studio light with one key", "低调单灯影棚光"),
        ("neon light at night", "夜间霓虹灯光"),
        ("candlelight from below", "下方烛光"),
        ("hard noon sun", "正午硬光"),
        ("blue hour ambient light", "蓝调时刻环境光"),
    )
)
_REFUSAL = (
    "I do not write sexual prompts about minors. Describe another picture."
    " 我不会编写涉及未成年人的色情内容，请换一个描述。"
)


class TextToPrompt:
    """Reads a request for a picture and hands it over as a structured prompt."""

    def matches(self, t: Transcript) -> bool:
        """Whether the job or the words ask for a prompt."""
        return t.job == "prompt" or (not t.job and bool(_ASKED.search(t.task)))

    def next_turn(self, t: Transcript) -> Turn:
        """Hand the prompt over, mend it once if it is refused, then say what it holds."""
        notes = ["The picture was not measured. 图片未测量。"] if t.images else []
        return _answer(t, read_request(_words(t.task)), (), notes)


class ImageToPrompt:
    """Has each picture measured, then hands over a prompt that uses the measurements."""

    def matches(self, t: Transcript) -> bool:
        """Whether a prompt is wanted for pictures that can be measured."""
        asked = t.job == "prompt" or (not t.job and bool(_ASKED.search(t.task)))
        return asked and MEASURE in t.tools and bool(picture_paths(t))

    def next_turn(self, t: Transcript) -> Turn:
        """Measure what is not measured yet; then as for a text."""
        paths = picture_paths(t)
        results = {str(e.arguments.get("image")): e for e in t.results(MEASURE)}
        missing = [path for path in paths if path not in results]
        if missing:
            return Turn(
                reasoning="Measure the reference pictures before describing them.",
                tool_calls=tuple(ToolCall(MEASURE, {"image": path}) for path in missing),
            )
        measured, notes = _measurements([results[path] for path in paths])
        return _answer(t, read_request(_words(t.task)), measured, notes)


def picture_paths(t: Transcript) -> list[str]:
    """The pictures' paths: those listed in ``<pictures>``, else those that the task names."""
    listed = [path for block in _PICTURES.findall(t.context) for path in _LISTED.findall(block)]
    return list(dict.fromkeys(listed or _PATH.findall(t.task)))


def _words(task: str) -> str:
    """The task without the paths of pictures, which are no part of what is described."""
    return _PATH.sub(" ", task)


def _measurements(results: Sequence[Exchange]) -> tuple[list[Measured], list[str]]:
    """What was measured, the first picture first, and notes on what is not known."""
    readings = [None if each.is_error else read_measurements(each.result) for each in results]
    measured = [reading for reading in readings if reading]
    notes = []
    if len(measured) < len(results):
        notes.append(
            f"{len(results) - len(measured)} of {len(results)} pictures could not be measured."
            " 部分图片无法测量。"
        )
    if measured:
        notes.append(
            "Colours, light and sharpness are measured; face, hair, clothing and pose of the"
            " picture were not seen: a vision model or a person must add them."
            " 色彩、光线与清晰度为实测；人物五官、发型、服饰与姿势未识别，需由视觉模型或人工补充。"
        )
    if len(measured) > 1:
        notes.append("The first picture gives colours, light and shape. 以第一张图片为准。")
    return measured, notes


def _answer(
    t: Transcript, reading: Reading, measured: Sequence[Measured], notes: Sequence[str]
) -> Turn:
    if is_refused(reading):
        return Turn(content=_REFUSAL, refusal=_REFUSAL)
    arguments = draft(reading, measured, notes)
    if EMIT not in t.tools:
        return Turn(content=json.dumps(arguments, ensure_ascii=False))
    tries = t.results(EMIT)
    if not tries:
        prompts = _variants(arguments, t.variants)
        return _hand_over(prompts, "The request is read; hand the prompt over.")
    if not _is_refusal(tries[-1]):
        return Turn(content=_summary(tries[-1].arguments))
    if len(tries) < MOST_CALLS:
        mended = _mended(arguments, tries[-1].result)
        return _hand_over([mended], "Mend what was refused.")
    return Turn(content=f"The prompt was refused {len(tries)} times.\n{tries[-1].result[:2000]}")


def _hand_over(prompts: Sequence[Mapping[str, Any]], reasoning: str) -> Turn:
    calls = tuple(ToolCall(EMIT, dict(arguments)) for arguments in prompts)
    return Turn(reasoning=reasoning, tool_calls=calls)


def _variants(arguments: Mapping[str, Any], wanted: int) -> list[dict[str, Any]]:
    """The prompt and others that differ from it in their light."""
    others = [light for light in _LIGHTS if light != arguments.get("light")]
    first = dict(arguments)
    varied = [
        {**first, "title": f"{first['title'][:100]} ({number})", "light": light}
        for number, light in enumerate(others[: wanted - 1], start=2)
    ]
    return [first, *varied]


def _is_refusal(exchange: Exchange) -> bool:
    return exchange.is_error or "was not accepted" in exchange.result


def _mended(arguments: Mapping[str, Any], problems: str) -> dict[str, Any]:
    """The arguments without the fields that the problems name, where a default can stand in."""
    named = set(re.findall(r"^- (\w+)", problems, re.MULTILINE))
    optional = {name for name, field in PromptSpec.model_fields.items() if not field.is_required()}
    dropped = named & optional
    if "width" in dropped or "height" in dropped:
        dropped |= {"width", "height"}
    return {name: value for name, value in arguments.items() if name not in dropped}


def _summary(arguments: Mapping[str, Any]) -> str:
    """Two sentences for a person, one in each language."""
    try:
        spec = PromptSpec.model_validate(arguments, strict=False)
    except ValidationError:
        return "The prompt was handed over. 提示词已提交。"
    size = f"{spec.width} x {spec.height}"
    added = sum(word.source == "model" for word in spec.positive)
    english = (
        f"The prompt for “{spec.subject.en}” has {len(spec.positive)} positive keywords"
        f" ({added} added by the planner) and {len(spec.negative)} negative ones, at {size} px."
    )
    chinese = (
        f"“{spec.subject.zh}”的提示词共有{len(spec.positive)}个正向关键词（其中{added}个为补充）、"
        f"{len(spec.negative)}个负向关键词，尺寸{size}像素。"
    )
    return "\n".join([english, chinese, *([spec.safety_note] if spec.safety_note else [])])
