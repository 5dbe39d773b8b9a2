"""What a person sees of the bill while a run goes on."""

from typing import Any

import pytest

from grok_agent.console import Lines
from grok_agent.running_bill import RunningBill, cached_share


def answer(usd: float | None, usage: dict[str, int] | None) -> dict[str, Any]:
    return {
        "event": "model",
        "text": "",
        "tool_calls": [],
        "model": "grok-build-0.1",
        "usage": usage,
        "total_usd": usd,
    }


def used(cached: int) -> dict[str, int]:
    return {"input_tokens": 1_000, "cached_tokens": cached}


def test_the_bill_is_said_again_every_ten_requests(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines() as lines:
        for number in range(1, 21):
            lines.event(answer(number / 1_000, used(750)))
    said = capsys.readouterr().err
    assert "so far 10 requests, 75% of the input cached, $0.0100" in said
    assert "so far 20 requests, 75% of the input cached, $0.0200" in said
    assert said.count("so far") == 2


def test_a_batch_is_told_with_its_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines() as lines:
        lines.event({"event": "history", "step": 4, "tokens_before": 18_900, "tokens": 7_300})
    assert "18,900 -> 7,300 tokens" in capsys.readouterr().err


def test_what_is_not_known_is_not_made_up() -> None:
    bill = RunningBill()
    assert str(bill) == ""
    bill.add(answer(None, None))
    bill.add({"event": "tool"})
    assert str(bill) == "1 request, 0% of the input cached, cost unknown"
    assert cached_share(0, 0) == "0%"
