"""The path guard: which place in the workspace a name means."""

import contextlib
import os
import stat
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePath

from grok_agent.errors import ToolError

MAX_PATH_BYTES = 4_095
MAX_NAME_BYTES = 255
RESERVED_ON_WINDOWS = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))]
)


def locate(root: Path, given: str) -> Path:
    """The absolute path without links that ``given`` means inside ``root`` (itself resolved).

    The file need not exist. Raises ToolError for whatever leaves the root, for git's own data,
    broken links, devices, pipes and sockets, and names that no file should have.
    """
    _check_name(given)
    path = root / _separators_of_this_system(root, given)
    try:
        resolved = Path(os.path.realpath(path))
    except OSError as error:  # a link was removed between two looks at it
        raise ToolError(f"{given!r}: {error.strerror}.", next_step="Try again.") from None
    if not resolved.is_relative_to(root):
        raise ToolError(
            f"{given!r} lies outside the workspace {root}.",
            next_step="Use a path inside the workspace, relative to its root.",
        )
    if any(map(_means_git_folder, _names_below(root, path) + _names_below(root, resolved))):
        raise ToolError(
            f"{given!r} lies in git's own data, which is closed.",
            next_step="Use git commands instead.",
        )
    _check_kind(path, resolved, given)
    return resolved


def leaving_links(root: Path) -> Iterator[str]:
    """Absolute paths of all links below ``root`` that lead out of it, git's own data left out."""
    waiting = [str(root)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    if not Path(os.path.realpath(entry.path)).is_relative_to(root):
                        yield entry.path
                elif entry.is_dir(follow_symlinks=False) and entry.name != ".git":
                    waiting.append(entry.path)


def _check_name(given: str) -> None:
    if not given or given.isspace():
        raise ToolError("The path is empty.", next_step="Give a path inside the workspace.")
    shown = given if len(given) <= 120 else given[:100] + "…"
    try:
        size = len(os.fsencode(given))
        longest = max(len(os.fsencode(name)) for name in given.replace("\\", "/").split("/"))
    except UnicodeEncodeError:
        raise ToolError(f"{shown!r} is no file name.", next_step="Give a name in UTF-8.") from None
    if size > MAX_PATH_BYTES or longest > MAX_NAME_BYTES:
        raise ToolError(
            f"The path {shown!r} is too long ({size} bytes).",
            next_step=f"A name has at most {MAX_NAME_BYTES} bytes, a path {MAX_PATH_BYTES}.",
        )
    if any(unicodedata.category(character) == "Cc" for character in given):
        raise ToolError(
            f"The path {shown!r} holds a control character.", next_step="Give a plain file name."
        )


def _separators_of_this_system(root: Path, given: str) -> str:
    if sys.platform == "win32":
        for name in PurePath(given).parts[1 if PurePath(given).drive else 0 :]:
            if ":" in name or name.split(".")[0].strip().upper() in RESERVED_ON_WINDOWS:
                raise ToolError(f"{given!r} names a device or stream.", next_step="Name a file.")
        return given
    if "\\" not in given or os.path.lexists(root / given):
        return given
    if given[1:3] == ":\\" or given.startswith("\\\\"):
        raise ToolError(
            f"{given!r} lies outside the workspace {root}.",
            next_step="Use a path inside the workspace, relative to its root.",
        )
    return given.replace("\\", "/")


def _names_below(root: Path, path: Path) -> tuple[str, ...]:
    plain = Path(os.path.normpath(path))
    return plain.relative_to(root).parts if plain.is_relative_to(root) else ()


def _means_git_folder(name: str) -> bool:
    """True for every spelling of ``.git`` that some file system takes for it."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    plain = "".join(c for c in folded if unicodedata.category(c) != "Cf").rstrip(". ")
    return plain.split(":")[0] in (".git", "git~1")


def _check_kind(path: Path, resolved: Path, given: str) -> None:
    try:
        mode = resolved.stat().st_mode
    except FileNotFoundError:
        if _has_link(path):
            raise ToolError(
                f"{given!r} goes through a link to nowhere.", next_step="Use another path."
            ) from None
        return
    except NotADirectoryError:
        raise ToolError(
            f"A part of {given!r} is a file, not a folder.", next_step="Check it with list_dir."
        ) from None
    except OSError as error:
        raise ToolError(f"{given!r}: {error.strerror}.", next_step="Use another path.") from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ToolError(
            f"{given!r} is a device, pipe or socket.", next_step="Only files and folders are open."
        )


def _has_link(path: Path) -> bool:
    return any(part.is_symlink() for part in (path, *path.parents))
