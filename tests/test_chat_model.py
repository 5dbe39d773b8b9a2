"""ChatGrokBuild: what it sends, what it keeps, and what it never shows."""

import asyncio
import base64
import io
import json
import logging
import pickle
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.load import dumpd, dumps, load
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from PIL import Image
from pydantic import BaseModel, ValidationError
from scripted_answers import png

from grok_agent.chat_model import ChatGrokBuild
from grok_agent.errors import MissingKeyError, SettingsError, ToolError
from grok_agent.gateway import outgoing
from grok_agent.gateway.faults import AuthenticationError, ContentRefusedError
from grok_agent.gateway.ledger import Usage, cost_of
from grok_agent.offline import BASE_URL, offline_model
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.server import running
from grok_agent.offline.transport import OfflineTransport
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn
from grok_agent.profile import GROK_BUILD, OFFLINE_MODEL
from grok_agent.settings import Settings
from grok_agent.vision.reencode import reencode

KEY = "sk-live-0123456789abcdef"
PIXEL = base64.b64encode(png()).decode()


class Recorder(OfflineTransport):
    """The embedded gateway, and what reached it."""

    def __init__(self, gateway: OfflineGateway) -> None:
        super().__init__(gateway)
        self.requests: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return super().handle_request(request)

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.requests[-1].read())
        return body

    @property
    def headers(self) -> httpx2.Headers:
        return self.requests[-1].headers


def hello(chat: ChatRequest) -> Turn:
    return Turn(content="Hello.", reasoning="A greeting.")


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(OfflineGateway(hello))


def recorded(recorder: Recorder, **kwargs: Any) -> ChatGrokBuild:
    return offline_model(http_client=httpx2.Client(transport=recorder), **kwargs)


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "_said", set())


# Settings


def test_three_values_move_to_another_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROK_BASE_URL", "https://relay.example/v1/")
    monkeypatch.setenv("XAI_API_KEY", "k")
    monkeypatch.setenv("GROK_MODEL", "grok-code-fast-1")
    monkeypatch.setenv("GROK_CONNECT_TIMEOUT_S", "3")
    monkeypatch.setenv("GROK_REQUEST_TIMEOUT_S", "70")
    model = ChatGrokBuild()
    assert str(model.root_client.base_url) == "https://relay.example/v1/"
    assert model.model_name == "grok-code-fast-1"
    assert model.root_client.timeout.connect == 3
    assert model.root_async_client.timeout.read == 70


def test_what_is_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROK_MODEL", "other")
    monkeypatch.setenv("GROK_MAX_RETRIES", "9")
    model = ChatGrokBuild(model="mine", api_key="k", max_retries=0, timeout=5)
    assert (model.model_name, model.max_retries, model.request_timeout) == ("mine", 0, 5)


def test_from_settings() -> None:
    settings = Settings(base_url="http://g.example/v1", api_key="k", model="m", max_retries=7)
    model = ChatGrokBuild.from_settings(settings, temperature=0.5)
    assert (model.openai_api_base, model.model_name) == ("http://g.example/v1", "m")
    assert (model.max_retries, model.temperature) == (7, 0.5)


def test_given_settings_are_not_mixed_with_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings(base_url="http://g.example/v1", api_key="k")
    monkeypatch.setenv("GROK_MAX_USD", "much")
    assert ChatGrokBuild.from_settings(settings).openai_api_base == "http://g.example/v1"
    with pytest.raises(SettingsError, match="GROK_MAX_USD"):
        ChatGrokBuild(api_key="k")


def test_time_outs_of_httpx_are_taken_as_they_are() -> None:
    given = httpx2.Timeout(3, connect=1)
    assert ChatGrokBuild(api_key="k", timeout=given).root_client.timeout == given


