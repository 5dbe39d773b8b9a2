"""The prompt library as people and agents use it: found, tagged, exchanged, remembered."""

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from grok_agent.cli import app
from grok_agent.errors import SettingsError
from grok_agent.library import PromptLibrary
from grok_agent.library.memory import NAMESPACE, LibraryStore
from grok_agent.library.postgres import PostgresDatabase
from grok_agent.library.words import searchable, terms
from grok_agent.prompts.schema import Keyword, PromptSpec, Text

VERSION_1 = """
CREATE TABLE prompts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, created_at TEXT NOT NULL, task TEXT NOT NULL,
    model TEXT NOT NULL, spec TEXT NOT NULL, images TEXT NOT NULL, features TEXT, cost_usd REAL
)
"""


def a_prompt(title: str = "Rain", *, en: str = "auburn hair", zh: str = "赤褐色头发") -> PromptSpec:
    return PromptSpec(
        title=title,
        subject=Text(en="a woman in the rain", zh="雨夜中的旗袍女子"),
        positive=[Keyword(en=en, zh=zh)],
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of our own, reached by a socket in a folder."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [
        Path(shutil.which("initdb") or "")
    ]
    if not found[-1].is_file():
        pytest.skip("PostgreSQL is not installed")
    # pytest's own temporary folders are closed to other users, and the server refuses root.
    with tempfile.TemporaryDirectory(prefix="grok-pg-") as name:
        folder = Path(name)
        as_user: list[str] = []
        if os.geteuid() == 0:
            as_user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
            os.chown(folder, 65534, 65534)
        data = folder / "data"
        initdb = [str(found[-1]), "-D", str(data), "-U", "grok", "-A", "trust", "--no-sync"]
        subprocess.run([*as_user, *initdb, "-E", "UTF8"], check=True, capture_output=True)
        server = [*as_user, str(found[-1].with_name("pg_ctl")), "-D", str(data), "-w", "-s"]
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run([*server, "-l", str(folder / "log"), "-o", options, "start"], check=True)
        yield f"postgresql://grok@/postgres?host={folder}"
        subprocess.run([*server, "-m", "immediate", "stop"], check=True)


@pytest.fixture(params=["sqlite", "postgres"])
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PromptLibrary]:
    if request.param == "sqlite":
        place = str(tmp_path / "library.sqlite3")
    else:
        place = request.getfixturevalue("postgres")
        database = PostgresDatabase(place)
        with database.writing() as session:
            session.run("DELETE FROM prompts")
            session.run("DELETE FROM tags")
        database.close()
    with PromptLibrary(place) as opened:
        yield opened


@pytest.mark.parametrize(
    "query",
    ["rain", "RAI", "雨夜", "旗袍女子", "中的", "auburn 旗袍", "auburn-hair", "赤褐色", "task of"],
)  # fmt: skip
def test_prompts_are_found_by_words_of_both_languages(library: PromptLibrary, query: str) -> None:
    number = library.save(a_prompt(), task="a task of mine", model="m")
    library.save(a_prompt("Other", en="x", zh="某").model_copy(
        update={"subject": Text(en="a cat", zh="猫")}), task="t", model="m")  # fmt: skip
    assert [record.id for record in library.search(query)] == [number]


@pytest.mark.parametrize("query", ["uburn", "夜雨", "hair auburn cat", "!!!", "'; DROP", '"*'])
def test_other_words_find_nothing(library: PromptLibrary, query: str) -> None:
    library.save(a_prompt(), task="t", model="m")
    assert library.search(query) == []


def test_results_come_newest_first_in_pages(library: PromptLibrary) -> None:
    numbers = [library.save(a_prompt(f"t{n}"), task="t", model="m") for n in range(5)]
    first = library.search("auburn", limit=2)
    second = library.search("auburn", limit=2, before=first[-1].id)
    assert [each.id for each in (*first, *second)] == numbers[:0:-1]
    assert [each.id for each in library] == numbers


def test_tags_narrow_a_search(library: PromptLibrary) -> None:
    one = library.save(a_prompt("one"), task="t", model="m", tags=["client a", "初稿"])
    two = library.save(a_prompt("two"), task="t", model="m", tags=["client a"])
    assert [each.id for each in library.search("auburn", tags=["client a", "初稿"])] == [one]
    assert library.tag(two, add=["初稿"], remove=["client a"]).tags == ("初稿",)
    assert library.tags() == {"client a": 1, "初稿": 2}
    with pytest.raises(SettingsError, match="no tag"):
        library.tag(two, add=["x" * 61])


def test_the_same_prompt_is_kept_once(library: PromptLibrary) -> None:
    first = library.save(a_prompt(), task="t", model="m", tags=["a"])
    assert library.save(a_prompt(), task="t", model="m", tags=["b"]) == first
    assert library.get(first).tags == ("a", "b")
    assert library.count() == 1


def test_names_scores_and_lineage(library: PromptLibrary) -> None:
    first = library.save(a_prompt("one"), task="t", model="m", name="rain")
    second = library.save(a_prompt("two"), task="t", model="m", derived_from=first)
    assert library.score(second, {"likeness": 0.71}).scores == {"likeness": 0.71}
    assert [each.id for each in library.lineage(second)] == [second, first]
    with pytest.raises(SettingsError, match="has the name 'rain' already"):
        library.rename(second, "rain")
    library.delete(first)
    assert [each.id for each in library.lineage(second)] == [second]
    assert library.search("one") == []
    with pytest.raises(SettingsError, match="no prompt"):
        library.delete(first)


