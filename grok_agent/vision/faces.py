"""The faces in a picture, measured with the models of the extra ``[face]``."""

from dataclasses import dataclass

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from grok_agent.vision.group import Group

NOT_INSTALLED = 'install "grok-agent[face]" to measure faces'


@dataclass(frozen=True)
class Surface:
    """The skin of one face as points of a fitted mesh, for measuring the light that falls on it.

    ``points`` are x and y in pixels of the picture, ``normals`` unit vectors outwards: x to the
    right, y up, z towards the camera.
    """

    points: tuple[tuple[float, float], ...]
    normals: tuple[tuple[float, float, float], ...]


class Face(BaseModel):
    """One face."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    box: tuple[float, float, float, float] = Field(
        description="Left, top, width, height as shares of the picture's sides, forehead to chin"
    )
    score: float = Field(ge=0, le=1, description="The detector's")


class FacesGroup(Group):
    """Faces by falling size."""

    faces: list[Face] = Field(default_factory=list)

    _surfaces: tuple[Surface, ...] = PrivateAttr(default=())


def measure_faces(picture: Image.Image) -> FacesGroup:
    """The faces in an upright sRGB picture."""
    return FacesGroup(available=False, reason=NOT_INSTALLED)
