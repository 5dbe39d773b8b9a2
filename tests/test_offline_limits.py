"""The embedded gateway takes as many requests as its limits say, and knows what it charged."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grok_agent.chat_model import ChatGrokBuild
from grok_agent.errors import SettingsError
from grok_agent.gateway.faults import IncompleteAnswerError, OverloadedError, RateLimitedError
from grok_agent.offline import offline_model
from grok_agent.offline.bill import Bill, ticks_of
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.limits import Limits, Outage, Turnstile
from grok_agent.offline.usage import usage
from grok_agent.offline.wire import Request, Response, Turn


def at(limits: Limits, *moments: float) -> str:
    """What becomes of requests at these seconds: "+" taken, "-" refused."""
    clock = iter(moments)
    gate = Turnstile(limits, clock=lambda: next(clock))
    return "".join("-" if gate.refusal() else "+" for _ in moments)


def post(gateway: OfflineGateway, path: str = "/v1/chat/completions") -> Response:
    body = json.dumps({"model": "grok-build-0.1", "messages": [{"role": "user", "content": "a"}]})
    method = "POST" if path.endswith("completions") else "GET"
    return gateway.handle(Request(method, path, {"authorization": "Bearer k"}, body.encode()))


def model(gateway: OfflineGateway, **options: object) -> ChatGrokBuild:
    return offline_model(gateway, max_retries=0, **options)


def test_a_bucket_takes_its_burst_and_then_its_rate() -> None:
    assert at(Limits(rate=10, burst=3), 5, 5, 5, 5, 5.125, 5.14, 5.25) == "+++-+-+"


def test_a_rest_fills_no_more_than_the_burst() -> None:
    assert at(Limits(rate=10, burst=2), 0, 0, 99, 99, 99) == "++++-"


def test_refusals_that_drain_keep_a_pushing_client_out() -> None:
    hammering = [i * 0.05 for i in range(100)]
    assert at(Limits(rate=10, refusals_drain=True), *hammering).count("+") == 1
    assert at(Limits(rate=10), *hammering).count("+") > 40
    patient = [i * 0.11 for i in range(100)]
    assert at(Limits(rate=10, refusals_drain=True), *patient) == "+" * 100


@given(
    st.floats(0.1, 100),
    st.integers(1, 20),
    st.booleans(),
    st.lists(st.floats(0, 2), min_size=1, max_size=60),
)
def test_no_window_takes_more_than_burst_and_rate(
    rate: float, burst: int, drains: bool, gaps: list[float]
) -> None:
    moments = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    taken = at(Limits(rate=rate, burst=burst, refusals_drain=drains), *moments).count("+")
    assert taken <= burst + (moments[-1] - moments[0]) * rate + 1e-6
    assert taken >= 1


def test_a_refusal_reaches_the_caller_with_the_wait_that_was_asked_for() -> None:
    limited = model(OfflineGateway(limits=Limits(rate=0.001, retry_after=7)))
    limited.invoke("hello")
    with pytest.raises(RateLimitedError) as caught:
        limited.invoke("hello")
    assert caught.value.retry_after_s == 7
    silent = OfflineGateway(limits=Limits(rate=0.001))
    assert [post(silent).status, post(silent).status] == [200, 429]
    assert "retry-after" not in post(silent).headers


@pytest.mark.parametrize(("kind", "status"), [("overloaded", 503), ("bad_gateway", 502)])
def test_an_outage_answers_nothing_and_ends(kind: str, status: int) -> None:
    clock = iter([100, 101.9, 102, 104.9, 105])
    gate = Turnstile(Limits(outages=(Outage(2, 5, kind),)), clock=lambda: next(clock))
    assert [bool(gate.outage()) for _ in range(5)] == [False, False, True, True, False]
    assert post(OfflineGateway(limits=Limits(outages=(Outage(0, 60, kind),)))).status == status


def test_a_request_in_an_outage_uses_nothing_up() -> None:
    limits = Limits(rate=0.001, outages=(Outage(0, 60),))
    bill = Bill()
    out = OfflineGateway(faults=[Fault("bad_request")], limits=limits, bill=bill)
    with pytest.raises(OverloadedError):
        model(out).invoke("hello")
    assert bill.ticks == 0


def test_limits_stand_behind_refusing_faults_and_before_the_answer() -> None:
    faults = [Fault("server_error"), Fault("answer", status=418)]
    gateway = OfflineGateway(faults=faults, limits=Limits(rate=0.001))
    assert [post(gateway).status for _ in range(4)] == [500, 418, 200, 429]
    assert post(gateway, "/v1/models").status == 200


@pytest.mark.parametrize("wrong", [{"rate": 0}, {"rate": -1}, {"rate": float("nan")}, {"burst": 0}])
def test_limits_that_take_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="take no request"):
        Limits(**wrong)  # type: ignore[arg-type]


def test_the_bill_is_what_the_answers_say() -> None:
    bill = Bill()
    charged = offline_model(OfflineGateway(lambda chat: Turn("Good day."), bill=bill))
    said = [
        charged.invoke("hello").response_metadata["cost_in_usd_ticks"],
        charged.invoke("hello").response_metadata["cost_in_usd_ticks"],
        sum(chunk.response_metadata.get("cost_in_usd_ticks", 0) for chunk in charged.stream("hi")),
    ]
    assert all(said)
    assert bill.ticks == sum(said)
    assert sorted(map(len, bill.answers.values())) == [1, 2]


def test_an_answer_that_was_cut_is_charged_too() -> None:
    bill = Bill()
    gateway = OfflineGateway(faults=[Fault("cut_stream"), Fault("rate_limit")], bill=bill)
    torn = model(gateway)
    for _ in range(2):
        with pytest.raises((IncompleteAnswerError, RateLimitedError)):
            list(torn.stream("hello"))
    assert len(bill.answers) == 1


def test_ticks_follow_the_price_list() -> None:
    assert ticks_of(usage(1_000_000 // 8, 0, 0, 0)) == 1_250_000_000
    assert ticks_of(usage(1_000, 640, 10, 5)) == (360 + 128 + 30) * 10_000
    assert ticks_of(usage(200_000, 0, 1_000, 0)) == (400_000 + 4_000) * 10_000


def test_without_a_bill_no_answer_claims_to_cost() -> None:
    assert "cost_in_usd_ticks" not in json.loads(post(OfflineGateway()).body())["usage"]
