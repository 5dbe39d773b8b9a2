"""The tool ``grep``: ripgrep over the workspace."""

import contextlib
import os
import re
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field

from grok_agent.context.listing import ripgrep, walk_options
from grok_agent.errors import ToolError
from grok_agent.tools.results import SearchHit, SearchResult
from grok_agent.tools.workspace_tool import Arguments, WorkspaceTool

OutputMode = Literal["content", "files_with_matches", "count"]

DEADLINE_S = 20.0
MAX_FILE_BYTES = 5_000_000
MAX_LINE_CHARS = 1_000
MAX_OUTPUT_BYTES = 40_000
LIMITS: dict[str, tuple[int, int]] = {  # lines or entries shown: by default, at most
    "content": (200, 2_000),
    "files_with_matches": (500, 10_000),
    "count": (500, 10_000),
}
MAX_LINES_COUNTED = 20_000
KEY_LINE = re.compile(r"[A-Za-z0-9+/]{32,}={0,2}")
OUTPUT_LINE = re.compile(rb"(?s)([^\0]*)\0(\d+)(?:([:-])(.*))?")  # path, number, mark, text


class GrepArguments(Arguments):
    """Arguments of ``grep``."""

    pattern: str = Field(min_length=1, description="Regular expression in ripgrep's syntax.")
    path: str | None = Field(
        default=None, description="File or folder to search; default: the workspace root."
    )
    glob: str | None = Field(default=None, description='Files to search, such as "*.py".')
    type: str | None = Field(default=None, description="Kind of files, such as py, js, rust.")
    after: int = Field(default=0, ge=0, alias="-A", description="Lines shown after each match.")
    before: int = Field(default=0, ge=0, alias="-B", description="Lines shown before each match.")
    context: int = Field(
        default=0, ge=0, alias="-C", description="Lines shown before and after each match."
    )
    ignore_case: bool = Field(default=False, alias="-i", description="Ignore case.")
    multiline: bool = Field(
        default=False, description="Let the pattern span lines; the dot matches line ends too."
    )
    head_limit: int | None = Field(
        default=None, ge=1, description="Lines or entries shown; default 200 lines or 500 entries."
    )
    output_mode: OutputMode = Field(
        default="content", description="Matching lines, file names only, or counts by file."
    )


class Grep(WorkspaceTool):
    """Searches the workspace with a regular expression."""

    name: str = "grep"
    description: str = (
        "Search file contents with a regular expression (ripgrep). Files that git ignores and"
        " files above 5 MB are skipped. Escape braces and brackets that are meant literally."
    )
    arguments = GrepArguments

    def carry_out(self, arguments: GrepArguments) -> SearchResult:
        """Search; raises ToolError with ripgrep's own words when it refuses the pattern."""
        target = self._target(arguments.path)
        command = [ripgrep(), *walk_options(self.workspace.root), *_options(arguments)]
        command += [f"--regexp={arguments.pattern}", "--", *([target] if target != "." else [])]
        usual, most = LIMITS[arguments.output_mode]
        found = _Found(min(arguments.head_limit or usual, most), self._is_hidden(target))
        search = _Search(command, self.workspace.root)
        search.run(found.take)
        if not found.seen:
            search.raise_if_failed()
        self._learn_keys(found.hits)
        return found.result(str(self.workspace.root), arguments.output_mode, search.cut_short)

    def _learn_keys(self, hits: Sequence[SearchHit]) -> None:
        """A line alone does not tell that it is part of a private key; its file does."""
        for path in {hit.path for hit in hits if KEY_LINE.fullmatch(hit.text.strip())}:
            with contextlib.suppress(ToolError):
                self.workspace.secrets.learn(self.workspace.peek(path).text, path)

    def _is_hidden(self, target: str) -> Callable[[str], bool]:
        """Whether lines of a file are passed over: it needs leave, and was not asked for."""
        known: dict[str, bool] = {target: False}

        def is_hidden(path: str) -> bool:
            if path not in known:
                known[path] = not self.workspace.may_show(path)
            return known[path]

        return is_hidden

    def _target(self, path: str | None) -> str:
        if not path:
            return "."
        found = self.workspace.resolve(path)
        if not found.exists():
            raise ToolError(f"{path} does not exist.", next_step="Find it with list_dir.")
        if found.is_file() and found.stat().st_size > MAX_FILE_BYTES:
            raise ToolError(
                f"{path} has {found.stat().st_size / 1e6:.1f} MB; files above"
                f" {MAX_FILE_BYTES / 1e6:.0f} MB are not searched.",
                next_step="Use run_terminal_command with grep and cut.",
            )
        return self.workspace.relative(found)


