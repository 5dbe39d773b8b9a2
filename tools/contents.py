"""The contents of files that a record refers to: each by its digest, single or many at once."""

import os
import secrets
import zipfile
from collections.abc import Mapping
from pathlib import Path

from grok_agent.blobs import Blobs


class Contents:
    """Contents kept in ``folder``, readable by their owner only.

    Single ones are written through to the disk. Many at once, such as all files of a repository,
    go into one archive, since a file for each would take seconds.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = Blobs(folder)

    def put(self, content: bytes) -> str:
        """Keep ``content``; its SHA-256 in hexadecimal. Raises OSError."""
        return self._blobs.put(content)

    def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Keep many contents, by their digests; all of them or none. Raises OSError."""
        if not contents:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.folder / f"{secrets.token_hex(8)}.tmp"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with (
                os.fdopen(descriptor, "wb") as file,
                zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            ):
                for digest, content in contents.items():
                    archive.writestr(digest, content)
            draft.rename(draft.with_suffix(".zip"))
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def get(self, digest: str) -> bytes:
        """The content with this digest. Raises KeyError when it is not here or was damaged."""
        try:
            return self._blobs.get(digest)
        except KeyError:
            return self._from_archives(digest)

    def _from_archives(self, digest: str) -> bytes:
        for path in self.folder.glob("*.zip"):
            try:
                with zipfile.ZipFile(path) as archive:
                    return archive.read(digest)
            except (KeyError, OSError, zipfile.BadZipFile):
                continue
        raise KeyError(digest)
