"""How many pictures a file holds, counted on its bytes without decoding any.

Pillow's own ``n_frames`` walks a hostile GIF or TIFF for minutes; this count stops at a cap.
"""

import struct

MAX_FRAMES = 10_000
"""Counting stops here; a file at the cap has at least so many."""


def count_frames(data: bytes, file_format: str) -> int:
    """Frames of a GIF or pages of a TIFF, at least 1, at most MAX_FRAMES. Damaged tails end it."""
    count = {"GIF": _gif_frames, "TIFF": _tiff_pages}[file_format]
    try:
        return max(1, count(data))
    except (IndexError, struct.error):
        return 1


def _gif_frames(data: bytes) -> int:
    frames = 0
    at = 13 + _colour_table(data[10])
    while at < len(data) and frames < MAX_FRAMES:
        if data[at] == 0x2C and at + 10 <= len(data):  # image: descriptor, table, code size, data
            frames += 1
            at = _after_blocks(data, at + 11 + _colour_table(data[at + 9]))
        elif data[at] == 0x21:  # extension: label, data
            at = _after_blocks(data, at + 2)
        else:
            break
    return frames


def _colour_table(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


def _tiff_pages(data: bytes) -> int:
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    count_form, entry, offset_form = ("Q", 20, "Q") if big else ("H", 12, "I")
    at = struct.unpack_from(order + offset_form, data, 8 if big else 4)[0]
    seen: set[int] = set()
    while at and at < len(data) and at not in seen and len(seen) < MAX_FRAMES:
        seen.add(at)
        entries = struct.unpack_from(order + count_form, data, at)[0]
        link = at + struct.calcsize("=" + count_form) + entry * entries
        if link + struct.calcsize("=" + offset_form) > len(data):
            break
        at = struct.unpack_from(order + offset_form, data, link)[0]
    return len(seen)