def test_no_key() -> None:
    with pytest.raises(MissingKeyError, match="GROK_API_KEY"):
        ChatGrokBuild()


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "“quoted”", "schlüssel"])
def test_a_key_that_cannot_be_sent(key: str) -> None:
    with pytest.raises(SettingsError, match="Copy it again") as caught:
        ChatGrokBuild(api_key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("url", ["gateway", "ftp://g/v1", "http://", "file:///etc/passwd"])
def test_a_base_url_that_is_none(url: str) -> None:
    with pytest.raises(SettingsError, match="GROK_BASE_URL"):
        ChatGrokBuild(api_key="k", base_url=url)


def test_a_key_of_the_environment_does_not_go_where_a_file_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("GROK_BASE_URL=http://evil.example/v1\n")
    with pytest.raises(SettingsError, match="not sent"):
        ChatGrokBuild(api_key=KEY)


def test_nothing_of_openais_variables_reaches_the_gateway(
    monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "ORGANIZATION", "PROJECT_ID"):
        monkeypatch.setenv(f"OPENAI_{name}", "foreign")
    for name in ("BASE_URL", "API_BASE", "PROXY"):
        monkeypatch.setenv(f"OPENAI_{name}", "http://foreign.invalid")
    headers = "Authorization: Bearer foreign\nX-Org: foreign"
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", headers)
    model = recorded(recorder, default_headers={"x-mine": "1"})
    model.invoke("hi")
    assert "foreign" not in str(recorder.headers.raw)
    assert recorder.headers["authorization"] == "Bearer offline"
    assert recorder.headers["x-mine"] == "1"
    assert str(recorder.requests[-1].url).startswith(BASE_URL)
    assert model.openai_organization is None
    assert model.openai_proxy is None
    for client in (model.root_client, model.root_async_client):
        assert client.organization is client.project is client.admin_api_key is None


def test_an_organisation_that_is_given_is_sent(recorder: Recorder) -> None:
    recorded(recorder, organization="mine").invoke("hi")
    assert recorder.headers["openai-organization"] == "mine"


def test_a_key_from_a_function(recorder: Recorder) -> None:
    recorded(recorder, api_key=lambda: "fresh").invoke("hi")
    assert recorder.headers["authorization"] == "Bearer fresh"


# The key


def test_the_key_never_prints(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="grok_agent")
    model = offline_model(OfflineGateway(keys={"another"}), api_key=KEY)
    shown = [repr(model), str(model), dumps(model), str(model.model_dump()), str(model.asdict())]
    shown += [str(model._get_ls_params()), str(model._identifying_params), model._get_llm_string()]
    try:
        model.invoke("hi")
    except AuthenticationError:
        shown.append(traceback.format_exc())
    assert len(shown) == 9
    assert KEY not in "".join(shown) + caplog.text


@pytest.mark.parametrize("wrong", [{"n": 0}, {"temperature": "hot"}, {"model": ""}])
def test_a_wrong_argument_does_not_print_the_key(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, SettingsError)) as caught:
        ChatGrokBuild(api_key=KEY, **wrong)
    assert KEY not in "".join(traceback.format_exception_only(caught.value))


def test_a_gateway_that_repeats_the_key_does_not_print_it_either() -> None:
    body = json.dumps({"error": f"Incorrect API key provided: {KEY}."})
    fault = Fault("answer", times=None, status=401, body=body)
    model = offline_model(OfflineGateway(faults=[fault]), api_key=KEY)
    for call in (lambda: model.invoke("hi"), lambda: list(model.stream("hi"))):
        try:
            call()
        except AuthenticationError as error:
            text = "".join(traceback.format_exception(error))
        assert "Incorrect API key" in text
        assert KEY not in text


# What is sent


