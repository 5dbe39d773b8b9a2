"""What the bytes of a text file mean, and the way back without losing one of them."""

import codecs
import hashlib
import re
from dataclasses import dataclass

from grok_agent.errors import ToolError

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class TextFile:
    r"""A text file as read.

    ``text`` keeps the file's own line ends, without the byte order mark ``bom``. ``newline`` is
    ``"\n"``, ``"\r\n"``, ``"\r"``, ``"mixed"``, or ``""`` for a file of one line. ``errors`` is
    ``"surrogateescape"`` when stray bytes stand in a UTF-8 text; they go back as they came.
    ``digest`` is the SHA-256 of the file's bytes in hex.
    """

    text: str
    encoding: str
    newline: str
    bom: bytes
    digest: str
    errors: str = "strict"


def digest_of(raw: bytes) -> str:
    """SHA-256 of ``raw`` in hex."""
    return hashlib.sha256(raw).hexdigest()


def decode(raw: bytes, name: str) -> TextFile:
    """Read ``raw`` as UTF-8, as UTF-16 with a byte order mark, else as a Western 8-bit text.

    Every result encodes back to the same bytes. Raises ToolError for binary data.
    """
    bom, encoding = next(
        ((mark, codec) for mark, codec in BYTE_ORDER_MARKS if raw.startswith(mark)), (b"", "utf-8")
    )
    body = raw[len(bom) :]
    try:
        text, errors = body.decode(encoding), "strict"
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise _binary(name) from None
        text, encoding, errors = _decode_stray_bytes(body)
    if "\0" in text:
        raise _binary(name)
    return TextFile(text, encoding, newline_of(text), bom, digest_of(raw), errors)


def encode(text: str, like: TextFile | None, name: str) -> bytes:
    """The bytes of ``text`` in the encoding, with the mark and the line ends of ``like``.

    Without ``like`` the file is new: UTF-8, line ends as given. Raises ToolError for a character
    that the encoding lacks; nothing is ever replaced.
    """
    if like is not None:
        text = _with_line_ends(text, like.newline)
    encoding, errors = (like.encoding, like.errors) if like else ("utf-8", "strict")
    try:
        return (like.bom if like else b"") + text.encode(encoding, errors)
    except UnicodeEncodeError as error:
        character = text[error.start]
        raise ToolError(
            f"{name} is written in {encoding}, which has no character {character!a}.",
            next_step="Write the text without it.",
        ) from None


def newline_of(text: str) -> str:
    r"""The line end that ``text`` uses throughout, ``"mixed"``, or ``""`` when it has none."""
    windows = text.count("\r\n")
    ends = {
        "\r\n": windows,
        "\n": text.count("\n") - windows,
        "\r": text.count("\r") - windows,
    }
    used = [end for end, count in ends.items() if count]
    return used[0] if len(used) == 1 else "mixed" if used else ""


def displayable(text: str) -> str:
    """``text`` with every lone surrogate shown as U+FFFD, so that it can be sent as JSON."""
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)


def _decode_stray_bytes(body: bytes) -> tuple[str, str, str]:
    text = body.decode("utf-8", "surrogateescape")
    has_utf8 = any(
        character > "\x7f" and not "\udc80" <= character <= "\udcff" for character in text
    )
    if has_utf8:
        return text, "utf-8", "surrogateescape"
    try:
        return body.decode("cp1252"), "cp1252", "strict"
    except UnicodeDecodeError:
        return body.decode("latin-1"), "latin-1", "strict"


def _with_line_ends(text: str, newline: str) -> str:
    if newline not in ("\n", "\r\n", "\r"):
        return text
    pattern = r"\r\n" if newline == "\n" else r"\r\n|\r|\n" if newline == "\r" else r"(?<!\r)\n"
    return re.sub(pattern, lambda _: newline, text)


def _binary(name: str) -> ToolError:
    return ToolError(
        f"{name} is a binary file.",
        next_step="Only text can be read or edited; look at it with a command such as `file`.",
    )
