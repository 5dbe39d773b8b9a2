"""The flat colours of a screen or a diagram, free of the ripples that JPEG leaves."""

import numpy as np

from grok_agent.vision.colour import Floats

MOST_COLOURS = 32
SMALLEST_SHARE = 0.0005
APART = 7  # levels between two flat colours: white cards lie on nearly white pages
NEAR = 14  # levels around a flat colour that still are it

MIXED = -1
"""For pixels that are near none: edges, letters, photographs."""


def flat_colours(pixels: np.ndarray) -> np.ndarray:
    """For each pixel (sRGB, uint8) the number of its flat colour by falling share, or MIXED."""
    codes = (pixels >> 2).astype(np.int32)
    codes = (codes[..., 0] << 12) | (codes[..., 1] << 6) | codes[..., 2]
    counts = np.bincount(codes.ravel(), minlength=1 << 18)
    used = np.flatnonzero(counts)
    levels = np.stack([used >> 12, used >> 6 & 63, used & 63], axis=1) * 4.0 + 1.5
    peaks = _peaks(levels, counts[used] / codes.size)
    apart = np.abs(levels[:, None] - peaks[None]).max(axis=2)
    numbers = np.full(1 << 18, MIXED, dtype=np.int16)
    numbers[used] = np.where(apart.min(axis=1) <= NEAR, apart.argmin(axis=1), MIXED)
    return np.asarray(numbers[codes])


def _peaks(levels: Floats, shares: Floats) -> Floats:
    """The commonest colours, none near a commoner one; at least one."""
    chosen: list[int] = []
    for number in np.argsort(-shares, kind="stable"):
        if chosen and (shares[number] < SMALLEST_SHARE or len(chosen) == MOST_COLOURS):
            break
        if not chosen or np.abs(levels[chosen] - levels[number]).max(axis=1).min() >= APART:
            chosen.append(int(number))
    return levels[chosen]
