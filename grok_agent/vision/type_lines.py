"""Lines of type in flat pictures, found without reading them."""

import numpy as np

from grok_agent.vision.regions import Regions, find_regions

_TALLEST, _LOWEST = 72, 5  # px of a line, ascender to descender
_LARGEST_PART = 80 * 80  # px of the bounding box of what may belong to a glyph
_REACH = 0.9  # of the usual height of a glyph: blanks up to it are inside a line


def type_heights(regions: Regions, size: tuple[int, int]) -> list[int]:
    """Heights in pixels of what looks like lines of type, one for each line.

    Marks that are too small for boxes are smeared along their rows (Wong, Casey & Wahl 1982).
    """
    marks = _marks(regions)
    if not marks.any():
        return []
    glyphs = find_regions(marks.astype(np.int8))
    ink = (glyphs.value == 1) & (glyphs.bottom - glyphs.top >= _LOWEST)
    ink &= glyphs.bottom - glyphs.top <= _TALLEST
    if not ink.any():
        return []
    usual = float(np.median((glyphs.bottom - glyphs.top)[ink]))
    kept = np.where(ink, 1, 0)[glyphs.of_pixel].astype(bool)
    lines = find_regions(_smeared(kept, max(2, round(usual * _REACH))).astype(np.int8))
    wide, high = lines.right - lines.left, lines.bottom - lines.top
    typed = (lines.value == 1) & (wide >= 1.5 * high) & (high >= _LOWEST) & (high <= _TALLEST)
    typed &= lines.area < 0.97 * wide * high  # a bar has no gaps
    return sorted(int(height) for height in high[typed])


def _marks(regions: Regions) -> np.ndarray:
    """Pixels of areas that are small, or thin, all around."""
    wide, high = regions.right - regions.left, regions.bottom - regions.top
    small = (wide * high <= _LARGEST_PART) & (high <= _TALLEST)
    enclosed = regions.area < 0.9 * wide * high
    tiny = wide * high <= 200
    return np.asarray((small & (enclosed | tiny))[regions.of_pixel])


def _smeared(marks: np.ndarray, reach: int) -> np.ndarray:
    """Rows in which gaps of at most ``reach`` pixels between marks are closed."""
    width = marks.shape[1]
    places = np.where(marks, np.arange(width), -width)
    before = np.maximum.accumulate(places, axis=1)
    reversed_places = np.where(marks, np.arange(width), 3 * width)[:, ::-1]
    after = np.minimum.accumulate(reversed_places, axis=1)[:, ::-1]
    return marks | (after - before - 1 <= reach)
