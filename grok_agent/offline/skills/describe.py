"""The skill that says what a repository is, from its own words and files."""

import json
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from grok_agent.offline.skills.outputs import Page, Tree, read_hits, read_page, read_tree
from grok_agent.offline.skills.reading import first_sentence
from grok_agent.offline.transcript import Transcript
from grok_agent.offline.wire import ToolCall, Turn

THING = r"(?:repo(?:sitory)?|project|code\s?base|code|package|library|program|software)"
WANTED = re.compile(
    rf"\bwhat(?:'s|\s+is|\s+does)\s+(?:in\s+)?(?:this|the)\s+{THING}\b"
    rf"|\bwhat\s+(?:kind|sort)\s+of\s+{THING}\b|\bwhat\s+is\s+this\b\W*\Z"
    rf"|\b(?:explain|describe|summari[sz]e)\s+(?:to\s+me\s+)?(?:what\s+)?(?:this|the)\s+"
    rf"(?:whole\s+|entire\s+)?{THING}\b(?!\s+(?:in|of|for)\s+\S*[/._]\S)"
    rf"|\b(?:overview|summary|description)\s+of\s+(?:this|the)\s+(?:whole\s+|entire\s+)?{THING}\b"
    rf"|\bhow\s+is\s+(?:this|the)\s+{THING}\s+(?:organi[sz]ed|structured|laid\s+out)\b"
    r"|(?:这个?|该|本)\s*(?:代码)?(?:仓库|项目|代码库|库|工程)\S{0,4}(?:是什么|是干什么|是做什么|有什么用|做什么|干什么)"
    r"|(?:介绍|解释|说明|概括|总结|描述)(?:一下)?\s*(?:这个?|该|本)\s*(?:代码)?(?:仓库|项目|代码库|库|工程)",
    re.IGNORECASE,
)
JOBS = frozenset({"", "ask", "script", "refactor"})
MANIFESTS = ("pyproject.toml", "package.json", "Cargo.toml", "go.mod", "setup.cfg")
README = re.compile(r"readme(?:\.(?:md|rst|txt|markdown))?", re.IGNORECASE)
README_LINES = 200
MANIFEST_LINES = 400
LANGUAGES = {
    ".py": "Python", ".pyi": "Python", ".ipynb": "Jupyter notebooks", ".js": "JavaScript",
    ".jsx": "JavaScript", ".mjs": "JavaScript", ".ts": "TypeScript", ".tsx": "TypeScript",
    ".rs": "Rust", ".go": "Go", ".c": "C", ".h": "C or C++ headers", ".cc": "C++", ".cpp": "C++",
    ".hpp": "C++", ".java": "Java", ".kt": "Kotlin", ".rb": "Ruby", ".php": "PHP", ".cs": "C#",
    ".swift": "Swift", ".sh": "shell", ".sql": "SQL", ".html": "HTML", ".css": "CSS",
    ".md": "Markdown", ".rst": "reStructuredText",
}  # fmt: skip
ENTRY_FILES = re.compile(r"(?:.*/)?(?:__main__|main|manage|app|cli)\.(?:py|go|rs|js|ts|c|cpp)")
NOISE = re.compile(r"\A(?:\[?!\[|<|\.\. |:[\w-]+:|[=\-~^*#+`|]{3,}|\[!\[|---)")
PARAGRAPHS = 2
"""How many paragraphs of the README are quoted."""


class Describe:
    """Lists the repository, reads its README and manifests, and answers in their words."""

    def matches(self, t: Transcript) -> bool:
        """Whether the question is what this repository is or how it is laid out."""
        return t.job in JOBS and bool(WANTED.search(t.task))

    def next_turn(self, t: Transcript) -> Turn:
        """The next tool calls, or the answer."""
        if "list_dir" not in t.tools:
            return Turn(content="To look around I need list_dir, which I was not given.")
        listings = t.results("list_dir")
        if not listings:
            look = ToolCall("list_dir", {"target_directory": "."})
            return Turn(reasoning="Look at the folders first.", tool_calls=(look,))
        if listings[0].is_error:
            return Turn(content=f"I could not list the folder: {first_sentence(listings[0])}")
        tree = read_tree(listings[0].result)
        if not tree.files and not tree.folders:
            return Turn(content="The folder is empty: there is nothing to describe.")
        calls = _reads(t, tree)
        if calls:
            return Turn(reasoning="Read what it says of itself.", tool_calls=calls)
        return Turn(content=_answer(t, tree))


def _reads(t: Transcript, tree: Tree) -> tuple[ToolCall, ...]:
    """Calls for the README, the manifests and the scripts, all at once; none the second time."""
    if t.results("read_file") or t.results("grep"):
        return ()
    calls = []
    if "read_file" in t.tools:
        readme = next((f for f in tree.files if README.fullmatch(f)), None)
        wanted = [(readme, README_LINES)] if readme else []
        wanted += [(f, MANIFEST_LINES) for f in MANIFESTS if f in tree.files]
        calls = [
            ToolCall("read_file", {"target_file": f, "offset": 1, "limit": n}) for f, n in wanted
        ]
    if "grep" in t.tools:
        guard = r"""^if __name__ == ['"]__main__['"]"""
        calls.append(ToolCall("grep", {"pattern": guard, "output_mode": "files_with_matches"}))
    return tuple(calls)


