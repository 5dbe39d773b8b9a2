"""A file's bytes become upright sRGB pixels on white, or one clear refusal; never part of them.

The order is the safety: header, pixel limit, allow-list of formats, only then the decoder.
"""

import importlib
import io
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from grok_agent.errors import ToolError
from grok_agent.profile import GROK_BUILD, ImageLimits
from grok_agent.vision.frames import count_frames
from grok_agent.vision.metadata import Metadata, read_metadata
from grok_agent.vision.sources import FORMATS_IN_WORDS, SourceBytes, is_heic, read_source

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
    """An 8-bit sRGB picture, upright, on white, within the model's size limits."""

    label: str
    image: Image.Image
    original: Original
    source_bytes: bytes


def decode(source: Path | bytes | str, limits: ImageLimits = GROK_BUILD.images) -> Decoded:
    """Decode a picture safely and shrink it to ``limits``; animations give their first frame.

    ``source`` is a path, the bytes of a file, a Base64 data URL, or a path as text. Raises
    ToolError for everything else, for damaged or cut files, and for pictures of more than
    DECODE_LIMIT_PIXELS; its text says what to do.
    """
    found = read_source(source)
    try:
        with _decoding, warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            return _decode(found, limits)
    except ToolError:
        raise
    except UnidentifiedImageError as error:
        raise ToolError(
            f"{found.label} is no picture that can be read here, or a damaged one.",
            next_step=f"Give a whole {FORMATS_IN_WORDS} file.",
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(found.label) from error
    except Exception as error:  # decoders raise anything on damaged files, MemoryError included
        raise ToolError(
            f"{found.label} is damaged or cut short ({_brief(error)}).",
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


def _decode(found: SourceBytes, limits: ImageLimits) -> Decoded:
    with Image.open(io.BytesIO(found.data), formats=_readers(found)) as image:
        width, height = image.size
        if width * height > DECODE_LIMIT_PIXELS:
            raise _too_many_pixels(found.label, width, height)
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        mode, target = image.mode, fit_size(width, height, limits)
        image.draft(mode, target)  # JPEG only: decodes at a half, quarter or eighth of the size
        before = read_metadata(image) if image.format == "TIFF" else None  # its reader turns it
        image.load()
        metadata = before or read_metadata(image)  # a PNG's may lie behind its pixels
        turn = 1 if before else metadata.orientation
        original = Original(
            format="JPEG" if image.format == "MPO" else str(image.format),
            width=height if turn > 4 else width,
            height=width if turn > 4 else height,
            size_bytes=len(found.data),
            mode=mode,
            has_alpha=image.has_transparency_data,
            has_colour_profile=bool(image.info.get("icc_profile")),
            frames=_frames(image, found.data),
            metadata=metadata,
        )
        pixels = _shrink(_eight_bit(image), target)
        if turn in UPRIGHT:
            pixels = pixels.transpose(UPRIGHT[turn])
        pixels = _on_white(_to_srgb(pixels, image.info.get("icc_profile")))
    pixels.info.clear()  # Pillow copies comments from here into what it writes
    return Decoded(found.label, pixels, original, found.data)


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


def _eight_bit(image: Image.Image) -> Image.Image:
    """The picture with 8 bits a channel, in mode L, RGB, RGBA or CMYK."""
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_to_levels(np.asarray(image)))
    if image.mode != "RGBA" and image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "RGBA", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _to_levels(values: np.ndarray) -> np.ndarray:
    """16-bit, 32-bit and floating point grey as levels 0-255.

    Such files do not say which number is white: the smallest usual one that no pixel exceeds.
    """
    if values.dtype.kind == "u":
        return (values >> 8).astype(np.uint8)
    finite = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    peak = float(finite.max(initial=0.0))
    whites = (1.0, 255.0, 65_535.0) if values.dtype.kind == "f" else (255.0, 65_535.0)
    white = next((white for white in whites if peak <= white), peak)
    return np.rint(finite.clip(0.0) * (255.0 / white)).astype(np.uint8)


def _shrink(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.width <= size[0] and image.height <= size[1]:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


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
