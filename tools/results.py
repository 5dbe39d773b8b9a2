"""What tools return, as data, and the one place where it becomes text for the model.

The forms are those of xAI's own client, which the model knows.
"""

from dataclasses import dataclass
from functools import singledispatch
from xml.sax.saxutils import quoteattr

from grok_agent.tools.code_change import CodeChange, render_change
from grok_agent.tools.textfile import displayable


@dataclass(frozen=True)
class FileExcerpt:
    """Lines of a text file. ``first_line`` is 1-based; ``lines`` carry no line ends."""

    path: str
    first_line: int
    lines: tuple[str, ...]
    total_lines: int
    encoding: str


@dataclass(frozen=True)
class ListedEntry:
    """A line of a folder listing; ``depth`` 1 lies directly in the folder.

    ``kind`` "summary" describes, and "cut" ends, the content of a folder that is not shown.
    """

    depth: int
    text: str
    kind: str


@dataclass(frozen=True)
class FolderListing:
    """A folder's tree. ``truncated``: some folders are only summarised, or entries left out."""

    path: str
    entries: tuple[ListedEntry, ...]
    total_files: int
    truncated: bool


@dataclass(frozen=True)
class SearchHit:
    """A line of a search result; ``line`` is 1-based, ``is_match`` False for a context line.

    A gap between two groups of lines of one file is marked by ``starts_group``.
    """

    path: str
    line: int
    text: str
    is_match: bool
    starts_group: bool = False


@dataclass(frozen=True)
class SearchResult:
    """Matching lines (``hits``), or files with the number of matching lines in each (``counts``).

    ``output_mode`` says which. ``total`` counts matching lines ("content", "count") or files;
    ``at_least`` is set when the search was ended early. ``left_out`` lines were not kept.
    """

    workspace: str
    output_mode: str
    hits: tuple[SearchHit, ...]
    counts: tuple[tuple[str, int], ...]
    total: int
    at_least: bool
    left_out: int


@dataclass(frozen=True)
class SignatureMap:
    """Signatures of a repository, in their frame; ``files`` are on it, ``tokens`` its size."""

    text: str
    files: tuple[str, ...]
    tokens: int


@dataclass(frozen=True)
class EditResult:
    """An edit that was written. ``diff`` has git's headers and 3 lines of context; the model does
    not see it."""

    path: str
    action: str  # "created", "edited", "replaced all", "overwritten"
    diff: str


@dataclass(frozen=True)
class CommandResult:
    """A finished command. ``exit_code`` is None when it was killed; ``killed`` then says why.

    ``output`` is standard output and error together, without colours; ``truncated`` when its
    middle was left out, and ``full_output`` then names the file that has all ``total_bytes``.
    ``notes`` say what else there is to know: "unconfined: ...", "working folder: ...".
    """

    command: str
    exit_code: int | None
    killed: str
    output: str
    truncated: bool
    total_bytes: int
    full_output: str
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobReport:
    """A command in the background: how it went, or (``result`` None) what it wrote so far.

    ``log`` is the file that has all of that; ``seconds`` is how long it has been running.
    """

    id: str
    command: str
    result: CommandResult | None
    output: str
    log: str
    seconds: float


@dataclass(frozen=True)
class JobReports:
    """Commands in the background, in the order asked for."""

    jobs: tuple[JobReport, ...]


@dataclass(frozen=True)
class Todo:
    """One item of the task list."""

    id: str
    content: str
    status: str


@dataclass(frozen=True)
class TodoList:
    """The task list after the call."""

    todos: tuple[Todo, ...]


@dataclass(frozen=True)
class Explored:
    """What a sub-agent found out. ``places`` are those that its ``answer`` names, each with the
    text of its first line; ``wrong`` those that do not exist, with the reason. ``status`` and
    ``reason`` say how it ended; ``requests`` counts what it sent to the model."""

    agent: str
    status: str
    reason: str
    answer: str
    places: tuple[tuple[str, str], ...]
    wrong: tuple[tuple[str, str], ...]
    requests: int


Result = (
    FileExcerpt
    | FolderListing
    | SearchResult
    | SignatureMap
    | EditResult
    | CodeChange
    | CommandResult
    | JobReports
    | TodoList
    | Explored
)


