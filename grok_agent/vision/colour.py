"""Colour spaces and colour difference, on arrays whose last axis holds the three channels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_encoded = np.arange(256, dtype=np.float64) / 255
LINEAR_OF_LEVEL: NDArray[np.float32] = np.where(
    _encoded <= 0.04045, _encoded / 12.92, ((_encoded + 0.055) / 1.055) ** 2.4
).astype(np.float32)
"""Linear light 0-1 of each sRGB level 0-255 (IEC 61966-2-1)."""

RGB_TO_XYZ = np.array(
    [
        [0.4123908, 0.3575843, 0.1804808],
        [0.2126390, 0.7151687, 0.0721923],
        [0.0193308, 0.1191948, 0.9505322],
    ]
)
"""Linear sRGB to CIE XYZ with white D65, Y = 1."""

WHITE_XYZ = RGB_TO_XYZ.sum(axis=1)

_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear_to_oklab(rgb: Floats) -> Floats:
    """OKLab of linear sRGB 0-1 (Ottosson 2020)."""
    return np.asarray(np.cbrt(rgb @ _RGB_TO_LMS.T) @ _LMS_TO_OKLAB.T)


def oklab_to_linear(lab: Floats) -> Floats:
    """Linear sRGB of OKLab, clipped to 0-1."""
    lms = (lab @ np.linalg.inv(_LMS_TO_OKLAB).T) ** 3
    return np.asarray((lms @ np.linalg.inv(_RGB_TO_LMS).T).clip(0, 1))


def linear_to_lab(rgb: Floats) -> Floats:
    """CIE L*a*b* (1976) of linear sRGB 0-1, white D65."""
    t = (rgb @ RGB_TO_XYZ.T) / WHITE_XYZ
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def to_hex(rgb: Floats) -> str:
    """``#rrggbb`` of one linear sRGB colour."""
    encoded = np.where(rgb <= 0.0031308, rgb * 12.92, 1.055 * rgb ** (1 / 2.4) - 0.055)
    red, green, blue = np.rint(encoded.clip(0, 1) * 255).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def from_hex(colour: str) -> Floats:
    """Linear sRGB 0-1 of ``#rrggbb``."""
    return LINEAR_OF_LEVEL[list(bytes.fromhex(colour.removeprefix("#")))].astype(np.float64)


def delta_e_2000(first: Floats, second: Floats) -> Floats:
    """CIEDE2000 difference of L*a*b* colours (Luo, Cui, Rigg 2001; as in Sharma et al. 2005).

    Arrays broadcast against each other; about 1 is just visible, below 8 the same colour name.
    """
    l1, a1, b1 = np.moveaxis(np.asarray(first, dtype=np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(second, dtype=np.float64), -1, 0)
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(chroma**7 / (chroma**7 + 25.0**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360

    grey = c1 * c2 == 0
    turn = np.where(grey, 0.0, (h2 - h1 + 180) % 360 - 180)
    turn = np.where((turn == -180) & (h2 > h1), 180.0, turn)
    delta_l, delta_c = l2 - l1, c2 - c1
    delta_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))

    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    apart = np.abs(h1 - h2) > 180
    mean_h = np.where(grey, h1 + h2, (h1 + h2 + np.where(apart, 360.0, 0.0)) / 2) % 360
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    rotation = -2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    rotation = rotation * np.sin(np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2))))
    l, c, h = delta_l / s_l, delta_c / s_c, delta_h / s_h  # noqa: E741 - the formula's own letters
    return np.asarray(np.sqrt(np.maximum(l * l + c * c + h * h + rotation * c * h, 0)))
