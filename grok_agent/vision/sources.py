"""Where a picture comes from: each kind of source becomes bytes, or one clear refusal."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from grok_agent.errors import ToolError
from grok_agent.vision.displayed import picture_in

MAX_FILE_BYTES = 100_000_000
"""Larger files are refused unread; a 40-megapixel PNG has about 70 MB."""

FORMATS_IN_WORDS = "JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF"

SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"8BPS", "a Photoshop file"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x00\x00\x01\x00", "an icon file (ICO)"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
"""How files begin that people take for pictures, or that hide behind a picture's name."""

HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


@dataclass(frozen=True)
class SourceBytes:
    """The bytes of one picture file; ``label`` names it in messages."""

    label: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        """The hex digest of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


def read_source(source: object, *, fetch: bool = False) -> SourceBytes | Image.Image:
    """The bytes behind ``source``, or the picture itself where it already is one in memory.

    ``source`` is a path, a path as text, the bytes of a file, a Base64 data URL, a Pillow image, an
    object that notebooks display as a picture (IPython's ``Image``, a Matplotlib figure), or with
    ``fetch`` an ``https:`` or ``http:`` address on the public internet. Raises ToolError, which the
    model can mend, for whatever cannot be a picture by its kind, its place or its first bytes.
    """
    if not isinstance(source, str | Path | bytes | bytearray | memoryview | Image.Image):
        source = picture_in(source)
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, str):
        found = _read_text(source, fetch=fetch)
    elif isinstance(source, Path):
        found = _read_file(source)
    else:
        found = SourceBytes("the picture", bytes(source))
    _refuse_what_is_no_picture(found)
    return found


def _read_text(source: str, *, fetch: bool) -> SourceBytes:
    if source[:5].lower() == "data:":
        return _read_data_url(source)
    if "://" not in source[:16]:
        return _read_file(Path(source))
    if fetch and source[:8].lower().startswith(("http://", "https://")):
        from grok_agent.vision.fetch import fetch as download  # loads an HTTP client

        return SourceBytes("the picture", download(source, MAX_FILE_BYTES))
    raise ToolError(
        f"{_shown(source)} is a web address, and addresses are not followed.",
        next_step="Download the picture first and give the path of the file.",
    )


def is_heic(data: bytes) -> bool:
    """Whether the file calls itself HEIC (and not AVIF, which has the same container)."""
    if data[4:8] != b"ftyp":
        return False
    brands = {data[i : i + 4] for i in range(8, min(int.from_bytes(data[:4]), 64), 4)}
    return bool(brands & HEIC_BRANDS) and not brands & {b"avif", b"avis"}


def _read_file(path: Path) -> SourceBytes:
    label = _shown(path.name or str(path))
    try:
        if path.is_dir():
            raise ToolError(
                f"{label} is a folder, not a picture.",
                next_step="Give the path of one picture inside it.",
            )
        if not path.exists():
            raise ToolError(
                f"There is no file {_shown(str(path))}.",
                next_step="Check the path, or list its folder.",
            )
        if not path.is_file():
            raise ToolError(
                f"{label} is a device or a pipe, not a picture file.",
                next_step="Give the path of a regular file.",
            )
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise ToolError(
            f"{label} cannot be read: {_reason(error)}.",
            next_step="Check the path and its permissions.",
        ) from error
    return SourceBytes(label, data)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _read_data_url(url: str) -> SourceBytes:
    label = "the data URL"
    head, comma, body = url.partition(",")
    kind, *parameters = head[5:].lower().split(";")
    if not comma or "base64" not in parameters:
        raise ToolError(
            "The data URL is not Base64.", next_step="Use data:image/png;base64,… or give a path."
        )
    if not kind.startswith("image/"):
        raise ToolError(
            f"The data URL says {_shown(kind) or 'nothing'} as its type, not a picture.",
            next_step="Use data:image/png;base64,… or give a path.",
        )
    if len(body) > MAX_FILE_BYTES * 4 // 3 + 4:
        raise _too_large(label)
    try:
        return SourceBytes(label, base64.b64decode("".join(body.split()), validate=True))
    except (binascii.Error, ValueError) as error:
        raise ToolError(
            "The Base64 text of the data URL is damaged.",
            next_step="Encode the picture again, or give its path.",
        ) from error


def _refuse_what_is_no_picture(source: SourceBytes) -> None:
    label, data = source.label, source.data
    if not data:
        raise ToolError(
            f"{label} is empty (0 bytes).", next_step="Give a picture file with content."
        )
    if len(data) > MAX_FILE_BYTES:
        raise _too_large(label)
    for beginning, words in SIGNATURES:
        if data.startswith(beginning):
            raise ToolError(
                f"{label} is {words}, not a picture that can be read here.",
                next_step=f"Export it as {FORMATS_IN_WORDS}.",
            )
    text = _text_in(data)
    if "<svg" in text.lower():
        raise ToolError(
            f"{label} is an SVG drawing, which has no pixels.", next_step="Export it as PNG."
        )
    if text:
        raise ToolError(
            f"{label} is text, not a picture, whatever its name says.",
            next_step=f"Give a {FORMATS_IN_WORDS} file.",
        )


def _text_in(data: bytes) -> str:
    """The first characters, if the file is text; empty for anything binary."""
    head = data[:4096]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="ignore")
    if any(byte < 9 for byte in head):
        return ""
    return head.decode("utf-8", errors="ignore") if _is_utf8(head) else ""


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and error.start > 0  # a character cut at the end
    return True


def _too_large(label: str) -> ToolError:
    return ToolError(
        f"{label} has more than {MAX_FILE_BYTES // 1_000_000} MB.",
        next_step="Export a smaller copy of the picture.",
    )


def _shown(text: str, limit: int = 120) -> str:
    """``text`` fit for one line of a message: unprintable characters replaced, length bounded."""
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
