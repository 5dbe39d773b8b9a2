"""The prompt agent from words and pictures to a structured prompt, over the embedded gateway."""

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from PIL import Image

from grok_agent import ChatGrokBuild, Outcome, PromptLibrary, PromptSpec, Workspace, offline_model
from grok_agent.errors import SettingsError
from grok_agent.graphs import prompt_agent, sqlite_checkpointer
from grok_agent.graphs.prompt import PromptRequest
from grok_agent.journal import read_journal
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.planner import plan
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

THREAD: Any = {"configurable": {"thread_id": "thread-1"}}
SPEC: dict[str, Any] = {
    "title": "Rain",
    "subject": {"en": "a woman in the rain", "zh": "雨中的女子"},
    "positive": [{"en": "neon light", "zh": "霓虹灯光"}],
}
FISHERMAN = "an old fisherman, 85mm, no text, 电影感, 9:16"
EMIT = Turn(tool_calls=(ToolCall("emit_prompt_schema", SPEC),))
DONE = Turn(content="Here it is.")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "reference 1.png"
    Image.linear_gradient("L").convert("RGB").save(path)
    return path


class Recording:
    """A planner that keeps the requests; scripted turns, else the planner of the package."""

    def __init__(self, *turns: Turn) -> None:
        self.turns = list(turns)
        self.scripted = bool(turns)
        self.requests: list[ChatRequest] = []

    def __call__(self, request: ChatRequest) -> Turn:
        self.requests.append(request)
        return self.turns.pop(0) if self.scripted else plan(request)

    def model(self, **options: Any) -> ChatGrokBuild:
        return offline_model(OfflineGateway(planner=self), **options)


def end(state: dict[str, Any]) -> Outcome:
    return Outcome.from_dict(state["outcome"])


def test_words_become_a_valid_prompt_in_the_library(tmp_path: Path) -> None:
    with PromptLibrary(tmp_path / "library.sqlite3") as library:
        agent = prompt_agent(offline_model(), library=library, journal_dir=tmp_path / "runs")
        outcome = end(
            agent.invoke({"task": "an old fisherman, 85mm, no text, 电影感, 9:16"}, THREAD)
        )
        assert outcome.status == "done"
        assert outcome.prompt
        spec = PromptSpec.model_validate(outcome.prompt)
        assert spec.aspect_ratio == "9:16"
        assert "电影感" in spec.positive_text("zh")
        assert outcome.prompt_id == 1
        record = library.get(1)
        assert record.spec == spec
        assert record.task == FISHERMAN
        assert (record.model, record.cost_usd) == ("offline-planner", outcome.cost.usd)
    assert read_journal(tmp_path / "runs" / "thread-1")[-1]["outcome"]["prompt_id"] == 1


def test_picture_is_measured_sent_and_named_by_its_hash(tmp_path: Path, picture: Path) -> None:
    planner = Recording()
    with PromptLibrary(tmp_path / "library.sqlite3") as library:
        agent = prompt_agent(planner.model(), library=library)
        given = {"task": "a portrait in this light", "images": [str(picture)]}
        events = list(agent.stream(given, stream_mode="custom"))
        outcome = Outcome.from_dict(events[-1]["outcome"])
        record = library.get(outcome.prompt_id or 0)
    measured = next(event for event in events if event["event"] == "tool")
    assert (measured["tool"], measured["ok"]) == ("extract_image_features", True)
    assert len(record.images) == 1
    assert record.features
    assert record.features["size"]
    opening = planner.requests[0].messages[1]["content"]
    head = f"<pictures>\n1: {picture}\n</pictures>\n<measurements>\n1: Picture: "
    assert opening[0]["text"].startswith(head)
    assert '"palette":{"colours":[{"hex":"#' in opening[0]["text"]
    assert "</measurements>\n\n<user_query>" in opening[0]["text"]
    assert opening[1]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert all(each.messages[1] == planner.requests[0].messages[1] for each in planner.requests)


def test_state_refers_to_pictures_and_the_prompt_survives_it(tmp_path: Path, picture: Path) -> None:
    database = tmp_path / "checkpoints.sqlite"
    saver = sqlite_checkpointer(database)
    agent = prompt_agent(offline_model(), checkpointer=saver)
    agent.invoke({"task": "a portrait", "images": [str(picture)]}, THREAD)
    saver.conn.close()
    assert b"base64" not in database.read_bytes()

    reopened = sqlite_checkpointer(database)
    state = prompt_agent(offline_model(), checkpointer=reopened).get_state(THREAD).values
    reopened.conn.close()
    assert PromptSpec.model_validate(end(state).prompt)
    emitted = [each.artifact for each in state["messages"] if each.type == "tool"][-1]
    assert emitted == end(state).prompt
    assert type(emitted) is dict


def test_model_that_only_talks_is_told_once() -> None:
    planner = Recording(Turn(content="A woman in the rain."), EMIT, DONE)
    outcome = end(prompt_agent(planner.model()).invoke({"task": "rain"}))
    assert (outcome.status, outcome.summary) == ("done", "Here it is.")
    assert "emit_prompt_schema" in planner.requests[1].messages[-1]["content"]


