"""How alike two faces are: SFace (Zhong et al. 2021) through OpenCV.

The numbers that stand for a face are biometric data. They live in memory for one comparison, and
are neither returned to callers outside this package nor written anywhere.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from grok_agent.vision.colour import Floats
from grok_agent.vision.face_detect import Detection
from grok_agent.vision.face_graph import with_true_inputs
from grok_agent.vision.face_mesh import NAMED
from grok_agent.vision.face_models import RECOGNIZER, opencv, read_model

METHOD = "SFace (Zhong 2021), cosine of the means over the picture and its mirror"
ROOM = 1.0  # kept around the box, over its longer side: the alignment turns and scales


def embed(picture: Image.Image, face: Detection, landmarks: Floats) -> Floats:
    """128 numbers of length 1: the mean over the face and its mirror.

    The face is aligned by its landmarks: the detector's own five points move by some pixels when
    a picture is mirrored or enlarged, which costs 0.05 of similarity. Raises ToolError where the
    recognizer's file is missing or not the one that was tested.
    """
    left, top, width, height = face.box
    reach = ROOM * max(width, height)
    corner = (max(0, int(left - reach)), max(0, int(top - reach)))
    far = (
        min(picture.width, int(left + width + reach) + 1),
        min(picture.height, int(top + height + reach) + 1),
    )
    part = np.ascontiguousarray(np.asarray(picture.crop((*corner, *far)))[:, :, ::-1])
    place = np.array([left - corner[0], top - corner[1], width, height])
    row = np.concatenate([place, (_five(landmarks) - corner).ravel(), [face.score]]).astype(
        np.float32
    )
    with opencv() as cv2:
        network = _network(cv2)
        aligned = network.alignCrop(part, row[None])
        both = [network.feature(one).ravel().copy() for one in (aligned, cv2.flip(aligned, 1))]
    return _unit(np.mean([_unit(one) for one in both], axis=0))


def _five(landmarks: Floats) -> Floats:
    """Both eyes, nose tip and corners of the mouth, as the recognizer is used to them."""
    at = {name: landmarks[index, :2] for name, index in NAMED.items()}
    right_eye = (at["right_eye_outer"] + at["right_eye_inner"]) / 2
    left_eye = (at["left_eye_outer"] + at["left_eye_inner"]) / 2
    return np.array([right_eye, left_eye, at["nose_tip"], at["mouth_right"], at["mouth_left"]])


def cosine(first: Floats, second: Floats) -> float:
    """-1 to 1; 1 for the same picture of a face."""
    return float(np.clip(first @ second, -1, 1))


def _unit(vector: Floats) -> Floats:
    wide = vector.astype(np.float64)
    return np.asarray(wide / max(float(np.linalg.norm(wide)), 1e-12))


@lru_cache(maxsize=1)
def _network(cv2: Any) -> Any:
    model = with_true_inputs(read_model(RECOGNIZER))
    nothing = np.empty(0, np.uint8)
    return cv2.FaceRecognizerSF.create("onnx", np.frombuffer(model, np.uint8), nothing)
