"""The typed shape of measured faces: nothing about who somebody is, gender, age or origin."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from grok_agent.vision.face_ratios import Eyes, Mouth, Shape, Smile
from grok_agent.vision.face_skin import SkinClass
from grok_agent.vision.group import Group

SKIN_CAVEAT = (
    "As photographed: light, exposure and make-up move it. No statement on origin or ancestry."
)
LEFT_TO_MODEL = (
    "Not measured, describe from the picture: hair (no mask to measure it on), beard, glasses."
)

Point = tuple[float, float]
Landmark = tuple[float, float, float]


@dataclass(frozen=True)
class Surface:
    """The skin of one face as points of a fitted mesh, for measuring the light that falls on it.

    ``points`` are x and y in pixels of the picture, ``normals`` unit vectors outwards: x to the
    right, y up, z towards the camera.
    """

    points: tuple[tuple[float, float], ...]
    normals: tuple[tuple[float, float, float], ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PosePart(_Part):
    """Degrees; 0 looks straight into the camera."""

    yaw: float = Field(description="Degrees, + nose to the picture's right")
    pitch: float = Field(description="Degrees, + nose up; the least certain of the three")
    roll: float = Field(description="Degrees, + tilted clockwise")


class RatiosPart(_Part):
    """Lengths over the width at the cheekbones, turned to the front."""

    height: float
    forehead: float
    jaw: float
    eye_spacing: float
    eye_width: float
    nose_width: float
    nose_length: float
    mouth_width: float
    lip_fullness: float = Field(description="Height of both lips over the mouth's width")
    lower_third: float = Field(description="Nose base to chin over the face's height")


class ShapePart(_Part):
    """A class by convention; trust the ratios more."""

    name: Shape
    name_zh: str
    next: Shape = Field(description="The second nearest class")
    margin: float = Field(ge=0, le=1, description="0: as near to the next class")


class ExpressionPart(_Part):
    """Signs of expression, not emotions."""

    mouth: Mouth
    smile: Smile
    eyes: Eyes
    mouth_zh: str
    smile_zh: str
    eyes_zh: str
    lip_gap: float = Field(description="Over the mouth's width")
    corner_lift: float = Field(description="Corners above the mouth's middle, over its width")
    right_eye: float = Field(description="Eye aspect ratio, the person's right eye")
    left_eye: float
    brow_raise: float = Field(description="Brow over lid, over the distance of the eye corners")


class SkinPart(_Part):
    """Median colour of forehead and cheeks."""

    hex: str
    ita: float = Field(description="Individual typology angle, degrees")
    name: SkinClass
    name_zh: str
    lab: Landmark = Field(description="CIE L*, a*, b*")
    hue: float = Field(description="Degrees")
    confidence: float = Field(ge=0, le=1)
    n_pixels: int
    caveat: str = SKIN_CAVEAT


class Face(_Part):
    """One face."""

    box: tuple[float, float, float, float] = Field(
        description="Left, top, width, height as shares of the picture's sides, forehead to chin"
    )
    score: float = Field(ge=0, le=1, description="The detector's")
    width_px: int = Field(description="Of the box, in pixels of the measured picture")
    confidence: float = Field(ge=0, le=1, description="In what was measured on the landmarks")
    pose: PosePart
    ratios: RatiosPart
    shape: ShapePart
    expression: ExpressionPart
    skin: SkinPart | None = Field(default=None, description="None where too little is seen")
    landmark_count: int
    key_points: dict[str, Point] = Field(
        description="x, y as shares of the picture's sides; right and left are the person's own"
    )
    landmarks: list[Landmark] | None = Field(
        default=None, description="All, only when asked for: x, y, z as shares of the width"
    )

    def in_words(self) -> str:
        """The face in one line, without its key points and the finer figures."""
        pose, shape, look, ratios = self.pose, self.shape, self.expression, self.ratios
        skin = f"skin {self.skin.hex} as photographed" if self.skin else "skin not seen"
        box = " ".join(f"{share:.2f}" for share in self.box)
        return (
            f"at {box}; yaw {pose.yaw:.0f} pitch {pose.pitch:.0f} roll {pose.roll:.0f} degrees; "
            f"{shape.name}, next {shape.next} (margin {shape.margin}); height {ratios.height:.2f} "
            f"forehead {ratios.forehead:.2f} jaw {ratios.jaw:.2f} of width; mouth {look.mouth}, "
            f"smile {look.smile}, eyes {look.eyes}; {skin}"
        )


class FacesGroup(Group):
    """Faces by falling size; the largest few are measured."""

    found: int = Field(default=0, description="Faces found, also those that are not measured")
    faces: list[Face] = Field(default_factory=list)
    left_to_model: str = Field(default="", description="What cannot be measured here")

    _surfaces: tuple[Surface, ...] = PrivateAttr(default=())
    _landmarks: tuple[tuple[Landmark, ...], ...] = PrivateAttr(default=())

    def __eq__(self, other: object) -> bool:
        """By the data alone: surfaces and drawn landmarks do not outlive JSON."""
        if not isinstance(other, FacesGroup):
            return NotImplemented
        return self.model_dump() == other.model_dump()

    def in_brief(self) -> dict[str, Any]:
        """What a model needs of it in some 100 tokens: the largest face, the places of others."""
        if not self.available:
            return {"available": False, "reason": self.reason}
        brief: dict[str, Any] = {"confidence": self.confidence, "found": self.found}
        if self.reason:
            brief["reason"] = self.reason
        if self.faces:
            brief["largest"] = self.faces[0].in_words()
            brief["describe"] = "hair, beard, glasses (not measured)"
        if len(self.faces) > 1:
            brief["others"] = [[round(share, 2) for share in face.box] for face in self.faces[1:]]
        return brief

    @property
    def drawn(self) -> tuple[tuple[Landmark, ...], ...]:
        """All landmarks of each face, in pixels of the measured picture, for drawing them.

        They are no part of the data: a group read back from JSON has none.
        """
        return self._landmarks
