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
    first = _run(picture, _around_detection(face), mirrored=False)
    square = _around_landmarks(first)
    return (_run(picture, square, mirrored=False) + _run(picture, square, mirrored=True)) / 2


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


def _run(picture: Image.Image, square: Square, *, mirrored: bool) -> Floats:
    scale, turn = square.side / INPUT_PX, _turn(square.angle)
    to_picture = np.column_stack([turn * scale, square.centre - turn @ ([square.side / 2] * 2)])
    part = _cut(picture, square, to_picture)
    if mirrored:
        part = np.ascontiguousarray(part[:, ::-1])
    with opencv() as cv2:
        network = _network(cv2)
        network.setInput(cv2.dnn.blobFromImage(part, 1 / 255))
        found = network.forward(OUTPUT).reshape(POINTS_WITH_IRISES, 3).astype(np.float64)
    if mirrored:
        found = (found * [-1, 1, 1] + [INPUT_PX, 0, 0])[mirror_indices()]
    flat = found[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
    return np.column_stack([flat, found[:, 2] * scale])


def _cut(picture: Image.Image, square: Square, to_picture: Floats) -> np.ndarray:
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
    matrix = to_picture.copy()
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
