"""The ledger: every billed request is kept, sums are exact to the tick, caps hold."""

import logging
import os
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grok_agent.errors import GatewayError, SettingsError, SpendingCapError
from grok_agent.gateway.attempt import MAX_TICKS, Attempt, key_alias
from grok_agent.gateway.bills import BILLS_VERSION, Bills, Caps, bills_of
from grok_agent.gateway.faults import Target
from grok_agent.gateway.ledger import TICKS_PER_USD, Cost
from grok_agent.gateway.totals import Total
from grok_agent.profile import GROK_BUILD, OFFLINE_MODEL, is_same_model

TARGET = Target("https://relay.example/v1", GROK_BUILD.name, "sk-secret")


@pytest.fixture
def bills(tmp_path: Path) -> Bills:
    return Bills(tmp_path / "账单" / "ledger.sqlite3")


def usage(prompt: int, output: int = 0, cached: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "prompt_tokens_details": {"cached_tokens": cached},
        **more,
    }


def billed(ticks: int, **rest: Any) -> Attempt:
    wire = usage(10, 1, cost_in_usd_ticks=ticks)
    return Attempt.of(TARGET, wire, served=GROK_BUILD.name, **rest)


def whole(bills: Bills) -> Total:
    return sum(bills.totals(), Total("total"))


@given(st.integers(min_value=0, max_value=MAX_TICKS))
def test_a_bill_keeps_every_tick(ticks: int) -> None:
    assert billed(ticks).ticks == ticks


@given(
    st.integers(0, GROK_BUILD.window_tokens),
    st.integers(0, 300_000),
    st.floats(0, 1),
)
def test_the_price_list_is_exact_to_the_tick(prompt: int, output: int, share: float) -> None:
    cached = int(prompt * share)
    attempt = Attempt.of(TARGET, usage(prompt, output, cached), served=GROK_BUILD.name)
    double = 2 if prompt >= 200_000 else 1
    ticks = double * ((prompt - cached) * 10_000 + cached * 2_000 + output * 20_000)
    assert attempt.ticks == (ticks if prompt + output else None)


def test_sums_are_exact(bills: Bills) -> None:
    amounts = [1, 3, 7_777_777_777, 1_234_567_890_123] * 250
    for ticks in amounts:
        bills.record(billed(ticks))
    assert whole(bills).ticks == whole(bills).billed == sum(amounts)


@pytest.mark.parametrize("ticks", [None, "12", -1, float("nan"), True, [], 10**400])
def test_a_bill_that_is_none_is_not_believed(ticks: object) -> None:
    attempt = Attempt.of(TARGET, usage(100, cost_in_usd_ticks=ticks), served=GROK_BUILD.name)
    assert (attempt.cost.basis, attempt.ticks) == ("list_price", 1_000_000)


def test_each_basis_has_a_sum_of_its_own(bills: Bills) -> None:
    bills.record(billed(5))
    bills.record(Attempt.of(TARGET, usage(1), served="x-ai/grok-build-0.1"))
    bills.record(Attempt.of(TARGET, usage(2), status="cut"))
    bills.record(Attempt.of(TARGET, usage(3), estimated=True))
    bills.record(Attempt.of(TARGET, None, status="cut"))
    bills.record(Attempt.of(TARGET, None, status="failed"))
    bills.record(Attempt.of(TARGET, usage(4), served="grok-4.6"))
    bills.record(Attempt.of(TARGET, usage(9, 1), served=OFFLINE_MODEL))
    total = whole(bills)
    assert (total.billed, total.listed, total.estimated) == (5, 10_000, 50_000)
    assert (total.requests, total.cut, total.failed, total.unknown) == (7, 2, 1, 3)
    assert total.ticks == 60_005
    assert total.usage.input_tokens == 10 + 1 + 2 + 3 + 4  # not what was answered offline


def test_an_absurd_bill_is_unknown_and_not_in_the_sum(bills: Bills) -> None:
    bills.record(billed(10**17))
    assert (whole(bills).unknown, whole(bills).ticks) == (1, 0)


def test_totals_by_everything(bills: Bills) -> None:
    yesterday = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
    other = Target(TARGET.base_url, "grok-4.6", "sk-other")
    bills.record(billed(1, thread="t1", call="c1", at=yesterday))
    bills.record(billed(2, thread="t1", call="c1", at=yesterday + timedelta(seconds=1)))
    wire = usage(1, cost_in_usd_ticks=4)
    late = yesterday + timedelta(hours=2)
    bills.record(Attempt.of(other, wire, thread="t2", call="c2", at=late))
    sums = {by: {t.name: t.ticks for t in bills.totals(by)} for by in ("day", "thread", "call")}
    assert sums["day"] == {"2026-02-28": 1, "2026-03-01": 6}
    assert sums["thread"] == {"t1": 3, "t2": 4}
    assert sums["call"] == {"c1": 3, "c2": 4}
    assert {t.name: t.ticks for t in bills.totals("model")} == {GROK_BUILD.name: 3, "grok-4.6": 4}
    assert {t.name: t.ticks for t in bills.totals("key")} == {
        key_alias("sk-secret"): 3,
        key_alias("sk-other"): 4,
    }
    assert sum(t.ticks for t in bills.totals("day", since=late)) == 4


