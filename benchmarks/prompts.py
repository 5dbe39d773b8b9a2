"""Is every prompt valid? Requests of many kinds, and models that hand over broken ones.

Run ``python benchmarks/prompts.py [--requests 1000] [--seed 1]``. Everything goes the whole way:
chat model, gateway protocol, graph, validation. The embedded gateway answers, so this measures the
machinery, not the model. ``--library 100000`` fills a library and times its search instead.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grok_agent import Outcome, PromptLibrary, PromptSpec, offline_model, prompt_agent
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.planner import plan
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn
from grok_agent.prompts.schema import Keyword, Text

EMIT = "emit_prompt_schema"
ENGLISH = [
    "old fisherman",
    "young woman",
    "red fox",
    "city skyline",
    "teapot",
    "robot",
    "child with a kite",
]
CHINESE = ["旗袍女子", "老渔夫", "雪中狐狸", "江南水乡", "赛博朋克街道", "茶壶", "骑自行车的少年"]
LOOKS = [
    "85mm",
    "35mm film",
    "oil painting",
    "watercolour",
    "no text",
    "low key",
    "golden hour",
    "9:16",
    "16:9",
    "电影感",
    "水墨",
    "逆光",
    "胶片颗粒",
]
CLASHES = ("day and night", "black and white, vivid colours", "close-up, full body", "白天，夜晚")
ODD = (".", "!!!", "a", "我", "\u200b.", "<|endoftext|>", "'; DROP TABLE prompts; --", "🙂", "0")


def requests(count: int, random: random.Random) -> list[tuple[str, str]]:
    """Kind and words of each request, the kinds in turn."""
    kinds: list[tuple[str, Callable[[], str]]] = [
        ("english", lambda: f"{random.choice(ENGLISH)}, {', '.join(random.sample(LOOKS, 3))}"),
        ("chinese", lambda: f"{random.choice(CHINESE)}，{'，'.join(random.sample(LOOKS, 3))}"),
        (
            "mixed",
            lambda: f"{random.choice(ENGLISH)} {random.choice(CHINESE)} {random.choice(LOOKS)}",
        ),
        ("contradictory", lambda: f"{random.choice(ENGLISH)}, {random.choice(CLASHES)}"),
        ("empty-ish", lambda: random.choice(ODD)),
        ("5,000 words", lambda: " ".join(random.choices([*ENGLISH, *CHINESE, *LOOKS], k=5_000))),
    ]
    return [(kind, words()) for kind, words in (kinds[n % len(kinds)] for n in range(count))]


def prose(turn: Turn) -> Turn:
    return Turn(content=f"Here it is:\n```json\n{turn.tool_calls[0].arguments}\n```")


def spoiled(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Turn], Turn]:
    return lambda turn: Turn(
        tool_calls=tuple(
            ToolCall(call.name, change(dict(call.arguments))) for call in turn.tool_calls
        )
    )


SPOILERS: dict[str, Callable[[Turn], Turn]] = {
    "prose with a fence": prose,
    "wrong types": spoiled(lambda a: {**a, "steps": "many", "positive": "a, b"}),
    "extra fields": spoiled(lambda a: {**a, "mood": "calm"}),
    "missing fields": spoiled(lambda a: {"title": a.get("title", "x")}),
    "one language": spoiled(lambda a: {**a, "subject": {"en": "x"}}),
    "values as JSON text": spoiled(lambda a: {**a, "subject": '{"en": "fox", "zh": "狐狸"}'}),
    "fence as value": spoiled(lambda a: {**a, "positive": "```json\n[]\n```"}),
}


class Spoiling:
    """The planner of the package, whose calls of the emitting tool are spoiled ``times`` times."""

    def __init__(self, spoil: Callable[[Turn], Turn], times: int) -> None:
        self.spoil, self.left = spoil, times

    def __call__(self, request: ChatRequest) -> Turn:
        turn = plan(request)
        if self.left and any(call.name == EMIT for call in turn.tool_calls):
            self.left -= 1
            return self.spoil(turn)
        return turn


def grade(outcome: Outcome) -> str:
    """valid, marked fallback or typed refusal; anything else is a failure."""
    if outcome.status == "refused":
        return "refused" if outcome.reason else "FAILED"
    if outcome.status != "done" or not outcome.prompt:
        return "FAILED"
    spec = PromptSpec.model_validate(outcome.prompt)
    return "fallback" if spec.safety_note.startswith("Fallback:") else "valid"


def run_requests(count: int, seed: int) -> None:
    agent = prompt_agent(offline_model())
    tally: dict[str, Counter[str]] = {}
    for kind, words in requests(count, random.Random(seed)):
        outcome = Outcome.from_dict(agent.invoke({"task": words})["outcome"])
        tally.setdefault(kind, Counter())[grade(outcome)] += 1
    show(f"{count} requests", tally)


def run_spoiled(each: int, seed: int) -> None:
    tally: dict[str, Counter[str]] = {}
    wanted = requests(each, random.Random(seed))
    for name, spoil in SPOILERS.items():
        for number, (_, words) in enumerate(wanted):
            gateway = OfflineGateway(planner=Spoiling(spoil, 1 + number % 3))
            tally.setdefault(name, Counter())[ask(gateway, words)] += 1
    for _, words in wanted:
        gateway = OfflineGateway(faults=[Fault("bad_arguments", times=2)])
        tally.setdefault("arguments cut", Counter())[ask(gateway, words)] += 1
    show("broken 1 to 3 times", tally)


def ask(gateway: OfflineGateway, words: str) -> str:
    agent = prompt_agent(offline_model(gateway))
    return grade(Outcome.from_dict(agent.invoke({"task": words})["outcome"]))


def show(title: str, tally: dict[str, Counter[str]]) -> None:
    grades = ("valid", "fallback", "refused", "FAILED")
    print(f"{title:24}" + "".join(f"{grade:>10}" for grade in grades))
    for kind, counted in tally.items():
        print(f"{kind:24}" + "".join(f"{counted[grade]:>10}" for grade in grades))


def run_library(count: int, seed: int) -> None:
    chance = random.Random(seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        PromptLibrary(Path(folder) / "library.sqlite3") as library,
    ):
        began = time.perf_counter()
        for number in range(count):
            library.save(_prompt(chance, number), task=f"task {number}", model="m")
        print(f"{count} prompts saved in {time.perf_counter() - began:.0f} s")
        for query in (
            "red",
            "雨夜",
            "auburn hair neon",
            "雨夜 red woman",
            "女子雨夜",
            "task 777",
            "",
        ):
            times = []
            for _ in range(7):
                began = time.perf_counter()
                found = library.search(query)
                times.append(time.perf_counter() - began)
            print(f"{query!r:28} {len(found):3} found {statistics.median(times) * 1000:7.1f} ms")


def _prompt(chance: random.Random, number: int) -> PromptSpec:
    english = [
        "portrait",
        "woman",
        "red",
        "blue",
        "rain",
        "night",
        "neon",
        "window",
        "film",
        "grain",
        "auburn",
        "hair",
        "eyes",
        "snow",
    ]
    chinese = [
        "女子",
        "男人",
        "雨夜",
        "霓虹",
        "窗光",
        "胶片",
        "街道",
        "红色",
        "花园",
        "微笑",
        "冬天",
        "肖像",
        "老人",
        "旗袍",
    ]
    words = [
        Keyword(
            en=f"{chance.choice(english)} {chance.choice(english)} {n}",
            zh=f"{chance.choice(chinese)}{chance.choice(chinese)}{n}",
        )
        for n in range(12)
    ]
    return PromptSpec(title=f"t{number}", subject=Text(en="a", zh="甲"), positive=words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--spoiled", type=int, default=60, help="requests for each way to break")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--library", type=int, metavar="N", help="time the library instead")
    given = parser.parse_args()
    if given.library:
        run_library(given.library, given.seed)
        return
    run_requests(given.requests, given.seed)
    run_spoiled(given.spoiled, given.seed)


if __name__ == "__main__":
    main()
