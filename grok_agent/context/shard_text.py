"""How a part of a file stands in a request: a tag with its place, and lines with their numbers."""

import re
from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

TAGS = ("file", "shard", "notes", "results", "repository", "user_query")
"""Tags of ours; file text that would open or end one is escaped."""

NUMBERED_EVERY = 10  # as read_file does: the model knows the form

_OUR_TAG = re.compile(rf"<(?=\s*/?\s*(?:{'|'.join(TAGS)})\b)", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_LINE_ENDS = re.compile(r"\r\n|\n")


def lines_of(text: str) -> list[str]:
    """Lines without their ends; a line end at the very end opens no further line.

    A lone carriage return ends a line only where the text has no line feed at all.
    """
    lines = _LINE_ENDS.split(text) if "\n" in text else text.split("\r")
    return lines[:-1] if not lines[-1] else lines


def body_of(lines: Sequence[str], first_line: int) -> str:
    """The lines as the model reads them; the first and every tenth carry their number as ``N→``."""
    numbered = enumerate(lines, first_line)
    return escaped(
        "\n".join(
            f"{number}→{line}" if number == first_line or number % NUMBERED_EVERY == 0 else line
            for number, line in numbered
        )
    )


def tagged(path: str, body: str, *, first_line: int, last_line: int, part: tuple[int, int]) -> str:
    """``body`` between the tags that say where it stands; ``part`` is (number from 1, of)."""
    number, of = part
    which = f' part="{number} of {of}"' if of > 1 else ""
    name = quoteattr(escaped(path))
    return f'<file path={name} lines="{first_line}-{last_line}"{which}>\n{body}\n</file>\n'


def escaped(text: str) -> str:
    """``text`` as valid UTF-8 without control characters and without the tags of ours."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    text = _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return _OUR_TAG.sub("&lt;", text)