def render(result: Result) -> str:
    """The text of ``result`` for the model; always valid UTF-8."""
    return displayable(_render(result))


@singledispatch
def _render(result: object) -> str:
    raise TypeError(f"{type(result).__name__} is no tool result")


@_render.register
def _(result: FileExcerpt) -> str:
    numbered = enumerate(result.lines, result.first_line)
    return "\n".join(
        f"{number}→{line}" if number == result.first_line or number % 10 == 0 else line
        for number, line in numbered
    )


@_render.register
def _(result: FolderListing) -> str:
    head = f"- {result.path}/"
    return "\n".join([head, *(_entry(entry) for entry in result.entries)])


def _entry(entry: ListedEntry) -> str:
    indent = "  " * entry.depth
    if entry.kind in ("summary", "cut"):
        return indent + entry.text
    return f"{indent}- {entry.text}{'/' if entry.kind == 'folder' else ''}"


@_render.register
def _(result: SearchResult) -> str:
    lines = [f"<workspace_result workspace_path={quoteattr(result.workspace)}>"]
    if not result.total:
        lines.append("No matches found")
    else:
        lines.append(_found(result))
        lines += _hit_lines(result.hits)
        counted = result.output_mode == "count"
        lines += [f"{path}:{count}" if counted else path for path, count in result.counts]
    if result.left_out:
        lines.append(f"... [{result.left_out} lines truncated] ...")
    return "\n".join([*lines, "</workspace_result>"])


def _found(result: SearchResult) -> str:
    bound = "at least " if result.at_least else ""
    if result.output_mode == "content":
        return f"Found {bound}{result.total} matching lines"
    if result.output_mode == "count":
        return f"Found {bound}{result.total} matching lines across {len(result.counts)} files"
    return f"Found {bound}{result.total} files"


def _hit_lines(hits: tuple[SearchHit, ...]) -> list[str]:
    lines: list[str] = []
    path = None
    for hit in hits:
        if hit.path != path:
            lines += ([""] if path is not None else []) + [hit.path]
            path = hit.path
        elif hit.starts_group:
            lines.append("--")
        lines.append(f"{hit.line}{':' if hit.is_match else '-'}{hit.text}")
    return lines


@_render.register
def _(result: SignatureMap) -> str:
    return result.text or "There is nothing to show: no file here defines anything."


@_render.register
def _(result: EditResult) -> str:
    return {
        "created": f"Created {result.path}.",
        "edited": f"The file {result.path} has been updated.",
        "replaced all": f"All occurrences in {result.path} have been replaced.",
        "overwritten": f"The file {result.path} has been overwritten.",
    }[result.action]


@_render.register
def _(result: CodeChange) -> str:
    return render_change(result)


@_render.register
def _(result: CommandResult) -> str:
    ended = f"killed ({result.killed})" if result.exit_code is None else str(result.exit_code)
    lines = [f"exit: {ended}"]
    if result.truncated:
        lines.append(
            f"[truncated: {result.total_bytes} bytes; full output at: {result.full_output}]"
        )
    return "\n".join([*lines, *(f"[{note}]" for note in result.notes), result.output])


@_render.register
def _(result: JobReports) -> str:
    return "\n\n".join(map(_job, result.jobs))


def _job(job: JobReport) -> str:
    if job.result is not None:
        return f"{job.id}: ended\n{_render(job.result)}"
    head = f"{job.id}: running for {job.seconds:.1f} s\n[output so far at: {job.log}]"
    return f"{head}\n{job.output}".rstrip("\n")


@_render.register
def _(result: TodoList) -> str:
    if not result.todos:
        return "The list is empty."
    return "\n".join(f"- [{todo.status}] {todo.id}: {todo.content}" for todo in result.todos)


@_render.register
def _(result: Explored) -> str:
    parts = [result.answer or "It gave no answer."]
    if result.status != "done":
        parts.append(f"[It ended early, {result.status}: {result.reason}]")
    if result.places:
        parts.append("\n".join(["Lines named:", *(f"{at}: {line}" for at, line in result.places)]))
    if result.wrong:
        parts.append("\n".join(["Not there:", *(f"{at}: {why}" for at, why in result.wrong)]))
    return "\n\n".join(parts)
