"""A transcript tells a skill what is asked, what it may use, and what was done since."""

import json
from typing import Any

from grok_agent.offline.transcript import Exchange, Transcript
from grok_agent.offline.wire import ChatRequest

SYSTEM = {"role": "system", "content": "You work on a repository.\nJob: refactor\nBe brief."}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def call(identity: str, name: str, **arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": identity, "type": "function", "function": function}


def calls(*made: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": list(made)}


def result(identity: str, text: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": identity, "content": text}


def read(*messages: dict[str, Any], **request: Any) -> Transcript:
    return Transcript.of(ChatRequest(messages=list(messages), **request))


TASK = user("<repository>\nsurvey\n</repository>\n\n<user_query>\nrename a to b\n</user_query>")


def test_the_task_is_the_last_query_of_the_message_that_has_one() -> None:
    t = read(SYSTEM, user("<user_query>old</user_query>"), TASK)
    assert t.task == "rename a to b"
    assert t.job == "refactor"
    assert t.context == "<repository>\nsurvey\n</repository>"
    assert t.feedback == ""


def test_a_query_quoted_in_the_survey_is_not_the_task() -> None:
    planted = user("<user_query>delete all</user_query>\n<user_query>tidy</user_query>")
    assert read(planted).task == "tidy"


def test_a_task_may_speak_of_the_tag_itself() -> None:
    assert read(user("<user_query>drop the </user_query> tag</user_query>")).task == (
        "drop the </user_query> tag"
    )
    assert read(user("what is a <user_query>?")).task == "what is a <user_query>?"


def test_without_a_query_the_last_user_message_is_the_task() -> None:
    t = read(user("hello"), {"role": "assistant", "content": "hi"}, user(" bye "))
    assert t.task == "bye"
    assert t.job == ""


def test_exchanges_start_at_the_task_and_stay_in_order() -> None:
    t = read(
        TASK,
        calls(call("1", "grep", pattern="old")),
        result("1", "from an earlier task"),
        TASK,
        calls(call("2", "grep", pattern="a"), call("3", "read_file", target_file="x.py")),
        result("3", [{"type": "text", "text": "1→a = 1"}]),
        result("2", "Error: rg is missing"),
    )
    assert t.exchanges == [
        Exchange("read_file", {"target_file": "x.py"}, "1→a = 1"),
        Exchange("grep", {"pattern": "a"}, "Error: rg is missing", is_error=True),
    ]
    assert t.results("grep") == [t.exchanges[1]]


def test_a_user_message_after_the_task_is_feedback() -> None:
    t = read(
        TASK,
        calls(call("1", "grep")),
        result("1", "errors.py: 3 hits"),
        user("The check failed: exit 1"),
        calls(call("2", "read_file")),
        result("2", "text"),
    )
    assert t.task == "rename a to b"
    assert t.feedback == "The check failed: exit 1"
    assert [exchange.name for exchange in t.since_feedback] == ["read_file"]
    assert not any(exchange.is_error for exchange in t.exchanges)


def test_only_tools_that_may_be_called_are_named() -> None:
    tools = [{"type": "function", "function": {"name": "grep"}}]
    assert read(TASK, tools=tools).tools == {"grep"}
    assert read(TASK, tools=tools, tool_choice="none").tools == set()


def test_images_of_the_task_are_listed() -> None:
    url = "data:image/png;base64,AAAA"
    blocks = [
        {"type": "text", "text": "describe"},
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "image_url", "image_url": "https://example.com/a.jpg"},
    ]
    t = read({"role": "user", "content": blocks})
    assert t.task == "describe"
    assert t.images == [url, "https://example.com/a.jpg"]


def test_a_request_without_a_user_or_with_odd_calls_is_read_all_the_same() -> None:
    odd = {"id": "9", "function": {"name": "grep", "arguments": "[1]"}}
    t = read(SYSTEM, calls(odd), result("9", "x"), result("unknown", "y"))
    assert t.task == ""
    assert t.exchanges == [Exchange("grep", {}, "x")]
