"""The picture in an object that a notebook would display."""

import base64
import binascii
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grok_agent.errors import ToolError

PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff")
REPRESENTATIONS = ("_repr_png_", "_repr_jpeg_")


def picture_in(shown: object) -> Path | bytes | str:
    """What ``shown`` displays: bytes of a picture file, or the path or address that it points to.

    Knows IPython's ``Image``, figures with a ``savefig``, and every object with one of Jupyter's
    picture representations. Raises ToolError for all others.
    """
    found = _held(shown) or _bundled(shown) or _represented(shown) or _drawn(shown)
    if not found:
        kind = type(shown).__name__
        raise ToolError(
            f"A {kind} is no source of a picture.",
            next_step="Give a path, bytes, a data URL, a Pillow image or an object that a notebook"
            " displays as a picture.",
        )
    return found


def _held(shown: object) -> Path | bytes | str | None:
    """IPython's ``Image``: its data, else the file or address that it names."""
    data, name, url = (getattr(shown, part, None) for part in ("data", "filename", "url"))
    if isinstance(data, bytes) and data:
        return data
    if isinstance(name, str) and name:
        return Path(name)
    return url if isinstance(url, str) and url else None


def _bundled(shown: object) -> bytes | None:
    bundle = _called(shown, "_repr_mimebundle_")
    if not isinstance(bundle, Mapping):
        return None
    return next((data for kind in PICTURE_TYPES if (data := _as_bytes(bundle.get(kind)))), None)


def _represented(shown: object) -> bytes | None:
    made = (_as_bytes(_called(shown, name)) for name in REPRESENTATIONS)
    return next(filter(None, made), None)


def _drawn(shown: object) -> bytes | None:
    if isinstance(shown, type) or not callable(getattr(shown, "savefig", None)):
        return None
    buffer = io.BytesIO()
    drawing: Any = shown
    drawing.savefig(buffer, format="png")
    return buffer.getvalue()


def _called(shown: object, name: str) -> object:
    """The representation without its metadata; None where there is none."""
    method = None if isinstance(shown, type) else getattr(shown, name, None)
    made = method() if callable(method) else None
    return made[0] if isinstance(made, tuple) and made else made


def _as_bytes(data: object) -> bytes | None:
    """Jupyter's messages carry pictures as Base64 text."""
    if not isinstance(data, str):
        return data if isinstance(data, bytes) else None
    try:
        return base64.b64decode(data)
    except (binascii.Error, ValueError):
        return None
