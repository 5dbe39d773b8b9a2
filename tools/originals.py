"""What files were before a run changed them, by the record of its edits."""

from pathlib import Path

from grok_agent.tools.contents import Contents
from grok_agent.tools.edit_log import CONTENTS, read_edits


def originals_of(folder: Path) -> dict[str, bytes | None]:
    """The contents before the first edit of each file; None where there was no file.

    A file whose content was not kept is left out. Empty when ``folder`` holds no record.
    """
    try:
        edits = read_edits(folder)
    except OSError:
        return {}
    contents = Contents(folder / CONTENTS)
    originals: dict[str, bytes | None] = {}
    for edit in edits:
        if edit.done is False or edit.path in originals:
            continue
        try:
            originals[edit.path] = contents.get(edit.before.digest) if edit.before else None
        except KeyError:
            continue
    return originals
