"""Whether a prompt's words agree with what was measured on the reference picture.

Only words that claim to be taken from the picture are judged: keywords whose source is
"measured", and the identity block. What the user asks for may differ from the picture.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from grok_agent.prompts.remark import Remark, says
from grok_agent.prompts.schema import PromptSpec

CLEAR_MARGIN = 0.15
"""Of a face's shape class over the next one; below it, either name is right."""

TRUSTED = 0.5
"""Confidence below which a measurement contradicts nothing."""

FRONTAL_DEGREES, TURNED_DEGREES = 15.0, 35.0

_SHAPES = {
    "oval": ("oval face", "鹅蛋脸", "椭圆脸"),
    "round": ("round face", "圆脸"),
    "square": ("square face", "square jaw", "方脸", "国字脸"),
    "oblong": ("oblong face", "long face", "长脸"),
    "heart": ("heart-shaped face", "heart shaped face", "瓜子脸", "心形脸"),
    "diamond": ("diamond face", "diamond-shaped face", "菱形脸"),
    "triangle": ("triangular face", "triangle-shaped face", "梨形脸"),
}
_SMILES = ("smiling", "smile", "laughing", "grinning", "微笑", "笑容", "大笑")
_OPEN_EYES = ("eyes open", "open eyes", "睁眼")
_CLOSED_EYES = ("eyes closed", "closed eyes", "闭眼")
_FRONTAL = ("frontal view", "facing the camera", "front view", "正面", "正脸")
_PROFILE = ("profile view", "side profile", "in profile", "侧脸", "侧面像")
_KEYS = {
    "low": ("low key", "low-key", "低调"),
    "high": ("high key", "high-key", "高调"),
}
_TONES = {
    "warm": ("warm tones", "warm colours", "warm colors", "warm light", "暖色调", "暖光"),
    "cool": ("cool tones", "cool colours", "cool colors", "cool light", "冷色调", "冷光"),
}


class _Claim(NamedTuple):
    """Words that are wrong, and what was measured instead."""

    words: Sequence[str]
    measured: str


def against_measurement(spec: PromptSpec, features: Mapping[str, Any]) -> list[Remark]:
    """Words of ``spec`` that contradict ``features``, the dump of the measured features."""
    wrong = list(_wrong_words(features))
    return [
        Remark(
            path,
            f"{text!r} contradicts the picture: {claim.measured} was measured",
            "say what was measured, or mark it as the user's wish",
        )
        for path, text in _claims(spec)
        for claim in wrong
        if any(says(text.casefold(), word) for word in claim.words)
    ]


def _claims(spec: PromptSpec) -> Iterator[tuple[str, str]]:
    measured = [("positive", n, word) for n, word in enumerate(spec.positive)]
    measured = [each for each in measured if each[2].source == "measured"]
    identity = [("identity", n, word) for n, word in enumerate(spec.identity)]
    for name, number, word in measured + [each for each in identity if each[2].source != "user"]:
        yield f"{name}.{number}", f"{word.en} {word.zh}"


def _wrong_words(features: Mapping[str, Any]) -> Iterator[_Claim]:
    light = _group(features, "light")
    yield from _others(_KEYS, light.get("key"), "a {} key")
    temperature = _group(features, "colour_temperature")
    if not temperature.get("disagree"):
        yield from _others(_TONES, temperature.get("tone"), "a {} tone")
    faces = _group(features, "faces").get("faces") or []
    if len(faces) == 1 and faces[0].get("confidence", 1) >= TRUSTED:
        yield from _wrong_of_face(faces[0])


def _wrong_of_face(face: Mapping[str, Any]) -> Iterator[_Claim]:
    shape = face.get("shape") or {}
    if shape.get("margin", 0) >= CLEAR_MARGIN:
        allowed = {shape.get("name"), shape.get("next")}
        words = [word for name, its in _SHAPES.items() if name not in allowed for word in its]
        yield _Claim(words, f"a face of the class {shape.get('name')}")
    expression = face.get("expression") or {}
    if expression.get("smile") == "none":
        yield _Claim(_SMILES, "no smile")
    if expression.get("eyes") == "open":
        yield _Claim(_CLOSED_EYES, "open eyes")
    if expression.get("eyes") == "closed":
        yield _Claim(_OPEN_EYES, "closed eyes")
    yaw = abs((face.get("pose") or {}).get("yaw", FRONTAL_DEGREES))
    if yaw < FRONTAL_DEGREES:
        yield _Claim(_PROFILE, f"a face turned by {yaw:.0f}°")
    if yaw > TURNED_DEGREES:
        yield _Claim(_FRONTAL, f"a face turned by {yaw:.0f}°")


def _others(words: Mapping[str, Sequence[str]], measured: Any, what: str) -> Iterator[_Claim]:
    if measured in words:  # what lies between contradicts neither
        others = [word for name, its in words.items() if name != measured for word in its]
        yield _Claim(others, what.format(measured))


def _group(features: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    group = features.get(name)
    if not isinstance(group, Mapping) or not group.get("available", True):
        return {}
    return group if group.get("confidence", 1) >= TRUSTED else {}
