"""Where the light comes from: fitted to the shading of a face, or of a subject that bulges."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from grok_agent.vision.colour import LINEAR_OF_LEVEL, RGB_TO_XYZ, Floats
from grok_agent.vision.faces import Surface
from grok_agent.vision.grain import Box
from grok_agent.vision.group import Group

Pattern = Literal["flat", "butterfly", "loop", "rembrandt", "split", "back"]
PATTERNS_ZH: dict[Pattern, str] = {
    "flat": "平光",
    "butterfly": "蝴蝶光",
    "loop": "环形光",
    "rembrandt": "伦勃朗光",
    "split": "侧光",
    "back": "逆光",
}

LEAST_R2 = 0.4
"""Below this share of explained shading a direction would be a guess, and is not given."""

_FLAT_STOPS = 0.35
_SIDE_DEGREES = (12.0, 40.0, 65.0)  # between butterfly, loop, rembrandt and split
_LEAST_POINTS = 60
_ROUNDS = 5
_HUBER = 1.345  # 95 % as efficient as least squares where nothing is an outlier


class LightDirectionGroup(Group):
    """The main light, seen from the camera.

    The direction is given where the fit explains enough; the difference of the sides also without.
    """

    surface: Literal["face mesh", "face box", "assumed bulge"] | None = None
    azimuth_deg: int | None = Field(
        default=None, description="0 from the camera, + from the picture's right, - from its left"
    )
    elevation_deg: int | None = Field(default=None, description="+ from above, - from below")
    r2: float | None = Field(default=None, description="Share of the shading that is explained")
    directional_share: float | None = Field(
        default=None, description="Of the light, the rest is ambient; 0-1"
    )
    key_fill_stops: float | None = Field(
        default=None, description="Right half of the subject against its left; + is brighter right"
    )
    pattern: Pattern | None = None
    pattern_zh: str | None = None
    pattern_margin_deg: int | None = Field(
        default=None, description="Degrees to the next pattern; patterns are conventions"
    )


@dataclass(frozen=True)
class Fit:
    """Light of order 1: ``towards`` is the unit vector to it, x right, y up, z to the camera."""

    towards: tuple[float, float, float]
    directional: float
    r2: float

    @property
    def azimuth(self) -> float:
        """Degrees around the upright axis."""
        return math.degrees(math.atan2(self.towards[0], self.towards[2]))

    @property
    def elevation(self) -> float:
        """Degrees above the horizon."""
        return math.degrees(math.asin(max(-1.0, min(1.0, self.towards[1]))))


def fit_light(normals: Floats, luminance: Floats) -> Fit | None:
    """Ambient and directional light that explain ``luminance`` (n) on ``normals`` (n x 3).

    Order-1 spherical harmonics (Basri & Jacobs 2003) by least squares with Huber weights on what
    is lit: a surface in its own shadow says only that the light is not in front of it. None for too
    few points or no shading. ``r2`` is about all points.
    """
    if len(normals) < _LEAST_POINTS or float(luminance.std()) < 1e-4:
        return None
    shadow = _shadow(luminance)
    dark = luminance <= shadow
    every, seen = np.column_stack([np.ones(len(normals)), normals]), luminance
    basis, luminance = every[~dark], luminance[~dark]
    weights = np.ones(len(basis))
    for _ in range(_ROUNDS):
        root = np.sqrt(weights)
        light = np.linalg.lstsq(basis * root[:, None], luminance * root, rcond=None)[0]
        misses = np.abs(luminance - basis @ light)
        scale = max(float(np.median(misses)) * 1.4826, 1e-6)
        weights = np.minimum(1.0, _HUBER * scale / np.maximum(misses, 1e-9))
    strength = float(np.linalg.norm(light[1:]))
    if strength < 1e-6:
        return None
    trust = np.ones(len(every))
    trust[~dark] = weights
    floor = float(seen[dark].mean()) if dark.any() else 0.0
    missed = trust @ (seen - np.maximum(every @ light, floor)) ** 2
    r2 = 1.0 - float(missed / (trust @ (seen - np.average(seen, weights=trust)) ** 2))
    x, y, z = (light[1:] / strength).tolist()
    return Fit((x, y, z), strength / (strength + max(float(light[0]), 0.0)), r2)


def _shadow(luminance: Floats) -> float:
    """Up to which luminance a point lies in its own shadow; below all where too few would stay."""
    low, high = np.percentile(luminance, (2, 98))
    border = float(low + 0.1 * (high - low))
    lit = int((luminance > border).sum())
    return border if lit >= max(_LEAST_POINTS, len(luminance) // 3) else -1.0


def measure_direction(
    pixels: np.ndarray, face: Box | None, surface: Surface | None
) -> LightDirectionGroup:
    """The main light on the largest face, else on the frame as if its subject bulged.

    ``pixels`` are sRGB, uint8; ``surface`` is in their coordinates. Key and fill are medians of
    linear luminance of the two halves, in stops. The bulge is half an ellipsoid that fills the
    frame: right for a ball, a rough guess for the rest, hence its low confidence.
    """
    if surface is not None and surface.points:
        normals, values = _on_mesh(surface, pixels)
        return _group("face mesh", normals, values, 0.7)
    if face is not None:
        normals, values = _on_bulge(_luminance(_cut(pixels, face)))
        return _group("face box", normals, values, 0.4)
    normals, values = _on_bulge(_luminance(pixels))
    found = _group("assumed bulge", normals, values, 0.25)
    if found.azimuth_deg is None:
        return LightDirectionGroup(
            available=False,
            reason="no face, and no shading that one light explains",
            r2=found.r2,
            n_pixels=found.n_pixels,
        )
    return found


def _group(
    surface: Literal["face mesh", "face box", "assumed bulge"],
    normals: Floats,
    values: Floats,
    trust: float,
) -> LightDirectionGroup:
    if len(values) < _LEAST_POINTS:
        return LightDirectionGroup(available=False, reason="the subject has too few pixels")
    fit, stops = fit_light(normals, values), _key_fill(normals, values)
    told = fit is not None and fit.r2 >= LEAST_R2
    pattern, margin = _pattern(fit, stops) if fit and told else (None, None)
    return LightDirectionGroup(
        reason="" if told else f"no one light explains the shading (R2 below {LEAST_R2})",
        method="order-1 spherical harmonics (Basri & Jacobs 2003), Huber weights; "
        f"on the {surface}; key to fill as log2 of medians",
        confidence=round(trust * (fit.r2 if fit and told else 0.5), 2),
        n_pixels=len(values),
        surface=surface,
        azimuth_deg=round(fit.azimuth) if fit and told else None,
        elevation_deg=round(fit.elevation) if fit and told else None,
        r2=round(fit.r2, 2) if fit else None,
        directional_share=round(fit.directional, 2) if fit and told else None,
        key_fill_stops=None if stops is None else round(stops, 2),
        pattern=pattern,
        pattern_zh=PATTERNS_ZH[pattern] if pattern else None,
        pattern_margin_deg=margin,
    )


def _pattern(fit: Fit, stops: float | None) -> tuple[Pattern, int]:
    """A photographer's name for the light; and the degrees to the nearest border."""
    side = abs(fit.azimuth)
    if side > 95:
        return "back", round(side - 95)
    if abs(stops or 0.0) < _FLAT_STOPS and side < _SIDE_DEGREES[1] and fit.elevation < 30:
        return "flat", round(min(_SIDE_DEGREES[1] - side, 30 - fit.elevation))
    names: tuple[Pattern, ...] = ("butterfly", "loop", "rembrandt", "split")
    margin = min(abs(side - border) for border in (*_SIDE_DEGREES, 95.0))
    return names[int(np.searchsorted(_SIDE_DEGREES, side))], round(margin)


