"""478 points of a face: MediaPipe's landmark network, run by OpenCV.

Kartynnik et al. 2019 (mesh), Grishchenko et al. 2020 (attention for eyes and lips).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from grok_agent.vision.colour import Floats
from grok_agent.vision.face_detect import Detection
from grok_agent.vision.face_mesh import NAMED, POINTS_WITH_IRISES, mirror_indices
from grok_agent.vision.face_models import LANDMARKS, opencv, read_model

INPUT_PX = 256
OUTPUT = "Identity"  # asked for by name; the network's other outputs are not reliable in OpenCV
ROOM = 1.5  # side of the square given to the network, over the longer side of the face


@dataclass(frozen=True)
class Square:
    """A turned square in the picture: centre and side in pixels, ``angle`` of its x axis in
    radians, clockwise as y points down."""

    centre: Floats
    side: float
    angle: float


def find_landmarks(picture: Image.Image, face: Detection) -> Floats:
    """478 rows of x, y, z in pixels of the picture; z grows away from the camera, 0 mid-head.

    The network sees the face where the detector found it, then where the landmarks of that first
    look lie, plain and mirrored: the mean depends neither on the detector's box nor on the side.
    """
    square = _around_detection(face)
    square = _around_landmarks(_to_picture(_run(_cut(picture, square)), square))
    part = _cut(picture, square)
    mirrored = _run(np.ascontiguousarray(part[:, ::-1])) * [-1, 1, 1] + [INPUT_PX, 0, 0]
    return _to_picture((_run(part) + mirrored[mirror_indices()]) / 2, square)


def _around_detection(face: Detection) -> Square:
    left, top, width, height = face.box
    centre = np.array([left + width / 2, top + height / 2])
    return Square(centre, ROOM * max(width, height), _angle(face.points[0], face.points[1]))


def _around_landmarks(points: Floats) -> Square:
    angle = _angle(points[NAMED["right_eye_outer"], :2], points[NAMED["left_eye_outer"], :2])
    turn = _turn(angle)
    upright = points[:, :2] @ turn  # in the square's own axes
    low, high = upright.min(axis=0), upright.max(axis=0)
    return Square(turn @ ((low + high) / 2), ROOM * float((high - low).max()), angle)


def _run(part: np.ndarray) -> Floats:
    """The network's 478 points in a square of INPUT_PX."""
    with opencv() as cv2:
        network = _network(cv2)
        network.setInput(cv2.dnn.blobFromImage(part, 1 / 255))
        found = network.forward(OUTPUT)
    return np.asarray(found.reshape(POINTS_WITH_IRISES, 3), dtype=np.float64)


def _to_picture(found: Floats, square: Square) -> Floats:
    matrix = _matrix(square)
    flat = found[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return np.column_stack([flat, found[:, 2] * square.side / INPUT_PX])


def _matrix(square: Square) -> Floats:
    """From the network's square to the picture, 2 x 3."""
    turn = _turn(square.angle)
    shift = square.centre - turn @ np.full(2, square.side / 2)
    return np.column_stack([turn * square.side / INPUT_PX, shift])


def _cut(picture: Image.Image, square: Square) -> np.ndarray:
    """The square as INPUT_PX x INPUT_PX x 3, black beyond the picture's edges.

    Large faces are averaged down first: the transform alone would skip pixels.
    """
    reach = square.side * 0.75  # half the diagonal, and a little
    box = (
        max(0, int(square.centre[0] - reach)),
        max(0, int(square.centre[1] - reach)),
        min(picture.width, int(square.centre[0] + reach) + 1),
        min(picture.height, int(square.centre[1] + reach) + 1),
    )
    if box[0] >= box[2] or box[1] >= box[3]:
        return np.zeros((INPUT_PX, INPUT_PX, 3), np.uint8)
    factor = max(1, int(square.side / INPUT_PX))
    part = picture.crop(box).reduce(factor)
    matrix = _matrix(square)
    matrix[:, 2] -= box[:2]
    matrix /= factor
    return np.asarray(
        part.transform(
            (INPUT_PX, INPUT_PX),
            Image.Transform.AFFINE,
            tuple(float(value) for value in matrix.ravel()),
            Image.Resampling.BILINEAR,
        )
    )


def _turn(angle: float) -> Floats:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def _angle(right: Floats, left: Floats) -> float:
    across = left - right
    return float(np.arctan2(across[1], across[0]))


@lru_cache(maxsize=1)
def _network(cv2: Any) -> Any:
    return cv2.dnn.readNetFromTFLite(np.frombuffer(read_model(LANDMARKS), np.uint8))
