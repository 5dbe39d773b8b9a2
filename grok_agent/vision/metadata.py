"""What a file says about its origin: read locally, never sent along with the picture.

All of it is text that strangers wrote: it is bounded, made printable, and reported as data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

ORIENTATION, MAKE, MODEL, SOFTWARE = 0x0112, 0x010F, 0x0110, 0x0131
EXIF_IFD, GPS_IFD, USER_COMMENT = 0x8769, 0x8825, 0x9286
EXPOSURE, APERTURE, ISO, FOCAL_LENGTH, LENS = 0x829A, 0x829D, 0x8827, 0x920A, 0xA434
MAX_CHARACTERS = 32
MAX_TEXT_CHARACTERS = 2_000_000

PROMPT_TEXTS = (
    *("parameters", "prompt", "workflow", "Comment", "Description", "Software"),
    *("invokeai_metadata", "fooocus_scheme"),
)
"""Under these names generators write their prompt data into a file."""


@dataclass(frozen=True)
class Metadata:
    """Camera and generator traces. ``orientation`` is EXIF's 1-8, 1 when none is given.

    ``has_gps`` says only that a place is recorded; the place itself is not read. ``generator``
    names the program whose prompt data lie in the file, or is empty. ``texts`` holds these data by
    the name they stand under, an EXIF comment as ``parameters``. Exposure is in seconds, aperture
    an f-number, focal length in millimetres; None where the file does not say.
    """

    has_exif: bool = False
    has_gps: bool = False
    orientation: int = 1
    camera_make: str = ""
    camera_model: str = ""
    lens: str = ""
    exposure_s: float | None = None
    aperture: float | None = None
    iso: int | None = None
    focal_length_mm: float | None = None
    generator: str = ""
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_metadata(image: Image.Image) -> Metadata:
    """The metadata of an opened picture; a damaged block counts as none."""
    try:
        exif = image.getexif()
        details = exif.get_ifd(EXIF_IFD)
    except Exception:  # noqa: BLE001 - a damaged block raises anything, and costs no picture
        return Metadata(generator=_generator(image.info, ""), texts=_texts(image.info, ""))
    comment = _comment(details.get(USER_COMMENT))
    return Metadata(
        has_exif=bool(exif),
        has_gps=GPS_IFD in exif,
        orientation=_orientation(exif.get(ORIENTATION)),
        camera_make=_one_line(exif.get(MAKE)),
        camera_model=_one_line(exif.get(MODEL)),
        lens=_one_line(details.get(LENS)),
        exposure_s=_number(details.get(EXPOSURE)),
        aperture=_number(details.get(APERTURE)),
        iso=_whole(details.get(ISO)),
        focal_length_mm=_number(details.get(FOCAL_LENGTH)),
        generator=_generator(image.info, comment),
        texts=_texts(image.info, comment),
    )


def _orientation(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _one_line(value: object) -> str:
    text = value if isinstance(value, str) else ""
    plain = "".join(c if c.isascii() and c.isprintable() else " " for c in text)  # EXIF is ASCII
    return " ".join(plain.split())[:MAX_CHARACTERS]


def _number(value: object) -> float | None:
    """A positive EXIF fraction; those over zero and other nonsense count as not given."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return round(number, 6) if 0 < number < 1e6 else None


def _whole(value: object) -> int | None:
    first = value[0] if isinstance(value, tuple) and value else value
    number = _number(first)
    return None if number is None else int(number)


def _comment(value: object) -> str:
    """EXIF UserComment: eight bytes name the character code, UTF-16 in practice."""
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return ""
    code = "utf-16-be" if value.startswith(b"UNICODE\0") else "utf-8"
    return value[8:].decode(code, errors="ignore")


def _generator(info: dict[Any, Any], comment: str) -> str:
    """The program that left its prompt data, by the key it writes them under."""
    software = str(info.get("Software", ""))
    if "fooocus_scheme" in info:
        return "Fooocus"
    if "invokeai_metadata" in info or "sd-metadata" in info or "Dream" in info:
        return "InvokeAI"
    if software.startswith("NovelAI"):
        return "NovelAI"
    if "workflow" in info or "prompt" in info:
        return "ComfyUI"
    if "parameters" in info or ("Steps: " in comment and "Sampler: " in comment):
        return "A1111"
    if "Job ID:" in str(info.get("Description", "")):
        return "Midjourney"
    if b"trainedAlgorithmicMedia" in _xmp(info):
        return "declared as AI-generated"
    return ""


def _texts(info: dict[Any, Any], comment: str) -> dict[str, str]:
    found = {name: str(info[name]) for name in PROMPT_TEXTS if isinstance(info.get(name), str)}
    if comment and "parameters" not in found:
        found["parameters"] = comment
    return {name: text[:MAX_TEXT_CHARACTERS] for name, text in found.items()}


def _xmp(info: dict[Any, Any]) -> bytes:
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    return xmp.encode(errors="ignore") if isinstance(xmp, str) else bytes(xmp)
