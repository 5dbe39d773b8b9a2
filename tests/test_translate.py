"""Prompts in one language get the other."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from grok_agent import ChatGrokBuild, PromptSpec, offline_model
from grok_agent.cli import app
from grok_agent.graphs.translate import AT_ONCE, translate
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn
from grok_agent.prompts.importers import import_text
from grok_agent.prompts.translation import gaps

INFOTEXT = """masterpiece, red dress, (soft window light:1.2), 35mm, quixotic zarf
Negative prompt: blurry
Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x768"""
GALLEON = {"number": 1, "en": "galleon", "zh": "大帆船"}


def spec(*words: tuple[str, str], **fields: Any) -> PromptSpec:
    positive = [{"en": en, "zh": zh} for en, zh in words]
    return PromptSpec.model_validate(
        {"title": "t", "subject": {"en": "a ship", "zh": "船"}, "positive": positive, **fields}
    )


def scripted(*turns: Turn) -> tuple[ChatGrokBuild, list[ChatRequest]]:
    seen: list[ChatRequest] = []
    left = list(turns)

    def planner(request: ChatRequest) -> Turn:
        seen.append(request)
        return left.pop(0)

    return offline_model(OfflineGateway(planner=planner)), seen


def emitted(*entries: dict[str, Any]) -> Turn:
    return Turn(tool_calls=(ToolCall("emit_translations", {"entries": list(entries)}),))


def test_an_imported_prompt_gets_chinese_words_and_keeps_the_rest() -> None:
    before = import_text(INFOTEXT).spec
    after = translate(before, offline_model())
    assert after.positive_zh[:4] == ["杰作", "红裙", "柔和的窗光", "35mm"]
    assert after.positive_en == before.positive_en
    assert [word.weight for word in after.positive] == [word.weight for word in before.positive]
    assert (after.seed, after.width, after.sampler) == (1, 512, "euler_ancestral")
    assert [gap.text for gap in gaps(after)] == ["quixotic zarf"]


def test_chinese_words_get_english_and_stay() -> None:
    after = translate(spec(("红裙", "红裙")), offline_model())
    assert (after.positive_en, after.positive_zh) == (["red dress"], ["红裙"])


def test_a_prompt_in_both_languages_costs_no_request() -> None:
    model, seen = scripted()
    whole = spec(("red dress", "红裙"), ("8k", "8k"))
    assert translate(whole, model) == whole
    assert seen == []


@pytest.mark.parametrize(
    "first",
    [
        Turn(content="大帆船"),
        emitted({"number": 1, "en": "galleon", "zh": ""}),
        emitted({"number": 9, "en": "galleon", "zh": "大帆船"}),
        Turn(tool_calls=(ToolCall("emit_translations", {"words": "大帆船"}),)),
    ],
    ids=["prose", "empty", "another number", "wrong arguments"],
)
def test_a_useless_answer_is_mended_once(first: Turn) -> None:
    model, seen = scripted(first, emitted(GALLEON))
    assert translate(spec(("galleon", "galleon")), model).positive_zh == ["大帆船"]
    assert len(seen) == 2
    assert "1: " in str(seen[1].messages[-1]["content"])


def test_what_is_not_translated_stays_as_it_was() -> None:
    model, seen = scripted(Turn(content="No."), Turn(content="No."))
    before = spec(("galleon", "galleon"))
    assert translate(before, model) == before
    assert len(seen) == 2


def test_a_translation_never_changes_what_was_right_nor_repeats_a_word() -> None:
    before = spec(("红裙", "红裙"), ("red dress", "红色长裙"), ("galleon", "galleon"))
    model, _ = scripted(
        emitted(
            {"number": 1, "en": "red dress", "zh": "OTHER"},
            {"number": 2, "en": "OTHER", "zh": "大帆船"},
        )
    )
    after = translate(before, model)
    assert after.positive_en == ["红裙", "red dress", "galleon"]
    assert after.positive_zh == ["红裙", "红色长裙", "大帆船"]


def test_a_long_prompt_goes_in_parts() -> None:
    words = [(f"galleon {n}th", f"galleon {n}th") for n in range(AT_ONCE + 1)]

    def planner(request: ChatRequest) -> Turn:
        query = str(request.messages[-1]["content"])
        listed = json.loads(query.split("\n")[1])
        return emitted(
            *({**each, "en": each["text"], "zh": "船" + each["text"]} for each in listed)
        )

    model = offline_model(OfflineGateway(planner=planner))
    assert gaps(translate(spec(*words), model)) == []


def test_the_command_prints_the_prompt_and_says_what_stayed(tmp_path: Path) -> None:
    source, out = tmp_path / "a1111.txt", tmp_path / "prompt.json"
    source.write_text(INFOTEXT, encoding="utf-8")
    ran = CliRunner().invoke(app, ["translate", str(source), "--offline", "--out", str(out)])
    assert ran.exit_code == 0
    assert "not translated: positive.4: quixotic zarf" in ran.stderr
    spec_ = PromptSpec.model_validate(json.loads(out.read_text(encoding="utf-8")))
    assert spec_.positive_zh[1] == "红裙"
