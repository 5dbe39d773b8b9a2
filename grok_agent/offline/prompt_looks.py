"""What a kind of picture usually needs: medium, size, sampling and the usual unwanted things."""

from dataclasses import dataclass, replace
from typing import Any

from grok_agent.offline.lexicon import Entry, lexicon
from grok_agent.offline.measurements import Measured
from grok_agent.offline.request_reading import Reading

_WIDE = frozenset({"landscape", "city skyline", "seascape", "night city", "interior"})


@dataclass(frozen=True)
class Look:
    """Sampling defaults and the usual unwanted things of one kind of picture."""

    steps: int
    cfg: float
    sampler: str
    scheduler: str
    negatives: tuple[str, ...]
    additions: tuple[str, ...]
    wants_light: bool = True


_COMMON = ("low quality", "low resolution", "blurry", "watermark", "text")
_BODY = ("bad anatomy", "deformed hands", "extra fingers")
_PHOTO = Look(
    30, 6.0, "dpmpp_2m", "karras", (*_COMMON, "oversaturated", "jpeg artifacts"), ("sharp focus",)
)
_PAINTED = Look(32, 7.0, "dpmpp_2m", "karras", (*_COMMON, "signature"), ("highly detailed",))
_DRAWN = Look(
    28, 7.0, "euler_ancestral", "normal", (*_COMMON, "signature"), ("highly detailed",), False
)
_RENDERED = Look(30, 7.0, "dpmpp_2m", "karras", _COMMON, ("highly detailed",))

_LOOKS: dict[str, Look] = {
    "photograph": _PHOTO,
    "oil painting": _PAINTED,
    "watercolour painting": _PAINTED,
    "ink wash painting": _PAINTED,
    "gouache painting": _PAINTED,
    "acrylic painting": _PAINTED,
    "3D render": _RENDERED,
    "Octane render": _RENDERED,
    "Unreal Engine": _RENDERED,
    "Blender render": _RENDERED,
}
_DRAWN_STYLES = frozenset(
    {
        "anime",
        "manga",
        "comic",
        "chibi",
        "Studio Ghibli style",
        "flat design",
        "children's book illustration",
        "concept art",
        "ukiyo-e",
        "gongbi",
    }
)
_GUIDED = {"flux": (28, 3.5, "euler", "simple"), "qwen-image": (50, 4.0, "euler", "simple")}
"""Steps, guidance, sampler and schedule of models that want others than the usual."""


def medium_of(reading: Reading) -> Entry:
    """The medium that was named, else the one that the style implies, else a photograph."""
    for phrase in reading.of("medium"):
        return next(entry for entry in phrase.entries if entry.category == "medium")
    styles = {entry.en for phrase in reading.of("style") for entry in phrase.entries}
    drawn = styles & _DRAWN_STYLES
    found = lexicon().named("illustration" if drawn else "photograph")
    return found or Entry("photograph", "照片", "medium")


def look_of(reading: Reading, medium: Entry) -> Look:
    """The look of ``medium``, with what a picture of a person needs beside it."""
    look = _LOOKS.get(medium.en, _DRAWN)
    if not reading.of("person"):
        return look
    skin = ("natural skin texture",) if look is _PHOTO else ()
    return replace(look, negatives=(*look.negatives, *_BODY), additions=(*look.additions, *skin))


def size_of(reading: Reading, picture: Measured) -> tuple[int, int]:
    """Width and height in pixels: as named, else like the picture, else usual for the subject."""
    if reading.named.width:
        return reading.named.width, reading.named.height
    if picture.size:
        return picture.size
    framing = {entry.en for p in reading.positive for entry in p.entries}
    if reading.of("person") or framing & {"portrait", "full-body shot", "half-length portrait"}:
        return 832, 1216
    return (1216, 832) if framing & _WIDE or reading.of("setting") else (1024, 1024)


def sampling_of(reading: Reading, look: Look) -> dict[str, Any]:
    """Steps, guidance, sampler, schedule, seed and target: as named, else usual for the look."""
    named = reading.named
    usual = (look.steps, look.cfg, look.sampler, look.scheduler)
    steps, cfg, sampler, scheduler = _GUIDED.get(named.target or "", usual)
    return {
        "steps": named.steps or steps,
        "cfg": cfg if named.cfg is None else named.cfg,
        "sampler": named.sampler or sampler,
        "scheduler": named.scheduler or scheduler,
        "seed": named.seed,
        "target": named.target or "generic",
    }
