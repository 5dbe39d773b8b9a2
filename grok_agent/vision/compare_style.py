"""How the look of two pictures differs: colours, brightness, contrast, warmth, detail."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from grok_agent.vision.colour import Floats, delta_e_2000, from_hex, linear_to_lab
from grok_agent.vision.compare_groups import StyleDifference
from grok_agent.vision.light import grey_levels, measure_light
from grok_agent.vision.palette import Palette, measure_palette
from grok_agent.vision.sharpness import WORKING_SIDE_PX, measure_sharpness
from grok_agent.vision.temperature import measure_temperature

COLOUR_SIDE_PX, TEMPERATURE_SIDE_PX = 512, 256

OTHER_COLOURS = 15.0  # CIEDE2000 between palettes; below, they are called alike
VISIBLE_BRIGHTNESS, VISIBLE_CONTRAST, VISIBLE_MIRED, VISIBLE_DETAIL = 0.08, 0.05, 20.0, 1.5
VISIBLE_CHROMA = 5.0


@dataclass(frozen=True)
class Look:
    """What one picture looks like, for comparing; ``mired`` None where the light has no colour."""

    palette: Palette
    brightness: float
    contrast: float
    mired: float | None
    laplacian: float


def measure_look(picture: Image.Image) -> Look:
    """The look of an RGB picture, by the algorithms of the features."""
    pixels = np.asarray(_reduced(picture, COLOUR_SIDE_PX))
    light = measure_light(grey_levels(pixels))
    temperature = measure_temperature(np.asarray(_reduced(picture, TEMPERATURE_SIDE_PX)))
    white = temperature and (temperature.grey_edge or temperature.grey_world)
    return Look(
        palette=measure_palette(pixels),
        brightness=light.mean,
        contrast=light.rms_contrast,
        mired=1e6 / white.cct_k if white and white.cct_k else None,
        laplacian=_detail(picture),
    )


def difference(reference: Look, derived: Look) -> StyleDifference:
    """``derived`` against ``reference``."""
    warmth = None
    if reference.mired is not None and derived.mired is not None:
        warmth = round(derived.mired - reference.mired, 1)
    detail = None
    if reference.laplacian > 0 and derived.laplacian > 0:
        detail = round(float(np.log2(derived.laplacian / reference.laplacian)), 2)
    palette = round(palette_distance(reference.palette, derived.palette), 1)
    brightness = round(derived.brightness - reference.brightness, 3)
    contrast = round(derived.contrast - reference.contrast, 3)
    chroma = round(_chroma(derived.palette) - _chroma(reference.palette), 1)
    said = [
        ("other colours", "色彩不同") if palette >= OTHER_COLOURS else None,
        _sign(chroma, VISIBLE_CHROMA, ("more colourful", "更鲜艳"), ("paler", "色彩更淡")),
        _sign(brightness, VISIBLE_BRIGHTNESS, ("brighter", "更亮"), ("darker", "更暗")),
        _sign(
            contrast, VISIBLE_CONTRAST, ("more contrast", "对比更强"), ("less contrast", "对比更弱")
        ),
        _sign(warmth, VISIBLE_MIRED, ("warmer", "更暖"), ("cooler", "更冷")),
        _sign(detail, VISIBLE_DETAIL, ("more detail", "细节更多"), ("softer", "更柔")),
    ]
    words = [pair for pair in said if pair]
    return StyleDifference(
        palette=palette,
        chroma=chroma,
        brightness=brightness,
        contrast=contrast,
        warmth_mired=warmth,
        detail=detail,
        words=", ".join(en for en, _ in words) or "alike in style and colour",
        words_zh="、".join(zh for _, zh in words) or "风格与色彩相近",
    )


def palette_distance(first: Palette, second: Palette) -> float:
    """Mean CIEDE2000 from each colour to the nearest of the other palette, weighted by share."""
    apart = delta_e_2000(_labs(first)[:, None], _labs(second)[None])
    there, back = apart.min(axis=1), apart.min(axis=0)
    return (_mean(there, first) + _mean(back, second)) / 2


def _chroma(palette: Palette) -> float:
    """Mean CIE L*a*b* chroma by share."""
    return _mean(np.hypot(_labs(palette)[:, 1], _labs(palette)[:, 2]), palette)


def _labs(palette: Palette) -> Floats:
    return linear_to_lab(np.array([from_hex(colour.hex) for colour in palette.colours]))


def _mean(values: Floats, palette: Palette) -> float:
    return float(np.average(values, weights=[colour.share for colour in palette.colours]))


def _sign(
    value: float | None, visible: float, more: tuple[str, str], less: tuple[str, str]
) -> tuple[str, str] | None:
    if value is None or abs(value) < visible:
        return None
    return more if value > 0 else less


def _detail(picture: Image.Image) -> float:
    scale = WORKING_SIDE_PX / max(picture.size)
    size = (max(3, round(picture.width * scale)), max(3, round(picture.height * scale)))
    working = picture.resize(size, Image.Resampling.BICUBIC)
    return measure_sharpness(grey_levels(np.asarray(working))).laplacian_variance


def _reduced(picture: Image.Image, side: int) -> Image.Image:
    scale = side / max(picture.size)
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BOX)
