"""Measured features as text: lines for people, and compact JSON for a model."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from grok_agent.context.tokens import count
from grok_agent.vision.groups import ColourTemperatureGroup, ImageFeatures

Detail = Literal["compact", "full"]

MOST_TOKENS = 600
"""Of the compact rendering."""

COMPACT: dict[str, tuple[str, ...]] = {
    "file": ("format", "frames"),
    "size": ("width", "height", "aspect_ratio", "orientation"),
    "kind": ("kind", "kind_zh"),
    "palette": ("colours",),
    "harmony": ("scheme", "scheme_zh"),
    "colourfulness": ("value",),
    "light": ("brightness", "contrast", "key", "key_zh"),
    "light_direction": (
        *("azimuth_deg", "elevation_deg", "key_fill_stops", "pattern", "pattern_zh"),
    ),
    "colour_temperature": ("cct_k", "grey_world_k", "disagree", "tone"),
    "composition": ("shot", "shot_zh", "thirds_distance", "headroom", "symmetry"),
    "sharpness": ("rating",),
    "noise": ("sigma",),
    "depth_of_field": ("depth",),
    "layout": (*("n_boxes", "columns", "rows", "alignment", "gaps", "spacing_unit", "type_sizes"),),
    "text": ("lines",),
    "metadata": ("camera_make", "camera_model", "has_gps", "generator"),
    "generator": ("positive", "seed", "steps", "sampler", "cfg"),
}
"""What a model is told by default; more on request. Faces tell it themselves."""

GIVES_WAY: tuple[tuple[str, str], ...] = (
    *(("text", "lines"), ("generator", "positive"), ("layout", "gaps"), ("layout", "type_sizes")),
    *(("colourfulness", "value"), ("noise", "sigma"), ("depth_of_field", "depth")),
    *(("harmony", "scheme_zh"), ("kind", "kind_zh"), ("composition", "shot_zh")),
    *(("light_direction", "pattern_zh"), ("colour_temperature", "grey_world_k")),
    *(("composition", "symmetry"), ("harmony", "scheme"), ("faces", "others")),
    *(("metadata", "camera_make"), ("metadata", "camera_model"), ("palette", "colours")),
    *(("faces", "largest"), ("layout", "alignment")),
)
"""What is shortened, in this order, where the whole would be too long."""

_TEXT_CHARACTERS = 160
_LEAST_COLOURS = 4
_LEAST_CHARACTERS = 60


def describe(features: ImageFeatures) -> list[str]:
    """A few lines for a person."""
    light, palette = features.light, features.palette
    colours = ", ".join(f"{c.hex} {c.name_en} {c.share:.0%}" for c in palette.colours)
    return [
        headline(features),
        f"Palette: {colours}",
        f"Light: brightness {light.brightness:.2f}, {light.key} key, "
        f"contrast {_or_none(light.contrast)}; {_temperature_words(features.colour_temperature)}",
        f"Sharpness: {features.sharpness.rating or features.sharpness.reason}",
        *_found(features),
    ]


def headline(features: ImageFeatures) -> str:
    """Kind, form and size in one line."""
    size, kind = features.size, features.kind.kind or "picture"
    return (
        f"Picture: {kind}, {features.file.format}, {size.width} x {size.height} px, "
        f"{size.orientation}, about {size.aspect_ratio}"
    )


def render(features: ImageFeatures, detail: Detail = "compact") -> str:
    """Features for a model: a headline, then one line ``features: {json}``.

    The JSON has the keys of ImageFeatures. ``compact`` has at most MOST_TOKENS tokens of o200k: of
    each group the values of COMPACT and its confidence, and why others are not available; ``full``
    has everything.
    """
    if detail == "full":
        return _with_head(features, features.model_dump())
    data = _compact(features)
    text = _with_head(features, data)
    for group, name in GIVES_WAY:
        if count(text) <= MOST_TOKENS:
            break
        _shorten(data, group, name)
        text = _with_head(features, data)
    return text


def _with_head(features: ImageFeatures, data: Mapping[str, Any]) -> str:
    shown = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return f"{headline(features)}\nfeatures: {shown}"


def _compact(features: ImageFeatures) -> dict[str, Any]:
    data: dict[str, Any] = {"source": "measured"}
    missing: dict[str, str] = {}
    for name, fields in COMPACT.items():
        group = getattr(features, name)
        if not group.available:
            missing[name] = group.reason
            continue
        values = {field: _short(field, getattr(group, field)) for field in fields}
        told = {field: value for field, value in values.items() if value not in (None, "", [])}
        if told:
            data[name] = told | {"confidence": group.confidence}
    if features.faces.available:
        data["faces"] = features.faces.in_brief()
    else:
        missing["faces"] = features.faces.reason
    for quiet in ("layout", "generator"):
        if features.kind.kind != "ui" and quiet in missing:
            del missing[quiet]
    if missing:
        data["not_measured"] = missing
    return data


def _short(field: str, value: Any) -> Any:
    if field == "colours":
        return [swatch.model_dump() | {"share": round(swatch.share, 2)} for swatch in value]
    if field == "lines":
        return [line.text for line in value]
    if field == "positive":
        return value[:_TEXT_CHARACTERS]
    if field == "frames":
        return value if value > 1 else None  # only the first is sent and measured
    if field == "has_gps":
        return value or None
    return value


def _shorten(data: dict[str, Any], group: str, name: str) -> None:
    values = data.get(group, {})
    if name not in values:
        return
    if name == "lines":
        values[name] = _first_lines(values[name])
    elif name == "colours":
        values[name] = values[name][:_LEAST_COLOURS]
    elif name == "positive":
        values[name] = values[name][:_LEAST_CHARACTERS]
    else:
        del values[name]
    if set(values) == {"confidence"}:
        del data[group]


def _first_lines(lines: list[str]) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if sum(map(len, kept)) + len(line) > _TEXT_CHARACTERS:
            return [*kept, f"… {len(lines) - len(kept)} more"]
        kept.append(line)
    return kept


def _found(features: ImageFeatures) -> list[str]:
    lines = []
    if features.faces.faces:
        lines += [f"Face: {face.in_words()}" for face in features.faces.faces]
    direction = features.light_direction
    if direction.azimuth_deg is not None:
        lines.append(
            f"Light comes from {direction.azimuth_deg} degrees (+ right), "
            f"{direction.elevation_deg} up ({direction.pattern})"
        )
    layout = features.layout
    if layout.available:
        lines.append(
            f"Layout: {layout.n_boxes} boxes, {layout.columns} columns, {layout.rows} rows, "
            f"spacing unit {layout.spacing_unit or 'none'}"
        )
    lines += [f"Text: {line.text}" for line in features.text.lines]
    return lines


def _temperature_words(group: ColourTemperatureGroup) -> str:
    if group.cct_k is None:
        return f"no colour temperature ({group.reason})"
    doubt = ", uncertain" if group.disagree else ""
    return f"{group.tone}, {group.cct_k} K{doubt}"


def _or_none(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
