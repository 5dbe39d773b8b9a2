"""Content-addressed files: each content lies once in a folder, compressed, under its digest."""

import os
import secrets
import zlib
from hashlib import sha256
from pathlib import Path


class Blobs:
    """The contents in ``folder``, which is made when the first one is put there.

    Threads and processes may share a folder. A content is whole or not there: it is written to a
    file of its own and renamed. Files are readable by their owner only.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def put(self, content: bytes) -> str:
        """Keep ``content`` and return its SHA-256 in hexadecimal.

        Raises :class:`OSError` when the disk is full or the folder cannot be written; whoever
        named the folder can mend it.
        """
        digest = sha256(content).hexdigest()
        path = self._path(digest)
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_whole(path, zlib.compress(content))
        return digest

    def get(self, digest: str) -> bytes:
        """The content with this ``digest``.

        Raises :class:`KeyError` when it is not here or was damaged.
        """
        try:
            content = zlib.decompress(self._path(digest).read_bytes())
        except (OSError, ValueError, zlib.error):
            raise KeyError(digest) from None
        if sha256(content).hexdigest() != digest:
            raise KeyError(digest)
        return content

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest[2:]


def _write_whole(path: Path, data: bytes) -> None:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
