"""Starting a command by what this system has: a warden and a sandbox, or a process group."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from grok_agent.tools.process import Group, Running
from grok_agent.tools.sandbox import Limits, confinement, fence


def launch(
    words: Sequence[str] | str,
    *,
    folder: Path,
    workspace: Path,
    writable: Sequence[Path],
    environment: Mapping[str, str],
    output: BinaryIO,
    deadline_s: float,
    limits: Limits,
    ports: Path,
) -> Running:
    """Start ``words`` in ``folder`` with both outputs in ``output``.

    Where commands can be confined (:func:`grok_agent.tools.sandbox.confinement`), it may write
    ``writable`` places only, and read the ``workspace``; it reaches servers of commands that have
    the same folder ``ports``. Raises OSError and ValueError for what
    cannot be started; some of that only :meth:`Running.wait` tells.
    """
    if has_warden() and not isinstance(words, str):
        from grok_agent.tools.warded import Warded

        return Warded.start(
            words,
            cwd=folder,
            environment=environment,
            output=output,
            deadline_s=deadline_s,
            limits=limits,
            fence=fence(writable, workspace, limits),
            ports=ports,
            abi=confinement(limits).abi,
        )
    return Group.start(
        words,
        cwd=folder,
        environment=environment,
        output=output,
        deadline_s=deadline_s,
        max_output_bytes=limits.max_output_bytes,
    )


def has_warden() -> bool:
    """True where a warden watches over commands, confined or not."""
    return sys.platform == "linux" and bool(sys.executable)
