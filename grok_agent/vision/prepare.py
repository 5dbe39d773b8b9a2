"""Pictures made fit for sending: small, upright, without metadata, as the same bytes each time."""

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from grok_agent.context.tokens import image_tokens
from grok_agent.errors import ToolError
from grok_agent.profile import GROK_BUILD, ImageLimits
from grok_agent.vision.decode import Decoded, Original, decode_found
from grok_agent.vision.kept import Kept
from grok_agent.vision.sources import SourceBytes, read_source

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

QUALITIES = (88, 80, 72, 64, 56, 48, 40, 32)
"""JPEG qualities tried in turn until the picture is small enough; then its sides are halved."""

MOST_BYTES = 5_000_000
"""No picture is larger before Base64, whatever the limits say."""

_URL_HEAD = "data:image/jpeg;base64,"
_KEPT_BYTES = 12_000_000


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


_prepared: Kept[Picture] = Kept(_KEPT_BYTES)  # by the source's digest and the limits
_made: Kept[bool] = Kept(100_000)  # digests of JPEGs made here, and the limits they keep to
_digests: Kept[str] = Kept(1_000_000)  # of files, by their path and state


def prepare(
    source: object, limits: ImageLimits = GROK_BUILD.images, *, fetch: bool = False
) -> Picture:
    """Make a picture fit for sending; equal sources give equal bytes, the last ones from memory.

    ``source`` is a path, bytes, a data URL, a Pillow image, what a notebook displays, or with
    ``fetch`` a web address; see :func:`grok_agent.vision.sources.read_source`. Raises ToolError,
    with the next step, for what is no readable picture and for pictures too small for the model.
    """
    found = read_source(source, fetch=fetch)
    if isinstance(found, SourceBytes) and (kept := _prepared.get((found.sha256, limits))):
        return kept
    decoded = decode_found(found, limits)
    _refuse_too_small(decoded, limits)
    image, jpeg = _encode(decoded, limits)
    picture = Picture(
        jpeg=jpeg,
        width=image.width,
        height=image.height,
        token_estimate=image_tokens(image.width, image.height, limits),
        sha256=decoded.sha256,
        original=decoded.original,
    )
    _remember(picture, limits)
    return picture


def data_url(picture: Picture) -> str:
    """The picture as ``data:image/jpeg;base64,…``, a third longer than its JPEG."""
    return _URL_HEAD + base64.b64encode(picture.jpeg).decode("ascii")


def is_prepared(url: str, limits: ImageLimits) -> bool:
    """Whether this process has made the data URL by :func:`prepare` with the same limits."""
    return url.startswith(_URL_HEAD) and bool(_made.get((_digest_of_text(url), limits)))


def _remember(picture: Picture, limits: ImageLimits) -> None:
    texts = sum(map(len, picture.original.metadata.texts.values()))
    _prepared.put((picture.sha256, limits), picture, len(picture.jpeg) + texts)
    _made.put((_digest_of_text(data_url(picture)), limits), True, 64)


def _digest_of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


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
    picture = _of_file(path, (str(path), state.st_mtime_ns, state.st_size))
    return {"type": "image_url", "image_url": {"url": data_url(picture)}}


def _of_file(path: Path, state: tuple[str, int, int]) -> Picture:
    """Files that did not change are not read again: they go along with every request of a run."""
    limits = GROK_BUILD.images
    digest = _digests.get(state)
    if digest and (kept := _prepared.get((digest, limits))):
        return kept
    picture = prepare(path, limits)
    _digests.put(state, picture.sha256, 200)
    return picture


def most_bytes(limits: ImageLimits) -> int:
    """The largest JPEG that may be sent: by the limits before and after Base64, and MOST_BYTES."""
    encoded = (limits.max_encoded_bytes - len(_URL_HEAD)) // 4 * 3
    return min(limits.max_bytes, encoded, MOST_BYTES)


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
    image, most = decoded.image, most_bytes(limits)
    while True:
        for quality in QUALITIES:
            jpeg = _jpeg(image, quality)
            if len(jpeg) <= most:
                return image, jpeg
        half = (image.width // 2, image.height // 2)
        if min(half) < limits.min_side_px or half[0] * half[1] < limits.min_pixels:
            raise ToolError(
                f"{decoded.label} cannot be made smaller than {most} bytes.",
                next_step="Raise the byte limit, or leave the picture out.",
            )
        image = image.resize(half, Image.Resampling.LANCZOS)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()
