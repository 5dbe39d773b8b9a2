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
CLOSE_UP_PX = 320  # longest side of the part that is looked at again for exact points
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


def look_closer(picture: Image.Image, face: Detection) -> Detection:
    """The same face found again in the part of the picture around it, with more exact points."""
    left, top, width, height = face.box
    around = max(width, height)
    corner = (max(0, int(left - around / 2)), max(0, int(top - around / 2)))
    far = (
        min(picture.width, int(left + width + around / 2)),
        min(picture.height, int(top + height + around / 2)),
    )
    part = picture.crop((*corner, *far))
    again = [_moved(one, corner) for one in _look(part, min(1.0, CLOSE_UP_PX / max(part.size)))]
    best = max(again, key=lambda one: _shared(one, face), default=face)
    return best if _shared(best, face) > OVERLAP else face


def _look(picture: Image.Image, scale: float) -> list[Detection]:
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = picture.resize(size, Image.Resampling.BILINEAR) if size != picture.size else picture
    with opencv() as cv2:
        detector = _detector(cv2)
        detector.setInputSize(size)
        _, rows = detector.detect(np.ascontiguousarray(np.asarray(small)[:, :, ::-1]))
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


def _moved(face: Detection, by: tuple[int, int]) -> Detection:
    left, top, width, height = face.box
    return Detection((left + by[0], top + by[1], width, height), face.points + by, face.score)


def _shared(first: Detection, second: Detection) -> float:
    """Intersection over union of the boxes."""
    (x1, y1, w1, h1), (x2, y2, w2, h2) = first.box, second.box
    width = min(x1 + w1, x2 + w2) - max(x1, x2)
    height = min(y1 + h1, y2 + h2) - max(y1, y2)
    common = max(0.0, width) * max(0.0, height)
    return common / (first.area + second.area - common)
