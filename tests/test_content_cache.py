"""Values by content digest: shared, bounded, and never in the way."""

import multiprocessing
import os
import sqlite3
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grok_agent.context import content_cache
from grok_agent.context.content_cache import ContentCache

DIGESTS = [sha256(str(n).encode()).hexdigest() for n in range(2000)]


def cache(folder: Path, **options: object) -> ContentCache:
    return ContentCache("things", "1", folder=folder, **options)  # type: ignore[arg-type]


def test_values_come_back_in_a_new_process_s_cache(tmp_path: Path) -> None:
    values = {digest: digest.encode() * (n % 50) for n, digest in enumerate(DIGESTS)}
    cache(tmp_path).put_many(values)
    assert cache(tmp_path).get_many([*DIGESTS, "unknown", DIGESTS[0]]) == values


def test_the_folder_of_the_settings_is_used() -> None:
    ContentCache("things", "1").put_many({"a": b"x"})
    assert (Path(os.environ["GROK_CACHE_DIR"]) / "things.sqlite").is_file()


def test_another_version_or_name_has_its_own_values(tmp_path: Path) -> None:
    cache(tmp_path).put_many({"a": b"old"})
    newer = ContentCache("things", "2", folder=tmp_path)
    assert newer.get_many(["a"]) == {}
    newer.put_many({"a": b"new"})
    assert cache(tmp_path).get_many(["a"]) == {"a": b"old"}
    assert ContentCache("other", "1", folder=tmp_path).get_many(["a"]) == {}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.binary()))
def test_any_key_and_bytes(values: dict[str, bytes], tmp_path: Path) -> None:
    stored = cache(tmp_path)
    stored.put_many(values)
    assert stored.get_many(values) == values
    stored.close()


def test_the_size_is_bounded_and_the_oldest_use_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 4 << 20
    stored = cache(tmp_path, max_bytes=limit)
    for day, digest in enumerate(DIGESTS[:1500]):
        monkeypatch.setattr(content_cache, "_today", lambda day=day: 20_000 + day // 100)
        stored.put_many({digest: os.urandom(6000)})
        stored.get_many(DIGESTS[:1])
    stored.close()
    assert stored.path.stat().st_size < limit * 1.1
    left = stored.get_many(DIGESTS[:1500])
    assert DIGESTS[0] in left, "it was used every day"
    assert DIGESTS[1] not in left
    assert set(DIGESTS[1400:1500]) <= left.keys()


def test_a_value_too_large_for_the_cache_is_not_stored(tmp_path: Path) -> None:
    stored = cache(tmp_path, max_bytes=1 << 20)
    stored.put_many({"big": bytes(1 << 19), "small": b"x"})
    assert stored.get_many(["big", "small"]) == {"small": b"x"}


def test_a_damaged_row_is_left_out(tmp_path: Path) -> None:
    stored = cache(tmp_path)
    stored.put_many({"a": b"right", "b": b"right", "c": b"right"})
    with sqlite3.connect(stored.path) as connection:
        connection.execute("UPDATE contents SET value = x'00' WHERE key = '1:a'")
        connection.execute("UPDATE contents SET value = 'text' WHERE key = '1:b'")
    connection.close()
    assert stored.get_many("abc") == {"c": b"right"}


@pytest.mark.parametrize("damage", ["no database", "torn", "no tables"])
def test_a_damaged_file_is_no_cache_and_then_a_new_one(tmp_path: Path, damage: str) -> None:
    stored = cache(tmp_path)
    stored.put_many({digest: os.urandom(3000) for digest in DIGESTS[:300]})
    stored.close()
    if damage == "no tables":
        with sqlite3.connect(stored.path) as connection:
            connection.execute("DROP TABLE contents")
        connection.close()
    else:
        whole = stored.path.read_bytes()
        torn = whole[:4096] + os.urandom(len(whole) - 4096)
        stored.path.write_bytes(torn if damage == "torn" else b"%PDF-1.7" + bytes(9000))
    assert stored.get_many(DIGESTS) == {}
    stored.put_many({"a": b"again"})
    assert stored.get_many(["a"]) == {"a": b"again"}


def test_somebody_else_s_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "things.sqlite") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = (tmp_path / "things.sqlite").read_bytes()
    stored = cache(tmp_path)
    stored.put_many({"a": b"x"})
    assert stored.get_many(["a"]) == {}
    stored.close()
    assert (tmp_path / "things.sqlite").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    stored = cache(tmp_path / "file" / "folder")
    stored.put_many({"a": b"x"})
    assert stored.get_many(["a"]) == {}


def test_a_full_disk_is_no_cache(tmp_path: Path) -> None:
    stored = cache(tmp_path)
    stored.put_many({"a": b"x"})
    with stored._file.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    stored.put_many({digest: os.urandom(3000) for digest in DIGESTS})
    assert stored.get_many(["a", *DIGESTS]) == {"a": b"x"}


def test_a_locked_file_is_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_cache, "BUSY_S", 0.01)
    stored = cache(tmp_path)
    stored.put_many({"a": b"x"})
    other = sqlite3.connect(stored.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    stored.put_many({"b": b"y"})
    other.execute("ROLLBACK")
    other.close()
    assert stored.get_many(["a", "b"]) == {"a": b"x"}


def test_threads_share_one_cache(tmp_path: Path) -> None:
    stored = cache(tmp_path)

    def work(part: int) -> None:
        for digest in DIGESTS[part::4][:50]:
            stored.put_many({digest: digest.encode()})
            assert stored.get_many([digest]) == {digest: digest.encode()}

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stored.get_many(DIGESTS)) == 200


def put_some(folder: Path, part: int) -> None:
    stored = cache(folder)
    for start in range(0, 500, 50):
        stored.put_many({d: d.encode() for d in DIGESTS[part::2][start : start + 50]})


def test_processes_share_one_file(tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("spawn")
    workers = [spawning.Process(target=put_some, args=(tmp_path, part)) for part in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert cache(tmp_path).get_many(DIGESTS) == {d: d.encode() for d in DIGESTS[:1000]}
