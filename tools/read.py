"""The tool ``read_file``."""

import re

from pydantic import Field

from grok_agent.errors import ToolError
from grok_agent.tools.results import FileExcerpt
from grok_agent.tools.results import render as rendered
from grok_agent.tools.workspace_tool import Arguments, WorkspaceTool

MAX_LINES = 1_000
MAX_TOKENS = 25_000
BYTES_PER_TOKEN = 4  # the estimate of xAI's own client for this cap
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif")


class ReadFileArguments(Arguments):
    """Arguments of ``read_file``."""

    target_file: str = Field(description="Path of the file, relative to the workspace root.")
    offset: int = Field(
        default=1, description="First line, counted from 1; a negative number counts from the end."
    )
    limit: int | None = Field(
        default=None, ge=1, description=f"Number of lines, at most {MAX_LINES}."
    )


class ReadFile(WorkspaceTool):
    """Reads lines of a text file; read a file before you edit it."""

    name: str = "read_file"
    description: str = (
        "Read a text file. The first line and every tenth line carry their number as N→; the"
        f" lines between carry none. At most {MAX_LINES} lines a call: use offset and limit for"
        " longer files."
    )
    arguments = ReadFileArguments

    def carry_out(self, arguments: ReadFileArguments) -> FileExcerpt:
        """Read the lines; raises ToolError above the caps instead of cutting in silence."""
        path = arguments.target_file
        if path.lower().endswith(PICTURES) and self.workspace.resolve(path).is_file():
            raise ToolError(
                f"{path} is a picture.", next_step="Use extract_image_features to look at it."
            )
        file = self.workspace.peek(path)
        self.workspace.secrets.learn(file.text, path)
        lines = split_lines(file.text)
        first = _first_line(arguments.offset, lines)
        if first > len(lines):
            raise ToolError(
                f"{path} has {len(lines)} lines; line {first} lies behind its end.",
                next_step="Use a smaller offset, or a negative one to count from the end.",
            )
        wanted = lines[first - 1 :][: arguments.limit]
        excerpt = FileExcerpt(path, first, tuple(wanted), len(lines), file.encoding)
        _refuse_above_caps(excerpt)
        self.workspace.mark_read(path, file)
        return excerpt


def split_lines(text: str) -> list[str]:
    """Lines without their ends. Text that ends with a line end has an empty last line."""
    return re.split(r"\r\n|\n" if "\n" in text else "\r", text)


def _first_line(offset: int, lines: list[str]) -> int:
    if offset >= 0:
        return max(offset, 1)
    filled = len(lines) - 1 if len(lines) > 1 and not lines[-1] else len(lines)
    return max(filled + offset + 1, 1)


def _refuse_above_caps(excerpt: FileExcerpt) -> None:
    if len(excerpt.lines) > MAX_LINES:
        raise ToolError(
            f"{excerpt.path} has {excerpt.total_lines} lines; at most {MAX_LINES} are read at"
            " once.",
            next_step="Give offset and limit, or find the place with grep.",
        )
    size = sum(map(len, excerpt.lines))
    if size > 4 * MAX_TOKENS * BYTES_PER_TOKEN or _tokens(excerpt) > MAX_TOKENS:
        long_line = len(excerpt.lines) == 1 or max(map(len, excerpt.lines)) > size // 2
        raise ToolError(
            f"These {len(excerpt.lines)} lines of {excerpt.path} have about"
            f" {size // BYTES_PER_TOKEN} tokens; at most {MAX_TOKENS} are read at once.",
            next_step=(
                "One line is very long: use run_terminal_command with jq, cut or python."
                if long_line
                else "Give offset and a smaller limit, or find the place with grep."
            ),
        )


def _tokens(excerpt: FileExcerpt) -> int:
    return len(rendered(excerpt).encode()) // BYTES_PER_TOKEN
