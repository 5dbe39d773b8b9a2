"""A prompt as data: what it demands, what it derives, and how it reads to people."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grok_agent.prompts.problems import explain
from grok_agent.prompts.rendering import render
from grok_agent.prompts.schema import Colour, Keyword, PromptSpec, Text
from grok_agent.prompts.sizes import aspect_ratio_of, fits, nearest_side, size_for


def a_prompt(**changes: Any) -> PromptSpec:
    values: dict[str, Any] = {
        "title": "Portrait",
        "subject": Text(en="an old fisherman", zh="老渔夫"),
        "positive": [
            Keyword(en="golden hour", zh="黄金时刻", weight=1.2, source="user"),
            Keyword(en="85mm lens", zh="85mm镜头"),
        ],
        "negative": [Keyword(en="text", zh="文字")],
    }
    return PromptSpec(**{**values, **changes})


def problems(**changes: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        a_prompt(**changes)
    return explain(caught.value)


def test_the_languages_stay_parallel() -> None:
    spec = a_prompt()
    assert spec.positive_en == ["golden hour", "85mm lens"]
    assert spec.positive_zh == ["黄金时刻", "85mm镜头"]
    assert spec.positive_text("en") == "golden hour, 85mm lens"
    assert spec.positive_text("zh") == "黄金时刻，85mm镜头"
    assert spec.negative_text("zh") == "文字"


@pytest.mark.parametrize(("en", "zh"), [("light", ""), ("", "光"), (" ", "光")])
def test_a_statement_in_one_language_only_is_refused(en: str, zh: str) -> None:
    with pytest.raises(ValidationError, match="say the same in both"):
        Text(en=en, zh=zh)


def test_inside_the_program_types_are_strict() -> None:
    assert problems(steps="30") == [
        "steps: input should be a valid integer; write it as a whole number"
    ]
    assert problems(mood="calm")[0].startswith("mood: is no field of the prompt; remove it")


def test_spaces_around_words_are_taken_off() -> None:
    assert Keyword(en=" soft light ", zh="\n柔光").en == "soft light"
    assert a_prompt(title="  A title ").title == "A title"


def test_repeats_and_contradictions_are_refused() -> None:
    twice = [Keyword(en="Rain", zh="雨"), Keyword(en="rain", zh="下雨")]
    assert problems(positive=twice) == ["positive: 'rain' stands at 0 and 1; keep one of them"]
    assert "is positive too" in problems(negative=[Keyword(en="sun", zh="黄金时刻")])[0]
    locked = [Keyword(en="scar", zh="伤疤")]
    assert "is positive too" in problems(identity=locked, negative=locked)[0]


@pytest.mark.parametrize(
    ("given", "size", "ratio"),
    [
        ({}, (1024, 1024), "1:1"),
        ({"aspect_ratio": "2:3"}, (832, 1216), "2:3"),
        ({"aspect_ratio": "9:16"}, (768, 1344), "9:16"),
        ({"aspect_ratio": "2.39:1"}, (1584, 664), "2.39:1"),
        ({"width": 832, "height": 1216}, (832, 1216), "2:3"),
        ({"width": 4096, "height": 64}, (4096, 64), "64:1"),
        ({"width": 1000, "height": 600}, (1000, 600), "5:3"),
        ({"width": 832, "height": 1216, "aspect_ratio": "2:3"}, (832, 1216), "2:3"),
    ],
)
def test_ratio_and_size_follow_from_each_other(
    given: dict[str, Any], size: tuple[int, int], ratio: str
) -> None:
    spec = a_prompt(**given)
    assert (spec.width, spec.height, spec.aspect_ratio) == (*size, ratio)


@pytest.mark.parametrize(
    "given",
    [
        {"width": 0},
        {"width": 1001},
        {"width": 100_000},
        {"height": 56},
        {"aspect_ratio": "wide"},
        {"aspect_ratio": "0:1"},
        {"aspect_ratio": "1:200"},
        {"aspect_ratio": "nan:1"},
        {"aspect_ratio": "16:9", "width": 1024, "height": 1024},
        {"steps": 0},
        {"steps": 151},
        {"cfg": -0.5},
        {"cfg": 30.5},
        {"seed": -2},
        {"sampler": "Euler"},
        {"scheduler": "fast"},
        {"version": 2},
        {"title": ""},
        {"title": "x" * 121},
        {"subject": Text()},
        {"positive": []},
        {"positive": [Keyword(en=f"word {i}", zh=f"词 {i}") for i in range(201)]},
        {"safety_note": "x" * 4001},
    ],
)
def test_values_out_of_range_are_refused_with_what_to_do(given: dict[str, Any]) -> None:
    for line in problems(**given):
        path, _, what = line.partition(": ")
        assert path
        assert what


def test_json_goes_out_and_comes_back() -> None:
    spec = a_prompt(palette=[Colour(hex="C08040", name_en="amber", name_zh="琥珀色")])
    assert spec.palette[0].hex == "#c08040"
    assert PromptSpec.model_validate_json(spec.model_dump_json()) == spec


def test_people_read_both_languages() -> None:
    text = render(a_prompt(light=Text(en="rim light", zh="轮廓光"), safety_note="Check the hands."))
    assert "Positive 正向: golden hour x1.2, 85mm lens\n  黄金时刻 x1.2，85mm镜头" in text
    assert "Light 光线: rim light\n  轮廓光" in text
    assert "Size 尺寸: 1024 x 1024 px (1:1)" in text
    assert "seed random" in text
    assert text.endswith("Note 备注: Check the hands.")
    assert "Camera" not in text


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_every_size_has_a_ratio_that_fits(width: int, height: int) -> None:
    size = nearest_side(width), nearest_side(height)
    assert fits(aspect_ratio_of(*size), *size)


@given(st.floats(0.2, 5, allow_nan=False))
def test_every_usual_ratio_has_a_size_of_about_a_megapixel(ratio: float) -> None:
    width, height = size_for(f"{ratio:.3f}:1")
    assert width % 8 == height % 8 == 0
    assert 0.9 < width * height / 1024**2 < 1.1
