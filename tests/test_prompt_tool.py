"""The tool by which a model hands over a prompt: lenient at the edge, exact about problems."""

import asyncio
import json
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_tests.unit_tests import ToolsUnitTests

from grok_agent.errors import ToolError
from grok_agent.prompts.schema import PromptSpec
from grok_agent.tools.prompts import EmitPromptSchema, emit_prompt_schema_tool, read_prompt

GOOD: dict[str, Any] = {
    "title": "Rainy night",
    "subject": {"en": "a woman in a red qipao", "zh": "穿红色旗袍的女子"},
    "positive": [{"en": "neon light", "zh": "霓虹灯光", "source": "user"}],
    "negative": [{"en": "text", "zh": "文字"}],
    "aspect_ratio": "2:3",
}


class TestStandard(ToolsUnitTests):
    @property
    def tool_constructor(self) -> type[BaseTool] | BaseTool:
        return emit_prompt_schema_tool()

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return GOOD


def called(arguments: dict[str, Any]) -> ToolMessage:
    call = {"type": "tool_call", "name": "emit_prompt_schema", "args": arguments, "id": "1"}
    message = emit_prompt_schema_tool().invoke(call)
    assert isinstance(message, ToolMessage)
    return message


def test_a_valid_prompt_comes_back_as_the_artifact() -> None:
    message = called(GOOD)
    assert message.status == "success"
    assert isinstance(message.artifact, PromptSpec)
    assert (message.artifact.width, message.artifact.height) == (832, 1216)
    assert message.content == (
        "The prompt “Rainy night” is valid: 1 positive and 1 negative keywords, 832 x 1216 px."
    )


def test_it_works_the_same_when_awaited() -> None:
    content = asyncio.run(emit_prompt_schema_tool().ainvoke(GOOD))
    assert content == called(GOOD).content


def test_numbers_as_text_and_parts_as_json_text_are_accepted() -> None:
    sent = {
        **GOOD,
        "subject": json.dumps(GOOD["subject"]),
        "positive": json.dumps(GOOD["positive"], ensure_ascii=False),
        "steps": "25",
        "cfg": "5.5",
        "seed": "42",
        "version": "1",
    }
    spec = called(sent).artifact
    assert (spec.steps, spec.cfg, spec.seed) == (25, 5.5, 42)
    assert spec.positive[0].zh == "霓虹灯光"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"title": None}, "- title: "),
        ({"subject": {"en": "a cat"}}, "- subject: zh is empty but en is not"),
        ({"positive": []}, "- positive: is empty"),
        ({"positive": ["soft light"]}, '- positive.0: .*write it as {"en": …, "zh": …}'),
        ({"positive": [{"en": "a", "zh": " "}]}, "- positive.0.zh: is empty"),
        ({"palette": ["#ff0000"]}, '- palette.0: .*write it as {"hex": …'),
        ({"palette": [{"hex": "red", "name_en": "red", "name_zh": "红"}]}, "write it as .#c08040"),
        ({"negative": [{"en": "Neon Light", "zh": "霓虹"}]}, "'Neon Light' is positive too"),
        ({"width": 1001}, "- width: .*multiple of 8"),
        ({"width": 1024, "height": 1024}, "set aspect_ratio to 1:1, or the size to 832 x 1216"),
        ({"steps": 151}, "- steps: .*less than or equal to 150"),
        ({"steps": "many"}, "- steps: .*write it as a whole number"),
        ({"sampler": "magic"}, "- sampler: .*'euler_ancestral'"),
        ({"cfg": float("nan")}, "- cfg: "),
        ({"negativ": []}, r"- negativ: is no field of the prompt; remove it \(fields: title,"),
        ({"self": 1, "config": 2}, "- self: is no field"),
        ({"positive": "soft light, [broken"}, "- positive: .*write it as a list"),
        ({"positive": "[broken"}, "- positive: .*write it as a list"),
    ],
)
def test_each_problem_names_its_path_and_what_to_do(change: dict[str, Any], told: str) -> None:
    message = called({**GOOD, **change})
    assert message.status == "error"
    assert message.artifact is None
    with pytest.raises(ToolError, match=told):
        read_prompt({**GOOD, **change})
    assert "call emit_prompt_schema once more with the whole prompt" in str(message.content)


def test_all_problems_are_listed_at_once_but_not_without_end() -> None:
    text = str(called({"positive": ["x"] * 500, "steps": 0}).content)
    assert text.count("\n- ") == 31
    assert "- … and 473 more" in text


def test_a_model_can_mend_everything_in_one_round() -> None:
    broken = {**GOOD, "steps": "0", "sampler": "magic", "mood": "calm"}
    del broken["title"]
    told = str(called(broken).content)
    for name in ("steps", "sampler", "mood", "title"):
        assert f"- {name}: " in told
    assert called({**GOOD, "steps": "30", "sampler": "euler"}).status == "success"


def test_the_parameters_are_one_plain_object_that_gateways_accept() -> None:
    function = convert_to_openai_tool(emit_prompt_schema_tool())["function"]
    parameters = function["parameters"]
    assert parameters["type"] == "object"
    assert parameters["additionalProperties"] is False
    assert sorted(parameters["required"]) == ["positive", "subject", "title"]
    text = json.dumps(parameters)
    for refused in ("anyOf", "oneOf", "allOf", "$ref", "$defs", "const", "maxItems", "maxLength"):
        assert f'"{refused}"' not in text


def test_every_field_is_described_in_english_and_labelled_in_chinese() -> None:
    parameters = convert_to_openai_tool(emit_prompt_schema_tool())["function"]["parameters"]
    assert set(parameters["properties"]) == set(PromptSpec.model_fields)
    for field in parameters["properties"].values():
        english, _, chinese = field["description"].rpartition(" ")
        assert english.isprintable()
        assert any("\u4e00" <= character <= "\u9fff" for character in chinese)


def test_the_class_alone_is_a_tool_too() -> None:
    assert EmitPromptSchema().invoke(GOOD) == called(GOOD).content