def test_a_library_of_the_first_version_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite3"
    with sqlite3.connect(path) as raw:
        raw.execute(VERSION_1)
        row = ("2026-01-02T03:04:05+00:00", "旧 task", "m", a_prompt().model_dump_json(), "[]")
        for spec in (row[3], row[3], "damaged"):
            raw.execute(
                "INSERT INTO prompts (created_at, task, model, spec, images)"
                " VALUES (?, ?, ?, ?, ?)",
                (*row[:3], spec, row[4]),
            )
        raw.execute(f"PRAGMA application_id = {0x47524F4B}")
        raw.execute("PRAGMA user_version = 1")
    raw.close()
    with PromptLibrary(path) as library:
        assert [record.id for record in library.search("旧 旗袍")] == [2, 1]
        assert library.get(1).tags == ()
        with pytest.raises(SettingsError, match=r"Prompt 3 in .* is damaged"):
            library.get(3)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_any_part_of_a_chinese_text_is_found(before: str, part: str, after: str) -> None:
    for term in terms(part):
        whole = f" {searchable([f'{before} {part} {after}'])} "
        assert f" {term} " in whole


@given(st.text(max_size=40))
@settings(max_examples=30)
def test_any_query_is_a_query(tmp_path_factory: pytest.TempPathFactory, query: str) -> None:
    with PromptLibrary(tmp_path_factory.mktemp("l") / "l.sqlite3") as library:
        library.save(a_prompt(), task="t", model="m")
        library.search(query)


def test_the_store_view_is_a_memory(library: PromptLibrary) -> None:
    store = LibraryStore(library)
    store.put(NAMESPACE, "rain", a_prompt("one").model_dump())
    item = store.get(NAMESPACE, "rain")
    assert item is not None
    assert item.value["spec"]["title"] == "one"
    store.put(NAMESPACE, "rain", {"spec": a_prompt("two").model_dump(), "tags": ["x"]})
    (found,) = store.search(NAMESPACE, query="two 旗袍", filter={"tags": "x"})
    assert (found.key, found.value["derived_from"]) == ("rain", item.value["id"])
    assert store.list_namespaces() == [NAMESPACE]
    assert store.list_namespaces(prefix=("other",)) == []
    store.delete(NAMESPACE, "rain")
    assert store.get(NAMESPACE, "rain") is None
    assert store.search(("elsewhere",)) == []
    with pytest.raises(SettingsError, match="prompts only"):
        store.put(("notes",), "a", {"b": 1})
    with pytest.raises(SettingsError, match="no prompt"):
        store.put(NAMESPACE, "a", {"b": 1})


async def test_the_store_view_works_in_async_graphs(tmp_path: Path) -> None:
    with PromptLibrary(tmp_path / "l.sqlite3") as library:
        store = LibraryStore(library)
        await store.aput(NAMESPACE, "rain", a_prompt().model_dump())
        assert [item.key for item in await store.asearch(NAMESPACE, query="雨夜")] == ["rain"]


def test_an_unreachable_server_is_told_without_the_password() -> None:
    with pytest.raises(SettingsError, match="cannot be used") as caught:
        PromptLibrary("postgresql://me:secret@/x?host=/nowhere")
    assert "secret" not in str(caught.value)


# From the shell


def run(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(app, ["library", *arguments], input=input)


def test_a_prompt_goes_the_whole_way_through_the_shell(tmp_path: Path) -> None:
    source = tmp_path / "prompt.json"
    source.write_text(a_prompt().model_dump_json(), encoding="utf-8")
    assert "kept as prompt 1" in run("add", str(source), "--tag", "a", "--name", "rain").stdout
    assert "Rain" not in run("search", "cat").stdout
    assert "赤褐色头发" in run("search", "雨夜").stdout
    assert json.loads(run("show", "1", "--json").stdout)["tags"] == ["a"]
    assert run("tag", "1", "--add", "b", "--remove", "a").stdout == "prompt 1: b\n"
    out = tmp_path / "all.jsonl"
    assert run("export", "--out", str(out)).exit_code == 0
    assert run("delete", "1").exit_code == 0
    assert run("show", "1").exit_code == 2
    assert run("import", str(out)).stdout.startswith("1 new prompt(s)")
    assert run("import", str(out)).stdout.startswith("0 new prompt(s), 1 that were there")
    assert json.loads(run("list", "--json").stdout)["name"] == "rain"


def test_an_import_goes_on_after_a_bad_line(tmp_path: Path) -> None:
    file = tmp_path / "mixed.jsonl"
    lines = ["{broken", "[1]", json.dumps({"title": "x"}), a_prompt().model_dump_json(), ""]
    file.write_text("\n".join(lines), encoding="utf-8")
    done = run("import", str(file))
    assert done.exit_code == 2
    assert [line[:14] for line in done.stderr.splitlines()] == [f"Error: line {n}:" for n in "123"]
    assert done.stdout.startswith("1 new prompt(s), 0 that were there already, 3 unusable")


def test_a_table_starts_no_formula(tmp_path: Path) -> None:
    with PromptLibrary(tmp_path / "l.sqlite3") as library:
        library.save(a_prompt("=1+1"), task="t", model="m")
    out = tmp_path / "all.csv"
    assert run("export", "--out", str(out), "--library", str(tmp_path / "l.sqlite3")).exit_code == 0
    assert ",'=1+1," in out.read_text(encoding="utf-8")
    assert run("export", "--out", str(tmp_path / "no" / "a.csv")).exit_code == 2
