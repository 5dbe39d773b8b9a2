"""What a project tells those who work on it: AGENTS.md and its relatives."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from grok_agent.context.files import RepoFile, UnreadableFileError, read_text, walk
from grok_agent.context.pack_text import body_tokens, file_block, head_tokens, section
from grok_agent.context.parts import head, lines_of
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

FOLDERS = (".cursor/rules/", ".github/instructions/")
"""Folders whose Markdown files hold rules."""

SECTION = "project_rules"


@dataclass(frozen=True, slots=True)
class Rules:
    """``text`` of the rules files in their frame, ``tokens`` of it, and the ``files`` that are in.

    ``cut`` are those of them whose end is missing.
    """

    text: str = ""
    tokens: int = 0
    files: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()


def rules(repo_dir: Path | str, budget: int, files: Iterable[RepoFile] | None = None) -> Rules:
    """The rules of the repository in ``repo_dir`` in at most ``budget`` tokens by our count.

    The root's files come whole as long as they fit; of the first that does not, the beginning. Two
    files with the same text count once. ``files`` are those of the repository, where they are known
    already. Raises SettingsError when ``repo_dir`` is no folder.
    """
    root = Path(repo_dir).resolve()
    known = walk(root) if files is None else files
    placed = [(place, file) for file in known if (place := _place(file.path)) is not None]
    found = [file for _, file in sorted(placed, key=lambda each: (each[0], each[1].path))]
    left = budget - count(section(SECTION, ["-\n"]))
    blocks: list[str] = []
    names: list[str] = []
    cut: list[str] = []
    seen: set[str] = set()
    for file in found:
        try:
            text = read_text(root, file).strip()
        except UnreadableFileError:
            continue
        if not text or text in seen:
            continue
        seen.add(text)
        room = left - head_tokens(file.path)
        body = text if body_tokens(text) <= room else _beginning(text, room)
        if not body:
            break
        if body != text:
            cut.append(file.path)
        block = file_block(file.path, [(1, len(lines_of(body)), body)])
        left -= count(block)
        blocks.append(block)
        names.append(file.path)
    text = section(SECTION, blocks)
    return Rules(text, count(text), tuple(names), tuple(cut))


def _place(path: str) -> int | None:
    if path in NAMES:
        return NAMES.index(path)
    if path.endswith((".md", ".mdc")) and path.startswith(FOLDERS):
        return len(NAMES)
    return None


def _beginning(text: str, room: int) -> str:
    """Whole lines of the beginning, marked as cut; "" where hardly anything fits."""
    mark = "[... cut]\n"
    kept = head(text, room - count(mark) - 8)
    kept = kept[: kept.rfind("\n") + 1]
    body = f"{kept}{mark}"
    return body if kept.strip() and body_tokens(body) <= room else ""
