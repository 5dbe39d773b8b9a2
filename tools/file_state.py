"""How a file of the workspace is, and how it is put into such a state, whole or not at all."""

import os
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from grok_agent.tools.open_folder import Folder


@dataclass(frozen=True)
class FileState:
    """What stands under a name: the SHA-256 of the bytes in hexadecimal (of a link: of the path it
    names; ``""`` where the content was not kept), and the mode with the file's type."""

    digest: str
    mode: int

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_known(self) -> bool:
        """Whether the content was kept."""
        return bool(self.digest)


def look(root: Path, path: str, max_bytes: int) -> tuple[FileState | None, bytes]:
    """The state of ``path`` and its content, ``b""`` above ``max_bytes``; no link is followed.

    A folder is no file. Raises OSError when it cannot be read, or a folder on the way is a link.
    """
    target = root / path
    try:
        with Folder.open(root, target.parent) as folder:
            status = folder.status(target.name)
            if status is None or stat.S_ISDIR(status.st_mode):
                return None, b""
            if stat.S_ISLNK(status.st_mode):
                content = os.fsencode(folder.target(target.name))
                # The mode of a link differs between systems and means nothing.
                return FileState(sha256(content).hexdigest(), stat.S_IFLNK | 0o777), content
            if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
                return FileState("", status.st_mode), b""
            content, status = folder.read(target.name, max_bytes + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None, b""
    if len(content) > max_bytes:
        return FileState("", status.st_mode), b""
    return FileState(sha256(content).hexdigest(), status.st_mode), content
