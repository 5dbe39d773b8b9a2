"""From pixels to the typed groups of features: working sizes, classes, confidence."""

import math
from typing import Literal

import numpy as np
from PIL import Image

from grok_agent.vision.decode import Original
from grok_agent.vision.faces import measure_faces
from grok_agent.vision.groups import (
    ColourTemperatureGroup,
    FileGroup,
    ImageFeatures,
    LightGroup,
    MetadataGroup,
    PaletteGroup,
    SharpnessGroup,
    SizeGroup,
    Swatch,
)
from grok_agent.vision.light import grey_levels, measure_light
from grok_agent.vision.palette import measure_palette
from grok_agent.vision.sharpness import WORKING_SIDE_PX, measure_sharpness
from grok_agent.vision.temperature import measure_temperature

COLOUR_SIDE_PX = 512
TEMPERATURE_SIDE_PX = 256
SMALLEST_SHARP_SIDE_PX = 16
ENOUGH_PIXELS = 4096  # from here on a statistic over all pixels is fully trusted

USUAL_RATIOS = ("1:1", "5:4", "4:3", "3:2", "16:10", "16:9", "2:1", "21:9", "3:1")

CHINESE = {
    "landscape": "横向",
    "portrait": "竖向",
    "square": "方形",
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


def measure(image: Image.Image, original: Original) -> ImageFeatures:
    """All groups for an upright sRGB picture and the facts of the file it came from."""
    pixels = np.asarray(_reduced(image, COLOUR_SIDE_PX))
    return ImageFeatures(
        file=_file(original),
        size=_size(original),
        palette=_palette(pixels),
        light=_light(pixels),
        colour_temperature=_temperature(np.asarray(_reduced(image, TEMPERATURE_SIDE_PX))),
        sharpness=_sharpness(image),
        faces=measure_faces(image),
        metadata=_metadata(original),
    )


def _file(original: Original) -> FileGroup:
    return FileGroup(
        method="file header",
        confidence=1.0,
        format=original.format,
        size_bytes=original.size_bytes,
        mode=original.mode,
        has_alpha=original.has_alpha,
        has_colour_profile=original.has_colour_profile,
        frames=original.frames,
    )


def _size(original: Original) -> SizeGroup:
    width, height = original.width, original.height
    orientation = _orientation(width, height)
    return SizeGroup(
        method="file header, EXIF orientation applied",
        confidence=1.0,
        n_pixels=width * height,
        width=width,
        height=height,
        aspect_ratio=_usual_ratio(width, height),
        orientation=orientation,
        orientation_zh=CHINESE[orientation],
        exif_orientation=original.orientation,
    )


def _orientation(width: int, height: int) -> Literal["landscape", "portrait", "square"]:
    if width == height:
        return "square"
    return "landscape" if width > height else "portrait"


def _usual_ratio(width: int, height: int) -> str:
    """The usual ratio nearest by proportion; turned for upright pictures."""
    wanted = max(width, height) / min(width, height)

    def distance(ratio: str) -> float:
        long, short = map(int, ratio.split(":"))
        return abs(math.log(wanted * short / long))

    long, short = min(USUAL_RATIOS, key=distance).split(":")
    return f"{long}:{short}" if width >= height else f"{short}:{long}"


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


def _sharpness(image: Image.Image) -> SharpnessGroup:
    longest = max(image.size)
    scale = WORKING_SIDE_PX / longest
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if longest < SMALLEST_SHARP_SIDE_PX or min(image.size) < 3 or min(size) < 3:
        reason = f"needs sides of 3 px and a longest side of {SMALLEST_SHARP_SIDE_PX} px"
        return SharpnessGroup(available=False, reason=reason)
    working = image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)
    sharpness = measure_sharpness(grey_levels(np.asarray(working)))
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


def _metadata(original: Original) -> MetadataGroup:
    metadata = original.metadata
    return MetadataGroup(
        method="EXIF, PNG text, XMP",
        confidence=1.0,
        camera_make=metadata.camera_make,
        camera_model=metadata.camera_model,
        has_exif=metadata.has_exif,
        has_gps=metadata.has_gps,
        generator=metadata.generator,
    )


def _reduced(image: Image.Image, side: int) -> Image.Image:
    """The picture averaged down until its longest side is at most ``side``."""
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BOX)


def _enough(n_pixels: int) -> float:
    return round(min(1.0, n_pixels / ENOUGH_PIXELS), 3)
