"""Git, asked without letting a repository's own settings start programs."""

import os
import subprocess
from pathlib import Path

DEADLINE_S = 5.0

_SAFE = ("--no-pager", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # A clone may lack objects and name a helper that fetches them: nothing is fetched here.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}


def run_git(folder: Path, *arguments: str, given: str = "", deadline_s: float = DEADLINE_S) -> str:
    """What ``git ARGUMENTS`` prints in ``folder``; "" where it fails or takes too long.

    ``given`` is its standard input. Bytes that are no UTF-8 come as surrogate escapes. The
    repository's hooks, file monitor and remote helpers are never started; callers add
    ``--no-show-signature``, ``--no-ext-diff`` or ``--no-textconv`` where a command would honour
    such a setting.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *_SAFE, *arguments],
            cwd=folder,
            env=kept | _ENVIRONMENT,
            input=os.fsencode(given),
            capture_output=True,
            timeout=deadline_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return os.fsdecode(done.stdout) if done.returncode == 0 else ""
