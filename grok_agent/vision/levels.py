"""Any stored pixel form as 8 bits a channel."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from grok_agent.vision.shrink import STRIP_PIXELS, Rows


def eight_bit_rows(image: Image.Image) -> Rows:
    """Strips of a decoded picture in mode L, RGB, RGBA or CMYK.

    16-bit, 32-bit and floating point grey do not say which number is white: it is the smallest
    usual one that no pixel exceeds.
    """
    if image.mode.startswith(("I", "F")):
        white = 65_535.0 if image.mode.startswith("I;16") else _white(image)
        return lambda top, bottom: _grey(_values(image, top, bottom), white)
    if image.mode != "RGBA" and image.has_transparency_data:
        wanted = "RGBA"
    elif image.mode in ("L", "RGB", "RGBA", "CMYK"):
        wanted = image.mode
    else:
        wanted = "L" if image.mode == "1" else "RGB"
    if wanted == image.mode:
        return lambda top, bottom: _strip(image, top, bottom)
    return lambda top, bottom: _strip(image, top, bottom).convert(wanted)


def _strip(image: Image.Image, top: int, bottom: int) -> Image.Image:
    """Those rows; a palette and what is clear in it go along."""
    whole = (top, bottom) == (0, image.height)
    return image if whole else image.crop((0, top, image.width, bottom))


def _values(image: Image.Image, top: int, bottom: int) -> np.ndarray:
    return np.asarray(_strip(image, top, bottom))


def _white(image: Image.Image) -> float:
    floating = image.mode.startswith("F")
    whites = (1.0, 255.0, 65_535.0) if floating else (255.0, 65_535.0)
    peak = max(float(_finite(part).max(initial=0.0)) for part in _parts(image))
    return next((white for white in whites if peak <= white), peak)


def _parts(image: Image.Image) -> Iterator[np.ndarray]:
    step = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, step):
        yield _values(image, top, min(top + step, image.height))


def _grey(values: np.ndarray, white: float) -> Image.Image:
    if values.dtype.kind == "u":
        return Image.fromarray((values >> 8).astype(np.uint8))
    levels = _finite(values).clip(0.0) * (255.0 / white)
    return Image.fromarray(np.rint(levels.clip(0.0, 255.0)).astype(np.uint8))


def _finite(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
