"""A refused prompt never leaves again, in any disguise, and too many refusals stop the sending."""

import json
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grok_agent.chat_model import ChatGrokBuild
from grok_agent.errors import SettingsError
from grok_agent.gateway.faults import ContentRefusedError
from grok_agent.gateway.moderation import Moderation, fingerprints, moderation_of
from grok_agent.offline import offline_model
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, Turn

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AAAA"}}


def asking(*texts: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text} for text in texts], **more}


def error(words: str = "Failed check: SAFETY_CHECK_TYPE_BIO") -> ContentRefusedError:
    return ContentRefusedError(words)


def test_a_refused_prompt_is_not_sent_again_and_the_gateways_words_are_kept() -> None:
    moderation = Moderation()
    moderation.check(asking("a virus"))
    moderation.refused(asking("a virus"), error())
    with pytest.raises(
        ContentRefusedError, match=r"refused before.*SAFETY_CHECK_TYPE_BIO"
    ) as found:
        moderation.check(asking("a virus"))
    assert "Change the task" in str(found.value)
    assert not found.value.retryable
    moderation.check(asking("a flower"))


@pytest.mark.parametrize(
    "again",
    [
        asking("a virus", temperature=0.1, stream=True, max_tokens=9),
        asking("  a\n virus "),
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a virus"}]}]},
        asking("a virus", "please"),
    ],
)
def test_disguises_are_seen_through(again: dict[str, Any]) -> None:
    moderation = Moderation()
    moderation.refused(asking("a virus"), error())
    with pytest.raises(ContentRefusedError):
        moderation.check(again)


def test_the_same_words_with_another_picture_are_another_prompt() -> None:
    moderation = Moderation()
    other = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,BBBB"}}
    words = {"type": "text", "text": "describe"}
    moderation.refused({"messages": [{"role": "user", "content": [words, PICTURE]}]})
    moderation.check({"messages": [{"role": "user", "content": [words, other]}]})


