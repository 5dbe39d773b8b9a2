"""What a project tells those who work on it: AGENTS.md and its relatives."""

import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grok_agent.context.files import RepoFile, UnreadableFileError, read_text
from grok_agent.context.pack_text import body_tokens, file_block, head_tokens, section
from grok_agent.context.parts import MOST_CHARS_PER_TOKEN, head, lines_of
from grok_agent.context.tokens import count

NAMES = (
    "AGENTS.md",
    "CLAUDE.md",
    "GEMINI.md",
    ".cursorrules",
    ".github/copilot-instructions.md",
    "CONVENTIONS.md",
)
"""Files of the root that hold rules, the most general first."""

FOLDERS = (".cursor/rules", ".github/instructions")
SUFFIXES = (".md", ".mdc")
"""Folders whose Markdown files hold rules."""

SECTION = "project_rules"
MAX_FILE_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Rules:
    """``text`` of the rules files in their frame, ``tokens`` of it, and the ``files`` that are in.

    ``cut`` are those of them whose end is missing.
    """

    text: str = ""
    tokens: int = 0
    files: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()


def rules(repo_dir: Path | str, budget: int) -> Rules:
    """The rules of the repository in ``repo_dir`` in at most ``budget`` tokens by our count.

    The files come whole as long as they fit; of one that does not, the beginning. Two with the same
    text count once. What cannot be read, or is a link, is passed over.
    """
    root = Path(repo_dir).resolve()
    left = budget - count(section(SECTION, ["-\n"]))
    blocks: list[str] = []
    names: list[str] = []
    cut: list[str] = []
    seen: set[str] = set()
    for file in _found(root):
        try:
            text = read_text(root, file).rstrip()
        except UnreadableFileError:
            continue
        if not text.strip() or text in seen:
            continue
        seen.add(text)
        room = left - head_tokens(file.path)
        start = text[: MOST_CHARS_PER_TOKEN * max(room, 0)]
        body = text if start == text and body_tokens(text) <= room else _beginning(start, room)
        if not body:
            break
        if body != text:
            cut.append(file.path)
        block = file_block(file.path, [(1, len(lines_of(body)), body)])
        left -= count(block)
        if left < 0:
            break
        blocks.append(block)
        names.append(file.path)
    text = section(SECTION, blocks)
    return Rules(text, count(text), tuple(names), tuple(name for name in names if name in cut))


def _found(root: Path) -> Iterator[RepoFile]:
    names = [Path(root, name) for name in NAMES]
    for folder in FOLDERS:
        with suppress(OSError):
            names += sorted(
                path for path in Path(root, folder).iterdir() if path.suffix in SUFFIXES
            )
    for path in names:
        with suppress(OSError):
            status = path.lstat()
            is_plain = stat.S_ISREG(status.st_mode) and path.resolve() == path
            if is_plain and status.st_size <= MAX_FILE_BYTES:
                name = path.relative_to(root).as_posix()
                yield RepoFile(name, status.st_size, status.st_mtime_ns, "docs", "utf-8")


def _beginning(text: str, room: int) -> str:
    """Whole lines of the beginning, marked as cut; "" where hardly anything fits."""
    mark = "[... cut]\n"
    kept = head(text, room - count(mark) - 8)
    kept = kept[: kept.rfind("\n") + 1]
    body = f"{kept}{mark}"
    return body if kept.strip() and body_tokens(body) <= room else ""
