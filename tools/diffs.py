"""Unified diffs with git's headers, which ``git apply`` and every viewer understand."""

import difflib
import stat

from grok_agent.errors import ToolError
from grok_agent.tools.textfile import decode, displayable

MAX_DIFF_BYTES = 2_000_000
ABSENT = "/dev/null"


def file_diff(
    name: str, before: bytes | None, after: bytes | None, *, mode: int = 0o644, note: str = ""
) -> str:
    """The change of one file, ending in a newline; ``""`` when nothing changed.

    None stands for a file that is not there. ``note`` replaces the body where the text is not
    known. Binary files and files above 2 MB are named without their content. Context: 3 lines.
    """
    if before == after and not note:
        return ""
    old, new = _quoted(f"a/{name}"), _quoted(f"b/{name}")
    header = [f"diff --git {old} {new}"]
    if before is None and not note:
        header.append(f"new file mode {_git_mode(mode)}")
    elif after is None:
        header.append(f"deleted file mode {_git_mode(mode)}")
    body = [note] if note else _body(name, before, after, old, new)
    return "\n".join([*header, *body]) + "\n"


def _body(name: str, before: bytes | None, after: bytes | None, old: str, new: str) -> list[str]:
    shown_old = ABSENT if before is None else old
    shown_new = ABSENT if after is None else new
    if max(len(before or b""), len(after or b"")) > MAX_DIFF_BYTES:
        return [f"Files {shown_old} and {shown_new} differ (too large to show)"]
    try:
        was, now = (decode(raw or b"", name).text for raw in (before, after))
    except ToolError:
        return [f"Binary files {shown_old} and {shown_new} differ"]
    if was == now:
        return []
    lines = difflib.unified_diff(_lines(was), _lines(now), _label(shown_old), _label(shown_new))
    return [displayable(line) for raw in lines for line in _ended(raw)]


def _lines(text: str) -> list[str]:
    """Split at LF only, as git does; the LF stays."""
    *whole, last = text.split("\n")
    return [line + "\n" for line in whole] + ([last] if last else [])


def _ended(line: str) -> list[str]:
    if line.endswith("\n"):
        return [line[:-1]]
    return [line, "\\ No newline at end of file"]


def _label(path: str) -> str:
    return f"{path}\t" if " " in path and not path.startswith('"') else path


def _git_mode(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "120000"
    return "100755" if mode & 0o111 else "100644"


def _quoted(path: str) -> str:
    """``path`` as git writes it: quoted when it holds control characters, quotes, backslashes."""
    if all(c.isprintable() and c not in '"\\' for c in path if not "\udc80" <= c <= "\udcff"):
        return displayable(path)
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(escapes.get(c, c) for c in displayable(path)) + '"'
