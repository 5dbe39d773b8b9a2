"""Measure one picture, and write the measurements down for a model to read."""

import json
from pathlib import Path
from typing import Literal

from grok_agent.vision.decode import decode
from grok_agent.vision.groups import ColourTemperatureGroup, ImageFeatures
from grok_agent.vision.measure import measure
from grok_agent.vision.prepare import Picture

__all__ = ["Detail", "ImageFeatures", "extract", "render"]

Detail = Literal["compact", "full"]

DETAILS = frozenset(
    {"method", "n_pixels", "mode", "has_colour_profile", "exif_orientation", "tenengrad"}
)
"""Values that the compact rendering leaves out."""


def extract(picture: Picture | Path | bytes | str) -> ImageFeatures:
    """Measure a prepared picture, or the picture at a path, in bytes or in a data URL.

    A Picture is measured as it would be sent, a file as decoded, which also works for pictures
    too small to be sent. Equal input gives equal figures. Raises ToolError for what cannot be
    decoded.
    """
    if isinstance(picture, Picture):
        return measure(decode(picture.jpeg).image, picture.original)
    decoded = decode(picture)
    return measure(decoded.image, decoded.original)


def render(features: ImageFeatures, detail: Detail = "compact") -> str:
    """Features as text: a few lines to read, then one line ``features: {json}``.

    The JSON has the keys of ImageFeatures. ``compact`` (at most 600 tokens) leaves out DETAILS,
    empty values and ``available`` where it is true; ``full`` has everything.
    """
    return "\n".join([*_lines(features), "features: " + _json(features, detail)])


def _lines(features: ImageFeatures) -> list[str]:
    """Four lines for a person; the JSON below them has the same and more."""
    size, light, palette = features.size, features.light, features.palette
    colours = ", ".join(f"{c.hex} {c.name_en} {c.share:.0%}" for c in palette.colours)
    return [
        f"Picture: {features.file.format}, {size.width} x {size.height} px, {size.orientation}, "
        f"about {size.aspect_ratio}",
        f"Palette: {colours}",
        f"Light: brightness {light.brightness:.2f}, {light.key} key, "
        f"contrast {_or_none(light.contrast)}; {_temperature_words(features.colour_temperature)}",
        f"Sharpness: {features.sharpness.rating or features.sharpness.reason}",
    ]


def _temperature_words(group: ColourTemperatureGroup) -> str:
    if group.cct_k is None:
        return f"no colour temperature ({group.reason})"
    doubt = ", uncertain" if group.disagree else ""
    return f"{group.tone}, {group.cct_k} K{doubt}"


def _or_none(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _json(features: ImageFeatures, detail: Detail) -> str:
    data = features.model_dump()
    if detail == "compact":
        data = {key: _compact(value) for key, value in data.items()}
        data["faces"] = features.faces.in_brief()
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _compact(value: object) -> object:
    if not isinstance(value, dict):
        return value
    hidden = DETAILS | ({"available"} if value["available"] else set())
    return {k: v for k, v in value.items() if k not in hidden and v is not None and v != ""}
