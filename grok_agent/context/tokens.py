"""Counts tokens offline, exactly for the vocabulary o200k_base.

Grok's own tokenizer is unpublished; o200k_base stands in for it, so a count is exact for o200k_base
and an estimate for what the gateway bills. The vocabulary lies beside this file: nothing is
downloaded, cached on disk or read from the environment. With the extra ``[fast]`` installed the
same counts come from ``toktok``.
"""

import importlib
import json
import math
import re
import sys
from base64 import b64decode
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from gzip import decompress
from importlib.resources import files
from io import BytesIO
from threading import Lock
from typing import Any

from grok_agent.profile import ImageLimits

O200K_PATTERN = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
"""How o200k_base cuts a text into pieces before merging bytes (OpenAI, tiktoken, 2024)."""

TOKENS_PER_MESSAGE = 3
"""Marks around each message, as OpenAI's cookbook counts them for o200k models (2024)."""

TOKENS_PER_ANSWER = 3
"""Marks that open the answer, once a request."""

_PART_CHARS = 1 << 20
_HEADER_CHARS = 1 << 18  # of a data URL: enough for the size fields in front of the pixels

# After each of these characters every piece ends, whatever surrounds it, so that a text cut there
# has the same tokens as the whole.
_BORDER = re.compile(r"\n(?=[A-Za-z0-9])|[A-Za-z0-9](?= [A-Za-z])|[A-Za-z](?=[0-9])")

# tiktoken's regex engine overflows on a run of a million blanks that does not end in a newline.
# The class is Unicode's White_Space without \r and \n, which differs from Python's \s.
_WIDE = 500_000
_BLANKS = "\t\v\f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_WIDE_BLANKS = re.compile(rf"(?<![{_BLANKS}])[{_BLANKS}]{{{_WIDE},}}+(?![\r\n])")

_loading = Lock()
_counter: Callable[[str], int] | None = None


def count(text: str) -> int:
    """Number of o200k_base tokens of ``text``.

    Special tokens written in the text count as ordinary text; lone surrogates count as U+FFFD.
    Never raises for a string. The first call loads the vocabulary (about 0.4 s); threads may share.
    """
    global _counter
    if _counter is None:
        with _loading:
            _counter = _counter or _load_counter()
    return _counter(_without_surrogates(text))


def count_tools(tools: Iterable[Mapping[str, Any]]) -> int:
    """Tokens of the tool schemas of a request, counted as compact JSON, 0 for none."""
    return sum(_count_part(_compact(tool)) for tool in tools)


def count_messages(
    messages: Sequence[Mapping[str, Any]],
    tools: Iterable[Mapping[str, Any]] = (),
    limits: ImageLimits | None = None,
) -> int:
    """Tokens of a request's ``messages`` and ``tools`` in the OpenAI form, an estimate.

    Texts, names and tool calls are counted exactly, the marks around them and images by published
    rules; see ``image_tokens``.
    """
    images = limits or ImageLimits()
    body = sum(TOKENS_PER_MESSAGE + _message_tokens(message, images) for message in messages)
    return body + TOKENS_PER_ANSWER + count_tools(tools)


def image_tokens(width: int, height: int, limits: ImageLimits | None = None) -> int:
    """Estimated tokens of a picture of ``width`` x ``height`` pixels: its tiles and one more."""
    images = limits or ImageLimits()
    tiles = math.ceil(width / images.tile_px) * math.ceil(height / images.tile_px)
    return (min(max(tiles, 1), images.max_tiles) + 1) * images.tokens_per_tile


def _message_tokens(message: Mapping[str, Any], images: ImageLimits) -> int:
    return sum(
        _content_tokens(value, images) if key == "content" else _count_part(_compact(value))
        for key, value in message.items()
        if value is not None
    )


def _content_tokens(content: object, images: ImageLimits) -> int:
    if not isinstance(content, list):
        return _count_part(_compact(content))
    return sum(_block_tokens(block, images) for block in content)


def _block_tokens(block: object, images: ImageLimits) -> int:
    if not isinstance(block, Mapping):
        return _count_part(_compact(block))
    kind = str(block.get("type", ""))
    if kind == "text":
        return _count_part(_compact(block.get("text")))
    if "image" not in kind:
        return _count_part(_compact(block))
    width, height = _picture_size(block) or (images.max_side_px, images.max_side_px)
    return image_tokens(width, height, images)


def _picture_size(block: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height in pixels of an image block that carries its picture, else None."""
    image = block.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image
    if not isinstance(url, str) or not url.startswith("data:"):
        return None
    from PIL import Image

    start = url.find(",") + 1
    try:
        with Image.open(BytesIO(b64decode(url[start : start + _HEADER_CHARS]))) as picture:
            return picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        return None  # broken or hostile: the largest estimate is the safe one


def _compact(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _without_surrogates(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _load_counter() -> Callable[[str], int]:
    try:
        toktok = importlib.import_module("toktok")
    except ImportError:
        return _tiktoken_counter()
    # Counts all of the text, too, and saves the 30 µs that each batch_count takes to set out.
    return lambda text: int(toktok.truncate(text, sys.maxsize, "o200k_base")[1])


def _tiktoken_counter() -> Callable[[str], int]:
    from tiktoken import Encoding

    packed = files("grok_agent.context").joinpath("o200k_base.tiktoken.gz").read_bytes()
    tokens = map(a2b_base64, decompress(packed).split()[::2])  # ranks count up from 0
    encoding = Encoding(
        "o200k_base",
        pat_str=O200K_PATTERN,
        mergeable_ranks={token: rank for rank, token in enumerate(tokens)},
        special_tokens={},
    )

    def count_ordinary(text: str, start: int, end: int) -> int:
        return sum(len(encoding.encode_ordinary(part)) for part in _parts(text, start, end))

    def count_all(text: str) -> int:
        total = start = 0
        for blanks in _WIDE_BLANKS.finditer(text):
            # The last blank belongs to the word that follows, if one does.
            end = blanks.end() - (blanks.end() < len(text))
            total += count_ordinary(text, start, blanks.start())
            total += len(encoding._encode_single_piece(text[blanks.start() : end]))
            start = end
        return total + count_ordinary(text, start, len(text))

    def count_text(text: str) -> int:
        return count_all(text) if len(text) >= _WIDE else len(encoding.encode_ordinary(text))

    return count_text


def _parts(text: str, start: int, end: int) -> Iterator[str]:
    """``text[start:end]`` in parts of about a million characters, which keep memory low."""
    while end - start > _PART_CHARS:
        border = _BORDER.search(text, start + _PART_CHARS, end)
        if border is None:
            break
        yield text[start : border.end()]
        start = border.end()
    yield text[start:end]


@lru_cache(maxsize=1024)
def _count_part(text: str) -> int:
    return count(text)
