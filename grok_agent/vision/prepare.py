"""Pictures made fit for sending: small, upright, without metadata, as the same bytes each time."""

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from grok_agent.context.tokens import image_tokens
from grok_agent.errors import ToolError
from grok_agent.profile import GROK_BUILD, ImageLimits
from grok_agent.vision.decode import Decoded, Original, decode

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

QUALITIES = (88, 80, 72, 64, 56, 48, 40, 32)
"""JPEG qualities tried in turn until the picture is small enough; then its sides are halved."""


@dataclass(frozen=True)
class Picture:
    """A JPEG ready to be sent, and what is known about the file it was made from.

    ``jpeg`` carries no metadata. ``width`` and ``height`` are its size in pixels. ``sha256`` is
    the hex digest of the source file's bytes. ``token_estimate`` is what the model is expected to
    count for it: an estimate until the gateway's usage says more.
    """

    jpeg: bytes
    width: int
    height: int
    token_estimate: int
    sha256: str
    original: Original

    @property
    def source_format(self) -> str:
        """The file's format by its content: ``JPEG``, ``PNG`` …"""
        return self.original.format

    @property
    def source_width(self) -> int:
        """Full width of the upright source in pixels."""
        return self.original.width

    @property
    def source_height(self) -> int:
        """Full height of the upright source in pixels."""
        return self.original.height

    @property
    def orientation(self) -> int:
        """EXIF orientation found in the source, 1-8; ``jpeg`` is upright already."""
        return self.original.orientation

    @property
    def frames(self) -> int:
        """Frames or pages in the source; only the first is in ``jpeg``."""
        return self.original.frames


def prepare(source: Path | bytes | str, limits: ImageLimits = GROK_BUILD.images) -> Picture:
    """Make a picture fit for sending; equal sources give equal bytes.

    ``source`` is a path, the bytes of a file, a Base64 data URL, or a path as text. Raises
    ToolError, with the next step, for what is no readable picture and for pictures too small
    for the model.
    """
    decoded = decode(source, limits)
    _refuse_too_small(decoded, limits)
    image, jpeg = _encode(decoded, limits)
    return Picture(
        jpeg=jpeg,
        width=image.width,
        height=image.height,
        token_estimate=image_tokens(image.width, image.height, limits),
        sha256=hashlib.sha256(decoded.source_bytes).hexdigest(),
        original=decoded.original,
    )


def data_url(picture: Picture) -> str:
    """The picture as ``data:image/jpeg;base64,…``, a third longer than its JPEG."""
    return "data:image/jpeg;base64," + base64.b64encode(picture.jpeg).decode("ascii")


def hydrate(messages: "Sequence[BaseMessage]") -> "list[BaseMessage]":
    """The same messages with every reference to a picture file replaced by the picture.

    A content block ``{"type": "image_file", "path": "/abs/x.jpg"}`` becomes a standard
    ``image_url`` block with a data URL. Messages without such a block are returned as they are,
    none is changed in place. Raises ToolError when a file is missing or no picture.
    """
    return [_hydrated(message) for message in messages]


def _hydrated(message: "BaseMessage") -> "BaseMessage":
    content = message.content
    if isinstance(content, str) or not any(_is_reference(block) for block in content):
        return message
    blocks = [_image_block(block) if _is_reference(block) else block for block in content]
    return message.model_copy(update={"content": blocks})


def _is_reference(block: object) -> bool:
    return isinstance(block, dict) and block.get("type") == "image_file"


def _image_block(block: Any) -> dict[str, Any]:
    path = Path(str(block.get("path", "")))
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        raise ToolError(
            f"The picture {path.name!r} of this conversation is gone or cannot be read.",
            next_step="Put the file back, or start again without it.",
        ) from error
    url = _url_of_file(path, state.st_mtime_ns, state.st_size)
    return {"type": "image_url", "image_url": {"url": url}}


@lru_cache(maxsize=8)
def _url_of_file(path: Path, mtime_ns: int, size: int) -> str:
    """Cached by path and state: the same pictures go along with every request of a run."""
    return data_url(prepare(path))


def _refuse_too_small(decoded: Decoded, limits: ImageLimits) -> None:
    width, height = decoded.image.size
    if min(width, height) >= limits.min_side_px and width * height >= limits.min_pixels:
        return
    original = decoded.original
    raise ToolError(
        f"{decoded.label} is too small or too narrow for the model: {original.width} x "
        f"{original.height} px, {width} x {height} px when sent; it takes sides of at least "
        f"{limits.min_side_px} px and {limits.min_pixels} px in all.",
        next_step="Give a larger picture, or crop it to a less narrow part.",
    )


def _encode(decoded: Decoded, limits: ImageLimits) -> tuple[Image.Image, bytes]:
    image = decoded.image
    while True:
        for quality in QUALITIES:
            jpeg = _jpeg(image, quality)
            if len(jpeg) <= limits.max_bytes:
                return image, jpeg
        half = (image.width // 2, image.height // 2)
        if min(half) < limits.min_side_px or half[0] * half[1] < limits.min_pixels:
            raise ToolError(
                f"{decoded.label} cannot be made smaller than {limits.max_bytes} bytes.",
                next_step="Raise the byte limit, or leave the picture out.",
            )
        image = image.resize(half, Image.Resampling.LANCZOS)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()
