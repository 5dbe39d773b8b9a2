"""From pixels to the typed groups of features: working sizes, classes, confidence."""

from typing import Literal

import numpy as np
from PIL import Image

from grok_agent.vision.composition import measure_composition
from grok_agent.vision.decode import Original
from grok_agent.vision.faces import FacesGroup, measure_faces
from grok_agent.vision.facts import file_facts, generator_facts, origin_facts, size_facts
from grok_agent.vision.grain import Box, DepthGroup, measure_depth, measure_noise
from grok_agent.vision.groups import (
    ColourTemperatureGroup,
    ImageFeatures,
    LightGroup,
    PaletteGroup,
    SharpnessGroup,
    Swatch,
)
from grok_agent.vision.harmony import measure_colourfulness, measure_harmony
from grok_agent.vision.kind import measure_kind
from grok_agent.vision.layout import LayoutGroup, measure_layout
from grok_agent.vision.light import grey_levels, measure_light
from grok_agent.vision.palette import measure_palette
from grok_agent.vision.shading import LightDirectionGroup, measure_direction
from grok_agent.vision.sharpness import WORKING_SIDE_PX, measure_sharpness
from grok_agent.vision.temperature import measure_temperature
from grok_agent.vision.text import measure_text

COLOUR_SIDE_PX = 512
TEMPERATURE_SIDE_PX = 256
SMALLEST_SHARP_SIDE_PX = 16
NO_LAYOUT = LayoutGroup(available=False, reason="neither a screen nor a diagram")
NO_LIGHT = LightDirectionGroup(available=False, reason="a screen or a diagram")
NO_DEPTH = DepthGroup(available=False, reason="a screen or a diagram")
ENOUGH_PIXELS = 4096  # from here on a statistic over all pixels is fully trusted

CHINESE = {
    "low": "低调",
    "middle": "中间调",
    "high": "高调",
    "warm": "暖色调",
    "neutral": "中性色调",
    "cool": "冷色调",
    "soft": "柔焦",
    "medium": "清晰度中等",
    "sharp": "清晰锐利",
}
"""Chinese words for the classes, by their English name."""


def measure(image: Image.Image, original: Original, *, read_text: bool = False) -> ImageFeatures:
    """All groups for an upright sRGB picture and the facts of the file it came from.

    Text is read where it is likely, and with ``read_text`` in any case.
    """
    full = np.asarray(image)
    pixels = np.asarray(_reduced(image, COLOUR_SIDE_PX))
    samples = np.asarray(_sampled(image, COLOUR_SIDE_PX))
    kind = measure_kind(samples)
    faces = measure_faces(image)
    face = faces.faces[0].box if faces.faces else None
    composition = measure_composition(image, face)
    salient = (composition.salient_x or 0.5, composition.salient_y or 0.5)
    graphic = kind.kind in ("ui", "diagram")
    layout = measure_layout(image, original.width) if graphic else NO_LAYOUT
    return ImageFeatures(
        file=file_facts(original),
        size=size_facts(original),
        kind=kind,
        palette=_palette(pixels),
        harmony=measure_harmony(samples),
        colourfulness=measure_colourfulness(samples),
        light=_light(pixels),
        light_direction=NO_LIGHT if graphic else _direction(full, face, faces),
        colour_temperature=_temperature(np.asarray(_reduced(image, TEMPERATURE_SIDE_PX))),
        composition=composition,
        sharpness=_sharpness(image, full),
        noise=measure_noise(full),
        depth_of_field=(
            NO_DEPTH if graphic else measure_depth(grey_levels(samples), face, salient)
        ),
        faces=faces,
        layout=layout,
        text=measure_text(image, likely=graphic, asked=read_text),
        metadata=origin_facts(original),
        generator=generator_facts(original),
    )


def _direction(pixels: np.ndarray, face: Box | None, faces: FacesGroup) -> LightDirectionGroup:
    surfaces = faces._surfaces
    return measure_direction(pixels, face, surfaces[0] if surfaces else None)


def _palette(pixels: np.ndarray) -> PaletteGroup:
    palette = measure_palette(pixels)
    n_pixels = pixels.shape[0] * pixels.shape[1]
    return PaletteGroup(
        method="k-means++ (Arthur 2007) in OKLab (Ottosson 2020), merged below CIEDE2000 8",
        confidence=round(palette.coverage * _enough(n_pixels), 2),
        n_pixels=n_pixels,
        colours=[
            Swatch(
                hex=colour.hex,
                share=round(colour.share, 3),
                name_en=colour.name.en,
                name_zh=colour.name.zh,
            )
            for colour in palette.colours
        ],
    )


