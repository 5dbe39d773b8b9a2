"""Whether a picture is a photograph, a drawing, a screen or a diagram."""

from typing import Literal

import numpy as np
from pydantic import Field

from grok_agent.vision.group import Group
from grok_agent.vision.light import grey_levels

Kind = Literal["photo", "drawing", "ui", "diagram"]

KINDS_ZH: dict[Kind, str] = {
    "photo": "照片",
    "drawing": "绘画",
    "ui": "界面",
    "diagram": "图表",
}

EDGE = 120  # of a Sobel gradient of grey levels 0-255: a clear edge
_GRAPHIC = 0.5  # share of pixels exactly equal to their neighbours; noise and grain leave few
_STRAIGHT = 0.45
_ONE_BORDER = 0.95


class KindGroup(Group):
    """The kind, and what it was told by."""

    kind: Kind | None = None
    kind_zh: str | None = None
    margin: float | None = Field(
        default=None, description="Distance from the nearest other kind, 0-1; small is doubtful"
    )
    flat_share: float = Field(default=0.0, description="Pixels equal to their neighbours, 0-1")
    straight_share: float = Field(default=0.0, description="Edges that run level or upright, 0-1")
    border_share: float = Field(
        default=0.0, description="Pixels along the frame of their commonest colour, 0-1"
    )


def measure_kind(pixels: np.ndarray) -> KindGroup:
    """A rule table on flat areas, straight edges and the frame's colour.

    ``pixels`` are sRGB, uint8, height x width x 3, not averaged when they were made smaller: an
    average makes photographs flat and screens soft. Paintings and renderings with smooth tones
    count as photographs. The borders are a convention; ``margin`` says how near the nearest is.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < 16:
        return KindGroup(available=False, reason="needs sides of 16 px", n_pixels=height * width)
    flat, straight, border = _flat_share(pixels), _straight_share(pixels), _border_share(pixels)
    kind, margin = _decide(flat, straight, border)
    return KindGroup(
        method="rules on flat areas, straight edges (Sobel) and the frame's colour; a convention",
        confidence=round(min(0.9, 0.5 + 2 * margin) * min(1.0, height * width / 4096), 2),
        n_pixels=height * width,
        kind=kind,
        kind_zh=KINDS_ZH[kind],
        margin=round(margin, 2),
        flat_share=round(flat, 3),
        straight_share=round(straight, 3),
        border_share=round(border, 3),
    )


def _decide(flat: float, straight: float, border: float) -> tuple[Kind, float]:
    if flat < _GRAPHIC:
        return "photo", _GRAPHIC - flat
    if straight < _STRAIGHT:
        return "drawing", min(flat - _GRAPHIC, _STRAIGHT - straight)
    certain = min(flat - _GRAPHIC, straight - _STRAIGHT)
    if border >= _ONE_BORDER:
        return "diagram", min(certain, border - _ONE_BORDER + 0.05)
    return "ui", min(certain, _ONE_BORDER - border)


def _flat_share(pixels: np.ndarray) -> float:
    """Pixels equal to those to the right and below."""
    red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
    colour = (red << 16) | (green << 8) | blue
    right, below = colour[:-1, 1:], colour[1:, :-1]
    return float(((colour[:-1, :-1] == right) & (colour[:-1, :-1] == below)).mean())


def _straight_share(pixels: np.ndarray) -> float:
    """Clear edges within ten degrees of level or upright, of all clear edges."""
    grey = grey_levels(pixels).astype(np.int16)
    rows = grey[:-2] + 2 * grey[1:-1] + grey[2:]  # softened: steps of pixels look straight
    soft = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) >> 4
    if min(soft.shape) < 3:
        return 1.0
    down = soft[2:] - soft[:-2]
    across = soft[:, 2:] - soft[:, :-2]
    down = np.abs(down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:])
    across = np.abs(across[:-2] + 2 * across[1:-1] + across[2:])
    stronger, weaker = np.maximum(across, down), np.minimum(across, down)
    clear = stronger >= EDGE
    return float((weaker[clear] * 6 < stronger[clear]).mean()) if clear.any() else 1.0


def _border_share(pixels: np.ndarray) -> float:
    frame = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    cells = (frame >> 4).astype(np.intp)
    counts = np.bincount((cells[:, 0] << 8) | (cells[:, 1] << 4) | cells[:, 2])
    return float(counts.max() / len(frame))
