"""What a command wrote: as plain text, shortened to its head and its tail."""

import re
from dataclasses import dataclass
from pathlib import Path

MAX_OUTPUT_CHARS = 20_000
TERMINAL_CODE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC and the like: titles, links
    r"|\x1b[ -/]*[0-~]"
)


@dataclass(frozen=True)
class Output:
    """Text of a log of ``total_bytes``; ``truncated`` when its middle was left out."""

    text: str
    truncated: bool
    total_bytes: int


def excerpt(log: Path) -> Output:
    """At most ``MAX_OUTPUT_CHARS`` of the file ``log``: all, or its first and last halves."""
    size = log.stat().st_size
    room = 8 * MAX_OUTPUT_CHARS  # bytes read at each end: codes take some, characters up to four
    with log.open("rb") as file:
        head = file.read(size if size <= 2 * room else room)
        file.seek(max(size - room, len(head)))
        tail = file.read()
    text = plain_text(head)
    if not tail and len(text) <= MAX_OUTPUT_CHARS:
        return Output(text, False, size)
    half = MAX_OUTPUT_CHARS // 2
    last = plain_text(tail or head)[-half:]
    return Output(f"{text[:half]}\n... [the middle was left out] ...\n{last}", True, size)


def plain_text(raw: bytes) -> str:
    """Output as text: no colours or cursor movements, lines as a terminal would leave them."""
    text = TERMINAL_CODE.sub("", raw.decode("utf-8", "replace")).replace("\r\n", "\n")
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", "\n".join(lines))