def test_model_that_never_hands_a_prompt_over_is_replaced(picture: Path) -> None:
    planner = Recording(DONE, DONE)
    events: list[dict[str, Any]] = []
    agent = prompt_agent(planner.model(), on_event=lambda event: events.append(dict(event)))
    outcome = end(agent.invoke({"task": "rain in 巴黎"}))
    assert (outcome.status, outcome.steps) == ("done", 2)
    spec = PromptSpec.model_validate(outcome.prompt)
    assert spec.positive_en == ["rain in 巴黎"]
    assert spec.safety_note.startswith("Fallback:")
    assert "one was made without it" in next(e["text"] for e in events if e["event"] == "notice")


BROKEN = [
    {"title": "x"},
    {**SPEC, "steps": "many"},
    {**SPEC, "extra": 1},
    {"prompt": "```json {}```"},
    {},
]


@pytest.mark.parametrize("broken", BROKEN)
def test_one_repair_then_a_prompt_from_what_was_measured(
    picture: Path, broken: dict[str, Any]
) -> None:
    bad = Turn(tool_calls=(ToolCall("emit_prompt_schema", broken),))
    measure = Turn(tool_calls=(ToolCall("extract_image_features", {"image": str(picture)}),))
    planner = Recording(measure, bad, bad)
    given = {"task": "a portrait", "images": [str(picture)]}
    outcome = end(prompt_agent(planner.model()).invoke(given))
    assert (outcome.status, outcome.steps) == ("done", 3)
    spec = PromptSpec.model_validate(outcome.prompt)
    assert spec.palette
    assert {word.source for word in spec.positive} == {"user", "measured"}


def test_weaknesses_go_back_to_the_model_once() -> None:
    words = [{"en": "day", "zh": "白天"}, {"en": "night", "zh": "夜晚"}]
    weak = Turn(tool_calls=(ToolCall("emit_prompt_schema", {**SPEC, "positive": words}),))
    planner = Recording(weak, DONE, EMIT, DONE)
    outcome = end(prompt_agent(planner.model()).invoke({"task": "rain"}))
    assert outcome.prompt
    assert outcome.prompt["positive"][0]["en"] == "neon light"
    assert "contradicts 'day'" in planner.requests[2].messages[-1]["content"]
    stubborn = Recording(weak, DONE, DONE)
    outcome = end(prompt_agent(stubborn.model()).invoke({"task": "rain"}))
    assert (outcome.status, outcome.steps) == ("done", 3)


def test_variants_keep_the_identity_and_hang_together(tmp_path: Path) -> None:
    face = [{"en": "green eyes", "zh": "绿色眼睛"}]
    first = {**SPEC, "identity": face}
    second = {**SPEC, "title": "Later", "negative": [{"en": "green eyes", "zh": "绿眼"}]}
    both = Turn(tool_calls=(ToolCall("emit_prompt_schema", first),
                            ToolCall("emit_prompt_schema", second)))  # fmt: skip
    planner = Recording(both, DONE)
    with PromptLibrary(tmp_path / "library.sqlite3") as library:
        request = PromptRequest(variants=2, vary=["light"])
        agent = prompt_agent(planner.model(), library=library, request=request)
        outcome = end(agent.invoke({"task": "rain"}))
        kept = library.recent()
    assert "Variants: 2" in planner.requests[0].messages[0]["content"]
    assert [each["identity"] for each in outcome.variants] == [outcome.prompt["identity"]]
    assert [record.derived_from for record in kept] == [outcome.prompt_id, None]


def test_variants_come_from_the_embedded_gateway_too() -> None:
    request = PromptRequest(variants=3, preset="portrait")
    outcome = end(prompt_agent(offline_model(), request=request).invoke({"task": FISHERMAN}))
    assert outcome.prompt
    lights = [each["light"]["en"] for each in (outcome.prompt, *outcome.variants)]
    assert len(set(lights)) == 3


def test_a_preset_sets_temperature_and_room_for_reasoning(picture: Path) -> None:
    planner = Recording(EMIT, DONE)
    agent = prompt_agent(planner.model(), request=PromptRequest(preset="reference", target="flux"))
    agent.invoke({"task": "rain", "images": [str(picture)]})
    sent = planner.requests[0].raw
    assert sent["temperature"] == 0.6
    assert (sent.get("max_tokens") or sent.get("max_completion_tokens")) > 800 + 4000
    assert "12 to 20" in planner.requests[0].messages[0]["content"]
    assert "Target: flux" in planner.requests[0].messages[0]["content"]


def test_a_preset_without_its_picture_sends_nothing() -> None:
    planner = Recording(DONE)
    agent = prompt_agent(planner.model(), request=PromptRequest(preset="moodboard"))
    outcome = end(agent.invoke({"task": "rain"}))
    assert (outcome.status, outcome.steps) == ("failed", 0)
    assert "needs a reference picture" in outcome.reason


@pytest.mark.parametrize(
    "options", [{"variants": 0}, {"variants": 21}, {"preset": "x"}, {"target": "photoshop"}]
)
def test_a_request_that_cannot_be_met_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        PromptRequest(**options)


