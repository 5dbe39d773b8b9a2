"""How much fine detail a picture shows. Figures compare only at one working size."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from grok_agent.vision.light import STRIP_ROWS

Rating = Literal["soft", "medium", "sharp"]

WORKING_SIDE_PX = 1024
"""Longest side of the picture that is measured; both figures depend on it."""

SOFT, SHARP = 50.0, 300.0  # of the Laplacian's variance; conventions for photographs


@dataclass(frozen=True)
class Sharpness:
    """Variance of the Laplacian and mean squared Sobel gradient, of grey levels 0-255."""

    laplacian_variance: float
    tenengrad: float
    rating: Rating


def measure_sharpness(grey: np.ndarray) -> Sharpness:
    """Focus of grey levels (uint8, both sides at least 3, longest WORKING_SIDE_PX).

    Variance of the Laplacian (Pech-Pacheco et al. 2000); Tenengrad (Tenenbaum 1970, as in
    Krotkov 1988).
    """
    starts = range(0, grey.shape[0] - 2, STRIP_ROWS)
    sums = np.sum([_sums(grey[top : top + STRIP_ROWS + 2]) for top in starts], axis=0)
    count = (grey.shape[0] - 2) * (grey.shape[1] - 2)
    total, squares, gradients = (float(each) / count for each in sums)
    variance = squares - total**2
    return Sharpness(variance, gradients, _rating(variance))


def _sums(grey: np.ndarray) -> tuple[float, float, float]:
    """Of the Laplacian, of its square, and of the squared gradient, inside a strip."""
    g = grey.astype(np.int16)
    laplacian = 4 * g[1:-1, 1:-1] - g[:-2, 1:-1] - g[2:, 1:-1] - g[1:-1, :-2] - g[1:-1, 2:]
    smooth_rows = g[:-2] + 2 * g[1:-1] + g[2:]
    smooth_columns = g[:, :-2] + 2 * g[:, 1:-1] + g[:, 2:]
    across = smooth_rows[:, 2:] - smooth_rows[:, :-2]
    down = smooth_columns[2:] - smooth_columns[:-2]
    total = float(laplacian.sum(dtype=np.int64))
    return total, _squares(laplacian), _squares(across) + _squares(down)


def _squares(values: np.ndarray) -> float:
    """Row by row, so that no sum grows beyond what a 32-bit fraction holds exactly enough."""
    rows = values.astype(np.float32)
    return float(np.einsum("ij,ij->i", rows, rows).sum(dtype=np.float64))


def _rating(variance: float) -> Rating:
    if variance < SOFT:
        return "soft"
    return "sharp" if variance > SHARP else "medium"