def _key_fill(normals: Floats, values: Floats) -> float | None:
    """Stops by which surfaces that look to the right are brighter than those to the left."""
    right, left = values[normals[:, 0] > 0.15], values[normals[:, 0] < -0.15]
    if min(len(right), len(left)) < 10:
        return None
    return math.log2((float(np.median(right)) + 1e-4) / (float(np.median(left)) + 1e-4))


def _luminance(pixels: np.ndarray) -> Floats:
    """Linear, 0-1."""
    return np.asarray(LINEAR_OF_LEVEL[pixels] @ RGB_TO_XYZ[1].astype(np.float32))


def _on_mesh(surface: Surface, pixels: np.ndarray) -> tuple[Floats, Floats]:
    """The points that face the camera and lie inside the picture."""
    points, normals = np.array(surface.points), np.array(surface.normals)
    columns, rows = np.rint(points).astype(int).T
    height, width = pixels.shape[:2]
    seen = (normals[:, 2] > 0.1) & (columns >= 0) & (rows >= 0)
    seen &= (columns < width) & (rows < height)
    return normals[seen], _luminance(pixels[rows[seen], columns[seen]]).astype(np.float64)


def _on_bulge(luminance: Floats) -> tuple[Floats, Floats]:
    """Mean luminance and normal of the cells of half an ellipsoid in the frame."""
    cells = 24
    if min(luminance.shape) < cells:
        return np.empty((0, 3)), np.empty(0)
    rows = np.linspace(0, luminance.shape[0], cells + 1).astype(int)
    columns = np.linspace(0, luminance.shape[1], cells + 1).astype(int)
    sums = np.add.reduceat(np.add.reduceat(luminance, rows[:-1], axis=0), columns[:-1], axis=1)
    means = sums / (np.diff(rows)[:, None] * np.diff(columns)[None])
    steps = (np.arange(cells) + 0.5) / cells * 2 - 1
    x, y = np.meshgrid(steps, -steps)
    inside = x**2 + y**2 < 0.9
    z = np.sqrt(1 - (x**2 + y**2)[inside])
    return np.column_stack([x[inside], y[inside], z]), means[inside].astype(np.float64)


def _cut(pixels: np.ndarray, face: Box) -> np.ndarray:
    left, top, wide, high = face
    height, width = pixels.shape[:2]
    rows = slice(max(0, round(top * height)), max(0, round((top + high) * height)))
    return pixels[rows, max(0, round(left * width)) : max(0, round((left + wide) * width))]
