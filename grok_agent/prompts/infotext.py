"""The text that Stable Diffusion web UIs write beside a picture ("infotext"), read and written.

Positive prompt, ``Negative prompt:`` and its text, and one last line of ``key: value`` pairs, in
which a value with a comma, a colon or a line break is a JSON string (AUTOMATIC1111, 2022).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

NEGATIVE = "Negative prompt:"
FEWEST_PAIRS = 3
"""A last line with fewer pairs belongs to the prompt."""

_KEY = re.compile(r"\s*(\w[\w \-/.]*?):[ \t]*")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"(?=\s*(?:,|$))')
_UNQUOTED = re.compile(r"[^,]*")
_NEEDS_QUOTES = re.compile(r'[,:\n\r"]|^\s|\s$')


@dataclass(frozen=True)
class Infotext:
    """Prompts as written, brackets and all, and the pairs of the last line in their order."""

    positive: str
    negative: str = ""
    pairs: Mapping[str, str] = field(default_factory=dict)


def read_infotext(text: str) -> Infotext:
    """Take an infotext apart. Never raises: a text without pairs is a positive prompt."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")
    pairs = _pairs(lines[-1])
    if pairs is None:
        pairs = {}
    else:
        lines = lines[:-1]
    positive, negative = _halves(lines)
    return Infotext(positive, negative, pairs)


def write_infotext(infotext: Infotext) -> str:
    """The text of ``infotext``; :func:`read_infotext` gives the same back.

    A line of a prompt must not itself look like a mark or a line of pairs: keywords written by
    :func:`grok_agent.prompts.weights.write_weighted` stand on one line.
    """
    parts = [infotext.positive]
    if infotext.negative:
        parts.append(f"{NEGATIVE} {infotext.negative}")
    if infotext.pairs:
        parts.append(", ".join(f"{key}: {_quoted(value)}" for key, value in infotext.pairs.items()))
    return "\n".join(parts)


def _halves(lines: list[str]) -> tuple[str, str]:
    for number, line in enumerate(lines):
        if line.lstrip().startswith(NEGATIVE):
            first = line.lstrip().removeprefix(NEGATIVE)
            positive = "\n".join(lines[:number])
            return positive.strip(), "\n".join([first, *lines[number + 1 :]]).strip()
    return "\n".join(lines).strip(), ""


def _pairs(line: str) -> dict[str, str] | None:
    """The pairs of a line that consists of at least three of them, else None."""
    found = dict(_each_pair(line))
    return found if len(found) >= FEWEST_PAIRS and "" not in found else None


def _each_pair(line: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(line):
        key = _KEY.match(line, at)
        if key is None:
            if line[at:].strip(" ,"):
                yield "", line[at:]  # something that is no pair
            return
        value = _QUOTED.match(line, key.end()) or _UNQUOTED.match(line, key.end())
        assert value is not None  # the second pattern matches anything
        yield key[1].strip(), _unquoted(value[0])
        comma = line.find(",", value.end())
        at = len(line) if comma < 0 else comma + 1


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if _NEEDS_QUOTES.search(value) else value


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:
            pass  # a quote that opens a text like any other
    return value.strip()
