"""The colour of the light in a picture, as a correlated colour temperature.

A picture whose white is neutral gives 6,504 K, the white of sRGB: the figure describes the cast
left in the picture, not the lamp that was on when the camera had already corrected for it.
"""

from dataclasses import dataclass

import numpy as np

from grok_agent.vision.colour import LINEAR_OF_LEVEL, RGB_TO_XYZ, Floats

NORM = 6  # Minkowski norm of the grey-edge estimate
CLIPPED_LEVEL = 250  # such pixels no longer show the light's colour
FLATTEST = 2e-3  # strongest edge, in linear light, below which a picture counts as without edges
FARTHEST_DUV = 0.05  # beyond, a colour has no meaningful temperature (CIE 15)
DISAGREEMENT_MIRED = 50.0


@dataclass(frozen=True)
class White:
    """The estimated colour of the light.

    ``cct_k`` in kelvin, None where the colour is too far from any black body; ``duv`` the distance
    from it in CIE 1960 uv, positive towards green, negative towards pink.
    """

    cct_k: float | None
    duv: float


@dataclass(frozen=True)
class ColourTemperature:
    """Two independent estimates; ``grey_edge`` is None for a picture without edges.

    ``disagree`` is set when they differ by more than 50 mired, or only one has a temperature:
    then the colours of the things shown, not the light, govern at least one of them.
    """

    grey_edge: White | None
    grey_world: White
    disagree: bool


def measure_temperature(pixels: np.ndarray) -> ColourTemperature | None:
    """The light's colour in an sRGB picture (uint8, height x width x 3, best at 256 px a side).

    Grey-edge with p = 6 (van de Weijer, Gevers, Gijsenij 2007) and grey-world (Buchsbaum 1980)
    over pixels that are neither clipped nor black. None when no such pixel is there.
    """
    brightest = np.maximum(np.maximum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    usable = (brightest < CLIPPED_LEVEL) & (brightest > 0)
    if not usable.any():
        return None
    linear = LINEAR_OF_LEVEL[pixels]
    world = white_of(linear[usable].mean(axis=0, dtype=np.float64))
    strongest = _grey_edge(linear, usable)
    edge = None if strongest is None else white_of(strongest)
    return ColourTemperature(edge, world, edge is not None and _disagree(edge, world))


def white_of(linear: Floats) -> White:
    """Temperature and Duv of one linear sRGB colour of any brightness above zero.

    McCamy 1992 from 2,856 to 7,500 K, else Hernández-Andrés, Lee, Romero 1999; Duv by Ohno 2014.
    """
    xyz = RGB_TO_XYZ @ linear
    x, y = xyz[0] / xyz.sum(), xyz[1] / xyz.sum()
    duv = _duv(x, y)
    if abs(duv) > FARTHEST_DUV:
        return White(None, duv)
    n = (x - 0.3320) / (0.1858 - y)
    cct = 449 * n**3 + 3525 * n**2 + 6823.3 * n + 5520.33
    if not 2856 <= cct <= 7500:
        n = (x - 0.3366) / (y - 0.1735)
        cct = (
            -949.86315
            + 6253.80338 * np.exp(-n / 0.92159)
            + 28.70599 * np.exp(-n / 0.20039)
            + 0.00004 * np.exp(-n / 0.07125)
        )
    return White(float(cct) if 1000 <= cct <= 40_000 else None, duv)


def _grey_edge(linear: np.ndarray, usable: np.ndarray) -> Floats | None:
    """The light's linear colour from edge strengths; None without enough edges."""
    if min(usable.shape) < 3:
        return None
    across = (linear[1:-1, 2:] - linear[1:-1, :-2]) / 2
    down = (linear[2:, 1:-1] - linear[:-2, 1:-1]) / 2
    inside = usable[1:-1, 1:-1] & usable[1:-1, 2:] & usable[1:-1, :-2]
    inside &= usable[2:, 1:-1] & usable[:-2, 1:-1]
    squares = (across**2 + down**2)[inside].astype(np.float64)
    if not squares.size or squares.max() < FLATTEST**2:
        return None
    sixth_powers = squares * squares * squares  # NORM; far quicker than ** here
    return np.asarray(sixth_powers.mean(axis=0) ** (1 / NORM))


def _duv(x: float, y: float) -> float:
    u, v = 4 * x / (-2 * x + 12 * y + 3), 6 * y / (-2 * x + 12 * y + 3)
    distance = float(np.hypot(u - 0.292, v - 0.24))
    angle = float(np.arccos(np.clip((u - 0.292) / distance, -1, 1)))
    locus = np.polyval(
        [-0.00616793, 0.0893944, -0.5179722, 1.5317403, -2.4243787, 1.925865, -0.471106], angle
    )
    return distance - float(locus)


def _disagree(first: White, second: White) -> bool:
    if first.cct_k is None or second.cct_k is None:
        return True
    return abs(1e6 / first.cct_k - 1e6 / second.cct_k) > DISAGREEMENT_MIRED
