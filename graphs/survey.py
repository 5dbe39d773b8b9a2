"""What the model is told of a repository before its task, in a few thousand tokens."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from grok_agent.context.git import run_git
from grok_agent.context.repo_map import repo_map
from grok_agent.context.rules import rules
from grok_agent.context.tokens import count
from grok_agent.errors import ToolError
from grok_agent.tools.ripgrep import list_files
from grok_agent.tools.workspace import Workspace

MAX_TREE_LINES = 120
MAX_TOP_ENTRIES = 60
MAX_ENTRIES_PER_FOLDER = 12
MAX_TREE_TOKENS = 1_000
MAX_KINDS = 8
MAX_HEAD_BYTES = 16_000
MAX_README_TOKENS = 300
MAX_RULES_TOKENS = 1_500
MAX_MAP_TOKENS = 800
MAX_NAMED_FILES = 8
FIRST_LOOK = "A first look, which list_dir, read_file and repo_map show again:"
"""Stands before the part of the survey that leaves the request with the oldest turns."""

MAX_MAPPED_FILES = 20_000
"""A repository of more files is not read as a whole before the first request."""


_TAGS = re.compile(r"<(?=\s*/?\s*(?:repository|pictures|user_query)\b)", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def survey(workspace: Workspace, check: str | None = None, task: str = "") -> str:
    """What ``workspace`` holds, inside ``<repository>``: its rules, files, git and README.

    For a ``task`` also the signatures of the files that rank best for it. At most about 4,000
    tokens whatever the size of the tree. Text that would end the tag is escaped; what cannot be
    read is left out. Raises SettingsError for a ``.grokignore`` that cannot be used; its author
    mends it.
    """
    files = _listed(workspace)
    sections = [
        rules(workspace.root, MAX_RULES_TOKENS).text,
        f"root: {workspace.root}\npermission: {workspace.permission}\n{_git(workspace)}",
        f"check command, which must succeed in the end: {check}" if check else "",
        FIRST_LOOK,
        f"files: {len(files)}{_kinds(files)}\n{_head(_tree(files), MAX_TREE_TOKENS)}",
        _excerpt(workspace, _readme(files), MAX_README_TOKENS),
        _map(workspace, task) if 0 < len(files) <= MAX_MAPPED_FILES else "",
    ]
    body = "\n\n".join(printable(section.rstrip()) for section in sections if section)
    return f"<repository>\n{body}\n</repository>"


def lasting(background: str) -> str:
    """What of a survey's text is needed all the time: rules, place, check command.

    The rest helps to begin, and tools show it again. Any other text is returned as it is.
    """
    head, mark, _ = background.rpartition(f"\n\n{FIRST_LOOK}\n\n")
    return f"{head}\n</repository>" if mark else background


def _map(workspace: Workspace, task: str) -> str:
    """Where to look first; "" where there is no task or nothing to show."""
    if not task.strip():
        return ""
    found = repo_map(
        workspace.root, MAX_MAP_TOKENS, task, may_read=workspace.readable, is_first_look=True
    )
    best = ", ".join(map(_one_line, found.files[:MAX_NAMED_FILES]))
    return f"files that fit the words of the task, best first: {best}\n{found.text}" if best else ""


def printable(text: str) -> str:
    """``text`` without what would end a tag of ours or garble a line; undecodable bytes escaped."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _TAGS.sub("&lt;", _CONTROLS.sub(lambda c: f"\\x{ord(c[0]):02x}", text))


def _listed(workspace: Workspace) -> list[str]:
    try:
        return list_files(workspace.root)
    except ToolError:  # too slow to list; the model can still look into single folders
        return []


def _tree(files: Iterable[str]) -> str:
    """The two upper levels, folders first with the number of files below them."""
    folders: dict[str, Counter[str]] = defaultdict(Counter)
    top: list[str] = []
    for file in files:
        head, _, rest = file.partition("/")
        if rest:
            inner, deeper, _ = rest.partition("/")
            folders[head][inner + deeper] += 1
        else:
            top.append(file)
    # Every folder of the upper level is shown before any is opened.
    room = (MAX_TREE_LINES - len(folders) - len(top)) // max(len(folders), 1)
    inside = min(max(room, 0), MAX_ENTRIES_PER_FOLDER)
    blocks = [_folder(name, folders[name], inside) for name in sorted(folders)]
    blocks += [_one_line(name) for name in sorted(top)]
    return "\n".join(_limited(blocks, MAX_TOP_ENTRIES))


def _folder(name: str, inside: Counter[str], most: int) -> str:
    head = f"{_one_line(name)}/ ({inside.total()})"
    if not most:
        return head
    lines = [
        f"  {_one_line(entry)} ({number})" if entry.endswith("/") else f"  {_one_line(entry)}"
        for entry, number in sorted(inside.items())
    ]
    return "\n".join([head, *_limited(lines, most, indent="  ")])


def _limited(lines: Sequence[str], most: int, indent: str = "") -> Sequence[str]:
    left = len(lines) - most
    return lines if left <= 0 else [*lines[:most], f"{indent}... and {left} more"]


def _one_line(name: str) -> str:
    return name.replace("\n", "\\n").replace("\t", "\\t")


def _kinds(files: Iterable[str]) -> str:
    kinds = Counter(os.path.splitext(name)[1] for name in files)  # noqa: PTH122 - 100,000 times
    kinds.pop("", None)
    named = [f"{number} {_one_line(kind)}" for kind, number in kinds.most_common(MAX_KINDS)]
    return f" ({', '.join(named)})" if named else ""


def _readme(files: Iterable[str]) -> str:
    names = (name for name in files if "/" not in name and name.lower().startswith("readme"))
    return next(names, "")


def _excerpt(workspace: Workspace, name: str, max_tokens: int) -> str:
    """The beginning of a file of the root, under its name; "" where it cannot be read."""
    if not name or not workspace.may_show(name):
        return ""
    try:
        with workspace.resolve(name).open("rb") as file:
            raw = file.read(MAX_HEAD_BYTES)
    except (ToolError, OSError):
        return ""
    text = raw.decode("utf-8-sig", "replace").strip()
    return f"--- {_one_line(name)} ---\n{_head(text, max_tokens)}" if text else ""


def _head(text: str, max_tokens: int) -> str:
    """The beginning of ``text`` that has at most ``max_tokens``, marked where it was cut."""
    kept = text
    while (tokens := count(kept)) > max_tokens:
        kept = kept[: int(len(kept) * 0.95 * max_tokens / tokens)]
    return kept if kept == text else f"{kept}\n[... cut]"


def _git(workspace: Workspace) -> str:
    if not any((folder / ".git").exists() for folder in (workspace.root, *workspace.root.parents)):
        return "git: not a git repository"
    # A repository's own filters are programs, and `git status` would start them.
    settings = run_git(workspace.root, "config", "--list", "--show-scope", "--name-only")
    own = [line for line in settings.splitlines() if line.startswith(("local", "worktree"))]
    if not settings or any(line.split()[-1].lower().startswith("filter.") for line in own):
        return "git: a git repository"
    options = ("--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=all")
    lines = run_git(workspace.root, "status", *options, "--", ".").splitlines()
    heads = [line.split(maxsplit=2)[2] for line in lines if line.startswith("# branch.head ")]
    changed = sum(not line.startswith("#") for line in lines)
    state = f"{changed} changed files not committed" if changed else "no uncommitted changes"
    return f"git: branch {heads[0]}, {state}" if heads else "git: a git repository"
