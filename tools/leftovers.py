"""Removes the drafts that a killed process left beside the files that it was about to replace."""

import os
import re
from pathlib import Path

_DRAFT = re.compile(r"\.[0-9a-f]{16}\.tmp")
"""As :mod:`grok_agent.tools.open_folder` names them."""


def remove_drafts(root: Path, since: float) -> list[str]:
    """Remove the drafts below ``root`` that were written after ``since`` (seconds of the epoch).

    Gives their paths. Folders behind links and git's own are left alone, as is what cannot be
    removed. For a root in which no other run is editing.
    """
    removed = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        for name in filter(_DRAFT.fullmatch, files):
            path = Path(folder) / name
            try:
                if not path.is_symlink() and path.stat().st_mtime >= since:
                    path.unlink()
                    removed.append(str(path))
            except OSError:
                continue
    return removed
