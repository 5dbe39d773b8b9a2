"""The canonical face: 468 points and the triangles between them, and what the points are called.

Right and left are the person's own: the right eye of somebody who looks at the camera is at the
picture's left. Indices count from 0 and are those of MediaPipe's face mesh; 468 to 477 are the
irises, which the canonical mesh does not have.
"""

import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from grok_agent.vision.colour import Floats
from grok_agent.vision.face_models import MESH, read_model

POINTS, POINTS_WITH_IRISES = 468, 478

NAMED = {
    "forehead": 10,
    "brow_centre": 9,
    "right_temple": 54,
    "left_temple": 284,
    "right_cheekbone": 234,
    "left_cheekbone": 454,
    "right_jaw": 172,
    "left_jaw": 397,
    "chin": 152,
    "right_eye_outer": 33,
    "right_eye_inner": 133,
    "right_iris": 468,
    "left_eye_inner": 362,
    "left_eye_outer": 263,
    "left_iris": 473,
    "right_brow": 105,
    "left_brow": 334,
    "nose_bridge": 168,
    "nose_tip": 1,
    "nose_base": 2,
    "right_nostril": 129,
    "left_nostril": 358,
    "mouth_right": 61,
    "mouth_left": 291,
    "upper_lip": 0,
    "upper_lip_inner": 13,
    "lower_lip_inner": 14,
    "lower_lip": 17,
}
"""Points of the face that have a name, by their index."""

OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
LIPS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
NOSE_RIDGE = (168, 6, 197, 195, 5, 4, 1, 2)
OUTLINES = {
    "oval": OVAL,
    "lips": LIPS,
    "right_eye": RIGHT_EYE,
    "left_eye": LEFT_EYE,
    "right_brow": RIGHT_BROW,
    "left_brow": LEFT_BROW,
}
"""Closed outlines, as indices in order."""

SKIN_PATCHES = (
    (109, 10, 338, 337, 9, 108),  # forehead
    (117, 118, 101, 36, 205, 50),  # right cheek
    (346, 347, 330, 266, 425, 280),  # left cheek
)
"""Where skin is bare and seldom shadowed by features, as closed outlines."""

_INT, _FLOAT, _BYTES = 0, 5, 2  # wire types of protobuf


@dataclass(frozen=True)
class Mesh:
    """``points`` 468 x 3 in centimetres: x to the person's left, y up, z out of the face.

    ``triangles`` hold indices, counter-clockwise seen from outside.
    """

    points: Floats
    triangles: np.ndarray


@lru_cache(maxsize=1)
def canonical_mesh() -> Mesh:
    """The mesh inside MediaPipe's face landmarker. Raises ToolError where its file is damaged."""
    mesh = next(value for number, _, value in _fields(read_model(MESH)) if number == 1)
    assert isinstance(mesh, bytes)
    fields = _fields(mesh)
    floats = [value for number, wire, value in fields if (number, wire) == (3, _FLOAT)]
    indices = [value for number, wire, value in fields if (number, wire) == (4, _INT)]
    vertices = np.array(floats, dtype=np.float64).reshape(POINTS, 5)  # x, y, z, and a texture's
    return Mesh(vertices[:, :3], np.array(indices, dtype=np.intp).reshape(-1, 3))


@lru_cache(maxsize=1)
def skin_indices() -> np.ndarray:
    """Points of the mesh that lie on skin: off the eyes, the brows and the lips."""
    others = {index for name, outline in OUTLINES.items() if name != "oval" for index in outline}
    inside = np.zeros(POINTS, dtype=bool)
    flat = canonical_mesh().points[:, :2]
    for outline in (LIPS, RIGHT_EYE, LEFT_EYE, RIGHT_BROW, LEFT_BROW):
        inside |= _within(flat, flat[list(outline)])
    inside[list(others)] = True
    return np.flatnonzero(~inside)


@lru_cache(maxsize=1)
def mirror_indices() -> np.ndarray:
    """For each of the 478 points the one that takes its place in a mirror."""
    mesh = canonical_mesh().points
    apart = ((mesh[:, None] * [-1, 1, 1] - mesh[None]) ** 2).sum(axis=2)
    irises = np.array([473, 476, 475, 474, 477, 468, 471, 470, 469, 472])
    return np.concatenate([apart.argmin(axis=1), irises])


def normals_of(points: Floats, triangles: np.ndarray) -> Floats:
    """Unit normals at the points of a mesh, outwards: the mean of their triangles', by area."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    of_triangles = np.cross(b - a, c - a)
    sums = np.zeros_like(points)
    for corner in range(3):
        np.add.at(sums, triangles[:, corner], of_triangles)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(lengths, 1e-12))


def _within(points: Floats, outline: Floats) -> np.ndarray:
    """Which points lie inside a closed outline (even-odd rule)."""
    inside = np.zeros(len(points), dtype=bool)
    x, y = points[:, 0], points[:, 1]
    for (x1, y1), (x2, y2) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y1 != y2:
            inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


def _fields(message: bytes) -> list[tuple[int, int, int | float | bytes]]:
    """Field number, wire type and value of everything in a protobuf message."""
    found: list[tuple[int, int, int | float | bytes]] = []
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _INT:
            value, at = _varint(message, at)
            found.append((number, wire, value))
        elif wire == _FLOAT:
            found.append((number, wire, struct.unpack_from("<f", message, at)[0]))
            at += 4
        else:
            length, at = _varint(message, at)
            found.append((number, wire, message[at : at + length]))
            at += length
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
