"""What measured features of a picture say about a prompt, in both languages.

The features come as the text of a tool result. They are read defensively: a group that is missing,
not available or of another shape says nothing.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grok_agent.prompts.sizes import size_for

LARGE_CONTRAST = 0.26
"""RMS contrast of encoded grey levels, 0 to 0.5; above this a picture looks contrasty."""

SMALL_CONTRAST = 0.12
TRUSTED = 0.5
"""Below this confidence a colour temperature is told without its figure."""

Pair = tuple[str, str]

_KEYS: dict[str, Pair] = {
    "low": ("low-key lighting", "低调布光"),
    "high": ("high-key lighting", "高调布光"),
    "middle": ("balanced mid-key exposure", "中间调曝光"),
}
_SHARPNESS: dict[str, Pair] = {
    "sharp": ("sharp focus", "清晰对焦"),
    "soft": ("soft focus", "柔焦"),
}
_TONES: dict[str, Pair] = {"warm": ("warm tones", "暖色调"), "cool": ("cool tones", "冷色调")}
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Swatch:
    """One measured colour with its share of the picture, 0 to 1."""

    hex: str
    en: str
    zh: str
    share: float


@dataclass(frozen=True)
class Measured:
    """A measured picture: colours by falling share, then light and sharpness as words.

    ``size`` is the prompt size in pixels that has the picture's shape, or None.
    """

    colours: tuple[Swatch, ...] = ()
    light: tuple[Pair, ...] = ()
    sharpness: Pair | None = None
    size: tuple[int, int] | None = None


def read_measurements(result: str) -> Measured | None:
    """The measurements in a tool result, from its line ``features: {json}``; None without one."""
    for line in result.splitlines():
        head, colon, body = line.partition(":")
        if colon and head.strip() == "features":
            try:
                features = json.loads(body)
            except (ValueError, RecursionError):
                return None
            return _measured(features) if isinstance(features, Mapping) else None
    return None


def _measured(features: Mapping[str, Any]) -> Measured:
    return Measured(
        colours=tuple(_colours(_group(features, "palette").get("colours"))),
        light=tuple(_light(features)),
        sharpness=_SHARPNESS.get(str(_group(features, "sharpness").get("rating"))),
        size=_size(_group(features, "size")),
    )


def _group(features: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    group = features.get(name)
    usable = isinstance(group, Mapping) and group.get("available", True)
    return group if usable and isinstance(group, Mapping) else {}


def _colours(listed: object) -> list[Swatch]:
    found = []
    for each in listed if isinstance(listed, list) else []:
        if not isinstance(each, Mapping) or not _HEX.fullmatch(str(each.get("hex"))):
            continue
        code = str(each["hex"]).lower()
        share = _number(each.get("share")) or 0.0
        found.append(Swatch(code, _name(each, "en", code), _name(each, "zh", code), share))
    return found[:6]


def _name(swatch: Mapping[str, Any], language: str, code: str) -> str:
    name = swatch.get(f"name_{language}")
    return name.strip()[:40] if isinstance(name, str) and name.strip() else code


def _light(features: Mapping[str, Any]) -> list[Pair]:
    light = _group(features, "light")
    words = [pair for pair in (_KEYS.get(str(light.get("key"))),) if pair]
    contrast = _number(light.get("contrast"))
    if contrast is not None and contrast >= LARGE_CONTRAST:
        words.append(("high contrast", "高对比度"))
    if contrast is not None and contrast <= SMALL_CONTRAST:
        words.append(("low contrast", "低对比度"))
    return [*words, *_tone(_group(features, "colour_temperature"))]


def _tone(temperature: Mapping[str, Any]) -> list[Pair]:
    tone = _TONES.get(str(temperature.get("tone")))
    if not tone:
        return []
    kelvin = _number(temperature.get("cct_k"))
    trusted = (_number(temperature.get("confidence")) or 0) >= TRUSTED
    if kelvin is None or not trusted or temperature.get("disagree"):
        return [tone]
    return [(f"{tone[0]}, about {kelvin:.0f} K", f"{tone[1]}，约{kelvin:.0f}K")]


def _size(size: Mapping[str, Any]) -> tuple[int, int] | None:
    try:
        return size_for(str(size.get("aspect_ratio")))
    except ValueError:
        return None


def _number(value: object) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and isinstance(value, (int, float)) else None
