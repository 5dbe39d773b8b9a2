"""What a file says of itself: form, size, origin, and the prompt that a generator left in it."""

import math
from typing import Literal

from grok_agent.errors import ToolError
from grok_agent.vision.decode import Original
from grok_agent.vision.groups import FileGroup, GeneratorGroup, MetadataGroup, SizeGroup

MOST_PROMPT_CHARACTERS = 2_000
USUAL_RATIOS = ("1:1", "5:4", "4:3", "3:2", "16:10", "16:9", "2:1", "21:9", "3:1")

ORIENTATIONS_ZH = {"landscape": "横向", "portrait": "竖向", "square": "方形"}


def file_facts(original: Original) -> FileGroup:
    """The file as found."""
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


def size_facts(original: Original) -> SizeGroup:
    """The upright picture at full size."""
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
        orientation_zh=ORIENTATIONS_ZH[orientation],
        exif_orientation=original.orientation,
    )


def origin_facts(original: Original) -> MetadataGroup:
    """Camera, exposure, traces of programs."""
    metadata = original.metadata
    return MetadataGroup(
        method="EXIF, PNG text, XMP",
        confidence=1.0,
        camera_make=metadata.camera_make,
        camera_model=metadata.camera_model,
        lens=metadata.lens,
        exposure_s=metadata.exposure_s,
        aperture=metadata.aperture,
        iso=metadata.iso,
        focal_length_mm=metadata.focal_length_mm,
        has_exif=metadata.has_exif,
        has_gps=metadata.has_gps,
        generator=metadata.generator,
    )


def generator_facts(original: Original) -> GeneratorGroup:
    """The prompt in the file's texts, where a generator is known to have left one."""
    from grok_agent.prompts.importers import import_metadata  # loads the prompt's schema

    try:
        found = import_metadata(original.metadata.texts) if original.metadata.generator else None
    except ToolError as error:
        return GeneratorGroup(available=False, reason=str(error)[:200])
    if found is None:
        return GeneratorGroup(available=False, reason="the file holds no prompt")
    spec = found.spec
    return GeneratorGroup(
        method="the file's own texts",
        confidence=0.9,
        form=found.source,
        positive=_listed(spec.sentence.en or ", ".join(each.en for each in spec.positive)),
        negative=_listed(", ".join(each.en for each in spec.negative)),
        width=spec.width,
        height=spec.height,
        steps=spec.steps,
        sampler=spec.sampler,
        cfg=spec.cfg,
        seed=spec.seed,
        loras=[lora.name[:80] for lora in spec.loras],
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


def _listed(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= MOST_PROMPT_CHARACTERS else plain[:MOST_PROMPT_CHARACTERS] + "…"
