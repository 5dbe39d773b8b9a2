"""The embedded gateway answers the OpenAI SDK as xAI's API does, and survives every body."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.transport import AsyncOfflineTransport, OfflineTransport
from grok_agent.offline.wire import ChatRequest, Request, ToolCall, Turn

URL = "http://offline.invalid/v1"
MODEL = "grok-build-0.1"
HELLO = [{"role": "user", "content": "hello"}]


def tool(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def client(gateway: OfflineGateway) -> openai.OpenAI:
    transport = OfflineTransport(gateway)
    return openai.OpenAI(
        api_key="k", base_url=URL, max_retries=0, http_client=httpx2.Client(transport=transport)
    )


def ask(turn: Turn | None = None, messages: Any = HELLO, **parameters: Any) -> Any:
    gateway = OfflineGateway(lambda request: turn) if turn else OfflineGateway()
    sdk = client(gateway)
    return sdk.chat.completions.create(model=MODEL, messages=messages, **parameters)


def refused(messages: Any = HELLO, **parameters: Any) -> str:
    """The words of the 400 with which a request is answered."""
    with pytest.raises(openai.BadRequestError) as caught:
        ask(messages=messages, **parameters)
    body = json.loads(caught.value.response.text)
    assert body["code"] == "Client specified an invalid argument"
    return str(body["error"])


def post(body: bytes, gateway: OfflineGateway | None = None, **headers: str) -> tuple[int, Any]:
    request = Request(
        "POST", "/v1/chat/completions", {"authorization": "Bearer k", **headers}, body
    )
    response = (gateway or OfflineGateway()).handle(request)
    return int(response.status or 0), json.loads(response.body())


def picture(width: int = 32, height: int = 32) -> str:
    buffer = BytesIO()
    Image.new("RGB", (width, height), "teal").save(buffer, "PNG")
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"


def with_image(url: str) -> list[dict[str, Any]]:
    block = {"type": "image_url", "image_url": {"url": url}}
    return [{"role": "user", "content": [{"type": "text", "text": "look"}, block]}]


TWO_CALLS = Turn(
    content="Reading 两个文件",
    reasoning="I need both files. " * 4,
    tool_calls=(ToolCall("read_file", {"target_file": "a.py"}), ToolCall("grep", {"pattern": "é"})),
)
TOOLS = [tool("read_file", target_file={"type": "string"}), tool("grep", pattern={})]


def test_the_models_are_listed_and_found_by_name() -> None:
    sdk = client(OfflineGateway())
    assert [model.id for model in sdk.models.list()] == [MODEL, "offline-planner"]
    assert sdk.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("gpt-9")


def test_an_answer_says_that_no_model_wrote_it() -> None:
    sdk = client(OfflineGateway())
    raw = sdk.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)  # type: ignore[arg-type]
    answer = raw.parse()
    assert answer.model == "offline-planner"
    assert raw.headers["x-grok-agent"] == "deterministic offline planner, not grok-build-0.1"
    assert raw.headers["x-request-id"]
    assert "offline" in answer.system_fingerprint
    assert answer.choices[0].message.refusal == answer.choices[0].message.content
    assert "structured prompt" in answer.choices[0].message.content


def test_a_whole_answer_carries_reasoning_parallel_calls_and_usage() -> None:
    answer = ask(TWO_CALLS, tools=TOOLS)
    choice = answer.choices[0]
    calls = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == TWO_CALLS.content
    assert choice.message.reasoning_content == TWO_CALLS.reasoning
    assert [(c.function.name, json.loads(c.function.arguments)) for c in calls] == [
        ("read_file", {"target_file": "a.py"}),
        ("grep", {"pattern": "é"}),
    ]
    assert len({call.id for call in calls}) == 2
    usage = answer.usage
    reasoning = usage.completion_tokens_details.reasoning_tokens
    assert reasoning > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens + reasoning


def test_a_stream_adds_up_to_the_whole_answer() -> None:
    whole = ask(TWO_CALLS, tools=TOOLS)
    chunks = list(ask(TWO_CALLS, tools=TOOLS, stream=True, stream_options={"include_usage": True}))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    arguments = {0: "", 1: ""}
    pieces = [call for delta in deltas for call in delta.tool_calls or ()]
    for call in pieces:
        arguments[call.index] += call.function.arguments
    calls = whole.choices[0].message.tool_calls
    assert "".join(delta.content or "" for delta in deltas) == TWO_CALLS.content
    reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert reasoning == TWO_CALLS.reasoning
    assert arguments == {i: call.function.arguments for i, call in enumerate(calls)}
    assert len(pieces) > len(calls), "arguments are streamed in pieces"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "tool_calls"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage


def test_a_stream_has_no_usage_unless_it_is_asked_for() -> None:
    assert all(chunk.usage is None for chunk in ask(TWO_CALLS, tools=TOOLS, stream=True))


def test_the_same_request_gets_the_same_answer_asynchronously() -> None:
    async def ask_async() -> Any:
        transport = AsyncOfflineTransport(OfflineGateway(lambda request: TWO_CALLS))
        async with openai.AsyncOpenAI(
            api_key="k", base_url=URL, http_client=httpx2.AsyncClient(transport=transport)
        ) as sdk:
            stream = await sdk.chat.completions.create(model=MODEL, messages=HELLO, stream=True)  # type: ignore[arg-type]
            text = [chunk.choices[0].delta.content or "" async for chunk in stream]
            whole = await sdk.chat.completions.create(model=MODEL, messages=HELLO)  # type: ignore[arg-type]
            return "".join(text), whole

    text, whole = asyncio.run(ask_async())
    assert text == TWO_CALLS.content
    assert whole.choices[0].message == ask(TWO_CALLS).choices[0].message


def test_the_planner_sees_the_request() -> None:
    seen: list[ChatRequest] = []

    def planner(request: ChatRequest) -> Turn:
        seen.append(request)
        return Turn(content="ok")

    client(OfflineGateway(planner)).chat.completions.create(
        model=MODEL,
        messages=with_image(picture()),  # type: ignore[arg-type]
        tools=TOOLS,  # type: ignore[arg-type]
        tool_choice={"type": "function", "function": {"name": "grep"}},
        parallel_tool_calls=False,
        max_tokens=7,
        extra_headers={"x-grok-conv-id": "run-1"},
    )
    (request,) = seen
    assert request.forced_tool == "grep"
    assert request.conversation_id == "run-1"
    assert request.max_tokens == 7
    assert not request.parallel_tool_calls
    assert request.messages == with_image(picture())


def test_max_tokens_cuts_the_answer_and_says_so() -> None:
    long = Turn(content="word " * 500, tool_calls=(ToolCall("grep", {"pattern": "x" * 900}),))
    cut = ask(long, tools=TOOLS, max_tokens=20)
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage.completion_tokens <= 20
    assert long.content.startswith(cut.choices[0].message.content)
    torn = ask(Turn(tool_calls=long.tool_calls), tools=TOOLS, max_tokens=20)
    assert torn.choices[0].finish_reason == "length"
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(torn.choices[0].message.tool_calls[0].function.arguments)
    thought = ask(Turn(reasoning="deep " * 500, content="x"), max_tokens=20)
    assert thought.usage.completion_tokens_details.reasoning_tokens <= 20
    assert thought.choices[0].message.content == ""


def test_a_shared_prefix_is_cached_in_blocks_of_one_conversation() -> None:
    sdk = client(OfflineGateway())
    system = {"role": "system", "content": "You edit repositories with care. " * 100}

    def cached(text: str, conversation: str | None) -> tuple[int, int]:
        headers = {"x-grok-conv-id": conversation} if conversation else {}
        usage = sdk.chat.completions.create(
            model=MODEL,
            messages=[system, {"role": "user", "content": text}],  # type: ignore[list-item]
            extra_headers=headers,
        ).usage
        assert usage is not None
        assert usage.prompt_tokens_details is not None
        return usage.prompt_tokens_details.cached_tokens or 0, usage.prompt_tokens

    assert cached("first", "a")[0] == 0
    warm, prompt = cached("second", "a")
    assert warm % 128 == 0
    assert prompt - 160 < warm <= prompt
    assert cached("second", "b")[0] == 0
    assert cached("second", None)[0] == 0
    system["content"] = "Changed. " + system["content"]
    assert cached("second", "a")[0] == 0


def test_images_weigh_by_their_size_and_not_by_their_base64() -> None:
    small = ask(messages=with_image(picture(64, 64))).usage.prompt_tokens
    large = ask(messages=with_image(picture(1600, 1200))).usage.prompt_tokens
    assert small < large < 2_500


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"messages": []}, "must be a list that is not empty"),
        ({"messages": ["hi"]}, "expected an object"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": []}]}, "at least one content element"),
        ({"messages": [{"role": "user", "content": None}]}, "at least one content element"),
        ({"messages": [{"role": "user", "content": 7}]}, "expected a string or a list"),
        ({"messages": [{"role": "assistant", "content": None}]}, "content element"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "unknown variant"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "expected a string"),
        ({"messages": with_image("file:///etc/passwd")}, "http(s) URL or a Base64 data URL"),
        ({"messages": with_image("data:image/png;base64,@@")}, "Invalid Base64"),
        ({"messages": with_image("data:image/png;base64,aGVsbG8=")}, "not a known format"),
        ({"messages": with_image(picture(4, 400))}, "too small"),
        ({"tool_choice": "required"}, "there are no tools"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "x"}}}, "among"),
        ({"tools": [tool("bad name")]}, "letters, digits"),
        ({"tools": [tool("a"), tool("a")]}, "name of its own"),
        ({"tools": [tool(f"t{i}") for i in range(129)]}, "at most 128"),
        ({"tools": [tool("a", b={"type": "text"})]}, "properties.b: 'text' is not a valid type"),
        ({"tools": [tool("a", b={"$ref": "#/$defs/C"})]}, "cannot resolve"),
        ({"tools": [tool("a", b={"enum": []})]}, "enum"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "schema"),
        ({"temperature": 9}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 2}, "one choice"),
        ({"stop": ["END"]}, "does not support parameter stop"),
        ({"presence_penalty": 0}, "does not support parameter presence_penalty"),
        ({"reasoning_effort": "low"}, "does not support parameter reasoning_effort"),
        ({"extra_body": {"model": "grok-9"}}, "Model not found: grok-9"),
        ({"extra_body": {"stream": "yes"}}, "expected a boolean"),
    ],
)
def test_a_request_that_cannot_be_used_is_refused_in_words(
    parameters: dict[str, Any], words: str
) -> None:
    assert words in refused(**parameters)


def call(arguments: str, identity: str = "c1") -> dict[str, Any]:
    function = {"name": "grep", "arguments": arguments}
    return {"id": identity, "type": "function", "function": function}


def assistant(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


RESULT = {"role": "tool", "tool_call_id": "c1", "content": "3 hits"}


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([*HELLO, RESULT], "must be a response to a preceding message"),
        ([*HELLO, assistant(call("{}")), RESULT, RESULT], "is not open"),
        ([*HELLO, assistant(call("{}"))], "missing: c1"),
        ([*HELLO, assistant(call("{}")), *HELLO], "missing: c1"),
        ([*HELLO, assistant(call("{}"), call("{}", "c2")), RESULT], "missing: c2"),
        ([*HELLO, assistant(call("{}"), call("{}")), RESULT], "must differ"),
        ([*HELLO, assistant(call('{"a": ')), RESULT], "holds JSON"),
        ([{"role": "user", "content": "x", "tool_calls": [call("{}")]}], "only an assistant"),
    ],
)
def test_calls_and_results_must_match(messages: list[Any], words: str) -> None:
    assert words in refused(messages=messages)


def test_results_may_come_in_any_order_and_hold_pictures() -> None:
    image = {"type": "image_url", "image_url": {"url": picture()}}
    second = {"role": "tool", "tool_call_id": "c2", "content": [image]}
    messages = [*HELLO, assistant(call("{}"), call("{}", "c2")), second, RESULT]
    assert ask(messages=messages).choices[0].finish_reason == "stop"


def test_keys_are_asked_for_but_not_for_health() -> None:
    gateway = OfflineGateway(keys={"right"})
    for header in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic right"}):
        response = gateway.handle(Request("GET", "/v1/models", header))
        assert response.status == 401
        assert b"wrong" not in response.body()
    right = {"authorization": "Bearer right"}
    assert gateway.handle(Request("GET", "/v1/models", right)).status == 200
    assert gateway.handle(Request("GET", "/health")).status == 200


def test_paths_and_methods_are_checked() -> None:
    gateway = OfflineGateway()
    assert gateway.handle(Request("GET", "/v2/nothing")).status == 404
    wrong = gateway.handle(Request("GET", "/v1/chat/completions"))
    assert wrong.status == 405
    assert wrong.headers["allow"] == "POST"


def test_too_large_and_too_long_requests_have_their_own_errors() -> None:
    assert post(b" " * (50 * 1024 * 1024 + 1))[0] == 413
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "a b " * 200_000}]})
    status, error = post(body.encode())
    assert status == 400
    assert error["error"].startswith("This model's maximum prompt length is 256000 but the request")


def test_a_planner_that_fails_is_an_error_that_nobody_repeats() -> None:
    def broken(request: ChatRequest) -> Turn:
        raise KeyError("path")

    def wrong(request: ChatRequest) -> Turn:
        return Turn(tool_calls=(ToolCall("grep", {"pattern": {1, 2}}),))

    for planner, words in ((broken, "KeyError"), (wrong, "not JSON serializable")):
        with pytest.raises(openai.InternalServerError) as caught:
            client(OfflineGateway(planner)).chat.completions.create(model=MODEL, messages=HELLO)  # type: ignore[arg-type]
        assert words in caught.value.response.text
        assert caught.value.response.headers["x-should-retry"] == "false"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
VALID: dict[str, Any] = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": "Job: ask"},
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        assistant(call("{}")),
        RESULT,
    ],
    "tools": [tool("grep", pattern={"anyOf": [{"$ref": "#/$defs/A"}], "minItems": 1})],
    "tool_choice": {"type": "function", "function": {"name": "grep"}},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "a", "schema": {"type": "object", "properties": {"b": {}}}},
    },
    "stream": False,
    "stream_options": {"include_usage": True},
    "max_tokens": 9,
}
VALID["tools"][0]["function"]["parameters"]["$defs"] = {"A": {"type": "string", "minLength": 2}}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    keyed = dict(enumerate(value)) if isinstance(value, list) else value
    for key, inner in keyed.items() if isinstance(keyed, dict) else ():
        yield from places(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def test_the_request_that_is_mangled_below_is_good() -> None:
    assert post(json.dumps(VALID).encode())[0] == 200


@settings(max_examples=300, deadline=None)
@given(path=st.sampled_from(list(places(VALID))), new=ANY_JSON)
def test_a_mangled_request_is_answered_and_never_breaks_the_gateway(
    path: tuple[Any, ...], new: Any
) -> None:
    request = {**replaced(VALID, path, new), "stream": False} if path else new
    status, body = post(json.dumps(request).encode())
    assert status in (200, 400), body
    assert "choices" in body if status == 200 else body["error"]


@settings(max_examples=100, deadline=None)
@given(st.binary())
def test_any_bytes_are_answered(body: bytes) -> None:
    status, answer = post(body)
    assert status == 400
    assert answer["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"model": ' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"model": "\\ud800"}',
        b'{"model": 1' + b"0" * 5_000 + b"}",
        b'{"model": NaN}',
        b"\xff\xfe",
    ],
)
def test_hostile_json_is_refused(body: bytes) -> None:
    assert post(body)[0] == 400
