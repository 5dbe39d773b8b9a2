"""How a picture is framed: shot size, thirds, headroom, symmetry, where the eye goes."""

import math
from typing import Literal

import numpy as np
from PIL import Image
from pydantic import Field

from grok_agent.vision.colour import Floats
from grok_agent.vision.grain import Box
from grok_agent.vision.group import Group

Shot = Literal[
    "extreme close-up", "close-up", "medium close-up", "medium", "medium full", "full", "long"
]

SHOTS: tuple[tuple[float, Shot, str], ...] = (
    (0.65, "extreme close-up", "大特写"),
    (0.38, "close-up", "特写"),
    (0.24, "medium close-up", "近景"),
    (0.16, "medium", "中景"),
    (0.12, "medium full", "中全景"),
    (0.07, "full", "全景"),
    (0.0, "long", "远景"),
)
"""From which height of the face, as a share of the frame's, a shot has its name."""

SALIENT_SIDE_PX = 64
ON_THIRDS = 0.08  # of the diagonal
_HAIR = 0.3  # of the face's height, from the brow's upper end to the top of the head


class CompositionGroup(Group):
    """Places are shares of the width from the left and of the height from the top."""

    salient_x: float | None = None
    salient_y: float | None = None
    subject: Literal["face", "salient area"] | None = None
    thirds_distance: float | None = Field(
        default=None, description="Of the subject from the nearest crossing, in diagonals"
    )
    on_thirds: bool | None = None
    symmetry: float | None = Field(
        default=None, description="Left and right as mirror images: 1 the same, 0 unrelated"
    )
    shot: Shot | None = Field(default=None, description="By the largest face")
    shot_zh: str | None = None
    shot_margin: float | None = Field(
        default=None, description="Stops (log2 of the height) to the next size of shot"
    )
    headroom: float | None = Field(
        default=None, description="Free height above the head; hair is estimated"
    )


def measure_composition(image: Image.Image, face: Box | None) -> CompositionGroup:
    """Framing of an upright sRGB picture, by its largest ``face`` where there is one.

    The salient centre is that of the spectral residual (Hou & Zhang 2007); symmetry is the
    correlation of the grey picture with its mirror image.
    """
    if min(image.size) < 8:
        return CompositionGroup(available=False, reason="needs sides of 8 px")
    grey = np.asarray(
        image.convert("L").resize((SALIENT_SIDE_PX,) * 2, Image.Resampling.BOX), dtype=np.float64
    )
    centre = salient_centre(grey)
    if centre is None and face is None:
        return CompositionGroup(available=False, reason="the picture has one tone only")
    subject = _middle_of(face) if face else centre
    assert subject is not None  # one of the two was found
    apart = _thirds_distance(subject, image.width / image.height)
    shot, shot_zh, margin = _shot(face[3]) if face else (None, None, None)
    return CompositionGroup(
        reason="" if face else "shot size and headroom need a face",
        method="spectral residual (Hou & Zhang 2007), rule of thirds, mirror correlation"
        + (", face height in the frame" if face else ""),
        confidence=0.7 if face else 0.4,
        n_pixels=image.width * image.height,
        salient_x=round(centre[0], 3) if centre else None,
        salient_y=round(centre[1], 3) if centre else None,
        subject="face" if face else "salient area",
        thirds_distance=round(apart, 3),
        on_thirds=apart <= ON_THIRDS,
        symmetry=_symmetry(grey),
        shot=shot,
        shot_zh=shot_zh,
        shot_margin=margin,
        headroom=round(max(0.0, face[1] - _HAIR * face[3]), 3) if face else None,
    )


def salient_centre(grey: Floats) -> tuple[float, float] | None:
    """Centre of what stands out in a small square of grey levels, as shares; None for one tone."""
    if float(grey.std()) < 1.0:
        return None
    spectrum = np.fft.fft2(grey)
    amplitude = np.log(np.abs(spectrum) + 1e-9)
    residual = amplitude - _blurred(amplitude, 1)
    kept = np.exp(residual + 1j * np.angle(spectrum))
    salient = _blurred(_blurred(np.abs(np.fft.ifft2(kept)) ** 2, 2), 2)
    weights = np.where(salient >= salient.mean() + salient.std(), salient, 0.0)
    steps = (np.arange(grey.shape[0]) + 0.5) / grey.shape[0]
    total = float(weights.sum())
    return float(weights.sum(axis=0) @ steps) / total, float(weights.sum(axis=1) @ steps) / total


def _blurred(values: Floats, reach: int) -> Floats:
    """Mean over squares, wrapped around the borders."""
    shifts = range(-reach, reach + 1)
    rows = np.mean([np.roll(values, shift, axis=0) for shift in shifts], axis=0)
    return np.asarray(np.mean([np.roll(rows, shift, axis=1) for shift in shifts], axis=0))


def _symmetry(grey: Floats) -> float | None:
    deviation = grey - grey.mean()
    energy = float((deviation**2).sum())
    if energy < 1.0:
        return None
    return round(max(0.0, float((deviation * deviation[:, ::-1]).sum()) / energy), 3)


def _middle_of(face: Box) -> tuple[float, float]:
    return face[0] + face[2] / 2, face[1] + face[3] / 2


def _thirds_distance(place: tuple[float, float], aspect: float) -> float:
    """Distance from the nearest crossing of the thirds, in diagonals of the frame."""
    x, y = (min(abs(each - third) for third in (1 / 3, 2 / 3)) for each in place)
    return math.hypot(x * aspect, y) / math.hypot(aspect, 1.0)


def _shot(height: float) -> tuple[Shot, str, float]:
    shot, chinese = next((name, zh) for least, name, zh in SHOTS if height >= least)
    borders = [least for least, _, _ in SHOTS if least]
    margin = min(abs(math.log2(max(height, 1e-3) / border)) for border in borders)
    return shot, chinese, round(margin, 2)
