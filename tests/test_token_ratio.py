"""How many tokens a gateway bills for one counted here: learned, kept, and on the safe side."""

import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, trim_messages
from pydantic import SecretStr

from grok_agent import Budget, ChatGrokBuild, Outcome, Workspace, offline_model
from grok_agent.context.ratio_file import Sample
from grok_agent.context.token_ratio import (
    RATIO_FILE,
    LearnedRatio,
    Ratio,
    ratio_of,
    summed_up,
)
from grok_agent.context.tokens import count, count_messages
from grok_agent.graphs import repository_agent
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.usage import Prompt
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

TEXT = "def area(width: int, height: int) -> int:\n    return width * height\n"
Message = dict[str, Any]


def talk(model: ChatGrokBuild, turns: int) -> None:
    """A conversation of ``turns``, each of about a thousand tokens more."""
    said: list[BaseMessage] = []
    for number in range(turns):
        said.append(HumanMessage(f"{number}: " + TEXT * 60))
        said.append(model.invoke(said))


@pytest.fixture
def dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway with another tokenizer and a system prompt of its own."""
    real = vars(Prompt)["tokens"].fget
    monkeypatch.setattr(Prompt, "tokens", property(lambda self: round(1.3 * real(self)) + 400))


@pytest.mark.parametrize("streaming", [False, True])
def test_the_embedded_gateway_counts_as_we_do(streaming: bool) -> None:
    model = offline_model(streaming=streaming)
    assert model.token_ratio == Ratio(mean=1.10, high=1.10, overhead=0, samples=0)
    talk(model, 4)
    assert model.token_ratio.high == 1.10  # three samples are not enough yet
    talk(model, 7)
    learned = model.token_ratio
    assert learned.samples >= 6
    assert learned.mean == pytest.approx(1, abs=0.01)
    assert learned.high == pytest.approx(1, abs=0.01)
    assert learned.overhead < 20
    assert model.get_num_tokens(TEXT * 10) == pytest.approx(count(TEXT * 10), abs=3)


@pytest.mark.usefixtures("dear")
def test_a_gateway_that_bills_more_is_found_out_and_remembered() -> None:
    talk(offline_model(), 8)
    learned = offline_model().token_ratio  # another model for the same gateway
    assert learned.mean == pytest.approx(1.3, abs=0.01)
    assert learned.high == pytest.approx(1.3, abs=0.01)
    assert learned.overhead == pytest.approx(400, abs=60)
    assert offline_model(model="offline-planner").token_ratio == Ratio()
    assert offline_model(base_url="http://other.invalid/v1").token_ratio == Ratio()


@pytest.mark.usefixtures("dear")
async def test_asynchronous_calls_teach_it_too() -> None:
    model = offline_model()
    said: list[BaseMessage] = []
    for number in range(7):
        said.append(HumanMessage(f"{number}: " + TEXT * 60))
        if number % 3 == 0:
            said.append(await model.ainvoke(said))
        else:
            pieces = [piece async for piece in model.astream(said)]
            said.append(AIMessage("".join(str(piece.text) for piece in pieces)))
    assert model.token_ratio.mean == pytest.approx(1.3, abs=0.02)


@pytest.mark.usefixtures("dear")
def test_trimmed_messages_fit_by_the_gateways_own_count() -> None:
    model = offline_model()
    talk(model, 8)
    messages = [HumanMessage(f"{number} " + TEXT * 5) for number in range(60)]
    kept = trim_messages(messages, max_tokens=3_000, token_counter=model, strategy="last")
    assert 0 < len(kept) < 60
    answer = model.invoke(kept)
    assert isinstance(answer, AIMessage)
    assert answer.usage_metadata
    assert 2_500 < answer.usage_metadata["input_tokens"] <= 3_000


# What teaches, and what does not


def request(*texts: str, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text} for text in texts], **fields}


def billed(sent: dict[str, Any], ratio: float) -> int:
    return round(ratio * count_messages(sent["messages"], sent.get("tools") or ()))


def taught(*requests: dict[str, Any], served: tuple[str, ...] = ("m", "m")) -> Ratio:
    learned = LearnedRatio(None, "https://gateway.example/v1", "m")
    for sent, name in zip(requests, served, strict=True):
        learned.learn(sent, billed(sent, 1.25), name)
    return learned.current()


LONG = TEXT * 60
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def test_what_was_added_tells_the_ratio() -> None:
    learned = taught(request("one"), request("one", LONG))
    assert (learned.samples, learned.mean) == pytest.approx((1, 1.25), abs=0.01)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (request("one"), request("one")),  # asked again
        (request("one"), request("one", "two")),  # too little to tell
        (request("one", LONG), request("summary", LONG)),  # compacted
        (request("one", LONG), request("one")),  # cut
        (request("one"), request("one", LONG, tools=[TOOL])),
        (request("one", tools=[TOOL]), request("one", LONG)),
        (request("one"), request("one", LONG, response_format={"type": "json_object"})),
        (request("one"), {"messages": [{"role": "user", "content": [PICTURE, LONG]}]}),
        (
            {"messages": [{"role": "user", "content": [PICTURE]}]},
            {"messages": [{"role": "user", "content": [PICTURE]}, *request(LONG)["messages"]]},
        ),
    ],
)
def test_other_differences_teach_nothing(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert taught(first, second) == Ratio()


def test_a_relay_that_leaves_out_cached_tokens_teaches_nothing() -> None:
    learned = LearnedRatio(None, "https://relay.example/v1", "m")
    texts = ["begin " + LONG * 3]
    for prompt_tokens in (4_000, 1_300, 2_500, 1_400, 0):
        learned.learn(request(*texts), prompt_tokens, "m")
        texts.append(LONG)
    assert learned.current() == Ratio()


def test_another_model_behind_the_same_name_starts_anew() -> None:
    assert taught(request("one"), request("one", LONG), served=("m-1", "m-2")) == Ratio()
    learned = LearnedRatio(None, "https://gateway.example/v1", "m")
    for served, ratio in (("m-1", 1.4), ("m-2", 0.9)):
        for sent in (request("one"), request("one", LONG)):
            learned.learn(sent, billed(sent, ratio), served)
    assert (learned.current().samples, learned.current().mean) == pytest.approx((1, 0.9), abs=0.01)


def test_the_longest_earlier_request_counts() -> None:
    """Conversations branch, and several go on at once."""
    learned = LearnedRatio(None, "https://gateway.example/v1", "m")
    for texts in (["a"], ["b"], ["a", LONG], ["b", LONG + "b"], ["a", LONG, LONG], ["a", LONG * 2]):
        sent = request(*texts)
        learned.learn(sent, billed(sent, 1.2), "m")
    assert learned.current().samples == 4
    assert learned.current().high == pytest.approx(1.2, abs=0.01)


# How samples are summed up


def test_the_safe_side_is_the_largest_and_the_shown_one_the_mean() -> None:
    samples = [Sample(1_000, 1_000, 50)] * 5 + [Sample(650, 500, 10)]
    learned = summed_up(samples)
    assert learned.high == 1.3
    assert learned.mean == pytest.approx(5_650 / 5_500)
    assert (learned.overhead, learned.samples) == (50, 6)
    assert (learned.at_most(10), learned.request_at_most(10), learned.likely(10)) == (13, 63, 10)


@pytest.mark.parametrize(("billed", "clamped"), [(10_000, 1.6), (100, 0.8), (-5, 0.8)])
def test_nonsense_is_clamped(billed: int, clamped: float) -> None:
    learned = summed_up([Sample(billed, 1_000, 0)] * 6)
    assert (learned.mean, learned.high) == (clamped, clamped)


def test_an_unknown_tokenizer_is_taken_for_a_dear_one_at_first() -> None:
    few, enough = ([Sample(900, 1_000, 0)] * number for number in (4, 5))
    assert summed_up(few).high == 1.10
    assert summed_up(enough).high == 0.9
    assert ratio_of(object()) == Ratio()
    assert Ratio().at_most(10) == 11


@given(
    st.lists(st.builds(Sample, st.integers(-9, 9_999), st.integers(1, 9_999), st.integers(0, 9)))
)
def test_the_safe_side_is_never_below_the_mean(samples: list[Sample]) -> None:
    learned = summed_up(samples)
    assert 0.8 <= learned.mean <= learned.high <= 1.6
    assert learned.at_most(1_000) >= learned.likely(1_000)


# On disk


def learn_once(learned: LearnedRatio, number: int) -> None:
    for sent in (request(f"{number}"), request(f"{number}", LONG)):
        learned.learn(sent, billed(sent, 1.25), "m")


def learn_often(learned: LearnedRatio, numbers: Iterable[int]) -> None:
    for number in numbers:
        learn_once(learned, number)


def test_two_runs_at_once_share_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / RATIO_FILE
    runs = [LearnedRatio(path, "https://user:key@gateway.example/v1", "m") for _ in range(4)]
    threads = [
        threading.Thread(target=learn_often, args=(run, range(first, first + 8)))
        for first, run in enumerate(runs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    later = LearnedRatio(path, "https://user:key@gateway.example/v1", "m").current()
    assert (later.samples, later.mean) == pytest.approx((20, 1.25), abs=0.01)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM samples").fetchone() == (20,)
    connection.close()
    assert b"key@" not in path.read_bytes()


@pytest.mark.parametrize("content", [b"no database" * 500, b"SQLite format 3\0" + b"\xff" * 999])
def test_without_its_file_a_run_still_learns(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / RATIO_FILE
    path.write_bytes(content)
    learned = LearnedRatio(path, "https://gateway.example/v1", "m")
    assert learned.current() == Ratio()
    learn_often(learned, range(30))
    assert learned.current().samples == 20
    assert learned.current().high == pytest.approx(1.25, abs=0.01)
    assert path.read_bytes() == content


def test_asking_for_the_ratio_writes_nothing(tmp_path: Path) -> None:
    model = ChatGrokBuild(api_key=SecretStr("k"), state_dir=tmp_path / "state")
    model.get_num_tokens("text")
    assert not (tmp_path / "state").exists()


# In the graphs


LIMIT = 12_000
STEPS = 12


class Reader:
    """Reads the next lines of a large file forever; keeps what the gateway bills each time."""

    def __init__(self) -> None:
        self.billed: list[int] = []

    def __call__(self, chat: ChatRequest) -> Turn:
        self.billed.append(Prompt.of(chat).tokens)
        arguments = {"target_file": "big.txt", "offset": len(self.billed)}
        return Turn(tool_calls=(ToolCall("read_file", arguments),))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "big.txt").write_text("word another\n" * 400)
    return tmp_path


def run(planner: Callable[[ChatRequest], Turn], root: Path, budget: Budget) -> Outcome:
    model = offline_model(OfflineGateway(planner=planner))
    agent = repository_agent(model, Workspace(root), budget=budget)
    return Outcome.from_dict(agent.invoke({"task": "work"})["outcome"])


def test_what_only_we_have_counted_weighs_more_at_the_limit(root: Path) -> None:
    def answer(chat: ChatRequest) -> Turn:
        return Turn(content="Done.")

    first = run(answer, root, Budget()).usage.input_tokens
    tight = Budget(max_input_tokens=round(first * 1.05))
    refused = run(answer, root, tight)
    assert (refused.status, refused.limit, refused.steps) == ("over_budget", "input_tokens", 0)
    talk(offline_model(), 8)  # now it is known that this gateway counts as we do
    done = run(answer, root, tight)
    assert (done.status, done.steps) == ("done", 1)


@pytest.mark.usefixtures("dear")
def test_no_request_to_a_dear_gateway_passes_the_limit(root: Path) -> None:
    reader = Reader()
    outcome = run(reader, root, Budget(max_input_tokens=LIMIT, max_steps=STEPS))
    assert (outcome.status, outcome.limit) == ("over_budget", "steps")
    assert 0.6 * LIMIT < max(reader.billed) < LIMIT


def test_a_relay_that_leaves_out_cached_tokens_is_not_believed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = vars(Prompt)["tokens"].fget
    sizes: list[int] = []

    def too_little(prompt: Prompt) -> int:
        sizes.append(real(prompt))
        return min(sizes[-1], 90)

    monkeypatch.setattr(Prompt, "tokens", property(too_little))
    outcome = run(Reader(), root, Budget(max_input_tokens=LIMIT, max_steps=STEPS))
    assert (outcome.status, outcome.limit) == ("over_budget", "steps")
    assert 0.6 * LIMIT < max(sizes) < LIMIT
