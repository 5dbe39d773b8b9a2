"""Which way a head is turned, and its points as they would lie if it were not."""

from dataclasses import dataclass

import numpy as np

from grok_agent.vision.colour import Floats
from grok_agent.vision.face_mesh import POINTS, canonical_mesh


@dataclass(frozen=True)
class Pose:
    """Degrees, 0 for a face straight to the camera.

    ``yaw`` grows as the nose turns to the picture's right, ``pitch`` as it is raised, ``roll`` as
    the head tilts clockwise. ``frontal`` has the landmarks turned back and brought to the size of
    the canonical mesh: x to the picture's right, y up, z towards the camera, in its centimetres.
    ``misfit`` is what remains between them and that mesh, as a share of the mesh's size.
    """

    yaw: float
    pitch: float
    roll: float
    frontal: Floats
    misfit: float


def measure_pose(landmarks: Floats) -> Pose:
    """The pose of 478 landmarks, by fitting the canonical mesh to them (Umeyama 1991)."""
    seen = landmarks * [1, -1, -1]
    mesh = canonical_mesh().points
    turn, scale, shift = fit_similarity(mesh, seen[:POINTS])
    frontal = (seen - shift) @ turn / scale
    nose = turn[:, 2]
    yaw, pitch = np.arctan2(nose[0], nose[2]), np.arcsin(np.clip(nose[1], -1, 1))
    upright = _turn_to(yaw, pitch).T @ turn
    roll = -np.arctan2(upright[1, 0], upright[0, 0])
    spread = np.sqrt(((mesh - mesh.mean(axis=0)) ** 2).sum(axis=1).mean())
    apart = np.sqrt(((frontal[:POINTS] - mesh) ** 2).sum(axis=1).mean())
    return Pose(
        yaw=float(np.degrees(yaw)),
        pitch=float(np.degrees(pitch)),
        roll=float(np.degrees(roll)),
        frontal=frontal,
        misfit=float(apart / spread),
    )


def fit_similarity(source: Floats, target: Floats) -> tuple[Floats, float, Floats]:
    """Rotation, scale and shift that bring ``source`` nearest to ``target`` (Umeyama 1991).

    Both are n x d; least squares, never a reflection. ``source @ rotation.T * scale + shift``.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_mean, target - target_mean
    u, strengths, vt = np.linalg.svd(b.T @ a / len(source))
    signs = np.ones(source.shape[1])
    signs[-1] = np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0
    rotation = (u * signs) @ vt
    scale = float((strengths * signs).sum() / max((a**2).sum() / len(source), 1e-12))
    return rotation, scale, target_mean - scale * rotation @ source_mean


def _turn_to(yaw: float, pitch: float) -> Floats:
    """The rotation of a head that turns by ``yaw`` and raises its nose by ``pitch`` (radians)."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return np.asarray(about_y @ about_x)
