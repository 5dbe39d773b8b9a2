"""What a LiteLLM proxy takes away from an answer or adds to it; docs/gateways.md has the table.

Each test states one difference between asking past the proxy and through it. One that fails with
another release of the proxy is news, and the table is to be changed.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from litellm_proxy import BY_XAI, Proxy, Upstream

from grok_agent.chat_model import ChatGrokBuild
from grok_agent.errors import GatewayError
from grok_agent.gateway.edge import Edge
from grok_agent.gateway.faults import IncompleteAnswerError, OverloadedError, RateLimitedError
from grok_agent.offline.bill import Bill
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import NOTICE, OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn
from grok_agent.profile import GROK_BUILD, OFFLINE_MODEL

WORDS = "one two three four five six seven eight nine ten " * 2
PARAMETERS = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOL = {"type": "function", "function": {"name": "write", "parameters": PARAMETERS}}


def text(chat: ChatRequest) -> Turn:
    return Turn(content=WORDS, reasoning="Hm, hm.")


def calls(chat: ChatRequest) -> Turn:
    both = ToolCall("write", {"path": "a.py"}), ToolCall("write", {"path": "b.py"})
    return Turn(content="Writing.", tool_calls=both)


def refusal(chat: ChatRequest) -> Turn:
    return Turn(refusal="I will not.")


@pytest.fixture(autouse=True)
def _afresh(upstream: Upstream) -> None:
    """Each test has the gateway to itself."""


def behind(proxy: Proxy, planner: Any, *faults: Fault) -> None:
    proxy.upstream.reset(OfflineGateway(planner, faults, bill=Bill()))


def streamed(model: ChatGrokBuild, tools: Sequence[Any] = ()) -> AIMessage:
    first, *rest = model.stream("go", tools=tools) if tools else model.stream("go")
    return sum(rest, first)


def ticks(message: AIMessage) -> int | None:
    return message.response_metadata.get("cost_in_usd_ticks")


def output_tokens(message: AIMessage) -> int:
    assert message.usage_metadata
    return message.usage_metadata["output_tokens"]


def test_the_bill_is_lost_from_streams_only(proxy: Proxy) -> None:
    behind(proxy, text)
    direct, through = proxy.model(direct=True), proxy.model()
    bill = ticks(direct.invoke("go"))
    assert bill
    assert ticks(streamed(direct)) == ticks(through.invoke("go")) == bill
    assert ticks(streamed(through)) is None


def test_the_model_that_served_is_replaced_by_the_one_asked_for(proxy: Proxy) -> None:
    behind(proxy, text)
    for ask in (lambda model: model.invoke("go"), streamed):
        served = [ask(proxy.model(direct=past)).response_metadata for past in (True, False)]
        assert [each["model_name"] for each in served] == [OFFLINE_MODEL, GROK_BUILD.name]


def test_reasoning_drops_out_of_the_count_of_streams_unless_the_provider_is_xai(
    proxy: Proxy,
) -> None:
    behind(proxy, text)
    right = output_tokens(streamed(proxy.model(direct=True)))
    assert output_tokens(proxy.model().invoke("go")) == right
    assert output_tokens(streamed(proxy.model())) < right
    assert output_tokens(streamed(proxy.model(model=BY_XAI))) == right


def test_the_wait_that_was_asked_for_is_lost(proxy: Proxy) -> None:
    waits = []
    for past in (True, False):
        behind(proxy, text, Fault("rate_limit", times=None, retry_after=7))
        with pytest.raises(RateLimitedError) as caught:
            proxy.model(direct=past).invoke("go")
        waits.append(caught.value.retry_after_s)
    assert waits == [7, None]


def test_the_request_id_is_the_proxys_own(proxy: Proxy) -> None:
    heads = [
        proxy.model(direct=past, include_response_headers=True).invoke("go").response_metadata
        for past in (True, False)
    ]
    direct, through = (head["headers"] for head in heads)
    assert direct["x-grok-agent"] == NOTICE
    assert direct["x-request-id"]
    assert "x-request-id" not in through
    assert through["x-litellm-call-id"]


@pytest.mark.parametrize("name", [GROK_BUILD.name, BY_XAI])
def test_the_conversation_gets_through_where_headers_are_forwarded(proxy: Proxy, name: str) -> None:
    proxy.model(model=name, conversation_id="one").invoke("go")
    assert proxy.upstream.seen[-1].headers["x-grok-conv-id"] == "one"


ERRORS = (
    *("unauthorized", "forbidden", "moderation", "out_of_funds", "too_large"),
    *("context_overflow", "wrong_model", "bad_request", "rate_limit", "rate_limit_empty"),
    *("overloaded", "server_error", "bad_gateway"),
)


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_stay_what_they_are(proxy: Proxy, kind: str) -> None:
    for ask in (lambda model: model.invoke("go"), streamed):
        found = []
        for past in (True, False):
            behind(proxy, text, Fault(kind, times=None))
            with pytest.raises(GatewayError) as caught:
                ask(proxy.model(direct=past))
            found.append(type(caught.value))
        assert found[0] is found[1]


@pytest.mark.parametrize("kind", ["html", "not_json", "empty_choices", "error_in_200"])
def test_no_answer_at_all_becomes_an_empty_stream(proxy: Proxy, kind: str) -> None:
    behind(proxy, text, Fault(kind, times=None))
    with pytest.raises(IncompleteAnswerError, match="empty, finish_reason stop"):
        streamed(proxy.model())
    with pytest.raises(OverloadedError):
        proxy.model().invoke("go")


def test_a_refusal_is_lost_from_streams_only(proxy: Proxy) -> None:
    behind(proxy, refusal)
    assert proxy.model().invoke("go").additional_kwargs["refusal"] == "I will not."
    with pytest.raises(IncompleteAnswerError):
        streamed(proxy.model())


def test_the_end_of_a_cut_stream_is_made_up_and_told_after_the_first_whole_answer(
    proxy: Proxy,
) -> None:
    behind(proxy, text, Fault("cut_stream", times=None))
    model = proxy.model()
    unnoticed = streamed(model)
    assert unnoticed.response_metadata["finish_reason"] == "stop"
    assert WORDS.startswith(str(unnoticed.content))
    assert unnoticed.content != WORDS
    behind(proxy, text, Fault("cut_stream", after=1, times=None))
    assert streamed(model).content == WORDS
    with pytest.raises(IncompleteAnswerError, match="made up"):
        streamed(model)


@pytest.mark.parametrize("at", [0.2, 0.4, 0.6, 0.8, 1.0])
def test_no_call_runs_whose_arguments_are_cut(proxy: Proxy, at: float) -> None:
    behind(proxy, calls, Fault("cut_stream", times=None, at=at))
    try:
        found = [
            (call["name"], call["args"]) for call in streamed(proxy.model(), [TOOL]).tool_calls
        ]
    except IncompleteAnswerError:
        return
    whole = [("write", {"path": "a.py"}), ("write", {"path": "b.py"})]
    assert found == whole[: len(found)]


def test_nothing_is_corrupted_where_many_streams_are_cut(proxy: Proxy) -> None:
    cuts = Fault("cut_stream", rate=0.4, seed=1, after=1, times=None)
    behind(proxy, text, cuts, Fault("rate_limit", rate=0.2, seed=2, times=None))
    model = proxy.model(edge=Edge(), max_retries=None, streaming=True)
    assert [model.invoke("go").content for _ in range(20)] == [WORDS] * 20
    assert len(proxy.upstream.seen) > 25