def _light(pixels: np.ndarray) -> LightGroup:
    grey = grey_levels(pixels)
    light = measure_light(grey)
    return LightGroup(
        method="mean and percentiles of Rec. 709 luma; RMS contrast (Peli 1990)",
        reason="" if grey.size > 1 else "contrast needs more than one pixel",
        confidence=_enough(grey.size),
        n_pixels=grey.size,
        brightness=round(light.mean, 3),
        contrast=round(light.rms_contrast, 3) if grey.size > 1 else None,
        p5=round(light.p5, 3),
        p95=round(light.p95, 3),
        key=light.key,
        key_zh=CHINESE[light.key],
    )


def _temperature(pixels: np.ndarray) -> ColourTemperatureGroup:
    n_pixels = pixels.shape[0] * pixels.shape[1]
    measured = measure_temperature(pixels)
    if measured is None:
        return ColourTemperatureGroup(
            available=False, reason="every pixel is black or clipped", n_pixels=n_pixels
        )
    chosen = measured.grey_edge or measured.grey_world
    world_k = measured.grey_world.cct_k
    if chosen.cct_k is None:
        return ColourTemperatureGroup(
            available=False,
            reason="the cast is too far from any black body to have a temperature",
            duv=round(chosen.duv, 4),
            grey_world_k=_tens(world_k),
            disagree=measured.disagree,
            n_pixels=n_pixels,
        )
    edge = measured.grey_edge is not None
    trust = 0.3 if measured.disagree or not edge else 0.7
    tone = _tone(chosen.cct_k)
    return ColourTemperatureGroup(
        reason="" if edge else "no edges: from the mean colour only",
        method=("grey-edge p=6 (van de Weijer 2007)" if edge else "grey-world (Buchsbaum 1980)")
        + ", McCamy 1992, Hernández-Andrés 1999, Duv by Ohno 2014",
        confidence=round(trust * _enough(n_pixels), 2),
        n_pixels=n_pixels,
        cct_k=_tens(chosen.cct_k),
        duv=round(chosen.duv, 4),
        grey_world_k=_tens(world_k),
        disagree=measured.disagree,
        tone=tone,
        tone_zh=CHINESE[tone],
    )


def _tens(kelvin: float | None) -> int | None:
    return None if kelvin is None else round(kelvin / 10) * 10


def _tone(kelvin: float) -> Literal["warm", "neutral", "cool"]:
    """In mired around sRGB's white, 154: 36 either way is clearly visible."""
    mired = 1e6 / kelvin
    if mired > 190:
        return "warm"
    return "cool" if mired < 118 else "neutral"


def _sharpness(image: Image.Image, full: np.ndarray) -> SharpnessGroup:
    longest = max(image.size)
    scale = WORKING_SIDE_PX / longest
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if longest < SMALLEST_SHARP_SIDE_PX or min(image.size) < 3 or min(size) < 3:
        reason = f"needs sides of 3 px and a longest side of {SMALLEST_SHARP_SIDE_PX} px"
        return SharpnessGroup(available=False, reason=reason)
    fits = size == image.size
    working = full if fits else np.asarray(image.resize(size, Image.Resampling.BICUBIC))
    sharpness = measure_sharpness(grey_levels(working))
    return SharpnessGroup(
        reason="enlarged to be measured" if scale > 1 else "",
        method=f"Laplacian variance (Pech-Pacheco 2000), Tenengrad (Krotkov 1988) "
        f"at {WORKING_SIDE_PX} px",
        confidence=round(0.8 * min(1.0, longest / WORKING_SIDE_PX), 2),
        n_pixels=size[0] * size[1],
        laplacian_variance=round(sharpness.laplacian_variance, 1),
        tenengrad=round(sharpness.tenengrad, 1),
        rating=sharpness.rating,
        rating_zh=CHINESE[sharpness.rating],
    )


def _reduced(image: Image.Image, side: int) -> Image.Image:
    """The picture averaged down until its longest side is at most ``side``."""
    scale = side / max(image.size)
    if scale >= 1:
        return image
    whole, rest = divmod(max(image.size), side)
    if not rest and image.width % whole == image.height % whole == 0:
        return image.reduce(whole)  # the same, quicker
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BOX)


def _sampled(image: Image.Image, side: int) -> Image.Image:
    """Some of the picture's own pixels, unaveraged, until its longest side is at most ``side``."""
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.NEAREST)


def _enough(n_pixels: int) -> float:
    return round(min(1.0, n_pixels / ENOUGH_PIXELS), 3)
