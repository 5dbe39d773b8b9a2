"""Which files a folder holds: ripgrep's listing, streamed in sorted order."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer

from grok_agent.errors import SettingsError

OWN_IGNORE_FILE = ".grokignore"
"""In the root of a repository, written as a ``.gitignore``: what this program is not to look at."""

_VERSION_CONTROL = (".git", ".hg", ".svn", ".jj")
_CHUNK_BYTES = 1 << 16


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
    """Options for a ripgrep run in ``root``: the files that git would see, without links.

    Version control's own data is out, and so is what ``.grokignore`` names.
    Outside a git repository ``.gitignore`` files count too, but only those below ``root``.
    """
    options = ["--no-config", "--color=never", "--no-follow"]
    options += ["--no-ignore-dot", "--no-ignore-messages"]
    options += [f"--glob=!{name}" for name in _VERSION_CONTROL]
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        options += ["--no-require-git", "--no-ignore-parent"]
    return options + _own_ignore_options(root)


def list_names(
    root: Path, folder: str = ".", *, hidden: bool = True, deadline_s: float | None = None
) -> Generator[str, None, None]:
    """Files below ``root/folder`` that git would not ignore, one at a time, links left out.

    Names are posix paths relative to ``root``, bytes that are no UTF-8 as surrogate escapes. They
    come sorted folder by folder, as tuples of their parts; memory does not grow with their number.
    Folders that may not be read are passed over. Raises SettingsError when ``root`` cannot be
    listed or ``.grokignore`` cannot be used, and TimeoutError after ``deadline_s`` seconds.
    """
    options = ["--files", "--null", "--sort=path", *(["--hidden"] if hidden else [])]
    where = ["--", folder] if folder != "." else []
    with (
        tempfile.TemporaryFile() as said,
        _started(root, [*options, *where], said.fileno()) as process,
    ):
        try:
            with _ended_after(deadline_s, process):
                yield from map(_as_posix, _pieces(process))
        finally:
            process.kill()
        said.seek(0)
        complaint = os.fsdecode(said.read(2_000))
    if complaint.startswith("rg: error parsing glob"):
        raise SettingsError(
            f"{root / OWN_IGNORE_FILE} cannot be used: {complaint.strip()}.",
            next_step="Correct that line; it is written as in a .gitignore.",
        )


def names_with(root: Path, word: str, deadline_s: float) -> list[str]:
    """Files below ``root`` that hold ``word`` in whatever case, as :func:`list_names` names them.

    What was found within ``deadline_s`` seconds. Raises SettingsError when ``root`` cannot be
    searched.
    """
    options = ["--files-with-matches", "--null", "--fixed-strings", "--ignore-case", "-e", word]
    found: list[str] = []
    with _started(root, options, subprocess.DEVNULL) as process:
        try:
            with suppress(TimeoutError), _ended_after(deadline_s, process):
                found += map(_as_posix, _pieces(process))
        finally:
            process.kill()
    return found


@contextmanager
def _ended_after(seconds: float | None, process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Kill ``process`` in time, also one that says nothing; raises TimeoutError then."""
    if seconds is None:
        yield
        return
    end = Timer(seconds, process.kill)
    end.daemon = True
    end.start()
    try:
        yield
        if not end.is_alive():
            raise TimeoutError
    finally:
        end.cancel()


def _started(root: Path, options: list[str], stderr: int) -> "subprocess.Popen[bytes]":
    try:
        command = [ripgrep(), *walk_options(root), *options]
        return subprocess.Popen(
            command, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr
        )
    except OSError as error:
        raise SettingsError(
            f"{root} cannot be listed: {error.strerror}.",
            next_step="Give the folder of a repository, one that may be read.",
        ) from None


def _pieces(process: "subprocess.Popen[bytes]") -> Iterator[bytes]:
    """What ``process`` prints, cut at NUL bytes."""
    assert process.stdout is not None  # it is piped
    rest = b""
    while chunk := os.read(process.stdout.fileno(), _CHUNK_BYTES):
        *pieces, rest = (rest + chunk).split(b"\0")
        yield from pieces


def _as_posix(name: bytes) -> str:
    return os.fsdecode(name).replace(os.sep, "/")


def _own_ignore_options(root: Path) -> list[str]:
    """Globs win over exceptions (``!name``) in a ``.gitignore``, but know none themselves."""
    path = root / OWN_IGNORE_FILE
    try:
        if not path.is_file():  # a pipe would never end
            return []
        lines = os.fsdecode(path.read_bytes().removeprefix(b"\xef\xbb\xbf")).splitlines()
    except OSError:
        return []
    patterns = [line.rstrip() for line in lines if line.strip() and not line.startswith("#")]
    if any(pattern.startswith("!") for pattern in patterns):
        return [f"--ignore-file={path}"]
    return [f"--glob=!{pattern}" for pattern in patterns]
