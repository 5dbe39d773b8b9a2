"""The typed result of comparing faces: scores and words; nothing that could find a face again."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from grok_agent.vision.face_groups import PosePart

Band = Literal["consistent", "likely", "different"]

BANDS_ZH: dict[Band, str] = {"consistent": "一致", "likely": "可能一致", "different": "不一致"}


@dataclass(frozen=True)
class Bands:
    """What a cosine means, and which faces are not judged.

    From ``consistent`` on a face counts as the same; from ``likely`` on as probably the same,
    degraded or stylised; 0.363 is the threshold that OpenCV publishes for the recognizer. The
    others were set on eight photographs of four people: defaults, not measured error rates.
    """

    consistent: float = 0.60
    likely: float = 0.36
    least_width_px: int = 45
    most_yaw: float = 45.0
    most_pitch: float = 40.0

    def of(self, cosine: float) -> Band:
        """The band that a cosine falls into."""
        if cosine >= self.consistent:
            return "consistent"
        return "likely" if cosine >= self.likely else "different"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ComparedFace(_Part):
    """Which face of which picture was compared. ``name`` comes from outside: data, no words."""

    name: str
    found: int = Field(description="Faces in the picture")
    number: int | None = Field(default=None, description="Which one, from 1, by falling size")
    box: tuple[float, float, float, float] | None = Field(
        default=None, description="Left, top, width, height in pixels of the picture"
    )
    width_px: int | None = None
    pose: PosePart | None = None
    skin_hex: str | None = Field(default=None, description="As photographed")
    blurred: bool | None = None
    unfit: str = Field(default="", description="Why it cannot be judged")


class StyleDifference(_Part):
    """The derived picture against a reference; 0 is alike. + is more in the derived picture."""

    palette: float = Field(description="Mean CIEDE2000 between the palettes, by share")
    chroma: float = Field(description="Mean CIE L*a*b* chroma of the palette")
    brightness: float = Field(description="Mean grey level, -1 to 1")
    contrast: float = Field(description="RMS contrast, -0.5 to 0.5")
    warmth_mired: float | None = Field(description="+ warmer; None where a light has no colour")
    detail: float | None = Field(description="Sharpness, in doublings")
    words: str
    words_zh: str


class Likeness(_Part):
    """The derived face against one reference."""

    reference: ComparedFace
    cosine: float | None = Field(description="-1 to 1; None where one of them cannot be judged")
    shape: float | None = Field(
        description="RMS distance of the landmarks, turned to the front, after Procrustes, in % of "
        "the distance of the eyes: below 3 the same photograph, mostly 4 to 10 between others"
    )
    yaw: float | None = Field(description="Degrees turned further to the picture's right")
    pitch: float | None = Field(description="Degrees raised further")
    roll: float | None = Field(description="Degrees tilted further clockwise")
    skin: float | None = Field(description="CIEDE2000 between the skins, as photographed")
    style: StyleDifference


class FaceComparison(_Part):
    """How alike a derived face is to one or more references of the same person."""

    version: int = 1
    derived: ComparedFace
    references: list[Likeness]
    judged: bool
    reason: str = Field(default="", description="Why it is not judged")
    cosine: float | None = Field(default=None, description="The best over the references")
    cosine_mean: float | None = None
    band: Band | None = None
    band_zh: str | None = None
    confidence: float = Field(default=0.0, ge=0, le=1)
    notes: list[str] = Field(default_factory=list, description="What makes the score unsure")
    sentence: str = Field(description="The judgement in one sentence")
    sentence_zh: str
    method: str
