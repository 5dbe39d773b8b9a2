"""Reads whole files through read_file, in pages where one call is not enough.

Stateless: what to ask next follows from the reads that the transcript already holds.
"""

import re
from dataclasses import dataclass

from grok_agent.offline.skills.outputs import read_page
from grok_agent.offline.transcript import Exchange, Transcript
from grok_agent.offline.wire import ToolCall

PAGE_LINES = 500
TOO_LONG = re.compile(r"\b(?:offset|limit|too long)\b", re.IGNORECASE)
LONG_LINE = re.compile(r"\bline is very long\b", re.IGNORECASE)
PAST_END = re.compile(r"\b(?:behind|past|beyond|after) (?:its|the) (?:end|last)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Whole:
    """A file read to its end, with line ends ``\\n``."""

    text: str


@dataclass(frozen=True)
class Unreadable:
    """A file that the tool would not or could not give; ``why`` quotes its words."""

    why: str


def read_whole(transcript: Transcript, path: str) -> Whole | Unreadable | ToolCall:
    """What is known of the file at ``path``, or the next read_file call that is needed."""
    reads = [e for e in transcript.results("read_file") if e.arguments.get("target_file") == path]
    lines: list[str] = []
    limit = 0
    for read in reads:
        page = None if read.is_error else read_page(read.result)
        if page and page.first == len(lines) + 1:
            lines.extend(page.lines)
            if len(page.lines) < limit or not limit:
                return Whole("\n".join(lines))
        elif lines and PAST_END.search(read.result):
            return Whole("\n".join(lines))
        elif page or limit == 1 or not _is_too_much(read.result):
            return Unreadable(first_sentence(read))
        else:
            limit = max(limit // 5, 1) if limit else PAGE_LINES
    arguments: dict[str, object] = {"target_file": path}
    if limit:
        arguments |= {"offset": len(lines) + 1, "limit": limit}
    return ToolCall("read_file", arguments)


def _is_too_much(words: str) -> bool:
    return bool(TOO_LONG.search(words)) and not LONG_LINE.search(words)


def first_sentence(exchange: Exchange) -> str:
    """The start of a tool's words, short enough to quote: one line, at most 300 characters."""
    lines = exchange.result.strip().removeprefix("Error:").split("\n")
    line = lines[0].strip() or "it gave no text."
    return line if len(line) <= 300 else line[:297] + "..."
