"""The colour of the bare skin of a face, as it was photographed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from grok_agent.vision.colour import LINEAR_OF_LEVEL, Floats, linear_to_lab, to_hex
from grok_agent.vision.face_mesh import SKIN_PATCHES

SkinClass = Literal["very light", "light", "intermediate", "tan", "brown", "dark"]

CLASSES: tuple[tuple[float, SkinClass], ...] = (
    (55.0, "very light"),
    (41.0, "light"),
    (28.0, "intermediate"),
    (10.0, "tan"),
    (-30.0, "brown"),
    (-90.1, "dark"),
)
"""Individual typology angle above which a class begins, in degrees (Del Bino et al. 2006)."""

LOWEST, HIGHEST = 20, 90  # percentiles of lightness kept: no shadow of hair, no shine
WORKING_PX = 256  # longest side of the part of the picture that is looked at
FEWEST_PIXELS = 30


@dataclass(frozen=True)
class Skin:
    """Median colour of forehead and cheeks: CIE L*a*b* and hex; ITA and hue angle in degrees."""

    lab: tuple[float, float, float]
    hex: str
    ita: float
    hue: float
    name: SkinClass
    n_pixels: int


def measure_skin(picture: Image.Image, landmarks: Floats) -> Skin | None:
    """Skin of one face in an RGB picture by its 478 landmarks; None where too little is seen.

    Individual typology angle (Chardon et al. 1991). It follows the light: the same skin measures
    darker in a dark picture.
    """
    pixels = _skin_pixels(picture, landmarks)
    if len(pixels) < FEWEST_PIXELS:
        return None
    linear = LINEAR_OF_LEVEL[pixels].astype(np.float64)
    lab = linear_to_lab(linear)
    low, high = np.percentile(lab[:, 0], [LOWEST, HIGHEST])
    kept = (lab[:, 0] >= low) & (lab[:, 0] <= high)
    lightness, a, b = (float(value) for value in np.median(lab[kept], axis=0))
    ita = float(np.degrees(np.arctan2(lightness - 50, b)))
    return Skin(
        lab=(lightness, a, b),
        hex=to_hex(np.median(linear[kept], axis=0)),
        ita=ita,
        hue=float(np.degrees(np.arctan2(b, a)) % 360),
        name=next((name for least, name in CLASSES if ita > least), "dark"),
        n_pixels=int(kept.sum()),
    )


def _skin_pixels(picture: Image.Image, landmarks: Floats) -> np.ndarray:
    """n x 3 levels inside SKIN_PATCHES; what lies outside the picture is left out."""
    low = np.maximum(np.floor(landmarks[:, :2].min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(landmarks[:, :2].max(axis=0)) + 1, picture.size).astype(int)
    if (high <= low).any():
        return np.empty((0, 3), np.uint8)
    factor = max(1, int((high - low).max()) // WORKING_PX)
    part = picture.crop((int(low[0]), int(low[1]), int(high[0]), int(high[1]))).reduce(factor)
    mask = Image.new("1", part.size)
    draw = ImageDraw.Draw(mask)
    for patch in SKIN_PATCHES:
        outline = (landmarks[list(patch), :2] - low) / factor
        draw.polygon([(float(x), float(y)) for x, y in outline], fill=1)
    levels: np.ndarray = np.asarray(part)[np.asarray(mask)]
    return levels
