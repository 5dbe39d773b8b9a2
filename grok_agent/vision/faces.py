"""The faces in a picture, measured with the models of the extra ``[face]``."""

from dataclasses import asdict

import numpy as np
from PIL import Image

from grok_agent.errors import ToolError
from grok_agent.vision.colour import Floats
from grok_agent.vision.face_detect import Detection, detect_faces
from grok_agent.vision.face_groups import (
    LEFT_TO_MODEL,
    ExpressionPart,
    Face,
    FacesGroup,
    Landmark,
    PosePart,
    RatiosPart,
    ShapePart,
    SkinPart,
    Surface,
)
from grok_agent.vision.face_landmarks import find_landmarks
from grok_agent.vision.face_mesh import (
    NAMED,
    POINTS,
    canonical_mesh,
    normals_of,
    skin_indices,
)
from grok_agent.vision.face_models import is_installed
from grok_agent.vision.face_pose import Pose, measure_pose
from grok_agent.vision.face_ratios import classify_shape, measure_expression, measure_ratios
from grok_agent.vision.face_skin import measure_skin

__all__ = ["FacesGroup", "Surface", "measure_faces"]

NOT_INSTALLED = 'install "grok-agent[face]" to measure faces'
MOST_FACES = 4  # are measured; further ones are counted
METHOD = (
    "YuNet (Wu 2023); 478 landmarks (Kartynnik 2019, Grishchenko 2020); pose by Umeyama 1991; "
    "proportions after Farkas 1994; eye aspect ratio (Soukupova 2016); ITA (Chardon 1991)"
)
ENOUGH_PX = 112  # width of a face from which its landmarks are fully trusted
FRONTAL, PROFILE = 20.0, 70.0  # degrees off the camera: trust falls from the one to the other
SKIN_TRUST = 0.4  # at best: the light's colour and strength are unknown

CHINESE = {
    "oval": "椭圆脸",
    "round": "圆脸",
    "square": "方脸",
    "oblong": "长脸",
    "heart": "心形脸",
    "diamond": "菱形脸",
    "triangle": "梨形脸",
    "mouth closed": "闭合",
    "mouth parted": "微张",
    "mouth open": "张开",
    "smile none": "无笑容",
    "smile slight": "浅笑",
    "smile clear": "明显微笑",
    "eyes open": "睁眼",
    "eyes narrowed": "眯眼",
    "eyes closed": "闭眼",
    "very light": "很浅",
    "light": "浅",
    "intermediate": "中等",
    "tan": "小麦色",
    "brown": "棕色",
    "dark": "深色",
}
"""Chinese words for the classes."""


def measure_faces(picture: Image.Image, *, all_landmarks: bool = False) -> FacesGroup:
    """The faces in an upright sRGB picture (mode RGB), the MOST_FACES largest of them measured.

    Without the extra ``[face]``, or with one that cannot be used, the group is not available, and
    says what to install. Equal pictures give equal figures. ``all_landmarks`` adds the 478 points
    of each face.
    """
    if not is_installed():
        return FacesGroup(available=False, reason=NOT_INSTALLED)
    try:
        found = detect_faces(picture)
        measured = found[:MOST_FACES]
        landmarks = [find_landmarks(picture, face) for face in measured]
    except ToolError as error:  # an old or broken OpenCV must not cost the other groups
        return FacesGroup(available=False, reason=str(error))
    faces = [
        _face(picture, face, points, all_landmarks=all_landmarks)
        for face, points in zip(measured, landmarks, strict=True)
    ]
    group = FacesGroup(
        method=METHOD,
        confidence=max((face.confidence for face in faces), default=0.5),
        n_pixels=picture.width * picture.height,
        reason=_said(len(found)),
        found=len(found),
        faces=faces,
        left_to_model=LEFT_TO_MODEL if found else "",
    )
    group._surfaces = tuple(_surface(points) for points in landmarks)
    group._landmarks = tuple(_triples(points, 1) for points in landmarks)
    return group


