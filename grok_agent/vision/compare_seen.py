"""One face of one picture, looked at as far as a comparison needs it."""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from grok_agent.errors import ToolError
from grok_agent.vision.colour import Floats
from grok_agent.vision.decode import decode
from grok_agent.vision.face_detect import Detection, detect_faces
from grok_agent.vision.face_identity import embed
from grok_agent.vision.face_landmarks import find_landmarks
from grok_agent.vision.face_pose import Pose, measure_pose
from grok_agent.vision.face_skin import Skin, measure_skin
from grok_agent.vision.light import grey_levels
from grok_agent.vision.sharpness import measure_sharpness

BLUR_SIDE_PX = 112  # the face is brought to this width before its sharpness is measured
BLURRED = 60.0  # variance of the Laplacian at that width; a convention


@dataclass(frozen=True)
class SeenFace:
    """A face with everything that was measured on it; never written anywhere.

    ``number`` is its place in the picture by falling size, from 1, of ``found`` faces.
    ``embedding`` stands for the face itself: biometric data.
    """

    picture: Image.Image
    detection: Detection
    number: int
    found: int
    landmarks: Floats = field(repr=False)
    pose: Pose = field(repr=False)
    skin: Skin | None
    sharpness: float
    embedding: Floats = field(repr=False)

    @property
    def blurred(self) -> bool:
        """Whether the face shows little detail for its size."""
        return self.sharpness < BLURRED


@dataclass(frozen=True)
class SeenPicture:
    """A picture that was looked at for a face; ``face`` is None where there is none."""

    label: str
    picture: Image.Image = field(repr=False)
    face: SeenFace | None


def see_face(source: object, *, number: int = 1, fetch: bool = False) -> SeenPicture:
    """Look at a picture and measure its ``number``-th largest face, counted from 1.

    ``source`` as for :func:`grok_agent.vision.sources.read_source`. Raises ToolError for what is
    no picture, where the extra ``[face]`` is missing, and where the picture has faces but fewer
    than ``number``.
    """
    decoded = decode(source, fetch=fetch)
    faces = detect_faces(decoded.image)
    if not faces:
        return SeenPicture(decoded.label, decoded.image, None)
    if not 1 <= number <= len(faces):
        raise ToolError(
            f"{decoded.label} has {len(faces)} face{'s' * (len(faces) > 1)}, so there is no face "
            f"number {number}.",
            next_step=f"Choose a number from 1, the largest, to {len(faces)}.",
        )
    face = _measure(decoded.image, faces[number - 1], number, len(faces))
    return SeenPicture(decoded.label, decoded.image, face)


def _measure(picture: Image.Image, found: Detection, number: int, count: int) -> SeenFace:
    landmarks = find_landmarks(picture, found)
    return SeenFace(
        picture=picture,
        detection=found,
        number=number,
        found=count,
        landmarks=landmarks,
        pose=measure_pose(landmarks),
        skin=measure_skin(picture, landmarks),
        sharpness=_sharpness(picture, landmarks),
        embedding=embed(picture, found, landmarks),
    )


def _sharpness(picture: Image.Image, landmarks: Floats) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000) over the face, at a fixed size."""
    left, top = (max(0, int(low)) for low in landmarks[:, :2].min(axis=0))
    right, bottom = (int(high) + 1 for high in landmarks[:, :2].max(axis=0))
    right, bottom = min(picture.width, right), min(picture.height, bottom)
    if right - left < 3 or bottom - top < 3:
        return 0.0
    height = max(3, round(BLUR_SIDE_PX * (bottom - top) / (right - left)))
    part = picture.crop((left, top, right, bottom))
    part = part.resize((BLUR_SIDE_PX, height), Image.Resampling.BOX)
    return measure_sharpness(grey_levels(np.asarray(part))).laplacian_variance
