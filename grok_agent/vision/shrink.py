"""Shrinks a picture strip by strip, so that a large one is never converted as a whole."""

from collections.abc import Callable

from PIL import Image

STRIP_PIXELS = 2_000_000
GAP = 2.0  # the fine filter still sees at least so many pixels for each of its own

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
    small = _averaged(full, rows, across, down) if across * down > 1 else rows(0, height)
    if small.size == size:
        return small
    mode = small.mode
    shrunk = _premultiplied(small).resize(
        size, Image.Resampling.LANCZOS, (0, 0, width / across, height / down)
    )
    return shrunk.convert(mode) if shrunk.mode != mode else shrunk


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


def _premultiplied(image: Image.Image) -> Image.Image:
    return image.convert("RGBa") if image.mode == "RGBA" else image
