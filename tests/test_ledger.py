"""What an answer used and cost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage

from grok_agent.gateway.ledger import Cost, Usage, cost_of, usage_from_wire
from grok_agent.profile import GROK_BUILD, OFFLINE_MODEL, profile_of

MILLION = 1_000_000


def message(
    prompt: int = 0, cached: int = 0, output: int = 0, model: str = GROK_BUILD.name, **metadata: Any
) -> AIMessage:
    return AIMessage(
        "",
        usage_metadata={
            "input_tokens": prompt,
            "output_tokens": output,
            "total_tokens": prompt + output,
            "input_token_details": {"cache_read": cached},
        },
        response_metadata={"model_name": model, **metadata},
    )


@pytest.mark.parametrize(
    ("prompt", "cached", "output", "usd"),
    [
        (100_000, 0, 0, 0.10),
        (100_000, 100_000, 0, 0.02),
        (0, 0, MILLION, 2.00),
        (100_000, 50_000, 10_000, 0.05 + 0.01 + 0.02),
        (199_999, 0, 0, 0.199999),
        (200_000, 0, 0, 0.40),  # from here on every token of the request costs double
        (200_000, 100_000, 10_000, 0.20 + 0.04 + 0.04),
    ],
)
def test_list_price(prompt: int, cached: int, output: int, usd: float) -> None:
    cost = cost_of(message(prompt, cached, output), GROK_BUILD)
    assert cost.usd == pytest.approx(usd, abs=1e-12)
    assert cost.basis == "list_price"


def test_the_bill_wins_over_the_price_list() -> None:
    cost = cost_of(message(1000, cost_in_usd_ticks=12_345_678_900), GROK_BUILD)
    assert cost == Cost(1.23456789, "billed")


@pytest.mark.parametrize("ticks", [None, "12", -1, float("nan"), float("inf"), True, [], 10**400])
def test_a_bill_that_is_none_is_not_believed(ticks: object) -> None:
    assert cost_of(message(1000, cost_in_usd_ticks=ticks), GROK_BUILD).basis == "list_price"


def test_offline_answers_are_priced_but_marked() -> None:
    cost = cost_of(message(100_000, model=OFFLINE_MODEL, cost_in_usd_ticks=5), GROK_BUILD)
    assert cost == Cost(0.1, "offline")


@pytest.mark.parametrize("name", ["x-ai/grok-build-0.1", "grok-build-0.1-20260601", ""])
def test_relays_names_for_the_same_model_have_its_price(name: str) -> None:
    assert cost_of(message(100_000, model=name), GROK_BUILD) == Cost(0.1, "list_price")


def test_unknown_rather_than_wrong() -> None:
    assert cost_of(message(1000, model="grok-4.6"), GROK_BUILD).basis == "unknown"
    assert cost_of(message(1000, model="qwen"), profile_of("qwen")).usd is None
    assert cost_of(AIMessage("no usage"), GROK_BUILD) == Cost(None, "unknown")


NAMES = ["x-ai/grok-build-0.1", "xai/grok-build-0.1", "@xai/grok-build-0.1", "X-AI/Grok-Build-0.1"]


@pytest.mark.parametrize("name", [*NAMES, "openrouter/x-ai/grok-build-0.1:nitro"])
def test_what_routers_add_to_the_name_asked_for_changes_nothing(name: str) -> None:
    assert profile_of(name) == GROK_BUILD
    for served in ("grok-build-0.1", "x-ai/grok-build-0.1", "grok-build-0.1-20260601"):
        assert cost_of(message(100_000, model=served), profile_of(name)) == Cost(0.1, "list_price")


@pytest.mark.parametrize("name", ["x-ai/grok-build-0.1:free", "grok-build-0.1:online"])
def test_a_suffix_that_may_change_the_price_leaves_the_limits(name: str) -> None:
    profile = profile_of(name)
    assert profile.refused_parameters == GROK_BUILD.refused_parameters
    assert cost_of(message(1000, model=name), profile).basis == "unknown"


@pytest.mark.parametrize("name", ["grok-build-0.10", "grok-build", "x-ai/grok-build-0.1-mini", ""])
def test_a_name_that_is_only_like_it_has_no_prices(name: str) -> None:
    assert profile_of(name).prices is None


def test_a_sum_is_as_sure_as_its_weakest_part() -> None:
    billed, listed, unknown = Cost(1, "billed"), Cost(2, "list_price"), Cost(None, "unknown")
    assert sum([billed, billed], Cost()) == Cost(2, "billed")
    assert billed + listed == Cost(3, "list_price")
    assert billed + listed + unknown == Cost(None, "unknown")
    assert unknown + billed == Cost(None, "unknown")
    assert Cost(0.0, "unknown") + billed == Cost(None, "unknown")


def test_usage_adds_up() -> None:
    one = Usage.of(message(10, 4, 3))
    assert one == Usage(input_tokens=10, cached_tokens=4, output_tokens=3)
    assert one + one == Usage(20, 8, 6)
    assert Usage.of(HumanMessage("hi")) is None
    assert Usage.of(AIMessage("no usage")) is None


def test_reasoning_counts_as_output_wherever_the_gateway_counts_it() -> None:
    details = {"completion_tokens_details": {"reasoning_tokens": 30}}
    within = {"prompt_tokens": 100, "completion_tokens": 35, "total_tokens": 135, **details}
    beside = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 135, **details}
    for usage in (within, beside):
        sound = usage_from_wire(usage)
        assert sound is not None
        assert sound["completion_tokens"] == 35
        assert sound["total_tokens"] == 135


def test_more_reasoning_than_output_cannot_be_a_part_of_it() -> None:
    details = {"completion_tokens_details": {"reasoning_tokens": 30}}
    rebuilt = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105, **details}
    assert usage_from_wire(rebuilt) == usage_from_wire({**rebuilt, "total_tokens": 135})


COUNTS = (
    *("prompt_tokens", "completion_tokens", "total_tokens"),
    *("cached_tokens", "reasoning_tokens"),
)
WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from([*COUNTS, "prompt_tokens_details", "completion_tokens_details"]),
            inner,
        )
    ),
)


@given(WILD)
def test_no_usage_object_gives_unsound_counts(usage: object) -> None:
    sound = usage_from_wire(usage)
    if sound is None:
        return
    prompt, completion = sound["prompt_tokens"], sound["completion_tokens"]
    assert 0 < sound["total_tokens"] == prompt + completion
    assert 0 <= sound["prompt_tokens_details"]["cached_tokens"] <= prompt
    assert 0 <= sound["completion_tokens_details"]["reasoning_tokens"] <= completion
