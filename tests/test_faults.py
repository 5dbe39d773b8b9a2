"""Each error of each gateway becomes the right class, with words for a person."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.exceptions import ContextOverflowError, ModelError

from grok_agent.errors import GatewayError
from grok_agent.gateway import faults
from grok_agent.gateway.client import list_models
from grok_agent.gateway.faults import (
    AuthenticationError,
    BadRequestError,
    ContentRefusedError,
    ContextTooLongError,
    IncompleteAnswerError,
    NotAGatewayError,
    OutOfFundsError,
    OverloadedError,
    PermissionRefusedError,
    RateLimitedError,
    RequestTooLargeError,
    Target,
    UnknownModelError,
    UnreachableError,
    classify,
)
from grok_agent.gateway.replies import read_error, read_reply, retry_after
from grok_agent.offline import offline_model
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.transport import OfflineTransport
from grok_agent.settings import Settings

KEY = "sk-secret-0123456789"


def error(message: object = "", code: object = None, type: object = None, **more: Any) -> str:
    return json.dumps({"error": {"message": message, "code": code, "type": type, **more}})


def xai(code: str, sentence: str) -> str:
    return json.dumps({"code": code, "error": sentence})


SATURATED = "当前分组上游负载已饱和，请稍后再试"
NO_PERMISSION = "The caller does not have permission to execute the specified operation"
BIO = "Content violates usage guidelines. Team: t, Failed check: SAFETY_CHECK_TYPE_BIO"
NGINX_413 = "<html><head><title>413 Request Entity Too Large</title></head></html>"
TOO_LONG = "This model's maximum prompt length is 256000 but the request contains 300000 tokens."

TABLE = [
    # wrong model
    (400, xai("Client specified an invalid argument", "Model not found: x"), UnknownModelError),
    (404, xai("", "The model x does not exist or your team has no access"), UnknownModelError),
    (503, error("分组 default 下模型 x 无可用渠道", "model_not_found"), UnknownModelError),
    (503, error("当前分组下对于模型 x 无可用渠道", None, "one_api_error"), UnknownModelError),
    (400, error("Invalid model name passed in model=x", "400"), UnknownModelError),
    (404, error("No endpoints found for x.", 404), UnknownModelError),
    (400, error("x-ai/grok-9 is not a valid model ID", 400), UnknownModelError),
    # bad parameter
    (400, xai("Client specified an invalid argument", "Model x does not support parameter stop."),
     BadRequestError),
    (500, error("field messages is required", "invalid_request", "new_api_error"), BadRequestError),
    (422, json.dumps({"detail": [{"loc": ["body"], "msg": "field required"}]}), BadRequestError),
    (500, error("image input is not supported - hint: mmproj", 500, "server_error"),
     BadRequestError),
    (400, error("openai error: undefined"), BadRequestError),
    # key
    (401, error("无效的令牌", None, "one_api_error"), AuthenticationError),
    (400, xai("Client specified an invalid argument", "Incorrect API key provided: s***9."),
     AuthenticationError),
    (400, error("No connected db.", "400", "no_db_connection"), AuthenticationError),
    (401, "", AuthenticationError),
    # no access
    (403, error("该令牌无权访问模型 x", None, "new_api_error"), PermissionRefusedError),
    (403, xai(NO_PERMISSION, "Your team may not use this model."), PermissionRefusedError),
    (403, error("", "bad_response_status_code"), PermissionRefusedError),
    (403, error("openai error: undefined"), PermissionRefusedError),
    (403, "", PermissionRefusedError),
    (403, error("用户已被封禁", None, "new_api_error"), PermissionRefusedError),
    (500, error("blocked", "access_denied"), PermissionRefusedError),
    (403, "<html><title>Just a moment...</title></html>", PermissionRefusedError),
    # money
    (429, xai("Some resource has been exhausted",
              "Your team t has either used all available credits or reached its monthly spending"
              " limit."), OutOfFundsError),
    (403, xai(NO_PERMISSION, "Your team has used all available credits."), OutOfFundsError),
    (403, error("用户额度不足, 剩余额度: 0", "insufficient_user_quota"), OutOfFundsError),
    (403, error("预扣费额度失败", "pre_consume_token_quota_failed"), OutOfFundsError),
    (401, error("该令牌额度已用尽", None, "one_api_error"), OutOfFundsError),
    (400, error("Budget has been exceeded!", "400", "budget_exceeded"), OutOfFundsError),
    (402, error("Insufficient credits", 402), OutOfFundsError),
    (429, error(SATURATED, "insufficient_quota"), OutOfFundsError),
    (429, error("You exceeded your quota", "project_spend_limit_exceeded"), OutOfFundsError),
    (429, error("", "credit_balance_exhausted"), OutOfFundsError),
    (429, error("", "organization_usage_limit_exceeded"), OutOfFundsError),
    # rate
    (429, xai("Some resource has been exhausted", "Too many requests for team t."),
     RateLimitedError),
    (429, error("您已达到总请求数限制：1分钟内最多请求60次", ""), RateLimitedError),
    (429, "", RateLimitedError),
    (429, error("litellm.RateLimitError", "429", "throttling_error"), RateLimitedError),
    (429, error(SATURATED, None, "one_api_error"), RateLimitedError),
    (429, error("", "token_concurrency_limit_reached"), RateLimitedError),
    # overload
    (503, error(SATURATED), OverloadedError),
    (500, error("do request failed", "do_request_failed"), OverloadedError),
    (500, error("no available key", "channel:no_available_key"), OverloadedError),
    (502, "<html><title>502 Bad Gateway</title></html>", OverloadedError),
    (524, "", OverloadedError),
    (408, "", OverloadedError),
    # size
    (413, NGINX_413, RequestTooLargeError),
    (413, error("too large", "read_request_body_failed"), RequestTooLargeError),
    (413, error("BadRequestError: entity too large", "413"), RequestTooLargeError),
    # context
    (400, xai("Client specified an invalid argument", TOO_LONG), ContextTooLongError),
    (500, error(TOO_LONG), ContextTooLongError),
    (400, error("litellm.BadRequestError: {'error': \"" + TOO_LONG + '"}', "400"),
     ContextTooLongError),
    (400, error("too long", "context_length_exceeded"), ContextTooLongError),
    # moderation
    (403, xai(NO_PERMISSION, BIO), ContentRefusedError),
    (403, error("hit", "violation_fee.grok.csam", "violation_fee.grok.csam"), ContentRefusedError),
    (500, error("user sensitive words detected", "sensitive_words_detected"), ContentRefusedError),
    (400, error("", "prompt_blocked"), ContentRefusedError),
    (403, error("litellm.APIError: {'error': '" + BIO + "'}", "403", "permission_error"),
     ContentRefusedError),
    (403, error("x-ai error: " + BIO, None, NO_PERMISSION), ContentRefusedError),
    (403, error("Your input was flagged", 403, metadata={"reasons": ["x"], "flagged_input": "y"}),
     ContentRefusedError),
    # no gateway
    (200, "<!DOCTYPE html><title>Welcome</title>", NotAGatewayError),
    (200, json.dumps({"html-message": "<!DOCTYPE html><title>504</title>"}), NotAGatewayError),
    (200, "it works", NotAGatewayError),
    (200, "[]", NotAGatewayError),
    (404, "<html><title>404 Not Found</title></html>", NotAGatewayError),
    (404, json.dumps({"detail": "Not Found"}), NotAGatewayError),
    (404, error("Invalid URL (POST /chat/completions)", None, "invalid_request_error"),
     NotAGatewayError),
    (405, "", NotAGatewayError),
    # 200 without an answer
    (200, error("upstream overloaded", 503), OverloadedError),
    (200, error("Rate limit exceeded", 429), RateLimitedError),
    (200, json.dumps({"error": BIO}), ContentRefusedError),
    (200, json.dumps({"error": "something broke"}), OverloadedError),
    (200, json.dumps({"choices": []}), IncompleteAnswerError),
    (200, json.dumps({"choices": None}), IncompleteAnswerError),
    (200, json.dumps({"choices": [None]}), IncompleteAnswerError),
    (200, "", IncompleteAnswerError),
    (200, '{"choices": [{"mess', IncompleteAnswerError),
]  # fmt: skip


def answering(status: int, body: str, **headers: str) -> OfflineGateway:
    sent = {"content-type": "text/html" if body[:1] == "<" else "application/json", **headers}
    return OfflineGateway(
        faults=[Fault("answer", times=None, status=status, body=body, headers=sent)]
    )


@pytest.mark.parametrize(("status", "body", "expected"), TABLE)
@pytest.mark.parametrize("streamed", [False, True])
def test_table(status: int, body: str, expected: type[GatewayError], streamed: bool) -> None:
    model = offline_model(answering(status, body), max_retries=0, api_key=KEY)
    with pytest.raises(GatewayError) as caught:
        list(model.stream("hi")) if streamed else model.invoke("hi")
    found = caught.value
    assert type(found) is expected
    assert found.next_step
    assert str(found).endswith(found.next_step)
    assert found.status in (status, None, 429, 503)
    assert KEY not in str(found)


async def test_async_errors_are_the_same() -> None:
    for status, body, expected in TABLE[::7]:
        model = offline_model(answering(status, body), max_retries=0)
        with pytest.raises(expected):
            await model.ainvoke("hi")
        with pytest.raises(expected):
            [chunk async for chunk in model.astream("hi")]


def test_each_class_tells_langchain_the_same_about_retrying() -> None:
    leaves = [kind for kind in vars(faults).values() if _is_leaf(kind)]
    assert len(leaves) == 13
    for leaf in leaves:
        assert issubclass(leaf, ModelError)
        assert leaf.retryable is leaf.is_retryable
        assert faults.fault(leaf, Target("http://g/v1", "m"), read_error("words")).next_step
    assert issubclass(ContextTooLongError, ContextOverflowError)


def _is_leaf(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, GatewayError) and kind is not GatewayError


def test_the_text_says_what_the_gateway_said_and_who_can_help() -> None:
    headers = {"x-request-id": "req-7"}
    body = error("\x1b[31mNo   seat\nleft\x07", "full")
    found = classify(read_reply(503, headers, body), Target("http://user:pw@g:1/v1", "m"))
    assert str(found) == (
        "The gateway or the model behind it is overloaded or broken (HTTP 503, full,"
        " [31mNo seat left). Try again later."
    )
    assert (found.status, found.code, found.request_id) == (503, "full", "req-7")


def test_words_of_the_request_that_an_error_quotes_decide_nothing() -> None:
    quoted = {"loc": ["body", "tools", 0], "msg": "field required", "input": TOO_LONG + BIO}
    found = classify(read_reply(422, {}, json.dumps({"detail": [quoted]})), Target())
    assert found.what.endswith("the request (HTTP 422, body.tools.0: field required).")
    assert type(found) is BadRequestError


def test_the_words_of_the_gateway_behind_a_proxy_stand_alone() -> None:
    said = (
        "litellm.RateLimitError: RateLimitError: OpenAIException - Error code: 429 - {'error': 'x'}"
    )
    more = ". Received Model Group=grok-build-0.1\nAvailable Model Group Fallbacks=None"
    found = classify(read_reply(429, {}, error(said + more, "429")), Target("http://g/v1", "m"))
    assert found.what == "The gateway limits the rate of requests (HTTP 429, {'error': 'x'})."


def test_long_words_are_cut_and_keys_removed() -> None:
    body = error(f"Bearer {KEY} and xai-abcdefghijkl " + "x" * 10_000, KEY)
    found = classify(read_reply(401, {}, body), Target("http://u:pw@g/v1", "m", KEY))
    assert KEY not in f"{found}{found!r}{found.code}{found.args}"
    assert "abcdefghijkl" not in str(found)
    assert "pw" not in str(found)
    assert len(str(found)) < 700


def test_a_key_that_is_a_word_is_not_cut_out_of_others() -> None:
    found = classify(read_reply(503, {}, error("not known")), Target("http://g/v1", "m", "k"))
    assert "not known" in str(found)


def test_an_unknown_model_is_named_with_those_on_offer() -> None:
    model = offline_model(OfflineGateway(models=("grok-build-0.1", "other")), model="grok-9")
    with pytest.raises(UnknownModelError, match=r"'grok-9'.*one that it serves: grok-build-0.1, o"):
        model.invoke("hi")


def test_a_model_that_is_listed_and_not_served_is_not_offered_again() -> None:
    unserved = error("当前分组下对于模型 grok-build-0.1 无可用渠道", None, "one_api_error")
    model = offline_model(answering(503, unserved))
    with pytest.raises(UnknownModelError, match=r"It lists the model.*to another: offline-planner"):
        model.invoke("hi")


async def test_an_unknown_model_is_named_in_asynchronous_calls_too() -> None:
    model = offline_model(OfflineGateway(models=("one",)), model="grok-9")
    with pytest.raises(UnknownModelError, match="one that it serves: one"):
        await model.ainvoke("hi")


def test_an_unknown_model_is_told_even_where_no_list_can_be_had() -> None:
    broken = Fault("answer", times=None, path="/v1/models", status=500, body="<html>")
    model = offline_model(OfflineGateway(faults=[broken]), model="grok-9")
    with pytest.raises(UnknownModelError, match="grok-agent models"):
        model.invoke("hi")


@pytest.mark.parametrize("kind", ["reset", "hang"])
def test_no_answer_is_unreachable(kind: str) -> None:
    gateway = OfflineGateway(faults=[Fault(kind, times=None, delay_s=0.2)])
    model = offline_model(gateway, max_retries=0, timeout=0.05, base_url="http://gate.invalid/v1")
    with pytest.raises(UnreachableError, match=r"http://gate.invalid/v1.*GROK_BASE_URL"):
        model.invoke("hi")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9" * 400}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
    found = classify(read_reply(429, headers, ""), Target())
    assert isinstance(found, RateLimitedError)
    assert found.retry_after_s == seconds


def test_retry_after_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    seconds = retry_after({"retry-after": later})
    assert seconds is not None
    assert 60 < seconds <= 90


def test_a_date_is_read_by_the_gateways_clock() -> None:
    """Ours may be wrong, and may be set while a request is under way."""
    now = datetime(2001, 1, 1, tzinfo=UTC)
    until = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert retry_after({"retry-after": until, "date": format_datetime(now, usegmt=True)}) == 90
    assert retry_after({"retry-after": until, "date": "noon"}) == 0, "long ago by our clock"


def test_a_402_that_may_be_waited_out_is_no_lack_of_money() -> None:
    reply = read_reply(402, {"retry-after": "3"}, error("Insufficient credits", 402))
    assert isinstance(classify(reply, Target()), RateLimitedError)


@given(st.integers(100, 599), st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_any_status_with_any_body_becomes_one_of_our_errors(status: int, body: str) -> None:
    assert isinstance(classify(read_reply(status, {}, body), Target("http://g/v1")), GatewayError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "code", "type", "message", "metadata"]), inner)
    ),
)


@given(JSON)
def test_any_error_object_becomes_one_of_our_errors(content: object) -> None:
    assert isinstance(classify(read_error(content), Target("http://g/v1")), GatewayError)


def settings(**values: Any) -> Settings:
    return Settings(base_url="http://offline.invalid/v1", api_key=KEY, max_retries=0, **values)


def client(gateway: OfflineGateway) -> httpx2.Client:
    return httpx2.Client(transport=OfflineTransport(gateway))


def test_list_models() -> None:
    gateway = OfflineGateway(models=("b", "a"))
    assert list_models(settings(), client(gateway)) == ["a", "b"]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, error("bad key"), AuthenticationError),
        (200, "<html><title>Hello</title></html>", NotAGatewayError),
        (200, '{"data": "none"}', NotAGatewayError),
        (404, "", NotAGatewayError),
    ],
)
def test_list_models_tells_what_is_wrong(
    status: int, body: str, expected: type[GatewayError]
) -> None:
    fault = Fault("answer", path="/v1/models", status=status, body=body)
    with pytest.raises(expected):
        list_models(settings(), client(OfflineGateway(faults=[fault])))
