"""Counts the tokens of a prompt as CLIP's text encoder sees them, and tells what falls off.

The byte-pair encoding of CLIP (Radford et al., 2021) with its own merges, which lie beside this
file; nothing is downloaded. A text encoder takes 77 positions, two of them marks, so 75 tokens are
one chunk: Stable Diffusion web UIs encode further chunks one after the other, diffusers cuts.
"""

import gzip
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from unicodedata import normalize

import regex

CHUNK_TOKENS = 75
"""Tokens that fit between the start mark and the end mark of CLIP's 77 positions."""

_LONGEST_PIECE = 200  # joining pairs takes time with the square of the length
_MERGES_FILE = "clip_merges.txt.gz"
_PIECES = regex.compile(
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d"
    rf"|\p{{L}}{{1,{_LONGEST_PIECE}}}|\p{{N}}|[^\s\p{{L}}\p{{N}}]{{1,{_LONGEST_PIECE}}}"
)
_MARKS = ("<|startoftext|>", "<|endoftext|>")
_END = "</w>"


@dataclass(frozen=True)
class ClipTokens:
    """How long a prompt is for CLIP.

    ``tokens`` counts without the two marks; ``chunks`` are groups of 75, 0 for an empty text;
    ``lost`` is what an encoder that reads one chunk does not see, "" when all of it fits.
    """

    tokens: int
    chunks: int
    lost: str


def clip_tokens(text: str) -> ClipTokens:
    """Count ``text``, in any language, as CLIP does: composed (NFC) and in lower case.

    Weight syntax is text like any other here: strip it first. Never raises for a string.
    """
    composed = normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    lowered = composed.lower()
    shown = composed if len(composed) == len(lowered) else lowered
    tokens = 0
    lost_from = len(shown)
    for piece in _PIECES.finditer(lowered):
        inside = _sizes(piece[0])
        if tokens <= CHUNK_TOKENS < tokens + len(inside):
            fitting = sum(inside[: CHUNK_TOKENS - tokens])
            whole = piece[0].encode()[:fitting].decode("utf-8", "ignore")
            lost_from = piece.start() + len(whole)
        tokens += len(inside)
    return ClipTokens(tokens, -(-tokens // CHUNK_TOKENS), shown[lost_from:].strip(" ,;"))


@lru_cache(maxsize=20_000)
def _sizes(piece: str) -> tuple[int, ...]:
    """The bytes of each token of one piece."""
    if piece in _MARKS:
        return (len(piece),)
    letters = _letters()
    word = [letters[byte] for byte in piece.encode()]
    word[-1] += _END
    return tuple(len(token.removesuffix(_END)) for token in _merged(word))


def _merged(word: list[str]) -> list[str]:
    """Join the neighbours of the lowest rank, everywhere at once, until none has a rank."""
    ranks = _ranks()
    unranked = len(ranks)
    while len(word) > 1:
        pairs = list(pairwise(word))
        best = min(pairs, key=lambda pair: ranks.get(pair, unranked))
        if best not in ranks:
            break
        joined: list[str] = []
        at = 0
        while at < len(word):
            if at < len(pairs) and pairs[at] == best:
                joined.append(word[at] + word[at + 1])
                at += 2
            else:
                joined.append(word[at])
                at += 1
        word = joined
    return word


@lru_cache(maxsize=1)
def _ranks() -> dict[tuple[str, str], int]:
    packed = files("grok_agent.prompts").joinpath(_MERGES_FILE).read_bytes()
    lines = gzip.decompress(packed).decode("utf-8").splitlines()
    pairs = (line.split(" ") for line in lines)
    return {(left, right): rank for rank, (left, right) in enumerate(pairs)}


@lru_cache(maxsize=1)
def _letters() -> tuple[str, ...]:
    """One printable character for each byte, as GPT-2's byte-level encoding assigns them (2019)."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return tuple(chr(byte if byte in printable else next(spare)) for byte in range(256))
