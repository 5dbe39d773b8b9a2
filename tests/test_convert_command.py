"""Converting, looking over and importing prompts from the shell."""

import json
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin
from typer.testing import CliRunner, Result

from grok_agent.cli import app
from grok_agent.library import PromptLibrary
from grok_agent.prompts.critique import critique
from grok_agent.prompts.exporters import EXPORTERS
from grok_agent.prompts.schema import Keyword, PromptSpec, Text

INFOTEXT = (
    "portrait of a woman, (auburn hair:1.2)\nNegative prompt: blurry\n"
    "Steps: 30, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 832x1216, Model: film"
)


def run(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=input)


def picture(path: Path) -> Path:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("parameters", INFOTEXT)
    Image.new("RGB", (64, 64), "teal").save(path, pnginfo=info)
    return path


def test_a_picture_becomes_a_graph(tmp_path: Path) -> None:
    out = tmp_path / "graph.json"
    done = run("convert", str(picture(tmp_path / "a.png")), "--to", "comfyui", "--out", str(out))
    assert done.exit_code == 0
    kinds = [node["class_type"] for node in json.loads(out.read_text()).values()]
    assert "KSampler" in kinds
    assert "not taken over: Model: film" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_text_from_standard_input_is_converted() -> None:
    done = run("convert", "-", "--to", "midjourney", input=INFOTEXT)
    assert done.stdout.startswith("portrait of a woman, auburn hair")
    assert "--ar 2:3 --no blurry --seed 5" in done.stdout
    assert "dropped steps" not in done.stdout


def test_the_machine_form_tells_what_was_lost() -> None:
    made = json.loads(run("convert", "-", "--to", "grok-imagine", "--json", input=INFOTEXT).stdout)
    assert made["payload"]["aspect_ratio"] == "2:3"
    assert "seed" in {note["field"] for note in made["dropped"]}


def test_targets_can_be_listed() -> None:
    assert run("convert", "-", "--to", "list").stdout.split() == list(EXPORTERS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("convert", "missing.json", "--to", "a1111"), "cannot be read"),
        (("convert", "-", "--to", "photoshop"), "is no target"),
        (("lint", "/"), "cannot be read"),
    ],
)
def test_bad_input_is_told_with_exit_code_2(arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments, input=INFOTEXT)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_a_result_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "no" / "graph.json"
    done = run("convert", "-", "--to", "a1111", "--out", str(out), input=INFOTEXT)
    assert (done.exit_code, out.exists()) == (2, False)


def spec(*positive: str, **changes: object) -> PromptSpec:
    words = [Keyword(en=word, zh=f"中 {word}") for word in positive]
    return PromptSpec(title="x", subject=Text(en="a cat", zh="猫"), positive=words, **changes)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (spec("day", "city at night"), "contradicts"),
        (spec("blue eyes", "eyes blue"), "repeats"),
        (spec("bright blue eyes", "blue eyes"), "is said by"),
        (spec("猫"), "is Chinese in en"),
        (
            spec(*(f"red thing number {n} of many" for n in range(20)), target="sdxl"),
            "of which CLIP reads 75",
        ),
        (spec("a gun"), "is banned"),
        (
            spec("cat", style=Text(en="film grain", zh="胶片颗粒"),
                 negative=[Keyword(en="film grain", zh="胶片颗粒")]),
            "is asked for in style",
        ),
    ],
)  # fmt: skip
def test_weaknesses_are_named(prompt: PromptSpec, said: str) -> None:
    remarks = critique(prompt, banned=["gun"])
    assert [str(each) for each in remarks if said in str(each)]
    assert all(each.next_step for each in remarks)


def test_a_good_prompt_has_no_weakness() -> None:
    assert critique(spec("portrait", "soft window light", "gunmetal coat"), banned=["gun"]) == []


def test_lint_ends_with_1_where_there_are_weaknesses(tmp_path: Path) -> None:
    file = tmp_path / "prompt.json"
    file.write_text(spec("day", "night").model_dump_json(), encoding="utf-8")
    done = run("lint", str(file))
    assert done.exit_code == 1
    assert "contradicts" in done.stdout
    file.write_text(spec("day").model_dump_json(), encoding="utf-8")
    assert run("lint", str(file)).exit_code == 0


def test_prompts_of_pictures_go_into_the_library(tmp_path: Path, empty_environment: Path) -> None:
    good = picture(tmp_path / "a.png")
    bare = tmp_path / "bare.png"
    Image.new("RGB", (64, 64)).save(bare)
    done = run("import-image", str(good), str(bare))
    assert done.exit_code == 2
    assert "holds no prompt" in done.stderr
    with PromptLibrary(empty_environment / "library.sqlite3") as library:
        (record,) = library.recent()
    assert record.spec.positive_en == ["portrait of a woman", "auburn hair"]
    assert len(record.images) == 1
