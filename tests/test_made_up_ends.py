"""Ends that a LiteLLM proxy makes up are told from real ones where the wire shows it."""

import json
from typing import Any

import httpx2
import pytest
from test_stream import END, of_call, piece, sse, streamed

from grok_agent.chat_model import ChatGrokBuild
from grok_agent.gateway.bills import Bills
from grok_agent.gateway.edge import Edge
from grok_agent.gateway.faults import IncompleteAnswerError

COUNTS = {"prompt_tokens": 8, "completion_tokens": 6, "total_tokens": 14}
REAL = {"choices": [], "usage": {**COUNTS, "prompt_tokens_details": {"cached_tokens": 0}}}
ESTIMATED = {"choices": [], "usage": COUNTS}
LITELLM = {"x-litellm-model-id": "abc"}


def behind(*answers: tuple[bytes, dict[str, str]], bills: Bills | None = None) -> ChatGrokBuild:
    """A model behind a gateway that gives these answers, each with its headers."""
    left = iter(answers)

    def respond(request: httpx2.Request) -> httpx2.Response:
        body, headers = next(left)
        kind = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers={**kind, **headers}, content=body)

    return ChatGrokBuild(
        base_url="http://proxy.invalid/v1",
        api_key="k",
        http_client=httpx2.Client(transport=httpx2.MockTransport(respond)),
        max_retries=0,
        edge=Edge(bills=bills),
    )


def text(usage: Any, finish_reason: str = "stop") -> bytes:
    return sse([piece(content="one two"), piece(finish_reason), usage])


def test_an_estimate_where_parts_were_named_before_is_a_made_up_end() -> None:
    model = behind((text(REAL), LITELLM), (text(ESTIMATED), LITELLM), (text(REAL), LITELLM))
    assert streamed(model).content == "one two"
    with pytest.raises(IncompleteAnswerError, match="made up its end") as caught:
        streamed(model)
    assert caught.value.arrived == "one two"
    assert streamed(model).content == "one two"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (text(ESTIMATED), {}),  # no proxy
        (text(ESTIMATED), {"x-litellm-model-id": "another"}),
        (text(ESTIMATED), {**LITELLM, "x-litellm-cache-key": "k"}),
        (text(ESTIMATED, "length"), LITELLM),  # never made up
        (text({"choices": []}), LITELLM),  # usage was not asked for
    ],
)
def test_other_ends_without_parts_are_real(body: bytes, headers: dict[str, str]) -> None:
    model = behind((text(REAL), LITELLM), (body, headers))
    streamed(model)
    assert streamed(model).content == "one two"


def test_a_deployment_that_never_names_parts_is_believed() -> None:
    model = behind(*[(text(ESTIMATED), LITELLM)] * 3)
    assert [streamed(model).content for _ in range(3)] == ["one two"] * 3


def test_what_a_proxy_has_counted_anew_is_an_estimate(tmp_path: Any) -> None:
    bills = Bills(tmp_path / "ledger")
    bodies = [body.replace(b'"model": "m"', b'"model": "grok-build-0.1"') for body in [text(REAL)]]
    for headers in (LITELLM, {}):
        streamed(behind((bodies[0], headers), bills=bills))
    rebuilt, own = bills.attempts()
    assert (rebuilt.cost.basis, rebuilt.estimated) == ("list_price", True)
    assert (own.cost.basis, own.estimated) == ("list_price", False)


WRITE = {
    "type": "function",
    "function": {
        "name": "write",
        "parameters": {"type": "object", "properties": {"path": {}}, "required": ["path"]},
    },
}
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
NAMED = of_call("", name="write", index=0, id="x")


def called(*chunks: Any) -> list[tuple[str, Any]]:
    first, *rest = behind((sse([*chunks]), {})).stream("go", tools=[WRITE, LOOK])
    return [(call["name"], call["args"]) for call in sum(rest, first).tool_calls]


def test_a_name_without_its_arguments_is_no_call() -> None:
    with pytest.raises(IncompleteAnswerError, match="where the arguments of write begin"):
        called(NAMED, piece("stop"))
    look = of_call("{}", name="look", index=0, id="y")
    with pytest.raises(IncompleteAnswerError):
        called(look, of_call("", name="write", index=1, id="x"), piece("stop"))


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        # gateways that say "stop" after calls: named tool choice, older llama.cpp
        (
            [of_call('{"path": "a"}', name="write", index=0), piece("stop")],
            ("write", {"path": "a"}),
        ),
        ([of_call("{}", name="write", index=0), piece("stop")], ("write", {})),
        # a call without arguments
        ([of_call("", name="look", index=0), piece("stop")], ("look", {})),
        ([of_call("", name="look", index=0), END], ("look", {})),
        # an end that nobody made up: the model's own mistake, and the tool's to refuse
        ([NAMED, END], ("write", {})),
    ],
)
def test_other_calls_pass(chunks: list[Any], expected: tuple[str, Any]) -> None:
    assert called(*chunks) == [expected]


def test_a_whole_body_is_judged_the_same() -> None:
    call = {"id": "x", "function": {"name": "write", "arguments": ""}}
    body = {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "stop"}]}
    model = behind((json.dumps(body).encode(), {"content-type": "application/json"}))
    with pytest.raises(IncompleteAnswerError):
        model.invoke("go", tools=[WRITE])


@pytest.mark.parametrize("streams", [False, True])
def test_a_refusal_is_found_where_litellm_puts_it(streams: bool) -> None:
    message = {"content": "", "provider_specific_fields": {"refusal": "I will not."}}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    if streams:
        model = behind((sse([piece(**message), piece("stop")]), {}))
        found = streamed(model)
    else:
        found = behind((body, {"content-type": "application/json"})).invoke("go")
    assert found.additional_kwargs["refusal"] == "I will not."


def test_an_answer_of_nothing_but_reasoning_up_to_the_limit_is_not_asked_for_again() -> None:
    sent = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        body = sse([piece(reasoning_content="Hm."), piece("length")])
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    client = httpx2.Client(transport=httpx2.MockTransport(respond))
    model = ChatGrokBuild(
        base_url="http://g.invalid/v1", api_key="k", http_client=client, streaming=True, edge=Edge()
    )
    with pytest.raises(IncompleteAnswerError, match="raise max_tokens"):
        model.invoke("go")
    assert len(sent) == 1
