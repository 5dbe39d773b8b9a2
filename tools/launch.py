"""Starting a command by what this system has: a warden and a sandbox, or a process group."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from grok_agent.tools.process import Group, Running
from grok_agent.tools.sandbox import SHARED_MEMORY, Limits, confinement, fence


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
) -> Running:
    """Start ``words`` in ``folder`` with both outputs in ``output``.

    Where commands can be confined (:func:`grok_agent.tools.sandbox.confinement`), it may write
    ``writable`` places only, and read the ``workspace``. Raises OSError and ValueError for what
    cannot be started; some of that only :meth:`Running.wait` tells.
    """
    if sys.platform == "linux" and sys.executable and not isinstance(words, str):
        from grok_agent.tools.warded import Warded

        shared = [SHARED_MEMORY] if limits.shared_memory else []
        return Warded.start(
            words,
            cwd=folder,
            environment=environment,
            output=output,
            deadline_s=deadline_s,
            limits=limits,
            fence=fence([*writable, *shared], workspace),
            abi=confinement().abi,
        )
    return Group.start(
        words,
        cwd=folder,
        environment=environment,
        output=output,
        deadline_s=deadline_s,
        max_output_bytes=limits.max_output_bytes,
    )