def test_a_day_is_a_day_in_utc(bills: Bills) -> None:
    beijing = datetime.fromisoformat("2026-03-01T07:00:00+08:00")
    bills.record(billed(1, at=beijing))
    assert [total.name for total in bills.totals()] == ["2026-02-28"]


def test_attempts_come_back_as_they_were(bills: Bills) -> None:
    given = [billed(n, thread=f"线程{n}", request_id=f"r{n}", status="cut") for n in range(7)]
    given.append(Attempt.of(TARGET, None, status="failed"))
    for attempt in given:
        bills.record(attempt)
    assert list(bills.attempts(page=3)) == given


def test_the_key_is_not_in_the_file(bills: Bills) -> None:
    target = Target("https://me:sk-secret@relay.example/v1?key=sk-secret", "m", "sk-secret")
    bills.record(Attempt.of(target, usage(1)))
    bills.close()
    assert b"sk-secret" not in bills.path.read_bytes()
    assert next(bills.attempts()).base_url == "https://relay.example/v1"
    assert key_alias("sk-secret") == key_alias("sk-secret") != key_alias("sk-secret2")
    assert key_alias("") == ""


@pytest.mark.parametrize("text", ["name \udcff", "a\0b", "x" * 100_000, "'); DROP TABLE attempts;"])
def test_texts_of_gateways_are_kept_as_data(bills: Bills, text: str) -> None:
    bills.record(Attempt.of(TARGET, usage(1), served=text, request_id=text, thread=text))
    (attempt,) = bills.attempts()
    assert attempt.request_id[:1] == text[:1]
    assert len(attempt.request_id) <= 500


def test_another_model_than_asked_is_told(bills: Bills) -> None:
    for served in ("grok-build-0.1", "x-ai/Grok-Build-0.1", "grok-build-0.1-20260601", ""):
        bills.record(Attempt.of(TARGET, usage(1), served=served))
    bills.record(Attempt.of(TARGET, usage(1), served=OFFLINE_MODEL))
    assert bills.substitutions() == []
    bills.record(Attempt.of(TARGET, usage(1), served="grok-build-0.1-mini"))
    (other,) = bills.substitutions()
    assert (other.asked, other.served, other.requests) == (TARGET.model, "grok-build-0.1-mini", 1)


@pytest.mark.parametrize("served", ["grok-4.6", "grok-4-fast", "grok", "my-grok-4", "-2024"])
def test_a_longer_name_is_another_model(served: str) -> None:
    assert not is_same_model("grok-4", served)
    assert is_same_model("grok-4", "grok-4-0709")


def test_caps_hold_for_call_run_and_day(bills: Bills) -> None:
    bills.record(billed(TICKS_PER_USD // 2, thread="run", call="call"))
    for caps in (Caps(call=0.5), Caps(run=0.5), Caps(day=0.5)):
        with pytest.raises(SpendingCapError, match=r"0\.5 USD per .* nothing was sent") as raised:
            bills.check(caps, thread="run", call="call")
        assert not isinstance(raised.value, GatewayError)  # nothing to retry, nothing to blame
        assert raised.value.next_step
    bills.check(Caps(call=0.51, run=0.51, day=0.51), thread="run", call="call")
    bills.check(Caps(call=0.5, run=0.5), thread="another", call="another")
    bills.check(Caps(call=0.0, run=0.0))  # neither a call nor a run is named


def test_the_cap_of_a_day_does_not_see_other_days_nor_offline_answers(bills: Bills) -> None:
    bills.record(billed(TICKS_PER_USD, at=datetime.now(UTC) - timedelta(days=1, seconds=1)))
    bills.record(Attempt.of(TARGET, usage(10**9), served=OFFLINE_MODEL))
    bills.check(Caps(day=0.001))


def test_the_cap_of_a_day_counts_what_another_process_spent(bills: Bills) -> None:
    bills.check(Caps(day=1))
    Bills(bills.path).record(billed(TICKS_PER_USD))
    with pytest.raises(SpendingCapError):
        bills.check(Caps(day=1))


def test_a_cap_says_once_that_it_does_not_see_unknown_costs(
    bills: Bills, caplog: pytest.LogCaptureFixture
) -> None:
    bills.record(Attempt.of(TARGET, None, status="cut"))
    for _ in range(3):
        bills.check(Caps(day=1))
    assert caplog.text.count("does not see") == 1


@pytest.mark.parametrize("usd", [-1, float("nan")])
def test_a_cap_below_zero_is_refused(usd: float) -> None:
    with pytest.raises(SettingsError, match="cap per day"):
        Caps(day=usd)


def test_threads_share_one_ledger(tmp_path: Path) -> None:
    def record_some() -> None:
        for _ in range(50):
            bills_of(tmp_path / "ledger.sqlite3").record(billed(1))

    threads = [threading.Thread(target=record_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert whole(bills_of(tmp_path / "ledger.sqlite3")).ticks == 200
    bills_of(tmp_path / "ledger.sqlite3").close()


WRITER = """
import sys
from grok_agent.gateway.attempt import Attempt
from grok_agent.gateway.bills import Bills
from grok_agent.gateway.ledger import Cost
bills = Bills(sys.argv[1])
for ticks in range(100):
    bills.record(Attempt("m", cost=Cost(ticks / 1e10)))
"""


def test_two_processes_open_and_write_one_new_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path)]) for _ in "ab"]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    assert (whole(Bills(path)).requests, whole(Bills(path)).ticks) == (200, 2 * sum(range(100)))


