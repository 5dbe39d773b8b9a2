"""Reads what the repository tools print: hits, numbered lines, a tree, a command's header.

A skill sees tool results only as text, as a model does. Every reader here takes such a text and
answers with data; a text that is not of the expected form gives None or an empty value, never an
exception, because tool results may be errors, placeholders or cut.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

WRAPPER = re.compile(r"\A<workspace_result(?: workspace_path=\"(?P<root>[^\"]*)\")?>\n?")
HIT = re.compile(r"(?P<line>\d+)(?P<mark>[:-])(?P<text>.*)", re.DOTALL)
BINARY = re.compile(r"(?:(?P<path>.+): )?binary file matches\b")
CUT = re.compile(r"\[(?P<n>[\d,]+)[^\]]*truncated[^\]]*\]")
HEADER = re.compile(r"exit: (?:(?P<code>-?\d+)|(?P<killed>killed\b[^\n]*))")
FULL_OUTPUT = re.compile(r"\[truncated:[^\]\n]*?\bat:? (?P<path>[^\]\n]+)\]")
SUBTREE = re.compile(r"\[(?P<n>[\d,]+) files? in subtree(?::(?P<kinds>[^\]]*))?\]")
DONE = re.compile(
    r"\A(?:Created|Updated|Edited|Replaced|Wrote)\b|\b(?:has|have) been (?:updated|replaced|over"
    r"written|created|edited|written)\b|\bsuccessfully\b"
)
KIND = re.compile(r"([\d,]+) \*(\.[\w.+-]+)")


@dataclass(frozen=True)
class Hits:
    """Matching lines by file. ``complete`` is False when the tool said that there are more."""

    files: dict[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    """Path as printed, relative to the repository -> (1-based line number, text) of each hit."""

    binary: tuple[str, ...] = ()
    complete: bool = True


@dataclass(frozen=True)
class Page:
    """Consecutive lines of a file, without their line ends; ``first`` is 1-based."""

    first: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A finished command. ``code`` is None when it was killed or the header is missing."""

    code: int | None
    output: str
    killed: str = ""
    full_output: str = ""
    """Where the whole output lies when the tool cut it, else empty."""


@dataclass(frozen=True)
class Tree:
    """A folder's listing; paths are relative to the listed folder."""

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    unlisted: Counter[str] = field(default_factory=Counter)
    """Extension -> number of files inside folders that were summarised, not listed."""

    unlisted_by_folder: dict[str, int] = field(default_factory=dict)


def read_hits(result: str) -> Hits | None:
    """Parse grep's output in content mode, or its list of files in ``files_with_matches`` mode.

    None means that the text is neither a list of hits nor the word that there are none.
    """
    wrapper = WRAPPER.match(result)
    root = (wrapper["root"] or "").rstrip("/") if wrapper else ""
    body = result[wrapper.end() :] if wrapper else result
    body = body.split("</workspace_result>")[0]
    header, _, body = body.partition("\n")
    if header.strip().rstrip(".").lower() == "no matches found":
        return Hits()
    if not header.startswith("Found "):
        return None
    found: dict[str, list[tuple[int, str]]] = {}
    binary: list[str] = []
    complete = not header.startswith("Found at least")
    current: str | None = None
    for line in body.split("\n"):
        hit = HIT.fullmatch(line) if current is not None else None
        if line.startswith("... ") and CUT.search(line):
            complete = False
        elif not line or line == "--":
            current = current if line else None
        elif hit:
            if hit["mark"] == ":":
                found[current or ""].append((int(hit["line"]), hit["text"]))
        elif note := BINARY.search(line):
            binary.append(_relative(note["path"], root) if note["path"] else current or "")
        else:
            current = _relative(line, root)
            found.setdefault(current, [])
    files = {path: tuple(lines) for path, lines in found.items() if path not in binary}
    return Hits(files, tuple(binary), complete)


def _relative(path: str, root: str) -> str:
    if root and path.startswith(root + "/"):
        path = path[len(root) + 1 :]
    return path.removeprefix("./")


def read_page(result: str) -> Page | None:
    """Parse read_file's sparse numbering: ``N→text`` on the first line and on each tenth."""
    anchor = re.match(r"(\d+)→", result)
    if not anchor:
        return None
    first = int(anchor[1])
    lines: list[str] = []
    for number, line in enumerate(result.split("\n"), start=first):
        if number == first or number % 10 == 0:
            prefix = f"{number}→"
            if not line.startswith(prefix):
                return None
            line = line[len(prefix) :]
        lines.append(line)
    return Page(first, tuple(lines))


def read_command(result: str) -> Command:
    """Parse the shell tool's header ``exit: N`` and the output after it."""
    header = HEADER.match(result)
    if not header:
        return Command(None, result)
    first, _, output = result.partition("\n")
    cut = FULL_OUTPUT.search(first) or FULL_OUTPUT.match(output)
    if cut and output.startswith("[truncated:"):
        output = output.partition("\n")[2]
    return Command(
        int(header["code"]) if header["code"] else None,
        output,
        header["killed"] or "",
        cut["path"].strip() if cut else "",
    )


def is_done(result: str) -> bool:
    """Whether an editing tool says that it wrote the file; its errors have other words."""
    return bool(DONE.search(result.split("\n")[0]))


def read_tree(result: str) -> Tree:
    """Parse list_dir's indented listing."""
    files: list[str] = []
    folders: list[str] = []
    unlisted: Counter[str] = Counter()
    by_folder: dict[str, int] = {}
    parents: list[str] = []
    for line in result.split("\n")[1:]:
        depth = (len(line) - len(line.lstrip(" "))) // 2
        entry = line.strip()
        if summary := SUBTREE.search(entry):
            folder = "/".join(parents[: max(depth - 1, 1)])
            _add_summary(unlisted, by_folder, folder, summary)
            entry = entry[: summary.start()].strip()
        if not entry.startswith("- ") or depth == 0:
            continue
        name = entry[2:]
        del parents[depth - 1 :]
        path = "/".join([*parents, name.rstrip("/")])
        if name.endswith("/"):
            folders.append(path)
            parents.append(name.rstrip("/"))
        else:
            files.append(path)
    return Tree(tuple(files), tuple(folders), unlisted, by_folder)


def _add_summary(
    unlisted: Counter[str], by_folder: dict[str, int], folder: str, summary: re.Match[str]
) -> None:
    by_folder[folder] = by_folder.get(folder, 0) + _number(summary["n"])
    for count, extension in KIND.findall(summary["kinds"] or ""):
        unlisted[extension.lower()] += _number(count)


def _number(digits: str) -> int:
    return int(digits.replace(",", ""))