@dataclass(frozen=True)
class Manifest:
    """What a manifest says of its project."""

    name: str = ""
    description: str = ""
    commands: tuple[str, ...] = ()


def _answer(t: Transcript, tree: Tree) -> str:
    pages = _pages(t)
    manifests = {f: read_manifest(f, "\n".join(pages[f].lines)) for f in MANIFESTS if f in pages}
    sections = [_identity(pages, manifests), _layout(tree), _languages(tree)]
    return "\n\n".join([*sections, _entries(t, tree, manifests), *_told(t)])


def _pages(t: Transcript) -> dict[str, Page]:
    pages = {}
    for read in t.results("read_file"):
        page = None if read.is_error else read_page(read.result)
        if page:
            pages[str(read.arguments.get("target_file"))] = page
    return pages


def read_manifest(file: str, text: str) -> Manifest:
    """Name, description and commands from a manifest; empty where it cannot be parsed."""
    try:
        data = json.loads(text) if file.endswith(".json") else tomllib.loads(text)
    except (ValueError, RecursionError):
        module = re.search(r"^(?:module|name\s*=)\s*(\S+)", text, re.MULTILINE)
        return Manifest(module[1] if module else "")
    if not isinstance(data, dict):
        return Manifest()
    poetry = _table(_table(data, "tool"), "poetry")
    about = next((a for a in (_table(data, "project"), _table(data, "package"), poetry) if a), data)
    scripts = {**_table(about, "scripts"), **_table(about, "bin"), **_table(data, "bin")}
    commands = (f"{name}: {value}" for name, value in scripts.items() if isinstance(value, str))
    name, description = (
        value if isinstance(value := about.get(key), str) else "" for key in ("name", "description")
    )
    return Manifest(name, description, tuple(commands))


def _table(data: dict[str, object], key: str) -> dict[str, object]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _identity(pages: dict[str, Page], manifests: dict[str, Manifest]) -> str:
    lines = []
    for file, manifest in manifests.items():
        if manifest.name:
            says = f": {manifest.description}" if manifest.description else ""
            lines.append(f"{file} names it `{manifest.name}`{says}")
    for file, page in pages.items():
        if README.fullmatch(file):
            title, paragraphs = opening(page.lines)
            lines.append(f"{file} calls it “{title}”." if title else f"{file} has no title.")
            lines += [f"> {paragraph}" for paragraph in paragraphs]
    if not lines:
        lines = ["It has no README and no manifest that I could read, so its files must speak."]
    return "\n".join(lines)


def opening(lines: tuple[str, ...]) -> tuple[str, list[str]]:
    """The title of a README and its first paragraphs of prose, without badges and rules."""
    title = ""
    paragraphs: list[str] = []
    current: list[str] = []
    fenced = False
    for index, raw in enumerate([*lines, ""]):
        line = raw.strip()
        if line.startswith("```"):
            fenced = not fenced
        underline = lines[index + 1].strip() if index + 1 < len(lines) else ""
        is_heading = line.startswith("#") or (
            bool(line) and bool(re.fullmatch(r"[=\-~]{3,}", underline))
        )
        if line and not fenced and not is_heading and not NOISE.match(line):
            current.append(line)
            continue
        if current:
            paragraphs.append(" ".join(current)[:600])
            current = []
        if is_heading and not fenced:
            title = title or line.lstrip("# ").strip()
        if len(paragraphs) == PARAGRAPHS:
            break
    return title, paragraphs


def _layout(tree: Tree) -> str:
    counts: Counter[str] = Counter()
    for path in tree.files:
        counts[path.split("/")[0] if "/" in path else ""] += 1
    for folder, unlisted in tree.unlisted_by_folder.items():
        counts[folder.split("/")[0]] += unlisted
    lines = ["Layout:"]
    lines += [f"- {f}/: {_files(counts[f])}" for f in tree.folders if "/" not in f]
    top = [f for f in tree.files if "/" not in f]
    if top:
        lines.append(f"- at the top: {', '.join(top[:15])}{' ...' if len(top) > 15 else ''}")
    return "\n".join(lines)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _languages(tree: Tree) -> str:
    counts: Counter[str] = Counter()
    for path in tree.files:
        counts[LANGUAGES.get(PurePosixPath(path).suffix.lower(), "")] += 1
    for extension, number in tree.unlisted.items():
        counts[LANGUAGES.get(extension, "")] += number
    named = [f"{language} {n}" for language, n in counts.most_common() if language]
    least = " (at least: large folders are only summarised)" if tree.unlisted_by_folder else ""
    return f"Files by language{least}: {', '.join(named) or 'none that I know'}."


def _entries(t: Transcript, tree: Tree, manifests: dict[str, Manifest]) -> str:
    entries = [f"command {c} ({f})" for f, m in manifests.items() for c in m.commands]
    files = [f for f in tree.files if ENTRY_FILES.fullmatch(f)]
    for search in t.results("grep"):
        hits = read_hits(search.result)
        files += [f for f in hits.files if f not in files] if hits else []
    entries += [f for f in files if not f.startswith(("tests/", "test/"))][:10]
    if not entries:
        return "Entry points: none that I recognise."
    return "\n".join(["Entry points:", *(f"- {entry}" for entry in entries)])


def _told(t: Transcript) -> list[str]:
    return [f"To this I was told: {t.feedback.strip()[:300]}"] if t.feedback.strip() else []
