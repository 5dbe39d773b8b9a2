"""Proportions of a face, the class of its shape, and signs of its expression.

All are measured on landmarks that were turned to the front, so that a turned head changes them
little. They describe this picture of a face: a lens close by, a smile or an open mouth move them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from grok_agent.vision.colour import Floats
from grok_agent.vision.face_mesh import NAMED

Shape = Literal["oval", "round", "square", "oblong", "heart", "diamond", "triangle"]
Mouth = Literal["closed", "parted", "open"]
Smile = Literal["none", "slight", "clear"]
Eyes = Literal["open", "narrowed", "closed"]

SHAPES: dict[Shape, tuple[float, float, float]] = {
    "oval": (1.25, 0.86, 0.80),
    "round": (1.12, 0.86, 0.82),
    "square": (1.14, 0.88, 0.86),
    "oblong": (1.38, 0.86, 0.82),
    "heart": (1.24, 0.91, 0.77),
    "diamond": (1.26, 0.80, 0.77),
    "triangle": (1.20, 0.82, 0.87),
}
"""Height, forehead and jaw over the width at the cheekbones. A convention of ours."""

STEPS = np.array([0.06, 0.03, 0.025])  # what counts as one step of difference, in each of them

PARTED, OPEN = 0.05, 0.25  # gap between the lips, over the mouth's width
SLIGHT, CLEAR = 0.02, 0.05  # corners of the mouth above its middle, over its width
CLOSED_EYE, NARROWED_EYE = 0.12, 0.20  # eye aspect ratio

RIGHT_LIDS = (33, 160, 158, 133, 153, 144)
LEFT_LIDS = (263, 387, 385, 362, 380, 373)


@dataclass(frozen=True)
class Ratios:
    """Lengths over the width at the cheekbones, but where said otherwise."""

    height: float
    forehead: float
    jaw: float
    eye_spacing: float
    eye_width: float
    nose_width: float
    nose_length: float
    mouth_width: float
    lip_fullness: float  # height of both lips over the mouth's width
    lower_third: float  # nose base to chin, over the face's height


@dataclass(frozen=True)
class ShapeClass:
    """The nearest class and the next; ``margin`` 0-1 between them, 0 where both fit equally."""

    name: Shape
    next: Shape
    margin: float


@dataclass(frozen=True)
class Expression:
    """Signs of expression. The numbers are shares of the mouth's or the eye's own width."""

    lip_gap: float
    corner_lift: float
    right_eye: float
    left_eye: float
    brow_raise: float  # brow over the upper lid, over the distance of the outer eye corners
    mouth: Mouth
    smile: Smile
    eyes: Eyes


def measure_ratios(frontal: Floats) -> Ratios:
    """Anthropometric proportions (after Farkas 1994) of landmarks turned to the front."""
    width = _between(frontal, "right_cheekbone", "left_cheekbone")

    def over_width(first: str, second: str) -> float:
        return _between(frontal, first, second) / width

    eyes = over_width("right_eye_outer", "right_eye_inner")
    eyes += over_width("left_eye_outer", "left_eye_inner")
    height = over_width("forehead", "chin")
    mouth = over_width("mouth_right", "mouth_left")
    return Ratios(
        height=height,
        forehead=over_width("right_temple", "left_temple"),
        jaw=over_width("right_jaw", "left_jaw"),
        eye_spacing=over_width("right_eye_inner", "left_eye_inner"),
        eye_width=eyes / 2,
        nose_width=over_width("right_nostril", "left_nostril"),
        nose_length=over_width("nose_bridge", "nose_base"),
        mouth_width=mouth,
        lip_fullness=over_width("upper_lip", "lower_lip") / mouth,
        lower_third=over_width("nose_base", "chin") / height,
    )


def classify_shape(ratios: Ratios) -> ShapeClass:
    """The class whose proportions are nearest; see SHAPES."""
    own = np.array([ratios.height, ratios.forehead, ratios.jaw])
    apart = {
        name: float(np.linalg.norm((own - np.array(typical)) / STEPS))
        for name, typical in SHAPES.items()
    }
    first, second = sorted(apart, key=lambda name: apart[name])[:2]
    both = apart[first] + apart[second]
    return ShapeClass(first, second, (apart[second] - apart[first]) / both if both else 0.0)


def measure_expression(frontal: Floats) -> Expression:
    """Proxies from lips, lids and brows; the eyes by their aspect ratio (Soukupova, Cech 2016)."""
    mouth = _between(frontal, "mouth_right", "mouth_left")
    gap = _between(frontal, "upper_lip_inner", "lower_lip_inner") / mouth
    corners = _height(frontal, "mouth_right", "mouth_left")
    lift = (corners - _height(frontal, "upper_lip_inner", "lower_lip_inner")) / mouth
    right, left = (_eye_aspect(frontal, lids) for lids in (RIGHT_LIDS, LEFT_LIDS))
    lids = float(frontal[[159, 386], 1].mean())
    raised = _height(frontal, "right_brow", "left_brow") - lids
    wider = max(right, left)
    return Expression(
        lip_gap=gap,
        corner_lift=lift,
        right_eye=right,
        left_eye=left,
        brow_raise=raised / _between(frontal, "right_eye_outer", "left_eye_outer"),
        mouth="closed" if gap < PARTED else "parted" if gap < OPEN else "open",
        smile="none" if lift < SLIGHT else "slight" if lift < CLEAR else "clear",
        eyes="closed" if wider < CLOSED_EYE else "narrowed" if wider < NARROWED_EYE else "open",
    )


def _between(points: Floats, first: str, second: str) -> float:
    return float(np.linalg.norm(points[NAMED[first], :2] - points[NAMED[second], :2]))


def _height(points: Floats, *names: str) -> float:
    return float(points[[NAMED[name] for name in names], 1].mean())


def _eye_aspect(points: Floats, lids: tuple[int, ...]) -> float:
    corner, top1, top2, other, bottom2, bottom1 = points[list(lids), :2]
    heights = np.linalg.norm(top1 - bottom1) + np.linalg.norm(top2 - bottom2)
    return float(heights / (2 * max(float(np.linalg.norm(corner - other)), 1e-9)))
