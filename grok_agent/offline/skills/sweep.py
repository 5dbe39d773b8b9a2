"""The skill that reads one shard of a repository, and joins what was found in all of them."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import PurePosixPath
from typing import Any

from grok_agent.offline.skills.describe import LANGUAGES, README, opening
from grok_agent.offline.skills.outputs import read_page
from grok_agent.offline.skills.python_defects import defects
from grok_agent.offline.transcript import Transcript
from grok_agent.offline.wire import ToolCall, Turn

REPORT = "report_findings"
FILE = re.compile(
    r'^<file path="(?P<path>[^"\n]*)"(?P<part> part="[^"\n]*")? lines="\d+-\d+">\n'
    r"(?P<body>.*?)\n</file>$",
    re.MULTILINE | re.DOTALL,
)
RESULTS = re.compile(r"<results[^>]*>\n(.*)\n</results>", re.DOTALL)
FINDING = re.compile(r"^\[\w+\] \S+:\d+ .*(?:\n    > .*)?", re.MULTILINE)
NOTE = re.compile(r"^shard \d+ \([^\n]*\): (.+)$", re.MULTILINE)
WORD = re.compile(r"[A-Za-z_]\w{3,}")
COMMON_WORDS = """
this that these those what which where when does with from have about code file files into
repository project package function class method define defined work works used using tell
explain describe summarize please there their your list show review find look defects
"""
FINDINGS_PER_SHARD = 40
LINES_PER_FILE = 3
JOINED_AT_MOST = 60


@dataclass(frozen=True)
class File:
    """A file, or a part of one, as the request holds it; ``first`` is its first line's number."""

    path: str
    first: int
    is_whole: bool
    lines: tuple[str, ...]


class Sweep:
    """Reports what syntax shows of each Python file, or the lines that a question is about."""

    def matches(self, t: Transcript) -> bool:
        """Whether this is a request of a sweep."""
        return REPORT in t.tools and ("<shard " in t.context or "<results " in t.context)

    def next_turn(self, t: Transcript) -> Turn:
        """The report on a shard, or the results joined."""
        if "<shard " not in t.context:
            return Turn(content=_joined(t), reasoning="Join what the shards gave.")
        files = list(_files(t.context))
        find = _defects if t.job == "review" else _mentions(t.task)
        found = [finding for file in files for finding in find(file)][:FINDINGS_PER_SHARD]
        report = {"findings": found, "notes": _notes(files)}
        return Turn(reasoning="Read the files.", tool_calls=(ToolCall(REPORT, report),))


def _files(context: str) -> Iterator[File]:
    for found in FILE.finditer(context):
        page = read_page(found["body"])
        if page:
            is_whole = found["part"] is None
            yield File(unescape(found["path"]), page.first, is_whole, page.lines)


def _defects(file: File) -> Iterator[dict[str, Any]]:
    if not file.path.endswith((".py", ".pyi")) or not file.is_whole:
        return
    for defect in defects("\n".join(file.lines)):
        yield _finding(file, defect.line - 1, defect.severity, defect.what)


def _mentions(task: str) -> Any:
    """Finds the lines that hold the words of the task, definitions before others."""
    words = {word.lower() for word in WORD.findall(task)} - set(COMMON_WORDS.split())
    wanted = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(words)))})", re.IGNORECASE)
    defining = re.compile(r"\s*(?:export |pub |async |static )*(?:def|class|fn|func|function)\b")

    def find(file: File) -> Iterator[dict[str, Any]]:
        if README.fullmatch(file.path):
            title, _ = opening(file.lines)
            at = next((n for n, line in enumerate(file.lines) if title and title in line), None)
            if at is not None:
                yield _finding(file, at, "info", f"{file.path} calls the project so.")
        if not words:
            return
        hits = [n for n, line in enumerate(file.lines) if wanted.search(line)]
        hits.sort(key=lambda n: (not defining.match(file.lines[n]), n))
        for n in hits[:LINES_PER_FILE]:
            kind = "defines" if defining.match(file.lines[n]) else "names"
            yield _finding(file, n, "info", f"{kind} a word of the question")

    return find


def _finding(file: File, index: int, severity: str, what: str) -> dict[str, Any]:
    quote = file.lines[index]
    line = file.first + index
    return {"file": file.path, "line": line, "quote": quote, "severity": severity, "what": what}


def _notes(files: list[File]) -> str:
    kinds = Counter(
        LANGUAGES.get(PurePosixPath(file.path).suffix.lower(), "other") for file in files
    )
    named = ", ".join(f"{language} {number}" for language, number in kinds.most_common())
    said = [
        f"{file.path} says: {paragraph}"
        for file in files
        if README.fullmatch(file.path)
        for paragraph in opening(file.lines)[1][:1]
    ]
    return "\n".join([f"files by language: {named}.", *said])


def _joined(t: Transcript) -> str:
    inside = RESULTS.search(t.context)
    text = inside[1] if inside else ""
    notes = list(dict.fromkeys(NOTE.findall(text)))
    said = [line for line in text.splitlines() if " says: " in line]
    found = [" ".join(hit.split()) for hit in FINDING.findall(text)]
    head = "These are findings of a program, not of grok-build-0.1: it looks at syntax and words."
    if t.job == "review":
        return f"{head}\n{len(found)} findings stand in the results of {len(notes)} shards."
    lines = [f"- {hit}" for hit in found[:JOINED_AT_MOST]]
    if len(found) > JOINED_AT_MOST:
        lines.append(f"- ... and {len(found) - JOINED_AT_MOST} more")
    return "\n".join([head, *said, *lines] if said or lines else [head, "Nothing was found."])
