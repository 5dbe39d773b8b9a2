"""`grok-agent usage`: what requests have cost, as a table, as JSON and row by row."""

import csv
import io
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from grok_agent.chat_model import ChatGrokBuild
from grok_agent.cli import app
from grok_agent.gateway.attempt import Attempt, key_alias
from grok_agent.gateway.bills import Bills
from grok_agent.gateway.edge import LEDGER_FILE, Edge
from grok_agent.gateway.faults import ContentRefusedError, IncompleteAnswerError, Target
from grok_agent.offline import offline_model
from grok_agent.offline.bill import Bill
from grok_agent.offline.faults import Fault
from grok_agent.offline.gateway import OfflineGateway
from grok_agent.offline.server import running
from grok_agent.offline.wire import Request, Response
from grok_agent.profile import GROK_BUILD, OFFLINE_MODEL

TARGET = Target("https://relay.example/v1", GROK_BUILD.name, "sk-secret")
JANUARY = datetime(2026, 1, 31, 12, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["usage", *map(str, arguments)])


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def bills(empty_environment: Path) -> Bills:
    return Bills(empty_environment / LEDGER_FILE)


def record(
    bills: Bills, ticks: int | None = None, *, served: str = GROK_BUILD.name, **rest: Any
) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "cost_in_usd_ticks": ticks}
    bills.record(Attempt.of(TARGET, usage, served=served, **rest))


def line(result: Result, name: str) -> list[str]:
    assert result.exit_code == 0, result.output
    found = [ln.split() for ln in result.stdout.splitlines() if ln.startswith(name)]
    assert len(found) == 1, result.stdout
    return found[0]


def test_nothing_was_recorded_yet() -> None:
    result = run()
    assert result.exit_code == 0
    assert "No request has been recorded yet. Answers of the embedded gateway" in result.stdout


def test_a_day_is_a_line_and_the_sum_stands_below(bills: Bills) -> None:
    record(bills, 10_000_000_001, at=JANUARY)
    record(bills, 5_000_000_000, at=MARCH, status="cut")
    record(bills, 5_000_000_000, at=MARCH)
    result = run()
    head = " ".join(result.stdout.splitlines()[0].split())
    assert head == "day requests cut failed tokens in cached out USD unknown"
    assert line(result, "2026-01-31")[-2] == "1.000000"
    assert " ".join(line(result, "2026-03-01")) == "2026-03-01 2 1 0 2,000 0 20 1.000000 0"
    assert line(result, "total")[-2] == "2.000000"
    assert "2.000000 USD as billed" in result.stdout


def test_what_was_before_is_left_out(bills: Bills) -> None:
    record(bills, 1, at=JANUARY)
    record(bills, 2, at=MARCH)
    for since in ("2026-02-01", "2026-03-01T12:00:00", "2026-03-01T20:00+08:00"):
        assert json.loads(run("--since", since, "--json").stdout)["total"]["ticks"] == 2
    assert "since then" in run("--since", "2026-03-02").stdout


def test_the_day_of_since_is_included(bills: Bills) -> None:
    record(bills, 1, at=datetime(2026, 3, 1, tzinfo=UTC))
    assert json.loads(run("--since", "2026-03-01", "--json").stdout)["total"]["ticks"] == 1


@pytest.mark.parametrize("by", ["model", "thread", "key", "call"])
def test_other_groups(bills: Bills, by: str) -> None:
    record(bills, 10_000_000_000, thread="线程", call="c1")
    names = {"model": "grok-build-0.1", "thread": "线程", "key": "key-", "call": "c1"}
    assert line(run("--by", by), names[by])[-2] == "1.000000"


def test_an_unknown_cost_is_never_zero(bills: Bills) -> None:
    record(bills, served="grok-4.6", at=JANUARY)
    record(bills, 10_000_000_000, at=MARCH)
    result = run()
    assert line(result, "2026-01-31")[-2:] == ["unknown", "1"]
    assert line(result, "total")[-2:] == ["≥1.000000", "1"]
    assert "The cost of 1 request(s) is not known and is in no sum." in result.stdout


def test_estimates_are_told_apart(bills: Bills) -> None:
    record(bills, status="cut")
    result = run()
    assert " ".join(line(result, "total")) == "total 1 1 0 1,000 0 10 0.001020 0"
    assert "0.001020 estimated" in result.stdout


def test_what_the_embedded_gateway_answers_is_not_recorded_and_that_is_said(bills: Bills) -> None:
    record(bills, 5, at=MARCH)
    before = run("--json").stdout
    record(bills, 999, served=OFFLINE_MODEL)
    Path("README.md").write_text("# Shapes\n")
    command = ["ask", "--offline", "--repo", ".", "--json", "what is this"]
    asked = CliRunner().invoke(app, command, input="")
    assert asked.exit_code == 0, asked.output
    assert run("--json").stdout == before
    assert "Answers of the embedded gateway cost nothing and are not recorded." in run().stdout


