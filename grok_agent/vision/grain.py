"""Noise, and how far the subject stands out from its background by sharpness."""

import math
from typing import Literal

import numpy as np
from pydantic import Field

from grok_agent.vision.group import Group
from grok_agent.vision.light import grey_levels

Depth = Literal["shallow", "medium", "deep"]
DEPTHS_ZH: dict[Depth, str] = {"shallow": "浅景深", "medium": "中等景深", "deep": "大景深"}

Box = tuple[float, float, float, float]
"""Left, top, width and height as shares of a picture's sides."""

NOISE_SIDE_PX = 768
_TILE = 16
_SHALLOW, _DEEP = 3.0, 1.3


class NoiseGroup(Group):
    """Random differences between neighbouring pixels."""

    sigma: float | None = Field(default=None, description="Standard deviation, levels 0-255")


class DepthGroup(Group):
    """Depth of field, guessed from where the picture is sharp."""

    depth: Depth | None = None
    depth_zh: str | None = None
    ratio: float | None = Field(default=None, description="Sharpness of subject to background")
    subject: Literal["face", "salient area"] | None = None


def measure_noise(pixels: np.ndarray) -> NoiseGroup:
    """Noise by the difference of two Laplacians (Immerkær 1996), where the picture is smoothest.

    ``pixels`` are sRGB, uint8, at the scale of the picture itself: noise dies with scaling. The
    smoothest quarter of tiles speaks, because texture reads as noise too.
    """
    grey = grey_levels(_middle(pixels)).astype(np.int16)
    if min(grey.shape) < _TILE + 2:
        return NoiseGroup(available=False, reason=f"needs sides of {_TILE + 2} px")
    step = _TILE * 4
    strips = [_response(grey[top : top + step + 2]) for top in range(0, len(grey) - 2, step)]
    tiles = np.sort(np.concatenate([_tile_means(strip).ravel() for strip in strips]))
    smoothest = tiles[: max(1, len(tiles) // 4)]
    return NoiseGroup(
        method="difference of Laplacians (Immerkær 1996) in the smoothest quarter of 16 px tiles",
        confidence=round(0.6 * min(1.0, len(smoothest) / 64), 2),
        n_pixels=len(smoothest) * _TILE**2,
        sigma=round(math.sqrt(math.pi / 2) / 6 * float(smoothest.mean()), 2),
    )


def measure_depth(grey: np.ndarray, face: Box | None, salient: tuple[float, float]) -> DepthGroup:
    """Ratio of the Tenengrad (Krotkov 1988) on the subject to that around it; a proxy.

    The subject is ``face``, else the quarter of the frame around the ``salient`` centre (shares).
    ``grey`` are levels 0-255.
    """
    height, width = grey.shape
    if min(height, width) < 32:
        return DepthGroup(available=False, reason="needs sides of 32 px")
    levels = grey.astype(np.float32)
    across, down = np.gradient(levels, axis=1), np.gradient(levels, axis=0)
    energy = across**2 + down**2
    left, top, wide, high = face or (salient[0] - 0.25, salient[1] - 0.25, 0.5, 0.5)
    inside = np.zeros(grey.shape, dtype=bool)
    rows = slice(max(0, round(top * height)), max(0, round((top + high) * height)))
    columns = slice(max(0, round(left * width)), max(0, round((left + wide) * width)))
    inside[rows, columns] = True
    if not inside.any() or inside.all():
        return DepthGroup(available=False, reason="the subject fills the frame")
    ratio = (float(energy[inside].mean()) + 0.5) / (float(energy[~inside].mean()) + 0.5)
    depth: Depth = "shallow" if ratio > _SHALLOW else "deep" if ratio < _DEEP else "medium"
    return DepthGroup(
        method="Tenengrad (Krotkov 1988) of the subject to the rest; a proxy",
        confidence=0.5 if face else 0.2,
        n_pixels=grey.size,
        depth=depth,
        depth_zh=DEPTHS_ZH[depth],
        ratio=round(ratio, 2),
        subject="face" if face else "salient area",
    )


def _response(grey: np.ndarray) -> np.ndarray:
    """How much each pixel inside differs from its neighbours beyond edges."""
    corners = grey[:-2, :-2] + grey[:-2, 2:] + grey[2:, :-2] + grey[2:, 2:]
    cross = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return np.asarray(np.abs(corners - 2 * cross + 4 * grey[1:-1, 1:-1]))


def _middle(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    top, left = max(0, (height - NOISE_SIDE_PX) // 2), max(0, (width - NOISE_SIDE_PX) // 2)
    return pixels[top : top + NOISE_SIDE_PX, left : left + NOISE_SIDE_PX]


def _tile_means(values: np.ndarray) -> np.ndarray:
    rows, columns = values.shape[0] // _TILE, values.shape[1] // _TILE
    tiles = values[: rows * _TILE, : columns * _TILE].reshape(rows, _TILE, columns, _TILE)
    return np.asarray(tiles.mean(axis=(1, 3)))