def test_refused_parameters_are_left_away_with_one_warning(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    model = recorded(
        recorder,
        stop=["x"],
        reasoning_effort="low",
        presence_penalty=0.0,
        frequency_penalty=0.1,
        logprobs=True,
        top_logprobs=2,
    )
    model.invoke("hi")
    model.invoke("hi", stop=["y"])
    list(model.stream("hi", stop=["y"]))
    assert not GROK_BUILD.refused_parameters & recorder.body.keys()
    for name in GROK_BUILD.refused_parameters:
        assert caplog.text.count(f"parameter {name!r}") == 1


def test_another_model_gets_its_parameters(recorder: Recorder) -> None:
    model = recorded(recorder, stop=["x"])
    assert model._get_request_payload("hi", model="other")["stop"] == ["x"]


def test_a_high_temperature_is_advised_against_once(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    recorded(recorder, temperature=0.7)
    assert not caplog.text
    recorded(recorder, temperature=0.9)
    recorded(recorder, temperature=1.0).invoke("hi")
    assert caplog.text.count("0.9 is above 0.7") == 1
    assert recorder.body["temperature"] == 1.0


def test_streams_ask_for_usage(recorder: Recorder) -> None:
    list(recorded(recorder).stream("hi"))
    assert recorder.body["stream"] is True
    assert recorder.body["stream_options"] == {"include_usage": True}
    recorded(recorder).invoke("hi")
    assert recorder.body["stream"] is False
    assert "stream_options" not in recorder.body


def test_only_chat_completions_are_used(recorder: Recorder) -> None:
    recorded(recorder, model="codex-like", use_responses_api=True)
    model = recorded(recorder, use_responses_api=True)
    model.invoke("hi")
    assert recorder.requests[-1].url.path == "/v1/chat/completions"


def test_a_conversation_stays_on_one_server(recorder: Recorder) -> None:
    model = recorded(recorder, conversation_id="thread-1", default_headers={"a": "b"})
    model.invoke("hi")
    assert recorder.headers["x-grok-conv-id"] == "thread-1"
    list(model.stream("hi", conversation_id="thread-2", extra_headers={"c": "d"}))
    assert recorder.headers["x-grok-conv-id"] == "thread-2"
    assert recorder.headers["c"] == "d"
    assert "conversation_id" not in recorder.body
    model.bind(conversation_id="thread-3").invoke("hi")
    assert recorder.headers["x-grok-conv-id"] == "thread-3"
    recorded(recorder).invoke("hi")
    assert "x-grok-conv-id" not in recorder.headers


def test_a_conversation_id_cannot_break_out_of_its_header(recorder: Recorder) -> None:
    recorded(recorder).invoke("hi", conversation_id="线程\r\nx-evil: 1")
    assert "x-evil" not in recorder.headers
    assert recorder.headers["x-grok-conv-id"].isascii()


def test_a_stable_conversation_is_served_from_the_cache(recorder: Recorder) -> None:
    model = recorded(recorder, conversation_id="one")
    first, second = (Usage.of(model.invoke("a long task " * 200)) for _ in range(2))
    assert first
    assert second
    assert first.cached_tokens == 0
    assert second.cached_tokens >= 128


def test_images_as_url_and_as_data(recorder: Recorder) -> None:
    data_url = f"data:image/png;base64,{PIXEL}"
    message = HumanMessage(
        [
            {"type": "text", "text": "What is it?"},
            {"type": "image", "url": "https://example.com/a.png"},
            {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
            {"type": "image_url", "image_url": {"url": data_url, "detail": "low"}},
        ]
    )
    recorded(recorder).invoke([message])
    urls = [part["image_url"]["url"] for part in recorder.body["messages"][0]["content"][1:]]
    fit = reencode(data_url, GROK_BUILD.images)
    assert fit.startswith("data:image/jpeg;base64,")
    assert urls == ["https://example.com/a.png", fit, fit]
    recorded(recorder, reencode=None).invoke([message])
    urls = [part["image_url"]["url"] for part in recorder.body["messages"][0]["content"][1:]]
    assert urls[1:] == [data_url, data_url]


def test_pictures_leave_without_their_metadata_and_at_the_size_the_model_sees(
    recorder: Recorder,
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRETMAKER"
    buffer = io.BytesIO()
    Image.new("RGB", (4000, 3000), "red").save(buffer, "JPEG", exif=exif)
    block = {"type": "image", "base64": base64.b64encode(buffer.getvalue()).decode()}
    block["mime_type"] = "image/jpeg"
    call = {"name": "look", "args": {}, "id": "1"}
    asked = [HumanMessage([block]), AIMessage("", tool_calls=[call])]
    recorded(recorder).invoke([*asked, ToolMessage([block], tool_call_id="1")])
    for message in (recorder.body["messages"][0], recorder.body["messages"][2]):
        url = message["content"][0]["image_url"]["url"]
        sent = base64.b64decode(url.partition(",")[2])
        assert b"SECRET" not in sent
        assert Image.open(io.BytesIO(sent)).size == (1792, 1344)


async def test_pictures_are_made_fit_beside_the_event_loop(recorder: Recorder) -> None:
    threads = []

    def fit(url: str, _: object) -> str:
        threads.append(threading.current_thread())
        return url

    block = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    model = recorded(recorder, reencode=fit)
    await model.ainvoke([HumanMessage([block])])
    async for _ in model.astream([HumanMessage([block])]):
        pass
    assert len(threads) == 2
    assert threading.main_thread() not in threads


def test_a_picture_that_cannot_be_sent_is_told_to_whoever_can_mend_it(
    recorder: Recorder,
) -> None:
    broken = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}
    with pytest.raises(ToolError, match="is text, not a picture"):
        recorded(recorder).invoke([HumanMessage([broken])])
    call = {"name": "look", "args": {}, "id": "1"}
    asked = [HumanMessage("look"), AIMessage("", tool_calls=[call])]
    recorded(recorder).invoke([*asked, ToolMessage([broken], tool_call_id="1")])
    told = str(recorder.body["messages"][2]["content"])
    assert "cannot be sent: the data URL is text, not a picture" in told


def test_half_characters_do_not_stop_a_request(recorder: Recorder) -> None:
    torn = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    messages = [HumanMessage(torn), AIMessage([{"type": "text", "text": "\ud83d"}])]
    recorded(recorder).invoke([*messages, HumanMessage("go")])
    assert recorder.body["messages"][0]["content"] == "caf\ufffd.txt"


def test_texts_in_lists_go_out_as_strings(recorder: Recorder) -> None:
    call = {"name": "f", "args": {}, "id": "1"}
    texts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [
        HumanMessage("hi"),
        AIMessage(texts, tool_calls=[call]),
        ToolMessage(texts, tool_call_id="1"),
        AIMessage([], tool_calls=[{**call, "id": "2"}]),
        ToolMessage("c", tool_call_id="2"),
    ]
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    recorded(recorder).invoke(messages, tools=[tool])
    sent = [message["content"] for message in recorder.body["messages"]]
    assert sent == ["hi", "ab", "ab", None, "c"]


# Reasoning


@pytest.mark.parametrize("version", [None, "v1"])
@pytest.mark.parametrize("streamed", [False, True])
def test_reasoning_comes_in_and_goes_out_with_its_message(
    recorder: Recorder, streamed: bool, version: str | None
) -> None:
    model = recorded(recorder, output_version=version)
    question = HumanMessage("hi")
    if streamed:
        first, *rest = model.stream([question])
        answer: AIMessage = sum(rest, first)
    else:
        answer = model.invoke([question])
    assert answer.additional_kwargs["reasoning_content"] == "A greeting."
    assert [block["type"] for block in answer.content_blocks] == ["reasoning", "text"]
    model.invoke([question, answer, HumanMessage("again")])
    assert recorder.body["messages"][1] == {
        "role": "assistant",
        "content": "Hello.",
        "reasoning_content": "A greeting.",
    }


def test_reasoning_in_blocks_goes_out_too(recorder: Recorder) -> None:
    blocks = [{"type": "reasoning", "reasoning": "Why."}, {"type": "text", "text": "So."}]
    answer = AIMessage(blocks, response_metadata={"output_version": "v1"})
    recorded(recorder).invoke([HumanMessage("hi"), answer, HumanMessage("again")])
    sent = recorder.body["messages"][1]
    assert (sent["content"], sent["reasoning_content"]) == ("So.", "Why.")


# What comes back


def test_what_an_answer_tells(recorder: Recorder) -> None:
    answer = recorded(recorder).invoke("hi")
    assert answer.response_metadata["model_name"] == OFFLINE_MODEL != GROK_BUILD.name
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.response_metadata["model_provider"] == "xai"
    assert "refusal" not in answer.additional_kwargs
    usage = Usage.of(answer)
    assert usage
    assert usage.output_tokens > usage.reasoning_tokens > 0
    assert cost_of(answer, GROK_BUILD).basis == "offline"


def test_the_bill_is_kept() -> None:
    body = {
        "model": "grok-build-0.1",
        "choices": [{"message": {"content": "Hi."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "cost_in_usd_ticks": 130_000},
    }
    fault = Fault("answer", times=None, status=200, body=json.dumps(body))
    model = offline_model(OfflineGateway(faults=[fault]))
    cost = cost_of(model.invoke("hi"), model.model_profile)
    assert (cost.usd, cost.basis) == (0.000013, "billed")
    first, *rest = model.stream("hi")
    assert cost_of(sum(rest, first), model.model_profile) == cost


@pytest.mark.parametrize("streamed", [False, True])
def test_a_refusal_is_told(streamed: bool) -> None:
    def refuse(chat: ChatRequest) -> Turn:
        return Turn(refusal="I will not.")

    model = offline_model(OfflineGateway(refuse))
    first, *rest = model.stream("hi") if streamed else [model.invoke("hi")]
    assert sum(rest, first).additional_kwargs["refusal"] == "I will not."
    with pytest.raises(ContentRefusedError, match="I will not"):
        model.with_structured_output(Joke).invoke("hi")


def test_response_headers_when_asked_for() -> None:
    model = offline_model(OfflineGateway(hello), include_response_headers=True)
    assert model.invoke("hi").response_metadata["headers"]["x-request-id"]


def test_batches_and_threads(recorder: Recorder) -> None:
    model = recorded(recorder)
    assert [answer.content for answer in model.batch(["a", "b", "c"])] == ["Hello."] * 3
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda i: model.invoke(str(i)).content, range(12)))
    assert answers == ["Hello."] * 12


def test_asynchronous_calls_in_one_event_loop_after_another() -> None:
    model = offline_model(OfflineGateway(hello))
    for _ in range(2):
        assert asyncio.run(model.ainvoke("hi")).content == "Hello."


@pytest.mark.enable_socket
def test_the_same_over_a_socket() -> None:
    async def streamed(model: ChatGrokBuild) -> str:
        return "".join([chunk.text async for chunk in model.astream("hi")])

    with running(OfflineGateway(hello)) as base_url:
        model = ChatGrokBuild(base_url=base_url, api_key="k")
        assert model.invoke("hi").content == "Hello."
        assert "".join(chunk.text for chunk in model.stream("hi")) == "Hello."
        for _ in range(2):
            assert asyncio.run(streamed(model)) == "Hello."


# Tools and structured output


class Joke(BaseModel):
    """A joke."""

    setup: str
    punchline: str | None = None


def answering(turn: Turn) -> ChatGrokBuild:
    return offline_model(OfflineGateway(lambda chat: turn))


def test_tools_are_called_with_what_they_were_given() -> None:
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    turn = Turn(tool_calls=(ToolCall("add", {"a": 1, "b": 2}), ToolCall("add", {"a": 3, "b": 4})))
    answer = answering(turn).bind_tools([add]).invoke("1 + 2 and 3 + 4")
    assert [call["args"] for call in answer.tool_calls] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert len({call["id"] for call in answer.tool_calls}) == 2


def test_structured_output_asks_for_a_strict_schema(recorder: Recorder) -> None:
    model = recorded(recorder)
    for schema in (Joke, Joke.model_json_schema()):
        model.with_structured_output(schema, include_raw=True).invoke("hi")
        sent = recorder.body["response_format"]
        assert sent["type"] == "json_schema"
        assert sent["json_schema"]["strict"] is True
        assert sent["json_schema"]["schema"]["additionalProperties"] is False
    model.with_structured_output(Joke, strict=False, include_raw=True).invoke("hi")
    assert recorder.body["response_format"]["json_schema"]["strict"] is False
    own = {"name": "own", "schema": {"type": "object"}, "strict": False}
    model.with_structured_output(own, include_raw=True).invoke("hi")
    assert recorder.body["response_format"]["json_schema"] == own
    model.bind(response_format=Joke).invoke("hi")
    assert recorder.body["response_format"]["json_schema"]["name"] == "Joke"


def test_structured_output_is_parsed() -> None:
    model = answering(Turn(content='{"setup": "Why?", "punchline": null}'))
    assert model.with_structured_output(Joke).invoke("hi") == Joke(setup="Why?")
    parsed = model.with_structured_output(Joke.model_json_schema()).invoke("hi")
    assert parsed == {"setup": "Why?", "punchline": None}
    assert list(model.with_structured_output(Joke).stream("hi"))[-1] == Joke(setup="Why?")


@pytest.mark.parametrize("content", ["Sorry, prose.", '{"punchline": "no setup"}'])
def test_an_answer_that_does_not_fit_the_schema(content: str) -> None:
    model = answering(Turn(content=content))
    with pytest.raises(OutputParserException):
        model.with_structured_output(Joke).invoke("hi")
    found = model.with_structured_output(Joke, include_raw=True).invoke("hi")
    assert found["raw"].content == content
    assert found["parsed"] is None
    assert isinstance(found["parsing_error"], OutputParserException)


# Facts about the model


def test_profile() -> None:
    model = ChatGrokBuild(api_key="k")
    assert model.profile
    assert model.profile["max_input_tokens"] == 256_000
    for ability in ("image_inputs", "tool_calling", "structured_output", "reasoning_output"):
        assert model.profile[ability] is True
    assert model.model_profile is GROK_BUILD
    assert model._llm_type == "grok-build-chat"
    assert model._get_ls_params()["ls_provider"] == "xai"


def test_tokens_are_counted_without_a_network() -> None:
    model = ChatGrokBuild(api_key="k")
    assert model.get_num_tokens("hello world") == 3  # two, and a tenth for an unknown tokenizer
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    messages = [SystemMessage("Be brief."), HumanMessage([{"type": "text", "text": "hi"}, image])]
    counted = model.get_num_tokens_from_messages(messages)
    assert 512 < counted < 700
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    assert model.get_num_tokens_from_messages(messages, tools=[tool]) > counted
    with pytest.raises(SettingsError, match="get_num_tokens"):
        model.get_token_ids("hello")
    assert ChatGrokBuild(api_key="k", custom_get_token_ids=lambda _: [7]).get_token_ids("x") == [7]


# Saving and loading


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_a_saved_model_is_loaded_with_the_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved = json.loads(json.dumps(dumpd(ChatGrokBuild(api_key=KEY, model="m", timeout=7))))
    assert KEY not in str(saved)
    monkeypatch.setenv("GROK_API_KEY", "another")
    found = load(
        saved,
        allowed_objects=[ChatGrokBuild],
        valid_namespaces=["grok_agent"],
        secrets_from_env=True,
    )
    assert isinstance(found, ChatGrokBuild)
    assert (found.model_name, found.request_timeout) == ("m", 7)
    assert found.openai_api_key.get_secret_value() == "another"


def test_messages_survive_saving(recorder: Recorder) -> None:
    answer = recorded(recorder).invoke("hi")
    assert pickle.loads(pickle.dumps(answer)) == answer


# Construction


def test_many_models_share_their_connections() -> None:
    one, other = ChatGrokBuild(api_key="k"), ChatGrokBuild(api_key="k", temperature=0.1)
    assert one.root_client._client is other.root_client._client


def test_importing_and_building_needs_no_network() -> None:
    code = (
        "import sys, socket\n"
        "sys.addaudithook(lambda event, _: event.startswith('socket.') and 1 / 0)\n"
        "from grok_agent.chat_model import ChatGrokBuild\n"
        "ChatGrokBuild(api_key='k')\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


async def test_astream_hands_on_tokens_as_they_come() -> None:
    chunks = [chunk async for chunk in offline_model(OfflineGateway(hello)).astream("hi")]
    assert "".join(chunk.text for chunk in chunks) == "Hello."
    assert chunks[-1].chunk_position == "last"
