"""Decodes a WebP still into one buffer, where Pillow's animation reader takes four of its size.

It calls the library that Pillow's wheel brings along, so the pixels are the same; where that
library is linked into Pillow, or is another build, Pillow's own reader serves.
"""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL

_BUNDLED = ("../pillow.libs/libwebp-*.so*", ".dylibs/libwebp.*dylib")


def decode_still(data: bytes, width: int, height: int, *, has_alpha: bool) -> np.ndarray | None:
    """Rows of RGB or RGBA (uint8, height x width x 3 or 4); None for Pillow to decode it.

    ``width`` and ``height`` are those of the header. None also for animations and damaged files.
    """
    library = _library()
    if library is None:
        return None
    channels = 4 if has_alpha else 3
    decode_into = library.WebPDecodeRGBAInto if has_alpha else library.WebPDecodeRGBInto
    pixels = np.zeros((height, width, channels), dtype=np.uint8)  # never what lay in memory before
    begin = pixels.ctypes.data
    done = decode_into(data, len(data), begin, pixels.nbytes, width * channels)
    return pixels if done == begin else None


@cache
def _library() -> Any:
    """The bundled libwebp with the signatures of its simple interface, or None."""
    home = Path(PIL.__file__).parent
    found = next((path for pattern in _BUNDLED for path in sorted(home.glob(pattern))), None)
    if found is None:
        return None
    try:
        library = ctypes.CDLL(str(found.resolve()))
        for name in ("WebPDecodeRGBInto", "WebPDecodeRGBAInto"):
            function = getattr(library, name)
            function.restype = ctypes.c_void_p
            function.argtypes = [
                *(ctypes.c_char_p, ctypes.c_size_t),
                *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int),
            ]
    except (OSError, AttributeError):
        return None
    return library
