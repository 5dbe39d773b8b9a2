"""Where no skill speaks the planner says so, and still keeps the form that is asked for."""

import json
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter

from grok_agent.offline.planner import plan, planner_of
from grok_agent.offline.sample import NoSampleError, minimal
from grok_agent.offline.transcript import Transcript
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn


class Tone(Enum):
    warm = "warm"
    cold = "cold"


class Colour(BaseModel):
    hex: str = Field(min_length=7, max_length=7)
    share: float = Field(gt=0, le=1)


class Tree(BaseModel):
    name: Literal["node"]
    children: list["Tree"] = Field(default_factory=list)


class Picture(BaseModel):
    title: str = Field(max_length=4)
    tone: Tone
    steps: int = Field(ge=1, le=150)
    width: int = Field(ge=64, multiple_of=8)
    offset: int = Field(lt=0)
    palette: list[Colour] = Field(min_length=2)
    note: str | None
    either: Annotated[Colour | Tree, Field()]
    tree: Tree
    extra: dict[str, int]
    optional: str = "left out"


def tool(model: type[BaseModel]) -> dict[str, Any]:
    function = {"name": model.__name__.lower(), "parameters": model.model_json_schema()}
    return {"type": "function", "function": function}


def request(text: str = "sing me a song", **values: Any) -> ChatRequest:
    return ChatRequest(messages=[{"role": "user", "content": text}], **values)


class Greeter:
    """A skill that calls two tools, then closes."""

    def matches(self, t: Transcript) -> bool:
        return "hello" in t.task

    def next_turn(self, t: Transcript) -> Turn:
        if t.tools:
            return Turn(tool_calls=(ToolCall("tree", {"name": "node"}), ToolCall("colour")))
        return Turn(content="hello")


def test_what_it_cannot_do_is_said_plainly() -> None:
    turn = plan(request())
    assert turn.refusal == turn.content
    for skill in ("rename", "tidy", "review", "smoke tests", "repository is", "structured prompt"):
        assert skill in turn.content


@pytest.mark.parametrize(
    ("job", "task"),
    [
        ("refactor", "rename the function load_it to load"),
        ("refactor", "tidy this repository"),
        ("review", "look it over"),
        ("tests", "write smoke tests for app.py"),
        ("ask", "what is this repository"),
        ("prompt", "a red fox in the snow"),
    ],
)
def test_each_skill_is_asked(job: str, task: str) -> None:
    messages = [
        {"role": "system", "content": f"Job: {job}"},
        {"role": "user", "content": f"<user_query>\n{task}\n</user_query>"},
    ]
    names = ["list_dir", "grep", "read_file", "write", "search_replace"]
    names += ["run_terminal_command", "extract_image_features", "emit_prompt_schema"]
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    turn = plan(ChatRequest(messages=messages, tools=tools))
    assert turn.tool_calls
    assert {call.name for call in turn.tool_calls} <= set(names)
    assert not turn.refusal


def test_the_first_skill_that_matches_answers() -> None:
    assert planner_of([Greeter()])(request("hello")).content == "hello"
    assert planner_of([Greeter()])(request("bye")).refusal


def test_a_forced_tool_is_called_with_valid_arguments() -> None:
    tools = [tool(Tree), tool(Picture)]
    (call,) = plan(request(tools=tools, tool_choice="picture", forced_tool="picture")).tool_calls
    assert call.name == "picture"
    assert Picture.model_validate(call.arguments).steps == 1
    (call,) = plan(request(tools=tools, tool_choice="required")).tool_calls
    assert call == ToolCall("tree", {"name": "node"})


def test_a_skill_decides_what_is_called_within_what_is_forced() -> None:
    planner = planner_of([Greeter()])
    tools = [tool(Colour), tool(Tree)]

    def names(**values: Any) -> list[str]:
        return [call.name for call in planner(request("hello", tools=tools, **values)).tool_calls]

    assert names(tool_choice="required") == ["tree", "colour"]
    assert names(tool_choice="tree", forced_tool="tree") == ["tree"]
    assert names(parallel_tool_calls=False) == ["tree"]
    assert names(tool_choice="none") == []


def test_a_forced_form_is_kept() -> None:
    schema = {"name": "picture", "schema": Picture.model_json_schema()}
    turn = plan(request(response_format={"type": "json_schema", "json_schema": schema}))
    picture = Picture.model_validate_json(turn.content)
    assert len(picture.palette) == 2
    assert not turn.refusal
    loose = plan(request(response_format={"type": "json_object"}))
    assert "rename" in json.loads(loose.content)["answer"]


def test_a_form_that_nothing_fits_is_refused_in_words() -> None:
    endless: dict[str, Any] = {"type": "object", "properties": {"a": {"$ref": "#"}}}
    endless["required"] = ["a"]
    schema = {"name": "endless", "schema": endless}
    turn = plan(request(response_format={"type": "json_schema", "json_schema": schema}))
    assert "too deep" in turn.refusal


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 5}, 5),
        ({"type": ["null", "string"]}, None),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "minimum": 65, "multipleOf": 8}, 72),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "boolean"}, False),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "string", "minLength": 8}, "sample--"),
        (
            {"type": "array", "prefixItems": [{"const": 1}], "items": {"const": 2}, "minItems": 2},
            [1, 2],
        ),
        (
            {"type": "object", "minProperties": 1, "additionalProperties": {"const": 1}},
            {"sample_0": 1},
        ),
        ({"anyOf": [False, {"type": "integer", "minimum": 2, "maximum": 1}, {"const": "c"}]}, "c"),
        ({"anyOf": [{"$ref": "#"}, {"const": "leaf"}]}, "leaf"),
        (
            {
                "allOf": [
                    {"properties": {"a": {"const": 1}}, "required": ["a"]},
                    {"properties": {"b": {"const": 2}}, "required": ["b"]},
                ]
            },
            {"a": 1, "b": 2},
        ),
    ],
)
def test_small_values(schema: dict[str, Any], value: Any) -> None:
    assert minimal(schema) == value


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "minItems": 10**12},
        {"type": "string", "minLength": 10**12},
        {"type": "object", "minProperties": 10**12},
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"$ref": "#"},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 3},
    ],
)
def test_no_value_is_made_that_would_fill_the_memory(schema: dict[str, Any]) -> None:
    with pytest.raises(NoSampleError):
        minimal(schema)


NUMBERS = st.integers(-50, 50)


@settings(max_examples=200, deadline=None)
@given(low=NUMBERS, span=st.integers(0, 40), least=st.integers(0, 5), most=st.integers(5, 9))
def test_limits_are_kept(low: int, span: int, least: int, most: int) -> None:
    limits = TypeAdapter(
        tuple[
            Annotated[int, Field(ge=low, le=low + span)],
            Annotated[float, Field(gt=low, lt=low + span + 1)],
            Annotated[str, Field(min_length=least, max_length=most)],
            Annotated[list[Tone], Field(min_length=least, max_length=most)],
        ]
    )
    limits.validate_json(json.dumps(minimal(limits.json_schema())))