def test_another_model_than_asked_is_listed(bills: Bills) -> None:
    for _ in range(2):
        record(bills, 1, served="grok-\x1b[31m4.6")
    result = run("--by", "model")
    assert "Another model than asked: grok-build-0.1 -> grok-\ufffd[31m4.6, 2 req" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_local_currency_at_the_rate_that_is_set(
    bills: Bills, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(bills, 10_000_000_000)
    assert "CNY" not in run().stdout
    assert line(run("--rate", "7.1"), "total")[-3:-1] == ["1.000000", "7.1000"]
    assert "1 USD = 7.1 CNY" in run("--rate", "7.1").stdout
    assert "1 USD = 0.9 EUR" in run("--rate", "0.9", "--currency", "eur").stdout
    monkeypatch.setenv("GROK_CURRENCY_RATE", "7.25")
    assert "1 USD = 7.25 CNY" in run().stdout
    assert "1 USD = 7.25 CNY" in run("--currency", "CNY").stdout


def test_one_currency_is_not_counted_at_the_rate_of_another(
    bills: Bills, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROK_CURRENCY_RATE", "7.25")
    result = run("--currency", "EUR")
    assert result.exit_code == 2
    assert "A rate for EUR is not set" in result.stderr
    assert "--rate" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--by", "colour"], "day, model, thread, key, call"),
        (["--since", "yesterday"], "2026-01-31"),
        (["--since", "0001-01-01T00:00+14:00"], "is no date"),
        (["--rate", "many"], "GROK_CURRENCY_RATE cannot be used"),
        (["--rate", "0"], "GROK_CURRENCY_RATE cannot be used"),
        (["--rate", "NaN"], "GROK_CURRENCY_RATE cannot be used"),
        (["--currency", "yuan", "--rate", "1"], "three letters"),
        (["--currency", "CNY"], "A rate for CNY is not set"),
        (["--csv", "no/such/folder/x.csv"], "cannot be written"),
        (["--csv", "."], "cannot be written"),
    ],
)
def test_what_cannot_be_used_is_exit_2_with_the_next_step(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert words in result.stderr


def test_csv_has_a_row_for_every_request_and_exact_amounts(bills: Bills, tmp_path: Path) -> None:
    record(bills, 12_345, thread="雨夜,旗袍", request_id="req-1", at=JANUARY)
    record(bills, status="cut")
    record(bills, served="grok-4.6")
    bills.record(Attempt.of(TARGET, None, status="failed"))
    file = tmp_path / "usage.csv"
    assert run("--csv", file, "--rate", "7").exit_code == 0
    first, cut, other, failed = rows(file.read_text(encoding="utf-8"))
    assert (first["request_id"], first["thread"]) == ("req-1", "雨夜,旗袍")
    assert first["at"] == "2026-01-31T12:00:00.000+00:00"
    assert (first["cost_in_usd_ticks"], first["USD"]) == ("12345", "0.0000012345")
    assert first["CNY"] == "0.0000086415"
    assert (cut["basis"], cut["estimated"], cut["cost_in_usd_ticks"]) == (
        "list_price",
        "yes",
        "10200000",
    )
    assert (other["model_served"], other["basis"], other["USD"]) == ("grok-4.6", "unknown", "")
    assert (failed["input_tokens"], failed["USD"], failed["CNY"]) == ("", "", "")
    assert "sk-secret" not in file.read_text(encoding="utf-8")


def test_csv_on_standard_output(bills: Bills) -> None:
    record(bills, 1)
    assert [row["cost_in_usd_ticks"] for row in rows(run("--csv", "-").stdout)] == ["1"]


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1"])
def test_a_spreadsheet_finds_no_formula_in_a_gateways_words(bills: Bills, name: str) -> None:
    record(bills, 1, served=name, request_id=name)
    (row,) = rows(run("--csv", "-").stdout)
    assert row["model_served"] == row["request_id"] == f"'{name}"


def test_sums_of_json_and_csv_agree_to_the_tick(bills: Bills) -> None:
    for ticks in (1, 99_999_999_999, 3):
        record(bills, ticks)
    total = json.loads(run("--json").stdout)["total"]
    exported = sum(int(row["cost_in_usd_ticks"]) for row in rows(run("--csv", "-").stdout))
    assert total["ticks"] == exported == 100_000_000_003
    assert total["usd"] == "10.0000000003"


def test_a_ledger_of_a_newer_version_is_told(empty_environment: Path) -> None:
    bills = Bills(empty_environment / LEDGER_FILE)
    record(bills, 1)
    bills.close()
    with sqlite3.connect(bills.path) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    result = run()
    assert result.exit_code == 2
    assert "Update grok-agent" in result.stderr


class PaidGateway(OfflineGateway):
    """Answers in the name of the real model, which has a price."""

    def handle(self, request: Request) -> Response:
        response = super().handle(request)
        body = response.body().replace(OFFLINE_MODEL.encode(), GROK_BUILD.name.encode())
        return replace(response, chunks=[body], headers=without_length(response.headers))


def without_length(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "content-length"}


def ask(url: str, repository: Path) -> Result:
    command = ["ask", "--repo", str(repository), "--base-url", url, "what is this repository"]
    return CliRunner().invoke(app, command, input="")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GROK_API_KEY", "sk-secret")
    (tmp_path / "README.md").write_text("# Shapes\n")
    return tmp_path


@pytest.mark.enable_socket
def test_a_run_is_in_the_ledger_as_the_gateway_billed_it(repository: Path) -> None:
    bill = Bill()
    with running(PaidGateway(bill=bill)) as url:
        asked = ask(url, repository)
    assert asked.exit_code == 0, asked.output
    result = json.loads(run("--by", "thread", "--json").stdout)
    assert result["total"]["billed"] == result["total"]["ticks"] == bill.ticks > 0
    assert result["total"]["requests"] == sum(map(len, bill.answers.values()))
    (thread,) = result["groups"]  # the run is one conversation
    assert thread["name"] in asked.stderr  # the journal's folder bears its id
    assert [row["key"] for row in rows(run("--csv", "-").stdout)][:1] == [key_alias("sk-secret")]


@pytest.mark.enable_socket
def test_an_answer_that_could_not_be_used_is_in_the_ledger_too(repository: Path) -> None:
    bill = Bill()
    with running(PaidGateway(faults=[Fault("bad_arguments", times=1)], bill=bill)) as url:
        assert ask(url, repository).exit_code == 0
    total = json.loads(run("--json").stdout)["total"]
    assert total["cut"] == 1
    assert total["requests"] == sum(map(len, bill.answers.values()))
    assert total["ticks"] == bill.ticks


@pytest.mark.enable_socket
def test_a_stream_that_broke_off_before_its_bill_is_estimated(repository: Path) -> None:
    bill = Bill()
    with running(PaidGateway(faults=[Fault("cut_stream", times=1)], bill=bill)) as url:
        model = ChatGrokBuild(base_url=url, api_key="sk-secret")
        with pytest.raises(IncompleteAnswerError):
            list(model.stream("What can you do?"))
        list(model.stream("What can you do?"))
    total = json.loads(run("--json").stdout)["total"]
    (cut, whole) = (ticks for amounts in bill.answers.values() for ticks in amounts)
    assert total["billed"] == whole
    assert 0.2 * cut < total["estimated"] < 1.5 * cut
    assert (total["requests"], total["cut"], total["unknown"]) == (2, 1, 0)


@pytest.mark.enable_socket
@pytest.mark.parametrize("streaming", [False, True])
def test_a_gateway_that_counts_nothing_is_counted_for(
    repository: Path, bills: Bills, streaming: bool
) -> None:
    bill = Bill()
    with running(PaidGateway(faults=[Fault("no_usage", times=None)], bill=bill)) as url:
        model = ChatGrokBuild(base_url=url, api_key="sk-secret", streaming=streaming)
        model.invoke("What can you do? " * 100)
    (attempt,) = bills.attempts()
    assert (attempt.status, attempt.cost.basis, attempt.estimated) == ("whole", "list_price", True)
    assert attempt.ticks
    assert 0.7 * bill.ticks < attempt.ticks < 1.5 * bill.ticks


def test_a_fee_for_a_refused_prompt_is_of_unknown_cost(bills: Bills) -> None:
    error = {"message": "hit", "type": "violation_fee.grok.csam", "code": "violation_fee.grok.csam"}
    refusal = Fault("answer", status=403, body=json.dumps({"error": error}))
    model = offline_model(OfflineGateway(faults=[refusal]), edge=Edge(bills=bills))
    with pytest.raises(ContentRefusedError):
        model.invoke("go")
    result = run()
    assert " ".join(line(result, "total")) == "total 1 0 1 0 0 0 unknown 1"


@pytest.mark.enable_socket
def test_a_cap_that_is_reached_sends_nothing_and_is_exit_4(
    bills: Bills, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(bills, 5_000_000_000)
    monkeypatch.setenv("GROK_MAX_USD_PER_DAY", "0.5")
    bill = Bill()
    with running(PaidGateway(bill=bill)) as url:
        result = ask(url, repository)
    assert result.exit_code == 4, result.output
    assert "0.5 USD per day is reached" in result.stderr
    assert "GROK_MAX_USD_PER_DAY" in result.stderr
    assert bill.answers == {}
