"""A folder's files for the tools: the repository's listing, with an end in time."""

from pathlib import Path

from grok_agent.context.listing import list_names
from grok_agent.errors import ToolError

LIST_DEADLINE_S = 60.0


def list_files(root: Path, folder: str = ".", *, hidden: bool = True) -> list[str]:
    """Files below ``folder`` that git would not ignore, as sorted posix paths relative to it.

    Links are left out. Raises ToolError when the listing takes longer than a minute.
    """
    names = list_names(root, folder, hidden=hidden, deadline_s=LIST_DEADLINE_S)
    try:
        return sorted(name.removeprefix(f"{folder}/") for name in names)
    except TimeoutError:
        raise ToolError(
            f"Listing {folder} took longer than {LIST_DEADLINE_S:.0f} s.",
            next_step="List a smaller folder.",
        ) from None
