"""A folder's files for the tools: ripgrep's listing, with an end in time."""

import time
from contextlib import closing
from pathlib import Path

from grok_agent.context.listing import list_names
from grok_agent.errors import ToolError

LIST_DEADLINE_S = 60.0


def list_files(root: Path, folder: str = ".", *, hidden: bool = True) -> list[str]:
    """Files below ``folder`` that git would not ignore, as sorted posix paths relative to it.

    Links are left out. Raises ToolError when the listing takes longer than a minute.
    """
    deadline = time.monotonic() + LIST_DEADLINE_S
    names = []
    with closing(list_names(root, folder, hidden=hidden)) as listed:
        for name in listed:
            if time.monotonic() > deadline:
                raise ToolError(
                    f"Listing {folder} took longer than {LIST_DEADLINE_S:.0f} s.",
                    next_step="List a smaller folder.",
                )
            names.append(name.removeprefix(f"{folder}/"))
    return sorted(names)