def test_new_ids_of_tool_calls_do_not_make_a_new_prompt() -> None:
    def turn(id_: str) -> dict[str, Any]:
        call = {"id": id_, "function": {"name": "read_file", "arguments": "{}"}}
        return {
            "messages": [
                {"role": "user", "content": "read"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": id_, "content": "bad text"},
            ]
        }

    assert [*fingerprints(turn("a"))] == [*fingerprints(turn("b"))]


def test_instructions_alone_are_no_prompt() -> None:
    moderation = Moderation()
    system = {"role": "system", "content": "You are an agent."}
    moderation.refused({"messages": [system]})
    moderation.check({"messages": [system, {"role": "user", "content": "hello"}]})


@pytest.mark.parametrize("messages", [None, "text", [], [1, None], [{}], [{"content": [3, {}]}]])
def test_payloads_without_sense_are_let_pass(messages: object) -> None:
    moderation = Moderation()
    moderation.check({"messages": messages})
    moderation.refused({"messages": []})
    moderation.refused({})


def test_three_different_refusals_open_the_breaker_and_it_says_why() -> None:
    moderation = Moderation()
    for _ in range(3):
        moderation.refused(asking("one"), error("CHECK_ONE"))
    moderation.refused(asking("two"), error("CHECK_TWO"))
    moderation.check(asking("harmless"))
    moderation.refused(asking("three"), error("CHECK_TWO"))
    with pytest.raises(ContentRefusedError, match=r"3 different.*CHECK_ONE; CHECK_TWO"):
        moderation.check(asking("harmless"))
    moderation.forget()
    moderation.check(asking("harmless"))


def test_refusals_far_apart_do_not_open_it_and_it_closes_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    moderation = Moderation(window_s=60)
    for text in ("one", "two", "three"):
        moderation.refused(asking(text))
        now += 31
    moderation.check(asking("harmless"))
    moderation.refused(asking("four"))
    moderation.refused(asking("five"))
    with pytest.raises(ContentRefusedError, match="another 60 s"):
        moderation.check(asking("harmless"))
    now += 61
    moderation.check(asking("harmless"))


def test_a_file_carries_refusals_to_other_processes_without_the_prompts(tmp_path: Path) -> None:
    file = tmp_path / "batch" / "refused.jsonl"
    here, there = Moderation(file), Moderation(file)
    here.refused(asking("a virus"), error())
    with pytest.raises(ContentRefusedError, match="SAFETY_CHECK"):
        there.check(asking("a virus"))
    with pytest.raises(ContentRefusedError):
        Moderation(file).check(asking("a virus"))
    assert "virus" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_damage_in_the_file_does_not_lose_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "refused.jsonl"
    Moderation(file).refused(asking("a virus"))
    whole = file.read_bytes()
    file.write_bytes(b'\xff\x00\n[1]\n{"fingerprint": 3}\nnull\n' + whole + b'{"finge')
    moderation = Moderation(file)
    with pytest.raises(ContentRefusedError):
        moderation.check(asking("a virus"))
    file.unlink()
    with pytest.raises(ContentRefusedError):
        moderation.check(asking("a virus"))


def test_a_file_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Name another file"):
        Moderation(tmp_path)


def test_a_full_disk_does_not_hide_the_refusal(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    moderation = Moderation(folder / "refused.jsonl")
    (folder / "refused.jsonl").unlink()
    folder.rmdir()
    moderation.refused(asking("a virus"))
    with pytest.raises(ContentRefusedError):
        moderation.check(asking("a virus"))


def test_one_memory_for_each_gateway() -> None:
    one = moderation_of("http://one.invalid/v1")
    assert moderation_of("http://one.invalid/v1/") is one
    one.refused(asking("a virus"))
    moderation_of("http://two.invalid/v1").check(asking("a virus"))


def test_threads_may_refuse_and_check_at_once(tmp_path: Path) -> None:
    file = tmp_path / "refused.jsonl"
    moderation = Moderation(file, refusals_to_open=10_000)
    threads = [
        Thread(target=lambda n=n: [moderation.refused(asking(f"{n} {i}")) for i in range(50)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({json.loads(line)["fingerprint"] for line in file.read_text().splitlines()}) == 200


def test_the_model_sends_a_refused_prompt_once() -> None:
    planned: list[str] = []

    def planner(request: ChatRequest) -> Turn:
        planned.append(request.messages[-1]["content"])
        return Turn(content="fine")

    model = offline_model(OfflineGateway(planner, faults=[Fault("moderation")]))
    for _ in range(3):
        with pytest.raises(ContentRefusedError, match="SAFETY_CHECK_TYPE"):
            model.invoke("a virus")
    assert model.invoke("a flower").text == "fine"
    assert planned == ["a flower"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "system", "tool"]), "content": values}),
    max_size=4,
)


def test_a_file_named_to_the_model_carries_refusals_to_the_next_run(tmp_path: Path) -> None:
    file, sent = tmp_path / "batch" / "refused.jsonl", []

    def planner(chat: ChatRequest) -> Turn:
        sent.append(chat.messages[-1]["content"])
        return Turn(content="a picture")

    def run(*faults: Fault) -> ChatGrokBuild:
        """A model as another process has it, with a memory of its own."""
        return offline_model(OfflineGateway(planner, faults), moderation_file=file)

    with pytest.raises(ContentRefusedError):
        run(Fault("moderation")).invoke("a virus")
    second = run()
    with pytest.raises(ContentRefusedError, match="refused before"):
        second.invoke("a virus")
    assert second.invoke("a flower").text == "a picture"
    assert sent == ["a flower"]
    assert "virus" not in file.read_text()


@given(messages)
def test_whatever_was_refused_is_refused_again(wild: list[dict[str, Any]]) -> None:
    moderation = Moderation()
    payload = {"messages": wild}
    moderation.refused(payload)
    if any(message["role"] != "system" for message in wild):
        with pytest.raises(ContentRefusedError):
            moderation.check(payload)