FORKED = """
import os, sys
from grok_agent.gateway.attempt import Attempt
from grok_agent.gateway.bills import Bills
from grok_agent.gateway.ledger import Cost
bills = Bills(sys.argv[1])
bills.record(Attempt("m", cost=Cost(1e-10)))
if not (child := os.fork()):
    bills.record(Attempt("m", cost=Cost(2e-10)))
    os._exit(0)
os.waitpid(child, 0)
bills.record(Attempt("m", cost=Cost(4e-10)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
def test_a_forked_process_opens_the_file_anew(bills: Bills) -> None:
    subprocess.run([sys.executable, "-c", FORKED, str(bills.path)], check=True)
    assert whole(bills).ticks == 7


def newer(path: Path) -> None:
    bills = Bills(path)
    bills.record(billed(1))
    bills.close()
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA user_version = {BILLS_VERSION + 1}")
    raw.close()


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE bookmarks (url TEXT)")
    raw.close()


def garbage(path: Path) -> None:
    path.write_bytes(b"a picture, not a database" * 50)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (newer, "version 2.*Update"),
        (foreign, "no ledger"),
        (garbage, "no database"),
        (Path.mkdir, "cannot be used"),
    ],
)
def test_a_file_that_cannot_be_used_is_left_alone_and_stops_no_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: Any, words: str
) -> None:
    path = tmp_path / "ledger.sqlite3"
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    bills = Bills(path)
    with caplog.at_level(logging.WARNING, "grok_agent"):
        for _ in range(3):
            bills.record(billed(1))
    assert caplog.text.count("kept in memory only") == 1
    with pytest.raises(SettingsError, match=words):
        bills.totals()
    with pytest.raises(SettingsError, match=words):
        bills.check(Caps(day=1))  # a cap that cannot be looked at lets nothing through
    bills.check(Caps())
    bills.close()
    assert not path.is_file() or path.read_bytes() == before


def test_what_could_not_be_written_is_written_later(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ledger.sqlite3"
    path.parent.write_text("in the way")
    bills = Bills(path)
    bills.record(billed(1))
    bills.record(billed(2))
    path.parent.unlink()
    bills.record(billed(4))
    assert whole(bills).ticks == 7


FULL_DISK = """
import logging, resource, sys
from grok_agent.gateway.attempt import Attempt
from grok_agent.gateway.bills import Bills
from grok_agent.gateway.ledger import Cost
logging.basicConfig(stream=sys.stdout, format="%(message)s")
bills = Bills(sys.argv[1])
bills.record(Attempt("kept", cost=Cost(1e-10)))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (70000, hard))
for _ in range(300):
    bills.record(Attempt("m" * 500, cost=Cost(1e-10)))
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
bills.close()
print(sum(total.ticks for total in bills.totals()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file sizes are a POSIX feature")
def test_a_disk_without_room_is_told_once_and_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "ledger.sqlite3")],
        capture_output=True,
        text=True,
        check=True,
    )
    told, ticks = done.stdout.splitlines()
    assert "kept in memory only" in told
    assert ticks == "301"


def test_costs_that_are_not_known_have_no_ticks() -> None:
    assert Attempt("m").ticks is None
    assert Attempt("m", cost=Cost(0.0, "billed")).ticks == 0
