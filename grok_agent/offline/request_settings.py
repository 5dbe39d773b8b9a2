"""The technical settings that a prompt request names: size, ratio, steps, CFG, seed, sampler."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from grok_agent.prompts.schema import Sampler, Scheduler, Target
from grok_agent.prompts.sizes import aspect_ratio_of, nearest_side, size_for

Span = tuple[int, int]
Value = TypeVar("Value", bound=str)

_SIZE = re.compile(
    r"(?:(?:size|resolution|尺寸|分辨率)\s*[:=为是]?\s*)?(?<!\d)(\d{1,6})\s*(?:px)?\s*[x×*]\s*(\d{1,6})(?!\d)"
    r"\s*(?:px|pixels|像素)?"
)
_LINES = re.compile(r"(?<![\w])(720|1080|1440)p(?!\w)")
_RATIO = re.compile(
    r"(?<![\d:.])((?:ar|(?:aspect )?ratio|aspect|比例|画幅)(?: of|是|为)?\s*[:=]?\s*)?"
    r"(\d{1,3}(?:\.\d{1,2})?)\s*[:比]\s*(\d{1,3}(?:\.\d{1,2})?)(?![\d:]|\.\d)"
)
_USUAL_RATIOS = re.compile(
    r"1:1|2:3|3:2|3:4|4:3|4:5|5:4|5:7|7:5|1:2|2:1|9:16|16:9|10:16|16:10|9:21|21:9|9:20|20:9"
    r"|9:19\.5|19\.5:9|1\.85:1|2\.35:1|2\.39:1"
)
"""Read as a ratio also where the request does not call it one; 12:30 is a time of day."""

_ALONE = r"(?<![^,.;:\n])\s*{}\s*(?![^,.;\n])"
_FORMAT = r"(?:orientation|format|mode|aspect|image|picture|canvas|crop|frame)"
_SHAPES = (
    (rf"(?:portrait|vertical) {_FORMAT}|{_ALONE.format('vertical')}|竖[版屏幅]|竖构图|纵向", "2:3"),
    (
        rf"(?:landscape|horizontal) {_FORMAT}|{_ALONE.format('horizontal')}|横[版屏幅]|横构图|横向",
        "3:2",
    ),
    (r"widescreen|宽屏|宽幅", "16:9"),
    (rf"square {_FORMAT}|square composition|{_ALONE.format('square')}|正方形|方形构图|方图", "1:1"),
)
_STEPS = re.compile(
    r"(?:sampling )?steps?\s*[:=]?\s*(\d{1,6})\b|(\d{1,6})\s*(?:sampling |inference )?steps\b"
    r"|(?:采样)?步数\s*[:=为是]?\s*(\d{1,6})|(\d{1,6})\s*步(?![行数])"
)
_CFG = re.compile(
    r"(?:cfg(?:\s*scale)?|guidance(?:\s*scale)?|(?:提示词)?(?:引导|相关)(?:系数|性|强度))"
    r"\s*[:=为是]?\s*(\d{1,6}(?:\.\d+)?)"
)
_SEED = re.compile(r"(?:seed|(?:随机)?种子)\s*[:=为是]?\s*(-?\d{1,30})")

_SAMPLERS: dict[str, Sampler] = {
    r"dpm\+\+ ?3m(?: sde)?": "dpmpp_3m_sde",
    r"dpm\+\+ ?2m sde": "dpmpp_2m_sde",
    r"dpm\+\+ ?2m": "dpmpp_2m",
    r"dpm\+\+ ?2s(?: a(?:ncestral)?)?": "dpmpp_2s_ancestral",
    r"dpm\+\+ ?sde": "dpmpp_sde",
    r"dpm fast": "dpm_fast",
    r"dpm adaptive": "dpm_adaptive",
    r"euler a(?:ncestral)?": "euler_ancestral",
    r"euler": "euler",
    r"heun": "heun",
    r"uni ?pc": "uni_pc",
    r"ddim": "ddim",
    r"lcm": "lcm",
    r"lms": "lms",
}
_SCHEDULERS: dict[str, Scheduler] = {
    "karras": "karras",
    "exponential schedul(?:e|er)": "exponential",
    "sgm uniform": "sgm_uniform",
}
_TARGETS: dict[str, Target] = {
    r"sdxl|stable diffusion xl": "sdxl",
    r"sd ?1\.5|stable diffusion 1\.5": "sd15",
    r"sd ?3(?:\.5)?|stable diffusion 3(?:\.5)?": "sd3",
    r"flux(?:\.1)?(?: dev| schnell| pro)?": "flux",
    r"qwen image": "qwen-image",
    r"z image": "z-image",
    r"midjourney": "midjourney",
    r"gpt image(?: 1)?|dall e(?: 3)?": "gpt-image",
    r"grok imagine": "grok-imagine",
}


@dataclass(frozen=True)
class Named:
    """What the request names; 0, "" or None where it names nothing.

    ``spans`` say where in the text (start and end, counted from 0); ``notes`` what could not be
    taken as said.
    """

    width: int = 0
    height: int = 0
    steps: int = 0
    cfg: float | None = None
    seed: int = -1
    sampler: Sampler | None = None
    scheduler: Scheduler | None = None
    target: Target | None = None
    spans: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()


def read_settings(folded: str) -> Named:
    """The settings named in ``folded`` text; values outside the permitted range are brought in."""
    notes: list[str] = []
    spans: list[Span] = []
    width, height = _size(folded, spans, notes)
    return Named(
        width=width,
        height=height,
        steps=int(_number(_STEPS, folded, "steps", (1, 150), spans, notes) or 0),
        cfg=_number(_CFG, folded, "CFG", (0, 30), spans, notes),
        seed=_seed(folded, spans, notes),
        sampler=_one_of(_SAMPLERS, folded, spans),
        scheduler=_one_of(_SCHEDULERS, folded, spans),
        target=_one_of(_TARGETS, folded, spans),
        spans=tuple(sorted(spans)),
        notes=tuple(notes),
    )


def _size(folded: str, spans: list[Span], notes: list[str]) -> tuple[int, int]:
    """The size named in pixels, else the one that a named ratio or shape means, else 0, 0."""
    exact = [*_pixels(folded, spans)]
    ratios = [*_ratios(folded, spans)]
    if not exact:
        return _size_for(ratios[0], notes) if ratios else (0, 0)
    said = exact[0]
    size = nearest_side(said[0]), nearest_side(said[1])
    if size != said:
        notes.append(
            f"{said[0]} x {said[1]} became {size[0]} x {size[1]}: sides are multiples of 8 from"
            " 64 to 4096."
        )
    if ratios and aspect_ratio_of(*size) != ratios[0] and _size_for(ratios[0], []) != size:
        notes.append(f"The size {size[0]} x {size[1]} was named, so the ratio {ratios[0]} waits.")
    return size


def _pixels(folded: str, spans: list[Span]) -> Iterator[tuple[int, int]]:
    for found in _SIZE.finditer(folded):
        if max(int(found[1]), int(found[2])) >= 64:  # a 3x4 grid is no picture size
            spans.append(found.span())
            yield int(found[1]), int(found[2])
    for found in _LINES.finditer(folded):
        spans.append(found.span())
        yield int(found[1]) * 16 // 9, int(found[1])


def _ratios(folded: str, spans: list[Span]) -> Iterator[str]:
    for found in _RATIO.finditer(folded):
        ratio = f"{found[2]}:{found[3]}"
        if _USUAL_RATIOS.fullmatch(ratio) or (found[1] and float(found[2]) and float(found[3])):
            spans.append(found.span())
            yield ratio
    for pattern, ratio in _SHAPES:
        for found in re.finditer(pattern, folded):
            spans.append(found.span())
            yield ratio


def _size_for(ratio: str, notes: list[str]) -> tuple[int, int]:
    try:
        return size_for(ratio)
    except ValueError as error:
        notes.append(f"{error}; 1024 x 1024 was taken.")
        return 1024, 1024


def _number(
    pattern: re.Pattern[str],
    folded: str,
    name: str,
    limits: tuple[float, float],
    spans: list[Span],
    notes: list[str],
) -> float | None:
    found = pattern.search(folded)
    if not found:
        return None
    spans.append(found.span())
    said = float(next(group for group in found.groups() if group is not None))
    value = min(max(said, limits[0]), limits[1])
    if value != said:
        notes.append(f"{name} {said:g} is outside {limits[0]} to {limits[1]}; {value:g} was taken.")
    return value


def _seed(folded: str, spans: list[Span], notes: list[str]) -> int:
    found = _SEED.search(folded)
    if not found:
        return -1
    spans.append(found.span())
    seed = int(found[1])
    if not -1 <= seed <= 4_294_967_295:
        notes.append(f"Seed {seed} is outside 0 to 4294967295; it is random now.")
        return -1
    return seed


def _one_of(patterns: Mapping[str, Value], folded: str, spans: list[Span]) -> Value | None:
    chosen: Value | None = None
    for pattern, value in patterns.items():
        found = re.search(rf"(?<![a-z\d])(?:{pattern})(?![a-z\d])", folded)
        if found and not any(start <= found.start() < end for start, end in spans):
            spans.append(found.span())
            chosen = chosen or value
    return chosen
