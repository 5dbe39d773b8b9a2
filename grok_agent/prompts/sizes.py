"""Picture sizes: which width and height an aspect ratio means, and the other way round.

Sizes are pixels, width first. The table holds the sizes of about one megapixel that SDXL was
trained on (Podell et al. 2023); other current models take them as well.
"""

from collections.abc import Iterable
from math import gcd, log

MIN_SIDE_PX = 64
MAX_SIDE_PX = 4096
SIDE_STEP_PX = 8
RATIO_TOLERANCE = 0.05
"""How far, as a share, width / height may lie from the ratio beside it: sides are multiples of 8,
so 832 x 1216 stands for 2:3 although it is 2.6 % wider."""

TRAINED_SIZES: dict[str, tuple[int, int]] = {
    "1:1": (1024, 1024),
    "5:4": (1152, 896),
    "4:5": (896, 1152),
    "4:3": (1152, 896),
    "3:4": (896, 1152),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
    "21:9": (1536, 640),
    "9:21": (640, 1536),
}
"""Width and height by aspect ratio, in pixels."""

QWEN_IMAGE_SIZES: tuple[tuple[int, int], ...] = (
    *((1328, 1328), (1664, 928), (928, 1664)),
    *((1472, 1104), (1104, 1472)),
)
"""Sizes that Qwen-Image was released with, in pixels."""

DEFAULT_PIXELS = 1024 * 1024


def ratio_of(aspect_ratio: str) -> float:
    """Width over height of ``"W:H"``; raises ValueError when it is no ratio of two positives."""
    width, colon, height = aspect_ratio.partition(":")
    if not colon:
        raise ValueError(f'{aspect_ratio!r} is no aspect ratio; write it as "2:3"')
    try:
        sides = float(width), float(height)
    except ValueError:
        raise ValueError(f'{aspect_ratio!r} is no aspect ratio; write it as "2:3"') from None
    if not all(0 < side < 100_000 for side in sides):
        raise ValueError(f"{aspect_ratio!r} is no aspect ratio; both sides must be above 0")
    return sides[0] / sides[1]


def size_for(aspect_ratio: str, pixels: int = DEFAULT_PIXELS) -> tuple[int, int]:
    """Width and height in pixels for ``"W:H"``: the trained size, else about ``pixels`` in area.

    Raises ValueError for a ratio that cannot be read or that no permitted size has.
    """
    if pixels == DEFAULT_PIXELS and aspect_ratio in TRAINED_SIZES:
        return TRAINED_SIZES[aspect_ratio]
    ratio = ratio_of(aspect_ratio)
    height = (pixels / ratio) ** 0.5
    size = nearest_side(height * ratio), nearest_side(height)
    if not fits(aspect_ratio, *size):
        raise ValueError(f"{aspect_ratio} is too narrow for sides of 64 to 4096 pixels")
    return size


def nearest_size(width: int, height: int, sizes: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Of ``sizes`` the one nearest in shape to ``width`` x ``height``, by the ratio's logarithm."""
    return min(sizes, key=lambda size: abs(log(size[0] / size[1]) - log(width / height)))


def nearest_side(pixels: float) -> int:
    """The permitted side nearest to ``pixels``: a multiple of 8 from 64 to 4096."""
    rounded = round(pixels / SIDE_STEP_PX) * SIDE_STEP_PX
    return min(max(rounded, MIN_SIDE_PX), MAX_SIDE_PX)


def fits(aspect_ratio: str, width: int, height: int) -> bool:
    """Whether ``width`` x ``height`` shows ``aspect_ratio`` within :data:`RATIO_TOLERANCE`."""
    wanted = ratio_of(aspect_ratio)
    return abs(width / height - wanted) <= RATIO_TOLERANCE * wanted


def aspect_ratio_of(width: int, height: int) -> str:
    """The usual ratio nearest to ``width`` x ``height``, else the exact one in lowest terms."""
    nearest = min(TRAINED_SIZES, key=lambda ratio: abs(ratio_of(ratio) - width / height))
    if fits(nearest, width, height):
        return nearest
    divisor = gcd(width, height)
    return f"{width // divisor}:{height // divisor}"
