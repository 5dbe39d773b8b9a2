"""Shrinks a picture strip by strip, so that a large one is never converted as a whole."""

import math
from collections.abc import Callable

from PIL import Image

STRIP_PIXELS = 2_000_000
GAP = 2.0  # the fine filter still sees at least so many pixels for each of its own

LANCZOS_LOBES = 3

Rows = Callable[[int, int], Image.Image]
"""The rows from the first number up to the second, in mode L, RGB, RGBA or CMYK."""


def shrink(full: tuple[int, int], rows: Rows, size: tuple[int, int]) -> Image.Image:
    """The picture of ``full`` pixels, whose strips ``rows`` gives, at ``size``; never enlarged.

    Boxes of whole pixels are averaged first, then Lanczos filters what remains. Transparent pixels
    lend no colour to their neighbours.
    """
    width, height = full
    across = max(1, int(width / size[0] / GAP))
    down = max(1, int(height / size[1] / GAP))
    if across * down == 1:
        return rows(0, height) if full == size else _filtered(full, rows, size)
    small = _averaged(full, rows, across, down)
    inside = (0.0, 0.0, width / across, height / down)
    return _resized(small, size, inside)


def _filtered(full: tuple[int, int], rows: Rows, size: tuple[int, int]) -> Image.Image:
    """Strip by strip, each from its rows and as many around them as the filter reaches."""
    width, height = full
    scale = height / size[1]
    reach = math.ceil(LANCZOS_LOBES * max(scale, 1.0)) + 1
    step = max(1, int(STRIP_PIXELS / (width * scale)))
    shrunk: Image.Image | None = None
    for top in range(0, size[1], step):
        bottom = min(top + step, size[1])
        first = max(0, math.floor(top * scale) - reach)
        strip = rows(first, min(height, math.ceil(bottom * scale) + reach))
        inside = (0.0, top * scale - first, float(width), min(bottom * scale, height) - first)
        part = _resized(strip, (size[0], bottom - top), inside)
        if shrunk is None:
            shrunk = Image.new(part.mode, size)
        shrunk.paste(part, (0, top))
    assert shrunk is not None  # pictures have rows
    return shrunk


def _resized(
    image: Image.Image, size: tuple[int, int], inside: tuple[float, float, float, float]
) -> Image.Image:
    """Lanczos on the box ``inside``; what lies around it is seen by the filter."""
    if image.mode != "RGBA":
        return image.resize(size, Image.Resampling.LANCZOS, inside)
    return image.convert("RGBa").resize(size, Image.Resampling.LANCZOS, inside).convert("RGBA")


def _averaged(full: tuple[int, int], rows: Rows, across: int, down: int) -> Image.Image:
    width, height = full
    step = max(1, STRIP_PIXELS // (width * down)) * down
    small: Image.Image | None = None
    for top in range(0, height, step):
        strip = rows(top, min(top + step, height))
        if small is None:
            small = Image.new(strip.mode, (-(-width // across), -(-height // down)))
        reduced = strip.reduce((across, down))
        small.paste(reduced, (0, top // down))
    assert small is not None  # pictures have rows
    return small
