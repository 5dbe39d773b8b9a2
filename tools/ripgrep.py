"""The one way to ripgrep: where its binary lies and how it is run on a workspace."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from grok_agent.errors import SettingsError, ToolError

LIST_DEADLINE_S = 60.0


def ripgrep() -> str:
    """Path of the ``rg`` binary: of this Python's environment, else from PATH.

    Raises SettingsError when there is none; the person who installed the package mends it.
    """
    folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    found = shutil.which("rg", path=os.pathsep.join(folders)) or shutil.which("rg")
    if found is None:
        raise SettingsError(
            "ripgrep (rg) was not found.", next_step="Install it: pip install ripgrep."
        )
    return found


def walk_options(root: Path) -> list[str]:
    """Options that make ripgrep see the files that git would: ignore rules kept, .git left out.

    Outside a git repository ``.gitignore`` files count too, but only those below ``root``.
    """
    options = ["--no-config", "--no-ignore-dot", "--color=never"]
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        options += ["--no-require-git", "--no-ignore-parent"]
    return options


def list_files(root: Path, folder: str = ".", *, hidden: bool = True) -> list[str]:
    """Files below ``folder`` that git would not ignore, as sorted posix paths relative to it.

    Links are left out. Raises ToolError when the listing takes longer than a minute.
    """
    command = [ripgrep(), *walk_options(root), "--files", "--null"]
    command += ["--hidden"] if hidden else []
    command += ["--glob=!.git"]
    try:
        done = subprocess.run(
            command,
            cwd=root / folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIST_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolError(
            f"Listing {folder} took longer than {LIST_DEADLINE_S:.0f} s.",
            next_step="List a smaller folder.",
        ) from None
    names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    return sorted(name.replace(os.sep, "/").removeprefix("./") for name in names)