def _said(found: int) -> str:
    if not found:
        return "no face found; drawn, masked and turned-away faces are missed"
    return f"only the {MOST_FACES} largest are measured" if found > MOST_FACES else ""


def _face(picture: Image.Image, found: Detection, points: Floats, *, all_landmarks: bool) -> Face:
    pose = measure_pose(points)
    ratios = measure_ratios(pose.frontal)
    shape = classify_shape(ratios)
    trust = _trust(found, pose)
    sides = np.array(picture.size, dtype=np.float64)
    return Face(
        box=_shares(found, picture),
        score=round(found.score, 3),
        width_px=round(found.box[2]),
        confidence=round(trust, 2),
        pose=PosePart(yaw=round(pose.yaw, 1), pitch=round(pose.pitch, 1), roll=round(pose.roll, 1)),
        ratios=RatiosPart(**{name: round(value, 3) for name, value in asdict(ratios).items()}),
        shape=ShapePart(
            name=shape.name,
            name_zh=CHINESE[shape.name],
            next=shape.next,
            margin=round(shape.margin, 2),
        ),
        expression=_expression(pose),
        skin=_skin(picture, points, trust),
        landmark_count=len(points),
        key_points={
            name: (round(float(x), 4), round(float(y), 4))
            for name, (x, y) in zip(NAMED, points[list(NAMED.values()), :2] / sides, strict=True)
        },
        landmarks=list(_triples(points / picture.width, 5)) if all_landmarks else None,
    )


def _expression(pose: Pose) -> ExpressionPart:
    found = measure_expression(pose.frontal)
    numbers = {
        name: round(value, 3) for name, value in asdict(found).items() if isinstance(value, float)
    }
    return ExpressionPart(
        mouth=found.mouth,
        smile=found.smile,
        eyes=found.eyes,
        mouth_zh=CHINESE[f"mouth {found.mouth}"],
        smile_zh=CHINESE[f"smile {found.smile}"],
        eyes_zh=CHINESE[f"eyes {found.eyes}"],
        **numbers,
    )


def _skin(picture: Image.Image, points: Floats, trust: float) -> SkinPart | None:
    found = measure_skin(picture, points)
    if found is None:
        return None
    lightness, a, b = (round(value, 1) for value in found.lab)
    return SkinPart(
        hex=found.hex,
        ita=round(found.ita, 1),
        name=found.name,
        name_zh=CHINESE[found.name],
        lab=(lightness, a, b),
        hue=round(found.hue, 1),
        confidence=round(SKIN_TRUST * trust, 2),
        n_pixels=found.n_pixels,
    )


def _trust(found: Detection, pose: Pose) -> float:
    """0-1 by the detector's score, the face's width, and how far it looks past the camera."""
    off = float(np.hypot(pose.yaw, pose.pitch))
    turned = float(np.clip((PROFILE - off) / (PROFILE - FRONTAL), 0, 1))
    return min(1.0, found.box[2] / ENOUGH_PX) * turned * found.score


def _shares(found: Detection, picture: Image.Image) -> tuple[float, float, float, float]:
    """The part of the box that lies in the picture."""
    left, top, width, height = found.box
    left_share, right_share = np.clip([left, left + width], 0, picture.width) / picture.width
    top_share, bottom_share = np.clip([top, top + height], 0, picture.height) / picture.height
    return (
        round(float(left_share), 4),
        round(float(top_share), 4),
        round(float(right_share - left_share), 4),
        round(float(bottom_share - top_share), 4),
    )


def _surface(points: Floats) -> Surface:
    """Skin that faces the camera."""
    mesh = points[:POINTS] * [1, -1, -1]
    normals = normals_of(mesh, canonical_mesh().triangles)
    chosen = skin_indices()[normals[skin_indices(), 2] > 0]
    return Surface(
        points=tuple((x, y) for x, y in points[chosen, :2].tolist()),
        normals=_triples(normals[chosen], 4),
    )


def _triples(points: Floats, digits: int) -> tuple[Landmark, ...]:
    return tuple((x, y, z) for x, y, z in np.round(points, digits).tolist())
