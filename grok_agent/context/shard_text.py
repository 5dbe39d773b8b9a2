"""How a part of a file stands in a shard: a tag with its place, and lines with their numbers.

The tags and what is escaped are those of a packed context, so the tokens of parts add up exactly;
see :mod:`grok_agent.context.pack_text`.
"""

import re
from collections.abc import Sequence

from grok_agent.context.pack_text import FILE_END, guarded, quoted
from grok_agent.context.tokens import count

NUMBERED_EVERY = 10  # as read_file does: the model knows the form

_OUR_TAG = re.compile(r"<(?=\s{0,9}/?\s{0,9}(?:shard|notes|results)\b)", re.IGNORECASE)
_LINE_ENDS = re.compile(r"\r\n|\n")


def lines_of(text: str) -> list[str]:
    """Lines without their ends; a line end at the very end opens no further line.

    A lone carriage return ends a line only where the text has no line feed at all.
    """
    lines = _LINE_ENDS.split(text) if "\n" in text else text.split("\r")
    return lines if lines[-1] else lines[:-1]


def body_of(lines: Sequence[str], first_line: int) -> str:
    """The lines as the model reads them; the first and every tenth carry their number as ``N→``."""
    numbered = enumerate(lines, first_line)
    return escaped(
        "\n".join(
            f"{number}→{line}" if number == first_line or number % NUMBERED_EVERY == 0 else line
            for number, line in numbered
        )
    )


def escaped(text: str) -> str:
    """``text`` with a line end at its end, and without tags that would end its frame."""
    return _OUR_TAG.sub("&lt;", guarded(text))


def block(path: str, first_line: int, last_line: int, number: int, of: int, body: str) -> str:
    """``body`` between the tags that say where it stands, as part ``number`` (from 1) ``of`` it."""
    return f"{_head(path, first_line, last_line, number, of)}{_joined(body)}{FILE_END}"


def body_tokens(body: str) -> int:
    """Tokens that ``body`` adds to a block."""
    return count(_joined(body))


def head_tokens(path: str, first_line: int, last_line: int, number: int, of: int) -> int:
    """Tokens of a block without its body."""
    return count(_head(path, first_line, last_line, number, of)) + count(FILE_END)


def _head(path: str, first_line: int, last_line: int, number: int, of: int) -> str:
    part = f' part="{number} of {of}"' if of > 1 else ""
    return f'<file path={quoted(path)}{part} lines="{first_line}-{last_line}'


def _joined(body: str) -> str:
    return f'">\n{body}'
