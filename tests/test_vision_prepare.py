"""Any file becomes a small upright JPEG without metadata, or one sentence that says why not."""

import base64
import io
import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from PIL import Image, ImageCms, ImageDraw

from grok_agent.errors import ToolError
from grok_agent.profile import GROK_BUILD, ImageLimits
from grok_agent.vision.prepare import Picture, data_url, hydrate, prepare

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait.jpg"
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
LIMITS = GROK_BUILD.images


def encoded(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.jpeg))).astype(int)


def corners() -> Image.Image:
    """96 x 64 px, in fields of 32: red top left, green top right, blue bottom left, else white."""
    image = Image.new("RGB", (96, 64), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 31, 31), "red")
    draw.rectangle((64, 0, 95, 31), "lime")
    draw.rectangle((0, 32, 31, 63), "blue")
    return image


def png_of_size(width: int, height: int) -> bytes:
    """A small PNG that claims any size, as a decompression bomb does."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = zlib.compress(bytes((width // 8 + 1) * min(height, 64)))
    begin = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return begin + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def refusal(source: Path | bytes | str) -> str:
    with pytest.raises(ToolError) as caught:
        prepare(source)
    assert caught.value.next_step
    return str(caught.value)


# What is sent


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_allowed_format_becomes_a_jpeg_and_keeps_its_facts(file_format: str) -> None:
    picture = prepare(encoded(corners(), file_format))
    assert (picture.source_format, picture.source_width, picture.source_height) == (
        file_format,
        96,
        64,
    )
    assert picture.jpeg.startswith(b"\xff\xd8\xff")
    assert (picture.width, picture.height, picture.frames, picture.orientation) == (96, 64, 1, 1)
    assert pixels(picture)[10, 10] == pytest.approx([255, 0, 0], abs=12)


def test_a_path_its_text_its_bytes_and_its_data_url_give_the_same_picture() -> None:
    data = PORTRAIT.read_bytes()
    url = "data:image/png;base64," + base64.b64encode(data).decode()  # the type lies: bytes count
    by_path = prepare(PORTRAIT)
    assert by_path == prepare(str(PORTRAIT)) == prepare(data) == prepare(url) == prepare(PORTRAIT)
    assert data_url(by_path) == (
        "data:image/jpeg;base64," + base64.b64encode(by_path.jpeg).decode()
    )


@pytest.mark.parametrize(
    ("width", "height"), [(4000, 3000), (2400, 2400), (6000, 500), (500, 6000), (2001, 1203)]
)
def test_large_pictures_shrink_to_what_the_model_looks_at(width: int, height: int) -> None:
    picture = prepare(encoded(Image.linear_gradient("L").resize((width, height)), "JPEG"))
    assert picture.width * picture.height <= 2_408_448
    assert max(picture.width, picture.height) <= 2000
    assert picture.width / picture.height == pytest.approx(width / height, rel=0.01)
    assert (picture.source_width, picture.source_height) == (width, height)


@pytest.mark.parametrize(
    ("size", "tokens"), [((300, 300), 512), ((512, 512), 1280), ((4000, 3000), 1792)]
)
def test_the_token_estimate_counts_tiles_up_to_the_cap(size: tuple[int, int], tokens: int) -> None:
    assert prepare(encoded(Image.new("L", size))).token_estimate == tokens


def test_noise_is_encoded_ever_more_coarsely_until_it_fits() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    source = encoded(Image.fromarray(noise))
    easy = prepare(source)
    coarse = prepare(source, ImageLimits(max_bytes=40_000))
    halved = prepare(source, ImageLimits(max_bytes=10_000))
    assert len(coarse.jpeg) <= 40_000 < len(easy.jpeg)
    assert (coarse.width, halved.width) == (300, 150)
    assert len(halved.jpeg) <= 10_000
    with pytest.raises(ToolError, match="cannot be made smaller than 100 bytes"):
        prepare(source, ImageLimits(max_bytes=100))


def test_nothing_private_leaves_with_the_picture() -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRETMAKER"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    source = encoded(corners(), "JPEG", exif=exif, comment=b"SECRETNOTE", quality=95)
    picture = prepare(source)
    assert b"SECRET" in source
    assert b"SECRET" not in picture.jpeg
    sent = Image.open(io.BytesIO(picture.jpeg))
    assert not sent.getexif()
    assert set(sent.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert picture.original.metadata.has_gps


# Turned, coloured, transparent, deep


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation: int, file_format: str) -> None:
    turn_back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = corners()
    if orientation in turn_back:
        stored = stored.transpose(turn_back[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = prepare(encoded(stored, file_format, exif=exif))
    assert (picture.orientation, picture.width, picture.height) == (orientation, 96, 64)
    assert (picture.source_width, picture.source_height) == (96, 64)
    seen = pixels(picture)
    assert seen[10, 10] == pytest.approx([255, 0, 0], abs=16)
    assert seen[10, 85] == pytest.approx([0, 255, 0], abs=16)
    assert seen[53, 10] == pytest.approx([0, 0, 255], abs=16)


def test_a_nonsense_orientation_is_none() -> None:
    exif = Image.Exif()
    exif[0x0112] = 99
    assert prepare(encoded(corners(), "JPEG", exif=exif)).orientation == 1


def test_a_damaged_exif_block_costs_no_picture() -> None:
    source = encoded(corners(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(30))
    assert prepare(source).orientation == 1


@pytest.mark.parametrize(
    ("array", "mean"),
    [
        (np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16), 127.5),
        (np.linspace(0, 1, 64 * 64).reshape(64, 64).astype(np.float32), 127.5),
        (np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.int32), 127.5),
        (np.full((64, 64), np.nan, dtype=np.float32), 0.0),
        (np.full((64, 64), -5.0, dtype=np.float32), 0.0),
        (np.full((64, 64), 1e30, dtype=np.float32), 255.0),
    ],
)
def test_deep_grey_keeps_its_tones(array: np.ndarray, mean: float) -> None:
    picture = prepare(encoded(Image.fromarray(array), "TIFF"))
    assert pixels(picture).mean() == pytest.approx(mean, abs=1.5)


def test_a_16_bit_grey_png_is_not_clipped_to_white() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    picture = prepare(encoded(Image.fromarray(ramp)))
    assert picture.original.mode == "I;16"
    assert pixels(picture).mean() == pytest.approx(127.5, abs=1.5)


def test_cmyk_has_the_colours_of_the_same_picture_in_rgb() -> None:
    picture = prepare(encoded(corners().convert("CMYK"), "JPEG", quality=95))
    assert picture.original.mode == "CMYK"
    assert pixels(picture) == pytest.approx(pixels(prepare(encoded(corners()))), abs=24)


def glass(mode: str) -> Image.Image:
    """Black with alpha: left half opaque, right half clear."""
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (32, 0, 64, 64))
    return image.convert(mode)


@pytest.mark.parametrize(
    "source",
    [
        encoded(glass("RGBA")),
        encoded(glass("LA")),
        encoded(glass("RGBA").quantize(4)),
        encoded(glass("RGBA"), "GIF"),
        encoded(glass("RGBA"), "WEBP", lossless=True),
        encoded(Image.fromarray(np.tile(np.uint8([0] * 32 + [9] * 32), (64, 1))), transparency=9),
    ],
    ids=["rgba", "la", "palette", "gif", "webp", "grey with one clear level"],
)
def test_what_is_clear_becomes_white(source: bytes) -> None:
    picture = prepare(source)
    seen = pixels(picture)
    assert picture.original.has_alpha
    assert seen[:, :28].mean() < 8
    assert seen[:, 36:].mean() > 247


def profile_with_red_and_blue_exchanged() -> bytes:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return (
        icc.replace(b"rXYZ", b"----", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"----", b"bXYZ", 1)
    )


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_colour_profile_is_applied(mode: str) -> None:
    source = encoded(corners().convert(mode), icc_profile=profile_with_red_and_blue_exchanged())
    assert pixels(prepare(source))[10, 10] == pytest.approx([0, 0, 255], abs=16)


@pytest.mark.parametrize(
    "icc",
    [b"not a profile", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()],
    ids=["damaged", "for other channels"],
)
def test_a_useless_colour_profile_is_left_out(icc: bytes) -> None:
    picture = prepare(encoded(corners(), icc_profile=icc))
    assert pixels(picture)[10, 10] == pytest.approx([255, 0, 0], abs=12)


# Frames


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_of_several_frames_is_sent_and_all_are_counted(file_format: str) -> None:
    colours = ("red", "lime", "blue")
    first, *others = [Image.new("RGB", (64, 64), colour) for colour in colours]
    picture = prepare(encoded(first, file_format, save_all=True, append_images=others))
    assert picture.frames == 3
    assert pixels(picture)[32, 32] == pytest.approx([255, 0, 0], abs=16)


def test_the_preview_behind_a_camera_jpeg_is_no_frame() -> None:
    preview = [Image.new("RGB", (32, 32))]
    picture = prepare(encoded(corners(), "MPO", save_all=True, append_images=preview))
    assert (picture.source_format, picture.frames) == ("JPEG", 1)


@pytest.mark.parametrize("file_format", ["GIF", "TIFF"])
def test_a_file_cut_between_its_frames_still_counts_what_is_there(file_format: str) -> None:
    first, *others = [Image.new("L", (64, 64), level) for level in (0, 90, 180)]
    whole = encoded(first, file_format, save_all=True, append_images=others)
    assert 1 <= prepare(whole[:-20]).frames <= 3


def test_a_gif_of_countless_frames_is_counted_up_to_a_cap() -> None:
    whole = encoded(Image.new("L", (64, 64)), "GIF")
    frame = whole[whole.index(b",") : -1]
    assert prepare(whole[:-1] + frame * 12_000 + b";").frames == 10_000


# Refusals


def test_a_decompression_bomb_is_refused_at_its_header() -> None:
    assert "too many pixels" in refusal(png_of_size(30_000, 30_000))
    assert "12000 x 9000" in refusal(png_of_size(12_000, 9_000))


def test_below_the_limit_large_pictures_pass_without_a_warning() -> None:
    large = encoded(Image.new("1", (9_700, 9_700), 1))  # over Pillow's own warning, under ours
    assert prepare(large).width == 1551


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_cut_file_is_never_half_a_picture(file_format: str, share: float) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), file_format)
    assert "damaged" in refusal(whole[: int(len(whole) * share)])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.jpg", b"", "empty.jpg is empty (0 bytes)"),
        ("notes.jpg", "Grüße, 你好\n".encode() * 500, "notes.jpg is text, not a picture"),
        ("utf16.jpg", "\ufeffGrüße".encode("utf-16"), "is text"),
        ("page.jpg", b"<!doctype html><html></html>", "is text"),
        ("logo.png", b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "SVG drawing"),
        ("scan.jpg", b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        ("art.png", b"8BPS\0\1" + bytes(40), "a Photoshop file"),
        ("figure.png", b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript file"),
        ("office.png", b"PK\x03\x04" + bytes(40), "a ZIP archive"),
        ("junk.png", bytes(range(256)) * 4, "no picture that can be read here"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name)


def test_a_wrong_extension_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(corners(), "WEBP"))
    assert prepare(tmp_path / "photo.jpg").source_format == "WEBP"


def test_paths_that_hold_no_file_are_refused(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)
    assert "There is no file" in refusal(tmp_path / "missing.jpg")
    assert "cannot be read" in refusal(tmp_path / ("x" * 300))
    assert refusal("nul\0byte.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    assert refusal(tmp_path / "loop.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "device or a pipe" in refusal(tmp_path / "pipe.jpg")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://example.org/a.png", "web address"),
        ("file:///etc/passwd", "web address"),
        ("data:text/html;base64,PGI+", "says text/html as its type"),
        ("data:image/png,abc", "not Base64"),
        ("data:image/png;base64", "not Base64"),
        ("data:image/png;base64,@@@@", "Base64 text of the data URL is damaged"),
        ("data:image/png;base64,", "is empty"),
    ],
)
def test_addresses_are_never_followed(url: str, words: str) -> None:
    assert words in refusal(url)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (7, 400), (30_000, 20)])
def test_pictures_too_small_for_the_model_are_refused(size: tuple[int, int]) -> None:
    assert "too small or too narrow" in refusal(encoded(Image.new("RGB", size)))


def test_heic_without_its_reader_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    heic = struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + bytes(100)
    assert "grok-agent[heic]" in refusal(heic)


def test_heic_with_its_reader_is_prepared() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    picture = prepare(encoded(corners(), "HEIF", quality=95))
    assert (picture.source_format, picture.width, picture.height) == ("HEIF", 96, 64)
    assert pixels(picture)[10, 10] == pytest.approx([255, 0, 0], abs=24)


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_random_bytes_end_in_words(data: bytes) -> None:
    refusal(data)


SEEDS = {name: encoded(corners(), name) for name in FORMATS}


@given(
    name=st.sampled_from(FORMATS),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
    keep=st.floats(0.1, 1.0),
)
@settings(max_examples=250, deadline=None)
def test_a_damaged_file_is_a_picture_or_words(
    name: str, changes: list[tuple[int, int]], keep: float
) -> None:
    data = bytearray(SEEDS[name][: int(len(SEEDS[name]) * keep)])
    for place, value in changes:
        data[place % len(data)] = value
    try:
        picture = prepare(bytes(data))
    except ToolError:
        return
    assert picture.jpeg.startswith(b"\xff\xd8\xff")


# References in messages


def reference(path: Path) -> dict[str, str]:
    return {"type": "image_file", "path": str(path)}


def test_references_to_files_become_pictures_and_the_rest_stays_as_it_was() -> None:
    text = {"type": "text", "text": "look"}
    messages = [
        HumanMessage("plain"),
        HumanMessage([text, reference(PORTRAIT)], id="7"),
        AIMessage([text]),
        ToolMessage([reference(PORTRAIT)], tool_call_id="1"),
    ]
    hydrated = hydrate(messages)
    url = {"type": "image_url", "image_url": {"url": data_url(prepare(PORTRAIT))}}
    assert hydrated[0] is messages[0]
    assert hydrated[2] is messages[2]
    assert hydrated[1] == HumanMessage([text, url], id="7")
    assert hydrated[3].content == [url]
    assert messages[1].content == [text, reference(PORTRAIT)]
    assert hydrate(messages) == hydrated


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.new("RGB", (64, 64), "red")))
    first = hydrate([HumanMessage([reference(path)])])
    path.write_bytes(encoded(corners()))
    assert hydrate([HumanMessage([reference(path)])]) != first


def test_a_reference_to_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"'gone\.png' .* is gone"):
        hydrate([HumanMessage([reference(tmp_path / "gone.png")])])
