"""The words that start a command: through the shell, or without one when it only reads."""

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def without_shell(
    argv: tuple[str, ...] | None, environment: Mapping[str, str]
) -> Sequence[str] | None:
    """The program by its path; None where there is none, so that the shell says so."""
    program = argv and shutil.which(argv[0], path=environment["PATH"])
    return (program, *argv[1:]) if argv and program else None


def through_shell(
    command: str, environment: Mapping[str, str], folder_file: Path
) -> Sequence[str] | str:
    """The words that give ``command`` to the shell, which leaves its working folder, as it ends,
    in ``folder_file`` (not on Windows)."""
    if sys.platform == "win32":
        return f'{environment.get("COMSPEC", "cmd.exe")} /d /s /c "{command}"'
    shell = shutil.which("bash", path=environment["PATH"]) or "/bin/sh"
    leave = f"command pwd -P 2>/dev/null >| {shlex.quote(str(folder_file))}"
    return [shell, "-c", f"trap {shlex.quote(leave)} EXIT; {command}"]


def left_folder(folder_file: Path) -> Path | None:
    """The working folder that the shell left; None when it was ended before it could."""
    try:
        said = folder_file.read_text(errors="surrogateescape").removesuffix("\n")
        folder_file.unlink()
    except OSError:
        return None
    return Path(said) if said else None