def test_invalid_prompt_is_sent_back_and_the_last_valid_one_counts() -> None:
    invalid = Turn(tool_calls=(ToolCall("emit_prompt_schema", {"title": "x"}),))
    later = Turn(tool_calls=(ToolCall("emit_prompt_schema", {**SPEC, "title": "Later"}),))
    planner = Recording(invalid, EMIT, later, invalid, DONE)
    outcome = end(prompt_agent(planner.model()).invoke({"task": "rain"}))
    assert outcome.status == "done"
    assert outcome.prompt
    assert outcome.prompt["title"] == "Later"
    assert planner.requests[1].messages[-1]["content"].startswith("Error: ")


def test_earlier_prompt_of_the_thread_is_not_taken_for_this_one(tmp_path: Path) -> None:
    saver = sqlite_checkpointer(tmp_path / "checkpoints.sqlite")
    planner = Recording(EMIT, DONE, DONE, DONE)
    agent = prompt_agent(planner.model(), checkpointer=saver)
    assert end(agent.invoke({"task": "rain"}, THREAD)).prompt
    second = end(agent.invoke({"task": "snow"}, THREAD)).prompt
    assert second
    assert second["subject"]["en"] == "snow"
    saver.conn.close()


def test_temperature_is_the_one_for_portraits_unless_the_model_has_one() -> None:
    for options, expected in (({}, 0.65), ({"temperature": 0.3}, 0.3)):
        planner = Recording(EMIT, DONE)
        prompt_agent(planner.model(**options)).invoke({"task": "rain"})
        assert {request.raw["temperature"] for request in planner.requests} == {expected}


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, None])
def test_unusable_picture_ends_the_run_before_anything_is_sent(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    planner = Recording(EMIT, DONE)
    outcome = end(prompt_agent(planner.model()).invoke({"task": "rain", "images": [str(path)]}))
    assert (outcome.status, outcome.error_kind, outcome.steps) == ("failed", "ToolError", 0)
    assert "bad.png" in outcome.reason
    assert planner.requests == []


def test_only_the_pictures_of_the_task_are_opened(tmp_path: Path, picture: Path) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (64, 64)).save(secret)

    def measure(path: Path) -> Turn:
        return Turn(tool_calls=(ToolCall("extract_image_features", {"image": str(path)}),))

    planner = Recording(measure(secret), measure(picture), EMIT, DONE)
    given = {"task": "rain", "images": [str(picture)]}
    prompt_agent(planner.model()).invoke(given)
    refused, allowed = (planner.requests[n].messages[-1]["content"] for n in (1, 2))
    assert refused.startswith("Error: ")
    assert str(picture) in refused
    assert "features: " in allowed


def test_workspace_opens_its_own_pictures_too(tmp_path: Path, picture: Path) -> None:
    call = Turn(tool_calls=(ToolCall("extract_image_features", {"image": picture.name}),))
    planner = Recording(call, EMIT, DONE)
    agent = prompt_agent(planner.model(), workspace=Workspace(tmp_path, permission="plan"))
    assert end(agent.invoke({"task": "rain"})).status == "done"
    assert "features: " in planner.requests[1].messages[-1]["content"]


def test_conversation_with_a_picture_block(picture: Path) -> None:
    planner = Recording(EMIT, DONE)
    blocks: list[Any] = [
        {"type": "text", "text": "like this"},
        {"type": "image_file", "path": str(picture)},
    ]
    state = prompt_agent(planner.model()).invoke({"messages": [HumanMessage(blocks)]})
    assert end(state).status == "done"
    assert json.dumps(planner.requests[0].messages).count("data:image/jpeg") == 1


def test_library_that_cannot_be_written_costs_a_notice_not_the_prompt(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path / "library.sqlite3")
    library.close()
    planner = Recording(EMIT, DONE)
    agent = prompt_agent(planner.model(), library=library)
    events = list(agent.stream({"task": "rain"}, stream_mode="custom"))
    outcome = Outcome.from_dict(events[-1]["outcome"])
    assert (outcome.status, outcome.prompt_id) == ("done", None)
    assert outcome.prompt
    assert "not saved" in next(each["text"] for each in events if each["event"] == "notice")


async def test_async_run_makes_the_same(picture: Path) -> None:
    given = {"task": "a portrait", "images": [str(picture)]}
    prompts = [
        end(prompt_agent(offline_model()).invoke(given)).prompt,
        end(await prompt_agent(offline_model()).ainvoke(given)).prompt,
    ]
    assert prompts[0] == prompts[1] is not None


def test_an_answer_cut_at_its_length_gets_more_room() -> None:
    planner = Recording(Turn(content="I think", finish_reason="length"), EMIT, DONE)
    agent = prompt_agent(planner.model(), request=PromptRequest(preset="portrait", revisions=0))
    assert end(agent.invoke({"task": "rain"})).status == "done"
    room = [request.max_tokens or 0 for request in planner.requests]
    assert room[1] == 2 * room[0]
    assert room[2] == room[0]