@dataclass
class _Found:
    """Lines of ripgrep's output, kept up to ``limit`` and 40,000 bytes, counted beyond; those of
    files that are hidden do not count."""

    limit: int
    is_hidden: Callable[[str], bool]
    hits: list[SearchHit] = field(default_factory=list)
    counts: list[tuple[str, int]] = field(default_factory=list)
    seen: int = 0
    matches: int = 0
    files: int = 0
    room: int = MAX_OUTPUT_BYTES
    after_gap: bool = False

    def take(self, line: bytes) -> bool:
        """Use one line; False when enough was counted."""
        parsed = OUTPUT_LINE.fullmatch(line)
        if parsed is None:
            self.after_gap |= line == b"--"
            return True
        path, number = os.fsdecode(parsed[1]).replace(os.sep, "/"), int(parsed[2])
        text = (parsed[4] or b"").decode("utf-8", "replace")
        if self.is_hidden(path):
            return True
        self.seen += 1
        if parsed[3] is None:
            self.files += 1
            self.matches += number
        else:
            self.matches += parsed[3] == b":"
        self.room -= len(line)
        if self.seen <= self.limit and self.room >= 0:
            if parsed[3] is None:
                self.counts.append((path, number))
            else:
                hit = SearchHit(path, number, text, parsed[3] == b":", self.after_gap)
                self.hits.append(hit)
        self.after_gap = False
        return self.seen < MAX_LINES_COUNTED

    def result(self, workspace: str, output_mode: str, cut_short: bool) -> SearchResult:
        """What was found, as data."""
        return SearchResult(
            workspace=workspace,
            output_mode=output_mode,
            hits=tuple(self.hits),
            counts=tuple(self.counts),
            total=self.files if output_mode == "files_with_matches" else self.matches,
            at_least=cut_short,
            left_out=self.seen - len(self.hits) - len(self.counts),
        )


@dataclass
class _Search:
    """One run of ripgrep that ends after 20 s or when enough was found."""

    command: list[str]
    cwd: Path
    cut_short: bool = False
    out_of_time: bool = False
    complaint: str = ""

    def run(self, take: Callable[[bytes], bool]) -> None:
        """Give each line of output to ``take`` until it returns False."""
        with subprocess.Popen(
            self.command,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            timer = threading.Timer(DEADLINE_S, self._end, [process])
            timer.start()
            try:
                assert process.stdout is not None
                assert process.stderr is not None
                for line in process.stdout:
                    if not take(line.rstrip(b"\r\n")):
                        self.cut_short = True
                        process.kill()
                        break
                self.complaint = process.stderr.read().decode("utf-8", "replace").strip()
            finally:
                timer.cancel()
                process.kill()

    def raise_if_failed(self) -> None:
        """Raise ToolError when nothing was found because the search could not be done."""
        if self.out_of_time:
            raise ToolError(
                f"The search took longer than {DEADLINE_S:.0f} s.",
                next_step="Narrow it with path, glob or type.",
            )
        if self.complaint:
            raise ToolError(
                f"ripgrep says: {self.complaint.removeprefix('rg: ')}",
                next_step="Correct the pattern, glob or type.",
            )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        self.cut_short = self.out_of_time = True
        process.kill()


def _options(arguments: GrepArguments) -> list[str]:
    """ripgrep's options. ``--sort`` gives the same order every time, at the cost of one thread."""
    options = ["--hidden", "--no-heading", "--with-filename", "--null", "--sort=path"]
    options += [f"--max-filesize={MAX_FILE_BYTES}", "--no-messages"]
    options += [f"--max-columns={MAX_LINE_CHARS}", "--max-columns-preview"]
    if arguments.output_mode == "content":
        options += ["--line-number", f"--after-context={arguments.context or arguments.after}"]
        options += [f"--before-context={arguments.context or arguments.before}"]
    else:
        options.append("--count")
    if arguments.ignore_case:
        options.append("--ignore-case")
    if arguments.multiline:
        options += ["--multiline", "--multiline-dotall"]
    options += [f"--glob={arguments.glob}"] if arguments.glob else []
    options += [f"--type={arguments.type}"] if arguments.type else []
    return [*options, "--glob=!.git"]
