"""Where the faces are: YuNet (Wu, Peng, Yu 2023) through OpenCV."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from grok_agent.vision.colour import Floats
from grok_agent.vision.face_models import DETECTOR, opencv, read_model

SIDES_PX = (480, 1024, 240)
"""Longest sides at which faces are looked for, until some are found: the model knows faces of 10
to 300 px, so a crowd needs a larger picture and a close-up a smaller one."""

LEAST_SCORE = 0.7
OVERLAP = 0.3  # boxes that share more than this are one face (intersection over union)


@dataclass(frozen=True)
class Detection:
    """One face; all in pixels of the picture, x to the right, y down.

    ``box`` is left, top, width, height, from forehead to chin. ``points`` has five rows of x, y:
    the person's right eye, left eye, nose tip, right and left corner of the mouth.
    """

    box: tuple[float, float, float, float]
    points: Floats
    score: float

    @property
    def area(self) -> float:
        """Square pixels of the box."""
        return self.box[2] * self.box[3]


def detect_faces(picture: Image.Image) -> list[Detection]:
    """The faces in an upright RGB picture by falling size. Raises ToolError without OpenCV."""
    for side in SIDES_PX:
        found = _look(picture, min(1.0, side / max(picture.size)))
        if found:
            return sorted(found, key=lambda face: (-face.area, face.box))
    return []


def _look(picture: Image.Image, scale: float) -> list[Detection]:
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    with opencv() as cv2:
        small = cv2.resize(np.asarray(picture), size, interpolation=cv2.INTER_AREA)
        detector = _detector(cv2)
        detector.setInputSize(size)
        _, rows = detector.detect(np.ascontiguousarray(small[:, :, ::-1]))
    stretch = np.array([picture.width / size[0], picture.height / size[1]])
    return [_detection(row, stretch) for row in (rows if rows is not None else ())]


def _detection(row: Floats, stretch: Floats) -> Detection:
    pairs = row[:14].reshape(7, 2).astype(np.float64) * stretch
    (left, top), (width, height) = pairs[0], pairs[1]
    return Detection(
        (float(left), float(top), float(width), float(height)), pairs[2:], min(1.0, float(row[14]))
    )


@lru_cache(maxsize=1)
def _detector(cv2: Any) -> Any:
    data = np.frombuffer(read_model(DETECTOR), np.uint8)
    nothing = np.empty(0, np.uint8)
    return cv2.FaceDetectorYN.create("onnx", data, nothing, (320, 320), LEAST_SCORE, OVERLAP, 100)
