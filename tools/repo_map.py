"""The tool ``repo_map``."""

from pydantic import Field

from grok_agent.context.repo_map import repo_map
from grok_agent.errors import SettingsError, ToolError
from grok_agent.tools.results import SignatureMap
from grok_agent.tools.workspace_tool import Arguments, WorkspaceTool

DEFAULT_TOKENS = 1_500
MAX_TOKENS = 8_000


class RepoMapArguments(Arguments):
    """Arguments of ``repo_map``."""

    focus: str = Field(
        default="",
        description="What you look for, in words: names, features, an error message. Without it,"
        " the map shows what the rest of the repository refers to most.",
    )
    budget: int = Field(
        default=DEFAULT_TOKENS, ge=50, le=MAX_TOKENS, description="Size of the map in tokens."
    )


class RepoMap(WorkspaceTool):
    """Shows which files define what, without their bodies."""

    name: str = "repo_map"
    description: str = (
        "List files with the signatures of what they define, chosen for a focus and a size. Use it"
        " to find where to look when you do not know a name to grep for."
    )
    arguments = RepoMapArguments

    def carry_out(self, arguments: RepoMapArguments) -> SignatureMap:
        """Draw the map; raises ToolError when the workspace cannot be listed."""
        try:
            root, may_read = self.workspace.root, self.workspace.readable
            found = repo_map(root, arguments.budget, arguments.focus, may_read=may_read)
        except SettingsError as error:
            raise ToolError(error.what, next_step=error.next_step) from error
        return SignatureMap(found.text, found.files, found.tokens)
