"""The tools ``search_replace`` and ``write``: edits that are right or refused."""

from pydantic import Field

from grok_agent.errors import ToolError
from grok_agent.tools.diffs import file_diff
from grok_agent.tools.edit import apply_edit
from grok_agent.tools.results import EditResult
from grok_agent.tools.workspace_tool import Arguments, WorkspaceTool


class SearchReplaceArguments(Arguments):
    """Arguments of ``search_replace``."""

    file_path: str = Field(description="Path of the file, relative to the workspace root.")
    old_string: str = Field(
        description="Text to replace, with enough lines around it to be found at one place only."
        " Empty: create a new file."
    )
    new_string: str = Field(description="Text to put in its place.")
    replace_all: bool = Field(default=False, description="Replace every occurrence.")


class WriteArguments(Arguments):
    """Arguments of ``write``."""

    file_path: str = Field(description="Path of the file, relative to the workspace root.")
    content: str = Field(description="The whole new text of the file.")


class SearchReplace(WorkspaceTool):
    """Replaces a passage of a file that was read before."""

    name: str = "search_replace"
    description: str = (
        "Replace a passage of a file. Read the file first. old_string must be found at exactly"
        " one place, unless replace_all is true. An empty old_string creates a new file."
    )
    arguments = SearchReplaceArguments

    def carry_out(self, arguments: SearchReplaceArguments) -> EditResult:
        """Edit the file; raises ToolError, and then the file is as it was."""
        path, new = arguments.file_path, arguments.new_string
        with self.workspace.editing(path):
            if not arguments.old_string:
                return self._create(path, new)
            before = self.workspace.require_fresh(path, arguments.old_string).text
            after = apply_edit(before, arguments.old_string, new, arguments.replace_all)
            written = self.workspace.write(path, after)
        action = "replaced all" if arguments.replace_all else "edited"
        return EditResult(path, action, _diff(path, before, written.text))

    def _create(self, path: str, text: str) -> EditResult:
        if self.workspace.resolve(path).exists():
            raise ToolError(
                f"{path} exists already, and an empty old_string only creates a new file.",
                next_step="Give the text to replace, or use write to replace the whole file.",
            )
        written = self.workspace.write(path, text)
        return EditResult(path, "created", _diff(path, None, written.text))


class Write(WorkspaceTool):
    """Writes a whole file; one that exists must have been read before."""

    name: str = "write"
    description: str = (
        "Write a whole file; missing folders are made. Read an existing file before you"
        " overwrite it; for a small change prefer search_replace."
    )
    arguments = WriteArguments

    def carry_out(self, arguments: WriteArguments) -> EditResult:
        """Create or overwrite the file; raises ToolError, and then it is as it was."""
        path, text = arguments.file_path, arguments.content
        with self.workspace.editing(path):
            exists = self.workspace.resolve(path).exists()
            before = self.workspace.require_fresh(path).text if exists else None
            written = self.workspace.write(path, text)
        action = "overwritten" if exists else "created"
        return EditResult(path, action, _diff(path, before, written.text))


def _diff(path: str, before: str | None, after: str) -> str:
    old = None if before is None else before.encode("utf-8", "surrogateescape")
    return file_diff(path, old, after.encode("utf-8", "surrogateescape"))
