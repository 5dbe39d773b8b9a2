"""Which files matter for a task: rankings of real folders, with and without history."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_agent.context import file_terms, searched
from grok_agent.context.rank import Ranked, rank, rank_files
from grok_agent.errors import SettingsError

SHOP: Mapping[str, str] = {
    "shop/till.py": "class Till:\n    def refund_order(self, order):\n        return order.total\n",
    "shop/stock.py": "def count_boxes(shelf):\n    raise LookupError('no shelf of that name')\n",
    "shop/mail.py": "def send_receipt(order):\n    '''Send the receipt of an order by mail.'''\n",
    "shop/report/__init__.py": "def monthly(orders):\n    return sorted(orders)\n",
    "tests/test_till.py": "def test_refund_order():\n    assert Till().refund_order(order)\n",
    "docs/till.md": "# The till\n\nRefund an order with `refund_order`.\n",
    "pyproject.toml": "[project]\nname = 'shop'\n",
}


PROGRAMS = (
    "core.fsmonitor",
    "core.pager",
    "core.sshCommand",
    "core.alternateRefsCommand",
    "gpg.program",
    "diff.external",
    "diff.evil.command",
    "diff.evil.textconv",
    "filter.evil.clean",
    "filter.evil.smudge",
)
"""Settings of git that name a program."""


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, ns=(1_600_000_000_000_000_000,) * 2)  # old enough for a cache to trust
    return root


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def commit(root: Path, message: str, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)


def first(root: Path, query: str) -> str:
    return rank_files(root, query, 1)[0]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write(tmp_path / "shop-repo", SHOP)


@pytest.mark.parametrize(
    ("task", "file"),
    [
        ("refunding an order gives the wrong total", "shop/till.py"),
        ("boxes are counted twice", "shop/stock.py"),
        ("call refund_order once only", "shop/till.py"),
        ("report: sort by month", "shop/report/__init__.py"),
        ("add a test for refunds", "tests/test_till.py"),
        ("docs: say how to refund", "docs/till.md"),
        ("mailing receipts", "shop/mail.py"),
    ],
)
def test_words_names_and_paths_find_the_file(shop: Path, task: str, file: str) -> None:
    assert first(shop, task) == file


@pytest.mark.parametrize(
    ("task", "file"),
    [
        ("something is odd in shop/mail.py", "shop/mail.py"),
        ("something is odd in mail.py:2, refund an order", "shop/mail.py"),
        ("refund_order is slow, see C:\\work\\shop\\mail.py", "shop/mail.py"),
        ("refund an order in shop.mail.send_receipt", "shop/mail.py"),
        ("refund_order, from shop/report.py as it was", "shop/report/__init__.py"),
        ("crate::shop::report::monthly refunds an order", "shop/report/__init__.py"),
        ('an order fails with "no shelf of that name"', "shop/stock.py"),
        (
            "refund_order fails\n\nTraceback (most recent call last):\n"
            '  File "/srv/app/shop/till.py", line 3, in refund_order\n    return order.total\n'
            '  File "/srv/app/shop/mail.py", line 1, in send_receipt\n    raise ValueError\n'
            '  File "/usr/lib/python3.11/email/till.py", line 9, in send\n    x()\n'
            "ValueError: 3",
            "shop/mail.py",
        ),
        (
            "order.total is not a function\n    at send (/srv/app/shop/mail.py:1:3)\n"
            "    at refund (/srv/app/shop/till.py:2:9)\n",
            "shop/mail.py",
        ),
        ("refund orders.\nLookupError: no shelf of that name: 7", "shop/stock.py"),
    ],
)
def test_what_a_task_names_and_quotes_comes_first(shop: Path, task: str, file: str) -> None:
    assert first(shop, task) == file


def test_named_files_lead_and_further_words_count(shop: Path) -> None:
    task = "refund an order"
    named = rank(shop, task, named=["stock.py"])
    assert [named[0].path, named[0].reasons[0].words] == ["shop/stock.py", "named in the task"]
    assert first(shop, "it is slow") != "shop/stock.py"
    assert rank(shop, "it is slow", terms=["count_boxes"])[0].path == "shop/stock.py"


def test_a_ranking_explains_itself(shop: Path) -> None:
    ranking = rank(shop, "refund_order returns too much", 7)
    till = ranking[0]
    assert till.path == "shop/till.py"
    assert sum(reason.weight for reason in till.reasons) == pytest.approx(till.score)
    told = {reason.signal: reason.words for reason in till.reasons}
    assert told["names"] == "refund_order"
    test = next(ranked for ranked in ranking if ranked.path == "tests/test_till.py")
    against = min(test.reasons, key=lambda reason: reason.weight)
    assert (against.signal, against.words) == ("kind", "a test")
    assert [ranked.score for ranked in ranking] == sorted((r.score for r in ranking), reverse=True)


@pytest.mark.parametrize(
    "filler",
    ["x", "a/b.py:1 ", "word_of_a_task ", "'", 'File "', "at (", "\N{CJK UNIFIED IDEOGRAPH-6F22}"],
)
def test_a_task_of_100_kb_is_read_as_far_as_it_helps(shop: Path, filler: str) -> None:
    long = f"refund_order in shop/till.py\n{filler * (100_000 // len(filler))}"
    assert first(shop, long) == "shop/till.py"


def test_all_files_are_ranked_once_and_k_bounds_them(shop: Path) -> None:
    assert sorted(rank_files(str(shop), "refund", 100)) == sorted(SHOP)
    assert len(rank_files(shop, "refund", 3)) == 3
    assert rank_files(shop, "refund", 0) == rank_files(shop, "refund", -1) == []


def test_a_language_of_its_own_script_is_searched(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "# 读取配置文件\n", "b.py": "# 发送邮件\n", "c.py": "größe = 1\n"})
    assert first(tmp_path, "修复发送邮件的错误") == "b.py"
    assert first(tmp_path, "修改a.py文件里的邮件") == "a.py"
    assert first(tmp_path, "Größe falsch") == "c.py"


def test_past_commits_tell_what_words_in_files_do_not(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    commit(tmp_path, "Begin", {"a.py": "x = 1\n", "b.py": "x = 2\n", "c.py": "x = 3\n"})
    commit(tmp_path, "Speed up the carousel", {"b.py": "x = 22\n"})
    for number in range(9):
        commit(tmp_path, f"Mend {number}", {"ac"[number % 2] + ".py": f"x = {number}4\n"})
    ranking = rank(tmp_path, "the carousel needs more speed")
    assert ranking[0].path == "b.py"
    history = next(reason for reason in ranking[0].reasons if reason.signal == "history")
    assert history.words.startswith("such as commit ")


def test_history_follows_renames_and_new_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    body = "".join(f"value_{n} = {n}\n" for n in range(30))
    commit(tmp_path, "Begin", {"old.py": body, "x.py": "a = 1\n", "y.py": "a = 2\n"})
    commit(tmp_path, "Speed up the carousel", {"old.py": body + "z = 1\n"})
    (tmp_path / "new.py").write_text((tmp_path / "old.py").read_text())
    (tmp_path / "old.py").unlink()
    commit(tmp_path, "Move", {})
    assert first(tmp_path, "carousel") == "new.py"
    commit(tmp_path, "Polish the gearbox", {"y.py": "a = 3\n"})
    assert first(tmp_path, "gearbox") == "y.py"


def test_a_folder_inside_a_repository_has_its_part_of_the_history(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    commit(tmp_path, "Begin", {"in/a.py": "x = 1\n", "in/b.py": "x = 2\n", "out.py": "x = 3\n"})
    commit(tmp_path, "Speed up the carousel", {"in/b.py": "x = 22\n"})
    assert rank_files(tmp_path / "in", "carousel", 9) == ["b.py", "a.py"]


def test_without_a_task_what_is_worked_on_comes_first(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    commit(tmp_path, "Begin", {"a.py": "x = 1\n", "b.py": "x = 2\n", "z.py": "x = 3\n"})
    for number in range(3):
        commit(tmp_path, f"Change {number}", {"z.py": f"x = {number}\n"})
    assert first(tmp_path, "") == first(tmp_path, " \n ") == "z.py"


def test_a_hostile_repository_starts_no_program(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    commit(tmp_path, "Begin", {"a.py": "x = 1\n", ".gitattributes": "* diff=evil filter=evil\n"})
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for name in PROGRAMS:
        git(tmp_path, "config", name, str(trap))
    git(tmp_path, "config", "log.showSignature", "true")
    git(tmp_path, "config", "extensions.partialClone", "origin")
    git(tmp_path, "config", "remote.origin.promisor", "true")
    git(tmp_path, "config", "remote.origin.url", "ssh://host/x")
    blob = subprocess.run(
        ["git", "rev-parse", "HEAD:a.py"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.strip()
    (tmp_path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    for hook in ("reference-transaction", "post-index-change"):
        (tmp_path / ".git/hooks" / hook).write_text(trap.read_text())
        (tmp_path / ".git/hooks" / hook).chmod(0o755)
    assert "a.py" in rank_files(tmp_path, "x", 9)
    assert not (tmp_path / "sprung").exists()


def test_git_without_commits_shallow_and_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = write(tmp_path / "origin", {"a.py": "x = 1\n"})
    git(origin, "init", "-q")
    assert rank_files(origin, "x", 9) == ["a.py"]
    for number in range(3):
        commit(origin, f"Tune the carousel {number}", {"b.py": f"gear = {number}\n"})
    git(tmp_path, "clone", "-q", "--depth=1", origin.as_uri(), "shallow")
    assert sorted(rank_files(tmp_path / "shallow", "carousel", 9)) == ["a.py", "b.py"]
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert first(origin, "gear") == "b.py"


def test_a_second_call_in_another_process_reads_no_file(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import json, sys; from grok_agent.context.rank import rank_files;"
        "print(json.dumps(rank_files(sys.argv[1], sys.argv[2], 9)))"
    )
    asked = (str(shop), "refund_order of a till")
    done = subprocess.run(
        [sys.executable, "-c", code, *asked], check=True, capture_output=True, text=True
    )
    monkeypatch.setattr(file_terms, "read_text", lambda *_: pytest.fail("a file was read again"))
    assert rank_files(*asked, 9) == json.loads(done.stdout)


def test_changed_files_are_seen_and_the_index_does_not_grow_for_ever(
    shop: Path, monkeypatch: pytest.MonkeyPatch, empty_environment: Path
) -> None:
    monkeypatch.setattr("grok_agent.context.term_index.FORGIVEN_STALE", 5)
    for number in range(40):
        write(shop, {"shop/mail.py": f"gearbox_{number} = {number}\n"})
        os.utime(shop / "shop/mail.py", ns=(1_600_000_000_000_000_000 + number * 1_000,) * 2)
        assert first(shop, f"gearbox_{number}") == "shop/mail.py"
    assert "names" not in {reason.signal for reason in rank(shop, "gearbox_3")[0].reasons}
    (index,) = (empty_environment / "cache" / "words").glob("*-files-*.sqlite")
    with sqlite3.connect(index) as connection:
        assert connection.execute("SELECT count(*) FROM documents").fetchone()[0] < 35


@pytest.mark.parametrize("spoil", ["garbage", "cut", "other", "readonly", "folder"])
def test_an_index_that_cannot_be_used_is_none(
    shop: Path, empty_environment: Path, spoil: str
) -> None:
    right = rank(shop, "refund an order", 9)
    words = empty_environment / "cache" / "words"
    for path in words.glob("*.sqlite"):
        if spoil == "garbage":
            path.write_bytes(b"no database" * 999)
        elif spoil == "cut":
            path.write_bytes(path.read_bytes()[:5000])
        elif spoil == "other":
            path.unlink()
            with sqlite3.connect(path) as connection:
                connection.execute("CREATE TABLE mine (x)")
        elif spoil == "readonly":
            path.chmod(0o400)
        else:
            path.unlink()
            path.mkdir()
    assert rank(shop, "refund an order", 9) == right
    assert rank(shop, "refund an order", 9) == right


def test_two_callers_at_once_agree(shop: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        rankings = list(pool.map(lambda _: rank(shop, "refund an order", 9), range(8)))
    assert all(ranking == rankings[0] for ranking in rankings)


def test_odd_files_do_no_harm(tmp_path: Path) -> None:
    odd = {
        "empty.py": "",
        "one line.js": "x(" * 200_000,
        "new\nline \U0001f600.py": "refund\n",
        "latin.py": "größe".encode("latin-1"),
        "nul.py": b"\0\0refund",
        "key.pem": "refund refund",
        "same1.py": "twin = refund\n",
        "same2.py": "twin = refund\n",
    }
    write(tmp_path, odd)
    (tmp_path / os.fsdecode(b"\xff.py")).write_text("refund\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    ranking = [ranked.path for ranked in rank(tmp_path, "refund the twin", 99)]
    assert set(ranking) == set(odd) | {os.fsdecode(b"\xff.py")}
    assert ranking[:2] == ["same1.py", "same2.py"]


def test_a_file_that_vanishes_meanwhile_is_ranked_by_its_path(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = searched.snapshot(shop)
    (shop / "shop/mail.py").unlink()
    monkeypatch.setattr(searched, "snapshot", lambda root: files)
    assert first(shop, "mail") == "shop/mail.py"
    assert first(shop, '"receipt of an order" in mail.py') == "shop/mail.py"


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be listed"):
        rank(tmp_path / "missing", "x")
    (tmp_path / "empty").mkdir()
    assert rank(tmp_path / "empty", "x") == []


@settings(max_examples=25)
@given(query=st.text(max_size=300) | st.text("`'\"/\\.:\n aA(_1", max_size=300))
def test_any_text_is_a_task(query: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = write(
        tmp_path_factory.getbasetemp() / "any", {"a.py": "def a(): 1\n", "a/b.c": "int a;"}
    )
    ranking: list[Ranked] = rank(root, query)
    assert sorted(ranked.path for ranked in ranking) == ["a.py", "a/b.c"]
    assert rank(root, query) == ranking
