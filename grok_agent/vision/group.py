"""What every group of measurements carries beside its values."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Group(BaseModel):
    """Whether it could be measured, how, and how far to trust it.

    Values are None where ``available`` is false.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Literal["measured", "model", "user"] = Field(
        default="measured", description="Who says so; nothing here comes from a model by itself"
    )
    available: bool = True
    reason: str = Field(default="", description="Why the group, or a part of it, is not available")
    method: str = Field(default="", description="Algorithm, author and year")
    confidence: float = Field(default=0.0, ge=0, le=1)
    n_pixels: int = Field(default=0, ge=0, description="Pixels that entered the measurement")
