"""Whether a pattern of a rule fits a command or a path, for sure or perhaps."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from grok_agent.tools.shell_parts import UNKNOWN

_ANY, _IN_NAME, _ONE = "**", "*", "?"
_MAX_UNSURE = 2_000  # characters; what is longer may fit anything


def fits_command(pattern: str, text: str) -> bool:
    """True when ``pattern`` fits the command ``text`` whatever its unknown parts turn out to be.

    ``*`` stands for anything; `` *`` at the end also for nothing.
    """
    return bool(_command_regex(pattern).fullmatch(text))


def may_fit_command(pattern: str, text: str) -> bool:
    """True when ``text`` has unknown parts, and they can turn out so that ``pattern`` fits."""
    if UNKNOWN not in text:
        return False
    if len(text) > _MAX_UNSURE:
        return True
    patterns = [pattern, pattern[:-2]] if pattern.endswith(" *") else [pattern]
    pieces = [[_ANY if each == "*" else each for each in one] for one in patterns]
    return any(_meet(one, _loose(text)) for one in pieces)


def fits_path(pattern: str, path: str, *, fold: bool) -> bool:
    """True when ``pattern`` fits the path, or a folder that it lies in.

    A pattern without ``/`` fits a name in any folder. ``fold`` sees through case and look-alike
    characters.
    """
    path = path.removeprefix("./").rstrip("/") or "."
    if fold:
        path, pattern = _folded(path), _folded(pattern)
    return bool(_path_regex(pattern).match(path))


def may_fit_path(pattern: str, path: str) -> bool:
    """True when unknown parts of ``path`` can turn out so that ``pattern`` fits."""
    if len(path) > _MAX_UNSURE:
        return True
    text = _loose(_folded(path))
    pieces = _path_pieces(_folded(pattern))
    ends: Sequence[list[str]] = ([], ["/", _ANY])
    starts: Sequence[list[str]] = ([],) if _is_anchored(pattern) else ([], [_ANY, "/"])
    return any(_meet([*start, *pieces, *end], text) for start in starts for end in ends)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _is_anchored(pattern: str) -> bool:
    return "/" in pattern.rstrip("/")


def _loose(text: str) -> list[str]:
    return [_ANY if character == UNKNOWN else character for character in text]


@lru_cache(maxsize=1024)
def _command_regex(pattern: str) -> re.Pattern[str]:
    body = ".*".join(map(re.escape, re.sub(r"\*+", "*", pattern).split("*")))
    if pattern.endswith(" *"):
        body = f"{body.removesuffix(re.escape(' ') + '.*')}(?: .*)?"
    return re.compile(body, re.DOTALL)


@lru_cache(maxsize=1024)
def _path_regex(pattern: str) -> re.Pattern[str]:
    said = {_ANY: ".*", _IN_NAME: "[^/]*", _ONE: "[^/]", "**/": "(?:.*/)?"}
    body = "".join(said.get(piece) or re.escape(piece) for piece in _path_pieces(pattern))
    start = "" if _is_anchored(pattern) else "(?:.*/)?"
    return re.compile(f"{start}{body}(?:/.*)?\\Z", re.DOTALL)


def _path_pieces(pattern: str) -> list[str]:
    pattern = pattern.removeprefix("./").strip("/").removesuffix("/**")
    return re.findall(r"\*\*/|\*\*|.", pattern, re.DOTALL)


def _meet(pattern: Sequence[str], text: Sequence[str]) -> bool:
    """Whether both can stand for one and the same text; either may hold wild pieces."""
    # possible[j]: the pieces of the pattern so far and the first j of the text can agree
    possible = [True]
    for piece in text:
        possible.append(possible[-1] and piece == _ANY)
    for piece in pattern:
        possible = _after(piece, possible, text)
    return possible[-1]


def _after(piece: str, before: Sequence[bool], text: Sequence[str]) -> list[bool]:
    many = piece in (_ANY, _IN_NAME, "**/")
    now = [many and before[0]]
    for j, here in enumerate(text, start=1):
        if here == _ANY:  # stands for this piece of the pattern, or for nothing
            now.append(now[j - 1] or before[j])
        elif many:
            now.append(before[j] or (now[j - 1] and (piece != _IN_NAME or here != "/")))
        else:
            now.append(before[j - 1] and (piece == here or (piece == _ONE and here != "/")))
    return now
