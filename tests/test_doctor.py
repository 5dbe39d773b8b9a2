"""The doctor on healthy and on sick gateways: what it finds, what it says, how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from grok_agent.cli import app
from grok_agent.gateway import probe_wire
from grok_agent.gateway.capabilities import Capabilities, known, remember
from grok_agent.gateway.edge import Edge
from grok_agent.offline import offline_model
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.planner import plan
from grok_agent.offline.server import running
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

MODEL = "grok-build-0.1"
KEY = "xai-doctor-0123456789"
STREAM, TWO_CALLS, SCHEMA, PICTURE, TOOL_PICTURE = 1, 2, 4, 5, 6
"""How many questions are asked before this one."""

pytestmark = pytest.mark.enable_socket


def doctor(gateway: OfflineGateway, *options: str) -> tuple[Result, str]:
    with running(gateway) as base_url:
        arguments = ["doctor", "--base-url", base_url, "--json", *options]
        return CliRunner().invoke(app, arguments, env={"GROK_API_KEY": KEY}), base_url


def found(result: Result) -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in json.loads(result.stdout)["rows"]}


def verdict(result: Result, name: str) -> str:
    return found(result)[name]["verdict"]


def talented(request: ChatRequest) -> Turn:
    """A model that calls two tools at once and sees colours."""
    text = json.dumps(request.messages[-1])
    if "Paris and Oslo" in text:
        calls = tuple(ToolCall("look_up_city", {"name": name}) for name in ("Paris", "Oslo"))
        return Turn(tool_calls=calls, reasoning="Both.")
    return Turn(content="Red.") if "image_url" in text else plan(request)


def test_the_embedded_gateway_is_healthy_and_says_what_it_is() -> None:
    result = CliRunner().invoke(app, ["doctor", "--offline"])
    assert result.exit_code == 0, result.output
    for line in ("key", "finish reason", "json schema", "cached tokens", "latency"):
        assert f"{line} " in result.stdout
    assert "not grok-build-0.1" in result.stdout
    assert "nothing was billed; grok-build-0.1 would have cost" in result.stderr
    assert "can work here" in result.stderr


def test_a_good_gateway_gets_a_good_report_that_is_remembered(empty_environment: Path) -> None:
    result, base_url = doctor(OfflineGateway(talented))
    assert result.exit_code == 0, result.output
    for name, row in found(result).items():
        assert row["verdict"] == "ok" or name == "model", row
    assert found(result)["parallel_tools"]["found"] == "2 of 2 calls in one answer"
    assert "1,536 of" in found(result)["cached_tokens"]["found"]
    assert known(base_url, MODEL, empty_environment) == Capabilities(*[True] * 9)
    assert "at most about 0.04 USD" in result.stderr
    assert KEY not in result.output + "".join(
        file.read_text() for file in (empty_environment / "gateways").iterdir()
    )


def test_pictures_refused_in_results_of_tools_are_remembered_for_later(
    empty_environment: Path,
) -> None:
    result, base_url = doctor(OfflineGateway(faults=[Fault("bad_request", after=TOOL_PICTURE)]))
    assert result.exit_code == 0, result.output
    assert "message of the user" in found(result)["tool_images"]["follows"]
    assert known(base_url, MODEL, empty_environment).tool_images is False
    assert known(base_url, MODEL, empty_environment).user_images is True


def test_without_pictures_from_the_user_none_are_tried_from_a_tool() -> None:
    result, _ = doctor(OfflineGateway(faults=[Fault("bad_request", after=PICTURE)]))
    assert verdict(result, "user_images") == "no"
    assert verdict(result, "tool_images") == "unknown"
    assert json.loads(result.stdout)["requests"] == 7


def test_a_picture_that_nobody_looks_at_is_not_called_seen() -> None:
    def blind(request: ChatRequest) -> Turn:
        return Turn(content="I was offered no picture, only a required answer.")

    body = {"choices": [{"message": {"content": "offered"}, "finish_reason": "stop"}]}
    answer = Fault("answer", status=200, body=json.dumps(body), times=2, after=PICTURE)
    result, _ = doctor(OfflineGateway(blind, faults=[answer]))
    assert verdict(result, "user_images") == verdict(result, "tool_images") == "unknown"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("no_usage", after=STREAM), "no"),
        (Fault("bad_request", after=STREAM), "no"),
        (Fault("unauthorized", after=STREAM), "unknown"),
    ],
)
def test_usage_of_streams(fault: Fault, expected: str) -> None:
    result, _ = doctor(OfflineGateway(faults=[fault]))
    assert verdict(result, "stream_usage") == expected
    assert verdict(result, "finish_reason") == "ok"
    assert result.exit_code == 0


def test_a_gateway_that_always_cuts_streams_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_wire, "ATTEMPTS", 1)
    result, base_url = doctor(OfflineGateway(faults=[Fault("cut_stream", times=None)]))
    assert result.exit_code == 1
    assert "stopped before its end" in found(result)["finish_reason"]["found"]
    assert json.loads(result.stdout)["cost"]["basis"] == "unknown", "the cut answer may be billed"
    assert known(base_url, MODEL) == Capabilities()


def test_what_passes_by_itself_is_asked_again() -> None:
    faults = [Fault("rate_limit", retry_after=0), Fault("rate_limit", retry_after=0, after=3)]
    result, _ = doctor(OfflineGateway(talented, faults=faults))
    assert result.exit_code == 0, result.output
    assert verdict(result, "tools") == "ok"
    assert json.loads(result.stdout)["requests"] == 10


def test_moderation_leaves_the_question_open_and_is_not_asked_twice() -> None:
    result, _ = doctor(OfflineGateway(faults=[Fault("moderation", after=PICTURE, times=None)]))
    assert verdict(result, "user_images") == "unknown"
    assert json.loads(result.stdout)["requests"] == 8


def test_a_model_that_only_talks_cannot_drive_the_agents() -> None:
    result, _ = doctor(OfflineGateway(lambda request: Turn(content="Certainly!")))
    assert result.exit_code == 1
    for name in ("tools", "required", "json_schema"):
        assert verdict(result, name) == "no"
        assert found(result)[name]["follows"]
    assert verdict(result, "reasoning") == "no"


def test_what_was_found_about_schemas_is_heeded(empty_environment: Path) -> None:
    place = ("http://relay.invalid/v1", "grok-build-0.1")
    remember(empty_environment, *place, {"capabilities": {"json_schema": False}})
    sent: list[ChatRequest] = []

    def planner(request: ChatRequest) -> Turn:
        sent.append(request)
        return Turn(tool_calls=(ToolCall("T", {"a": "b"}),)) if request.tools else Turn("{}")

    schema = {"title": "T", "type": "object", "properties": {"a": {"type": "string"}}}
    model = offline_model(
        OfflineGateway(planner), base_url=place[0], state_dir=empty_environment, edge=Edge()
    )
    assert model.with_structured_output(schema).invoke("go") == {"a": "b"}
    model.with_structured_output(schema, method="json_schema").invoke("go")
    assert [request.forced_tool for request in sent] == ["T", ""], "what is asked for is done"


def test_a_wrong_key_is_exit_3_and_is_not_shown() -> None:
    result, _ = doctor(OfflineGateway(keys={"another"}))
    assert result.exit_code == 3
    assert verdict(result, "reachable") == "ok"
    assert verdict(result, "key") == "no"
    assert verdict(result, "tools") == "unknown"
    assert KEY not in result.output


def test_money_gone_is_exit_3() -> None:
    result, _ = doctor(OfflineGateway(faults=[Fault("out_of_funds", times=None)]))
    assert result.exit_code == 3
    assert "Top it up" in found(result)["key"]["follows"]


def test_without_a_key_nothing_is_sent() -> None:
    result = CliRunner().invoke(app, ["doctor", "--base-url", "http://127.0.0.1:9/v1"])
    assert result.exit_code == 3
    assert "GROK_API_KEY" in result.stderr


def test_a_model_that_is_not_served() -> None:
    result, _ = doctor(OfflineGateway(), "--model", "grok-9")
    assert result.exit_code == 1
    assert "it is not among them" in found(result)["reachable"]["found"]
    assert verdict(result, "model") == "no"


def test_nobody_there() -> None:
    with running(OfflineGateway()) as base_url:
        pass
    arguments = ["doctor", "--base-url", base_url]
    result = CliRunner().invoke(app, arguments, env={"GROK_API_KEY": KEY})
    assert result.exit_code == 1
    assert "Check GROK_BASE_URL" in result.stdout
    assert "cannot work here" in result.stderr


@pytest.mark.parametrize("kind", ["html", "not_json", "error_in_200", "empty_choices", "reset"])
def test_what_answers_is_no_gateway(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_wire, "ATTEMPTS", 1)
    result, _ = doctor(OfflineGateway(faults=[Fault(kind, times=None)]))
    assert result.exit_code == 1, result.output
    assert json.loads(result.stdout)["error_kind"]


@pytest.mark.parametrize(
    "body", ["", "[]", "null", "[" * 5000, '{"choices": [{"message": null}]}', '{"error": "no"}']
)
def test_garbage_is_reported_and_never_raised(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_wire, "ATTEMPTS", 1)
    for status in (200, 500):
        fault = Fault("answer", status=status, body=body, times=None)
        result, _ = doctor(OfflineGateway(faults=[fault]))
        assert result.exit_code == 1, result.output
        assert not json.loads(result.stdout)["usable"]


def test_keep_alives_without_end_do_not_hold_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_wire, "PATIENCE_S", 0.4)
    endless = Fault("endless_keep_alive", times=None, at=0, delay_s=0.05)
    result, _ = doctor(OfflineGateway(faults=[endless]))
    assert verdict(result, "stream_usage") == "unknown"
    assert "no answer in time" in found(result)["stream_usage"]["found"]


@pytest.mark.parametrize(("path", "code"), [("/v1/models", 0), ("/v1/chat/completions", 1)])
def test_an_answer_without_end_is_cut_off(
    path: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_wire, "MAX_BYTES", 20_000)
    fault = Fault("answer", status=200, body=" " * 50_000, times=None, path=path)
    result, _ = doctor(OfflineGateway(faults=[fault]))
    assert "without end" in found(result)["reachable"]["found"]
    assert result.exit_code == code


@pytest.mark.parametrize("body", ["", "[]", '{"data": null}', '{"data": [3]}', "<html>"])
def test_a_list_of_models_is_not_needed(body: str) -> None:
    for status in (200, 404):
        fault = Fault("answer", status=status, body=body, path="/v1/models")
        result, _ = doctor(OfflineGateway(faults=[fault]))
        assert result.exit_code == 0, result.output
        assert verdict(result, "reachable") == "ok"


def test_what_it_cost_is_said_and_stands_in_the_ledger() -> None:
    usage: dict[str, Any] = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
    body = {
        "model": MODEL,
        "choices": [{"message": {"content": "ready"}, "finish_reason": "stop"}],
        "usage": usage | {"cost_in_usd_ticks": 10_000_000},
    }
    fault = Fault("answer", status=200, body=json.dumps(body), times=None)
    with running(OfflineGateway(faults=[fault])) as base_url:
        arguments = ["doctor", "--base-url", base_url]
        result = CliRunner().invoke(app, arguments, env={"GROK_API_KEY": KEY})
    assert "cost $0.0070, as billed" in result.stderr
    ledger = json.loads(CliRunner().invoke(app, ["usage", "--json"]).stdout)
    assert "0.007" in json.dumps(ledger)
