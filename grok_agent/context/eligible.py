"""Which files of a repository may be shown to a model, and why the others may not."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from grok_agent.context.file_kinds import Kind
from grok_agent.context.files import RepoFile

MAX_FILE_BYTES = 16_000_000
"""Larger files are left out, named or not: they would have to be held in memory."""

MAX_DATA_BYTES = 100_000
"""Data files above this size are left out unless they are named."""

_UNWANTED: dict[Kind, str] = {
    "secret": "looks like a secret",
    "lock": "lock file",
    "minified": "minified",
    "generated": "generated",
    "vendored": "vendored",
}


def reason_against(file: RepoFile, named: Iterable[str]) -> str:
    """Why ``file`` is left out; "" for a file that may be shown.

    ``named`` are paths, ends of paths after a slash, or patterns such as ``docs/*.json``; what they
    name is shown whatever its kind, unless it is binary or larger than ``MAX_FILE_BYTES``.
    """
    if file.kind == "binary" or not file.encoding:
        return "binary"
    if not file.size:
        return "empty"
    if file.size > MAX_FILE_BYTES:
        return f"larger than {MAX_FILE_BYTES:,} bytes"
    if any(_names(name, file.path) for name in named):
        return ""
    if file.kind == "data" and file.size > MAX_DATA_BYTES:
        return f"data of more than {MAX_DATA_BYTES:,} bytes"
    return _UNWANTED.get(file.kind, "")


def _names(name: str, path: str) -> bool:
    return path == name or path.endswith(f"/{name}") or fnmatchcase(path, name)
