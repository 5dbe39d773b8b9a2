"""How the colours of a picture go together, and how colourful they are."""

from typing import Literal

import numpy as np
from pydantic import Field

from grok_agent.vision.colour import Floats
from grok_agent.vision.group import Group

Scheme = Literal[
    "achromatic",
    "monochromatic",
    "complementary",
    "analogous",
    "right-angled",
    "split-complementary",
    "half wheel",
    "double complementary",
    "free",
]
Colourfulness = Literal["none", "slight", "moderate", "average", "strong", "high", "extreme"]

SCHEMES_ZH: dict[Scheme, str] = {
    "achromatic": "无彩色",
    "monochromatic": "单色系",
    "complementary": "互补色",
    "analogous": "邻近色",
    "right-angled": "直角配色",
    "split-complementary": "分裂互补色",
    "half wheel": "半色环",
    "double complementary": "双互补色",
    "free": "自由配色",
}
COLOURFULNESS_ZH: dict[Colourfulness, str] = {
    "none": "无色彩",
    "slight": "略有色彩",
    "moderate": "色彩适中",
    "average": "色彩一般",
    "strong": "色彩较浓",
    "high": "色彩浓郁",
    "extreme": "色彩极浓",
}

TEMPLATES: tuple[tuple[Scheme, tuple[tuple[float, float], ...]], ...] = (
    ("monochromatic", ((0, 18),)),
    ("complementary", ((0, 18), (180, 18))),
    ("analogous", ((0, 93.6),)),
    ("right-angled", ((0, 18), (90, 79.2))),
    ("split-complementary", ((0, 93.6), (180, 18))),
    ("half wheel", ((0, 180),)),
    ("double complementary", ((0, 93.6), (180, 93.6))),
)
"""Sectors of the hue wheel as centre and width in degrees, the narrowest template first."""

FITS_DEGREES = 4.0  # mean distance from the sectors up to which a template fits
COLOURLESS = 0.04  # mean chroma (saturation times brightness) below which there is no scheme
_STEPS = (15, 33, 45, 59, 82, 109)  # Hasler & Süsstrunk's scale
_BINS = 360
_TURNED = (np.arange(_BINS)[None] - np.arange(_BINS)[:, None]) % _BINS  # a row for each rotation


class HarmonyGroup(Group):
    """The hue template that the colours keep to."""

    scheme: Scheme | None = None
    scheme_zh: str | None = None
    hue: int | None = Field(default=None, description="Of the template's first sector, degrees HSV")
    misfit: float | None = Field(default=None, description="Mean distance from it, degrees")


class ColourfulnessGroup(Group):
    """How colourful people would call the picture."""

    value: float = Field(description="0 grey; 15 slight, 33 moderate, 59 strong, 109 extreme")
    rating: Colourfulness
    rating_zh: str


def measure_harmony(pixels: np.ndarray) -> HarmonyGroup:
    """The narrowest template of Cohen-Or et al. (2006) that the hues keep to.

    ``pixels`` are sRGB, uint8, height x width x 3. A hue counts by its chroma, so that greys have
    no say.
    """
    n_pixels = pixels.shape[0] * pixels.shape[1]
    weights, chroma = _hues(pixels)
    method = "hue templates (Cohen-Or et al. 2006), the narrowest with a mean misfit of 4 degrees"
    if chroma < COLOURLESS:
        scheme: Scheme = "achromatic"
        hue, misfit, trust = None, None, 0.8
    else:
        scheme, hue, misfit = _narrowest(weights)
        trust = 0.6 if scheme != "free" else 0.4
    return HarmonyGroup(
        method=method,
        confidence=round(trust * min(1.0, n_pixels / 4096), 2),
        n_pixels=n_pixels,
        scheme=scheme,
        scheme_zh=SCHEMES_ZH[scheme],
        hue=hue,
        misfit=misfit,
    )


def measure_colourfulness(pixels: np.ndarray) -> ColourfulnessGroup:
    """Spread and mean of the opponent colours (Hasler & Süsstrunk 2003)."""
    levels = pixels.reshape(-1, 3).astype(np.float32)
    red_green = levels[:, 0] - levels[:, 1]
    yellow_blue = (levels[:, 0] + levels[:, 1]) / 2 - levels[:, 2]
    spread = float(np.hypot(red_green.std(dtype=float), yellow_blue.std(dtype=float)))
    mean = float(np.hypot(red_green.mean(dtype=float), yellow_blue.mean(dtype=float)))
    value = spread + 0.3 * mean
    rating = list(COLOURFULNESS_ZH)[int(np.searchsorted(_STEPS, value, side="right"))]
    return ColourfulnessGroup(
        method="opponent colours (Hasler & Süsstrunk 2003)",
        confidence=round(0.9 * min(1.0, len(levels) / 4096), 2),
        n_pixels=len(levels),
        value=round(value, 1),
        rating=rating,
        rating_zh=COLOURFULNESS_ZH[rating],
    )


def _hues(pixels: np.ndarray) -> tuple[Floats, float]:
    """Share of each degree of hue, weighted by chroma; and the mean chroma, 0-1."""
    red, green, blue = (pixels[..., channel].ravel().astype(np.int16) for channel in range(3))
    high = np.maximum(np.maximum(red, green), blue)
    chroma = (high - np.minimum(np.minimum(red, green), blue)).astype(np.float32)
    safe = np.maximum(chroma, 1)
    sixths = np.where(
        high == red,
        (green - blue) / safe % 6,
        np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    degrees = (sixths * 60).astype(np.intp) % _BINS
    sums = np.bincount(degrees, chroma, _BINS)
    return sums / max(float(sums.sum()), 1.0), float(chroma.mean(dtype=float)) / 255


def _narrowest(weights: Floats) -> tuple[Scheme, int | None, float]:
    """The first template that fits, with the rotation that fits best."""
    least = 180.0
    for scheme, sectors in TEMPLATES:
        outside = _distances(sectors)
        turned = outside[_TURNED] @ weights
        best = int(np.argmin(turned))
        misfit = float(turned[best])
        least = min(least, misfit)
        if misfit <= FITS_DEGREES:
            return scheme, best, round(misfit, 1)
    return "free", None, round(least, 1)


def _distances(sectors: tuple[tuple[float, float], ...]) -> Floats:
    """Of each degree from the nearest sector, 0 inside one."""
    degrees = np.arange(_BINS, dtype=np.float64)
    apart = [np.abs((degrees - centre + 180) % 360 - 180) - width / 2 for centre, width in sectors]
    return np.asarray(np.min(apart, axis=0).clip(0))
