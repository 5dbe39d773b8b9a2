"""Every kind of source gives the same picture; addresses lead only where they may."""

import io
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from IPython.display import Image as Displayed
from PIL import Image

from grok_agent.errors import ToolError
from grok_agent.vision.fetch import fetch, is_public
from grok_agent.vision.prepare import prepare

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait.jpg"


def encoded(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def red() -> Image.Image:
    return Image.new("RGB", (64, 48), "red")


def refusal(source: object, **options: Any) -> str:
    with pytest.raises(ToolError) as caught:
        prepare(source, **options)
    assert caught.value.next_step
    return str(caught.value)


# Pictures in memory


def test_a_pillow_image_gives_what_its_file_gives() -> None:
    image = Image.open(PORTRAIT)
    picture = prepare(image)
    assert picture.jpeg == prepare(encoded(image.convert("RGB"))).jpeg
    assert (picture.source_format, picture.source_width) == ("JPEG", 512)
    assert picture.sha256 == prepare(Image.open(PORTRAIT)).sha256
    assert image.size == (512, 512), "the object stays as it was"


def test_what_changes_the_look_changes_the_digest() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.open(io.BytesIO(encoded(red(), exif=exif)))
    looks = [red(), red().convert("P"), red().convert("RGBA"), turned, Image.new("RGB", (64, 48))]
    assert len({prepare(image).sha256 for image in looks}) == len(looks)
    assert (prepare(turned).width, prepare(turned).height) == (48, 64)


def test_pixels_of_a_program_know_all_modes() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    assert prepare(Image.fromarray(ramp)).original.mode == "I;16"
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    assert np.asarray(Image.open(io.BytesIO(prepare(clear).jpeg))).min() > 247
    assert "no pixels" in refusal(Image.new("RGB", (0, 10)))
    assert "too many pixels" in refusal(Image.new("1", (20_000, 20_000)))


class Bundled:
    def _repr_mimebundle_(self, **_: Any) -> Any:
        return {"text/plain": "a picture", "image/png": encoded(red())}, {}


class Represented:
    def _repr_png_(self) -> bytes:
        return encoded(red())


class Figure:
    def savefig(self, file: Any, format: str) -> None:
        file.write(encoded(red(), format))


def test_what_a_notebook_displays_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(encoded(red()))
    shown = [
        Displayed(data=encoded(red())),
        Displayed(filename=str(tmp_path / "red.png")),
        Bundled(),
        Represented(),
        Figure(),
    ]
    assert {prepare(each).jpeg for each in shown} == {prepare(encoded(red())).jpeg}


@pytest.mark.parametrize("source", [None, 7, object(), Bundled, {"a": 1}, np.zeros((4, 4))])
def test_what_displays_no_picture_is_refused(source: object) -> None:
    assert "is no source of a picture" in refusal(source)


def test_a_displayed_address_is_not_followed() -> None:
    assert "web address" in refusal(Displayed(url="https://example.org/a.png"))


# Addresses

PAGES = {
    "/red.png": (200, {}, encoded(red())),
    "/gone.png": (404, {}, b""),
    "/page": (200, {}, b"<!doctype html><p>no picture"),
    "/on": (302, {"Location": "/red.png"}, b""),
    "/round": (302, {"Location": "/round"}, b""),
    "/inside": (302, {"Location": "http://127.0.0.2/red.png"}, b""),
    "/file": (302, {"Location": "file:///etc/passwd"}, b""),
}


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, headers, body = PAGES[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def only_here(address: Any) -> bool:
    return address == ip_address("127.0.0.1")


@pytest.mark.enable_socket
def test_a_picture_is_fetched_over_redirects_when_asked(site: str) -> None:
    for page in ("/red.png", "/on"):
        found = fetch(site + page, 10_000, allowed=only_here)
        assert prepare(found).jpeg == prepare(encoded(red())).jpeg


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("/gone.png", "answered with status 404"),
        ("/round", "led on more than 5 times"),
        ("/inside", "127.0.0.2 is not on the public internet"),
        ("/file", "is no web address"),
    ],
)
def test_what_is_no_picture_at_an_address_is_said(site: str, page: str, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        fetch(site + page, 10_000, allowed=only_here)


@pytest.mark.enable_socket
def test_an_address_gives_no_more_than_is_allowed(site: str) -> None:
    with pytest.raises(ToolError, match="holds more than 0 MB"):
        fetch(site + "/red.png", 20, allowed=only_here)


@pytest.mark.enable_socket
def test_the_own_machine_is_not_asked(site: str) -> None:
    assert "not on the public internet" in refusal(site + "/red.png", fetch=True)
    assert "not on the public internet" in refusal("http://localhost/a.png", fetch=True)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.0.0.8", False),
        ("172.16.4.4", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


@pytest.mark.parametrize(
    "found",
    [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1"]],
    ids=["private", "public and private", "IPv6"],
)
def test_a_name_that_leads_inside_is_refused(
    monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 80)) for each in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    assert "not on the public internet" in refusal("http://pictures.example/a.png", fetch=True)


@pytest.mark.enable_socket
def test_a_name_is_looked_up_once(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look-up could lead elsewhere than the one that was judged."""
    port = int(site.rpartition(":")[2])
    asked = []

    def changing(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        place = "127.0.0.1" if asked.count(host) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port))]

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    body = fetch(f"http://pictures.example:{port}/red.png", 10_000, allowed=only_here)
    assert body == encoded(red())
    assert asked.count("pictures.example") == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://", "is no web address"),
        ("http://[::1", "is no web address"),
        ("http://user:secret@example.org/a.png", "has a user name or a password"),
        ("ftp://example.org/a.png", "web address"),
        ("file:///etc/passwd", "web address"),
    ],
)
def test_addresses_that_are_none(url: str, words: str) -> None:
    said = refusal(url, fetch=True)
    assert words in said
    assert "secret" not in said


@pytest.mark.parametrize("url", ["https://example.org/a.png?sig=SECRET"])
def test_an_unreachable_address_does_not_show_its_query(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    def nowhere(*_: Any, **__: Any) -> None:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    said = refusal(url, fetch=True)
    assert "cannot be reached" in said
    assert "SECRET" not in said
