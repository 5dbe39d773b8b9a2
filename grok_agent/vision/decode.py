"""A file's bytes become upright sRGB pixels on white, or one clear refusal; never part of them.

The order is the safety: header, pixel limit, allow-list of formats, only then the decoder.
"""

import hashlib
import importlib
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageCms, UnidentifiedImageError

from grok_agent.errors import ToolError
from grok_agent.profile import GROK_BUILD, ImageLimits
from grok_agent.vision.frames import count_frames
from grok_agent.vision.levels import eight_bit_rows
from grok_agent.vision.metadata import Metadata, read_metadata
from grok_agent.vision.shrink import STRIP_PIXELS, Rows, shrink
from grok_agent.vision.sources import FORMATS_IN_WORDS, SourceBytes, is_heic, read_source
from grok_agent.vision.webp import decode_still

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""The allow-list. Pillow's other readers include some that start outside programs."""

DECODE_LIMIT_PIXELS = 100_000_000
"""Pictures with more pixels are refused at their header; decoded they take 300 MB and more."""

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture upright, by its EXIF orientation."""

SRGB = ImageCms.createProfile("sRGB")

# One decode at a time: it bounds the memory, and Python's warning filters are process-wide.
_decoding = threading.Lock()


@dataclass(frozen=True)
class Original:
    """Facts about the file before anything was changed.

    ``width`` and ``height`` are the full size in pixels, upright. ``orientation`` is EXIF's 1-8 as
    found. ``frames`` counts animation frames or pages, of which only the first is used.
    ``mode`` is Pillow's name for the stored pixel form (``RGB``, ``CMYK``, ``I;16`` …).
    """

    format: str
    width: int
    height: int
    size_bytes: int
    mode: str
    has_alpha: bool
    has_colour_profile: bool
    frames: int
    metadata: Metadata

    @property
    def orientation(self) -> int:
        """EXIF orientation as found in the file, 1-8."""
        return self.metadata.orientation


@dataclass(frozen=True)
class Decoded:
    """An 8-bit sRGB picture, upright, on white, within the model's size limits.

    ``sha256`` is the hex digest of the file's bytes, or of the pixels of a picture without a file.
    """

    label: str
    image: Image.Image
    original: Original
    sha256: str


def decode(
    source: object, limits: ImageLimits = GROK_BUILD.images, *, fetch: bool = False
) -> Decoded:
    """Decode a picture safely and shrink it to ``limits``; animations give their first frame.

    ``source`` as for :func:`grok_agent.vision.sources.read_source`. Raises ToolError for everything
    else, for damaged or cut files, and for pictures of more than DECODE_LIMIT_PIXELS; its text says
    what to do.
    """
    return decode_found(read_source(source, fetch=fetch), limits)


def decode_found(
    found: SourceBytes | Image.Image, limits: ImageLimits = GROK_BUILD.images
) -> Decoded:
    """As :func:`decode`, for a source that was read already."""
    label = "the picture" if isinstance(found, Image.Image) else found.label
    with _explained(label), _decoding, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        if isinstance(found, Image.Image):
            return _decode_image(found, label, limits)
        return _decode_file(found, limits)


@contextmanager
def _explained(label: str) -> Iterator[None]:
    """Turns what decoders raise into words."""
    try:
        yield
    except ToolError:
        raise
    except UnidentifiedImageError as error:
        raise ToolError(
            f"{label} is no picture that can be read here, or a damaged one.",
            next_step=f"Give a whole {FORMATS_IN_WORDS} file.",
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(label) from error
    except Exception as error:  # decoders raise anything on damaged files, MemoryError included
        raise ToolError(
            f"{label} is damaged or cut short ({_brief(error)}).",
            next_step="Download or export the picture again.",
        ) from error


def fit_size(width: int, height: int, limits: ImageLimits) -> tuple[int, int]:
    """The largest size in pixels of the same shape within ``limits``; never enlarged."""
    scale = min(
        1.0,
        limits.max_side_px / max(width, height),
        (limits.max_pixels / (width * height)) ** 0.5,
    )
    return max(1, int(width * scale)), max(1, int(height * scale))


def _decode_file(found: SourceBytes, limits: ImageLimits) -> Decoded:
    with Image.open(io.BytesIO(found.data), formats=_readers(found)) as image:
        _refuse_bombs(image, found.label)
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        mode, full = image.mode, image.size
        target = fit_size(*full, limits)
        image.draft(mode, target)  # JPEG only: decodes at a half, quarter or eighth of the size
        before = read_metadata(image) if image.format == "TIFF" else None  # its reader turns it
        rows = _still_rows(image, found.data) if image.format == "WEBP" else None
        if rows is None:
            image.load()
            rows = eight_bit_rows(image)
        metadata = before or read_metadata(image)  # a PNG's may lie behind its pixels
        turn = 1 if before else metadata.orientation
        original = Original(
            format="JPEG" if image.format == "MPO" else str(image.format),
            width=full[1] if turn > 4 else full[0],
            height=full[0] if turn > 4 else full[1],
            size_bytes=len(found.data),
            mode=mode,
            has_alpha=image.has_transparency_data,
            has_colour_profile=bool(image.info.get("icc_profile")),
            frames=_frames(image, found.data),
            metadata=metadata,
        )
        small = shrink(image.size, rows, target)
        pixels = _finished(small, turn, image.info.get("icc_profile"))
    return Decoded(found.label, pixels, original, found.sha256)


def _decode_image(image: Image.Image, label: str, limits: ImageLimits) -> Decoded:
    """A picture of a program: its current frame, as it is; the object itself stays unchanged."""
    _refuse_bombs(image, label)
    if not image.width * image.height:
        raise ToolError(f"{label} has no pixels.", next_step="Give a picture with content.")
    image.load()
    metadata = read_metadata(image)
    turn = metadata.orientation
    original = Original(
        format=image.format or "pixels",
        width=image.height if turn > 4 else image.width,
        height=image.width if turn > 4 else image.height,
        size_bytes=0,
        mode=image.mode,
        has_alpha=image.has_transparency_data,
        has_colour_profile=bool(image.info.get("icc_profile")),
        frames=int(getattr(image, "n_frames", 1)),
        metadata=metadata,
    )
    small = shrink(image.size, eight_bit_rows(image), fit_size(*image.size, limits))
    pixels = _finished(small, turn, image.info.get("icc_profile"))
    return Decoded(label, pixels, original, _digest_of(image, turn))


def _digest_of(image: Image.Image, turn: int) -> str:
    """What tells one picture without a file from another: everything its look depends on."""
    palette = image.getpalette("RGBA") if image.mode in ("P", "PA") else None
    looks = (image.mode, image.size, turn, palette, image.info.get("transparency"))
    digest = hashlib.sha256(repr((*looks, image.info.get("icc_profile"))).encode())
    step = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, step):
        strip = image.crop((0, top, image.width, min(top + step, image.height)))
        digest.update(strip.tobytes())
    return digest.hexdigest()


def _finished(small: Image.Image, turn: int, icc: Any) -> Image.Image:
    """Upright, in sRGB, on white, with nothing beside its pixels."""
    if turn in UPRIGHT:
        small = small.transpose(UPRIGHT[turn])
    pixels = _on_white(_to_srgb(small, icc if isinstance(icc, bytes) else None))
    pixels.info.clear()  # Pillow copies comments from here into what it writes
    return pixels


def _still_rows(image: Image.Image, data: bytes) -> Rows | None:
    """A WebP's strips without Pillow's animation reader, where that can be."""
    if getattr(image, "n_frames", 1) != 1:
        return None
    pixels = decode_still(data, *image.size, has_alpha=image.mode == "RGBA")
    return None if pixels is None else lambda top, bottom: Image.fromarray(pixels[top:bottom])


def _refuse_bombs(image: Image.Image, label: str) -> None:
    if image.width * image.height > DECODE_LIMIT_PIXELS:
        raise _too_many_pixels(label, *image.size)


def _readers(found: SourceBytes) -> tuple[str, ...]:
    if not is_heic(found.data):
        return FORMATS
    try:
        importlib.import_module("pillow_heif").register_heif_opener(thumbnails=False)
    except ImportError as error:
        raise ToolError(
            f"{found.label} is a HEIC picture, and the reader for HEIC is not installed.",
            next_step='Install "grok-agent[heic]", or export the picture as JPEG.',
        ) from error
    return ("HEIF",)


def _frames(image: Image.Image, data: bytes) -> int:
    if image.format in ("GIF", "TIFF"):
        return count_frames(data, image.format)
    if image.format == "MPO":  # a camera's JPEG with previews behind the picture
        return 1
    return int(getattr(image, "n_frames", 1))


def _to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Apply the colour profile; one that is damaged or for other channels is left out."""
    if not icc:
        return image
    channels = {"RGB": "RGB", "RGBA": "RGB", "L": "GRAY", "CMYK": "CMYK"}[image.mode]
    output = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space.strip() != channels:
            return image
        return ImageCms.profileToProfile(image, profile, SRGB, outputMode=output) or image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB") if image.mode != "RGB" else image.copy()
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _too_many_pixels(label: str, width: int = 0, height: int = 0) -> ToolError:
    size = f" ({width} x {height})" if width else ""
    return ToolError(
        f"{label} has too many pixels{size}; "
        f"at most {DECODE_LIMIT_PIXELS // 1_000_000} megapixels are decoded.",
        next_step="Export a smaller copy of the picture.",
    )


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())[:120]
    return text if text.isprintable() and text else type(error).__name__
