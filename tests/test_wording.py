"""Words that claim to come from the picture must agree with its measurements."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from grok_agent import PromptSpec
from grok_agent.cli import app
from grok_agent.prompts.critique import critique
from grok_agent.prompts.presets import PRESETS, temperature_advice

FACE: dict[str, Any] = {
    "confidence": 0.9,
    "pose": {"yaw": 4.0},
    "shape": {"name": "oval", "next": "round", "margin": 0.4},
    "expression": {"smile": "none", "eyes": "open"},
}


def features(**groups: Any) -> dict[str, Any]:
    return {name: {"available": True, "confidence": 0.9, **group} for name, group in groups.items()}


def spec(en: str, source: str = "measured", *, identity: bool = False) -> PromptSpec:
    word = {"en": en, "zh": "词", "source": source}
    words = {"identity": [word]} if identity else {"positive": [word]}
    base: dict[str, Any] = {
        "title": "t",
        "subject": {"en": "a person", "zh": "一个人"},
        "positive": [{"en": "portrait", "zh": "肖像"}],
    }
    return PromptSpec.model_validate({**base, **words})


@pytest.mark.parametrize(
    ("words", "measured"),
    [
        ("square jaw, square face", features(faces={"faces": [FACE]})),
        ("smiling softly", features(faces={"faces": [FACE]})),
        ("in profile", features(faces={"faces": [FACE]})),
        ("eyes closed", features(faces={"faces": [FACE]})),
        ("facing the camera", features(faces={"faces": [FACE | {"pose": {"yaw": -60.0}}]})),
        ("high-key lighting", features(light={"key": "low"})),
        ("warm tones", features(colour_temperature={"tone": "cool", "disagree": False})),
    ],
)
def test_what_contradicts_the_picture_is_told(words: str, measured: dict[str, Any]) -> None:
    (remark,) = critique(spec(words), features=measured)
    assert remark.field == "positive.0"
    assert "was measured" in remark.what
    assert critique(spec(words, "user"), features=measured) == []
    assert critique(spec(words)) == []


def test_the_identity_block_is_judged_unless_the_user_said_it() -> None:
    measured = features(faces={"faces": [FACE]})
    assert critique(spec("heart-shaped face", "model", identity=True), features=measured)
    assert not critique(spec("heart-shaped face", "user", identity=True), features=measured)
    assert not critique(spec("round face", "model", identity=True), features=measured)


@pytest.mark.parametrize(
    "measured",
    [
        features(faces={"faces": [FACE, FACE]}),
        features(faces={"faces": [FACE | {"confidence": 0.2}]}),
        features(faces={"faces": [FACE | {"shape": FACE["shape"] | {"margin": 0.05}}]}),
        {"faces": {"available": False}},
        {"faces": None, "light": {"key": "low", "confidence": 0.1}},
        {},
    ],
    ids=["two faces", "unsure", "near the next class", "not measured", "garbage", "nothing"],
)
def test_an_unsure_measurement_contradicts_nothing(measured: dict[str, Any]) -> None:
    assert critique(spec("square face"), features=measured) == []
    assert critique(spec("high key"), features=measured) == []


def test_temperature_advice() -> None:
    assert "high" in temperature_advice("strict", 1.2)
    assert "low" in temperature_advice("creative", 0.1)
    assert all(not temperature_advice(name, its.temperature) for name, its in PRESETS.items())
    assert temperature_advice("", 2.0)


def test_lint_looks_at_the_reference_picture(tmp_path: Path) -> None:
    picture, prompt = tmp_path / "dark.png", tmp_path / "prompt.json"
    Image.new("RGB", (256, 256), (20, 20, 22)).save(picture)
    prompt.write_text(spec("high-key lighting").model_dump_json(), encoding="utf-8")
    alone = CliRunner().invoke(app, ["lint", str(prompt)])
    beside = CliRunner().invoke(app, ["lint", str(prompt), "--image", str(picture)])
    assert alone.exit_code == 0
    assert beside.exit_code == 1
    assert "contradicts the picture" in beside.stdout
