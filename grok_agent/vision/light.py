"""Brightness and contrast of a picture, and the key a photographer would call it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Key = Literal["low", "middle", "high"]

STRIP_ROWS = 64  # small arrays stay in the processor's cache
LOW_KEY, HIGH_KEY = 0.33, 0.67  # of the median grey level; a convention, not a standard


@dataclass(frozen=True)
class Light:
    """Grey levels 0-1 (Rec. 709 luma of the encoded picture): mean, 5th, 95th percentile.

    ``rms_contrast`` is their standard deviation, 0-0.5. ``key`` follows the median grey level.
    """

    mean: float
    rms_contrast: float
    p5: float
    p95: float
    key: Key


def grey_levels(pixels: np.ndarray) -> np.ndarray:
    """Rec. 709 luma, 0-255, of an sRGB picture (uint8, height x width x 3), as uint8."""
    grey = np.empty(pixels.shape[:2], dtype=np.uint8)
    for top in range(0, len(grey), STRIP_ROWS):
        strip = pixels[top : top + STRIP_ROWS].astype(np.uint32)
        summed = strip[..., 0] * 13933 + strip[..., 1] * 46871 + strip[..., 2] * 4732
        grey[top : top + STRIP_ROWS] = (summed + 32768) >> 16
    return grey


def measure_light(grey: np.ndarray) -> Light:
    """Brightness, RMS contrast (Peli 1990) and key from grey levels 0-255 (uint8)."""
    counts = np.bincount(grey.ravel(), minlength=256)
    levels = np.arange(256) / 255
    mean = float(counts @ levels) / grey.size
    variance = float(counts @ (levels - mean) ** 2) / grey.size
    p5, median, p95 = (_percentile(counts, share) for share in (0.05, 0.5, 0.95))
    return Light(mean, variance**0.5, p5, p95, _key(median))


def _percentile(counts: np.ndarray, share: float) -> float:
    return int(np.searchsorted(np.cumsum(counts), share * counts.sum())) / 255


def _key(median: float) -> Key:
    if median < LOW_KEY:
        return "low"
    return "high" if median > HIGH_KEY else "middle"
