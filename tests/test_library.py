"""The prompt library: what is saved comes back, and a file it cannot use is left alone."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from grok_agent.errors import SettingsError
from grok_agent.library import LIBRARY_VERSION, PromptLibrary
from grok_agent.prompts.schema import Keyword, PromptSpec, Text

HASH = "ab" * 32


def a_prompt(title: str = "雨夜旗袍") -> PromptSpec:
    return PromptSpec(
        title=title,
        subject=Text(en="a woman in a red qipao", zh="穿红色旗袍的女子"),
        positive=[Keyword(en="neon light", zh="霓虹灯光", source="user")],
    )


def test_a_saved_prompt_comes_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "提示词" / "library.sqlite3"
    with PromptLibrary(path) as library:
        number = library.save(
            a_prompt(),
            task="画一位🌧️女子",
            model="offline-planner",
            images=[HASH],
            features={"色调": "暖"},
            cost_usd=0.0012,
        )
    with PromptLibrary(path) as library:
        record = library.get(number)
    assert record.spec == a_prompt()
    assert (record.task, record.model) == ("画一位🌧️女子", "offline-planner")
    assert (record.images, record.features, record.cost_usd) == ((HASH,), {"色调": "暖"}, 0.0012)
    assert record.created_at.endswith("+00:00")


def test_recent_gives_the_newest_first(tmp_path: Path) -> None:
    with PromptLibrary(tmp_path / "library.sqlite3") as library:
        for title in ("one", "two", "three"):
            library.save(a_prompt(title), task=title, model="m")
        assert [record.task for record in library.recent(2)] == ["three", "two"]
        assert library.recent()[0].cost_usd is None
        with pytest.raises(SettingsError, match="limit"):
            library.recent(0)


def test_pictures_and_paths_are_not_stored(tmp_path: Path) -> None:
    with PromptLibrary(tmp_path / "library.sqlite3") as library:
        with pytest.raises(SettingsError, match="no SHA-256 hash"):
            library.save(a_prompt(), task="t", model="m", images=["/home/me/face.jpg"])
        assert library.recent() == []


def test_a_task_with_text_that_is_no_unicode_is_saved(tmp_path: Path) -> None:
    with PromptLibrary(tmp_path / "library.sqlite3") as library:
        number = library.save(a_prompt(), task="name \udcff", model="m")
        assert library.get(number).task == "name ?"


@pytest.mark.parametrize("number", [0, -1, 7, 2**80])
def test_an_unknown_id_is_said_plainly(tmp_path: Path, number: int) -> None:
    with (
        PromptLibrary(tmp_path / "library.sqlite3") as library,
        pytest.raises(SettingsError, match=f"no prompt {number} in"),
    ):
        library.get(number)


def test_threads_share_one_library(tmp_path: Path) -> None:
    with PromptLibrary(tmp_path / "library.sqlite3") as library:

        def save_some(name: str) -> None:
            for index in range(20):
                library.save(a_prompt(), task=f"{name}{index}", model="m")

        threads = [threading.Thread(target=save_some, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tasks = {record.task for record in library.recent(1000)}
    assert tasks == {f"{name}{index}" for name in "abcd" for index in range(20)}


WRITER = """
import sys
from grok_agent.library import PromptLibrary
from grok_agent.prompts.schema import PromptSpec
spec = PromptSpec.model_validate_json(sys.argv[3])
for index in range(25):
    with PromptLibrary(sys.argv[1]) as library:
        library.save(spec, task=f"{sys.argv[2]}{index}", model="m")
"""


def test_two_processes_open_and_write_one_new_file(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite3"
    command = [sys.executable, "-c", WRITER, str(path)]
    spec = a_prompt().model_dump_json()
    writers = [subprocess.Popen([*command, name, spec]) for name in "ab"]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    with PromptLibrary(path) as library:
        records = library.recent(1000)
    assert {record.task for record in records} == {f"{n}{i}" for n in "ab" for i in range(25)}
    assert len({record.id for record in records}) == 50


def test_a_library_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite3"
    PromptLibrary(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA user_version = {LIBRARY_VERSION + 1}")
    raw.close()
    with pytest.raises(SettingsError, match=rf"version {LIBRARY_VERSION + 1}.*Update grok-agent"):
        PromptLibrary(path)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE bookmarks (url TEXT)")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="no prompt library; it was left as it is"):
        PromptLibrary(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"a picture, not a database" * 50, b"SQLite format 3\0" * 99])
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "library.sqlite3"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"is no database|is damaged|cannot be used"):
        PromptLibrary(path)
    assert path.read_bytes() == content


def test_a_damaged_row_is_told_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite3"
    with PromptLibrary(path) as library:
        number = library.save(a_prompt(), task="t", model="m")
        with sqlite3.connect(path) as raw:
            raw.execute("UPDATE prompts SET spec = '{\"title\": 3'")
        raw.close()
        with pytest.raises(SettingsError, match=r"Prompt 1 in .* is damaged"):
            library.get(number)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="in a folder that you may write to"):
        PromptLibrary(tmp_path / "file" / "library.sqlite3")
    with pytest.raises(SettingsError, match="Name another file"):
        PromptLibrary(tmp_path)


FULL_DISK = """
import resource, sys
from grok_agent.errors import SettingsError
from grok_agent.library import PromptLibrary
from grok_agent.prompts.schema import PromptSpec
spec = PromptSpec.model_validate_json(sys.argv[2])
with PromptLibrary(sys.argv[1]) as library:
    library.save(spec, task="kept", model="m")
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
    try:
        library.save(spec, task="x" * 1_000_000, model="m")
    except SettingsError as error:
        print(error)
    print([record.task for record in library.recent()])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file sizes are a POSIX feature")
def test_a_disk_without_room_is_told_and_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            FULL_DISK,
            str(tmp_path / "l.sqlite3"),
            a_prompt().model_dump_json(),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    told, kept = done.stdout.splitlines()
    assert "disk" in told
    assert kept == "['kept']"


def test_a_closed_library_says_so(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path / "library.sqlite3")
    library.close()
    library.close()
    with pytest.raises(SettingsError, match="is closed"):
        library.recent()
