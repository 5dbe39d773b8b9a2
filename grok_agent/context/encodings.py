"""In which encoding the bytes of a text file are written, told by the bytes alone."""

import codecs
import re

BINARY = ""
"""Stands for the encoding of bytes that are no text."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PRINTING = bytes([7, 8, 9, 10, 11, 12, 13, 27, *range(0x20, 0x7F), *range(0x80, 0x100)])
_MAX_CONTROL_SHARE = 0.02
_JUDGED_BYTES = 1 << 18
"""Enough of a text to tell one old encoding from another."""

_EUC_PAIR = re.compile(rb"[\xa1-\xfe][\xa1-\xfe]")
_SHIFT_JIS_KANA = re.compile(rb"\x82[\x9f-\xf1]|\x83[\x40-\x96]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_DECLARATION = re.compile(rb"(?:coding|charset)\s*[:=]\s*[\"']?([-\w.]+)", re.I)
_DECLARATION_WITHIN = 1024
_CHARACTER_SETS = ("iso8859", "cp", "koi8", "mac-", "gb", "big5", "euc_", "shift_jis", "tis-620")
_UNASSIGNED_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


def encoding_of(data: bytes, *, whole: bool = True) -> str:
    """A Python codec name for ``data``, or ``""`` for binary data.

    ``whole`` is False for the beginning of a file, whose last character may be cut. UTF-8 with a
    few stray bytes is still UTF-8. Where neither a byte order mark nor UTF-8 fits, what the text
    declares decides (``coding: ...``, ``encoding="..."``), then the frequent characters of Chinese,
    Japanese, Korean and Russian encodings; else it is a Western one.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec
    if b"\0" in data:
        return _utf16_without_mark(data)
    if not data.isascii():
        try:
            codecs.utf_8_decode(data, "strict", whole)
        except UnicodeDecodeError:
            return _legacy(data[:_JUDGED_BYTES])
    return BINARY if _has_many_controls(data) else "utf-8"


def decode(data: bytes, encoding: str) -> str:
    """The text of ``data`` without byte order mark; what the codec cannot read is U+FFFD."""
    return data.decode(encoding, "replace").removeprefix("\ufeff")


def _utf16_without_mark(data: bytes) -> str:
    """Latin text in UTF-16 has a zero in every other byte, and nowhere else."""
    for codec, zeros, letters in (
        ("utf-16-le", data[1::2], data[::2]),
        ("utf-16-be", data[::2], data[1::2]),
    ):
        if zeros.count(0) > 0.6 * len(zeros) and not _has_many_controls(letters):
            return codec
    return BINARY


def _legacy(data: bytes) -> str:
    if _has_many_controls(data):
        return BINARY
    text = data.decode("utf-8", "replace")
    stray = text.count("\ufffd")
    if len(text) - stray - sum(map(str.isascii, text)) > 5 * stray:
        return "utf-8"
    return _declared(data) or _east_asian(data) or _cyrillic(data) or _western(data)


def _declared(data: bytes) -> str:
    """What a Python, XML or HTML file says of itself, if there is such a codec and it fits."""
    said = _DECLARATION.search(data, 0, _DECLARATION_WITHIN)
    if said is None:
        return ""
    try:
        codec = codecs.lookup(said[1].decode("ascii"))
        if not codec.name.startswith(_CHARACTER_SETS):
            return ""  # Python's codecs do other things, too: compress, unescape
        codec.incrementaldecoder().decode(data)  # the last character may be cut
    except (LookupError, ValueError):
        return ""
    return codec.name


def _east_asian(data: bytes) -> str:
    high = len(data) - len(data.translate(None, bytes(range(0x80, 0x100))))
    kana = len(_SHIFT_JIS_KANA.findall(data))
    if kana >= 4 and 5 * 2 * kana > high:
        return "shift_jis"
    runs = _HIGH_RUN.findall(data)
    pairs = [pair for run in runs for pair in _EUC_PAIR.findall(run)]
    uneven = sum(len(run) % 2 for run in runs)
    if len(pairs) < 4 or 2 * len(pairs) < 0.9 * high or uneven > 0.1 * len(runs):
        return ""
    rows = [pair[0] for pair in pairs]
    if sum(row in (0xA4, 0xA5) for row in rows) > 0.2 * len(rows):
        return "euc_jp"
    frequent = sum(row <= 0xD7 for row in rows)  # symbols and the common characters of GB 2312
    if frequent < 0.9 * len(rows):
        return ""
    hangul = sum(0xB0 <= row <= 0xC8 for row in rows)
    return "euc_kr" if len(rows) >= 12 and hangul > 0.95 * len(rows) else "gb18030"


def _cyrillic(data: bytes) -> str:
    """Russian words are runs of high bytes, mostly small letters; Western ones are scattered."""
    runs = _HIGH_RUN.findall(data)
    letters = b"".join(run for run in runs if len(run) >= 3)
    if len(letters) < 0.7 * sum(map(len, runs)):
        return ""
    small_in_cp1251 = sum(byte >= 0xE0 for byte in letters)
    small_in_koi8 = sum(0xC0 <= byte < 0xE0 for byte in letters)
    if max(small_in_cp1251, small_in_koi8) < 0.7 * len(letters):
        return ""
    return "cp1251" if small_in_cp1251 > small_in_koi8 else "koi8_r"


def _western(data: bytes) -> str:
    return "latin-1" if _UNASSIGNED_IN_CP1252.search(data) else "cp1252"


def _has_many_controls(data: bytes) -> bool:
    return len(data.translate(None, _PRINTING)) > _MAX_CONTROL_SHARE * len(data)
