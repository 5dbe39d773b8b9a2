"""Whether a task is done by a sweep where nobody has said so."""

import re

from langchain_core.messages import AnyMessage

from grok_agent.context.listing import list_names
from grok_agent.context.shards import tokens_to_read
from grok_agent.errors import ToolError
from grok_agent.gateway.ledger import Usage, price
from grok_agent.graphs.state import Budget
from grok_agent.graphs.sweep_frame import Frame
from grok_agent.graphs.sweep_prepare import room_for
from grok_agent.tools.workspace import Workspace

_DIFF = re.compile(r"^(?:diff --git |@@ -\d+|--- a/|\+\+\+ b/)", re.MULTILINE)
_AROUND = ".,;:!?()[]{}<>'\"`*"
_PLACE = re.compile(r":\d.*$")  # of a line, behind a path


def is_due(frame: Frame, workspace: Workspace, job: str, budget: Budget, task: AnyMessage) -> bool:
    """Whether the files do not fit into one request, and the task does not point at some of them.

    A review is worth what the budget allows; a question is, where the budget allows for all files.
    """
    room = room_for(frame, [task])
    tokens = tokens_to_read(workspace.root, room)
    if tokens <= room or points_at_files(str(task.text), workspace):
        return False
    usd = price(Usage(tokens), None, "", frame.profile).usd
    return job == "review" or usd is None or budget.max_usd is None or usd <= budget.max_usd


def points_at_files(task: str, workspace: Workspace) -> bool:
    """Whether ``task`` holds a diff, or names a file or a folder of ``workspace``."""
    if _DIFF.search(task):
        return True
    words = {_PLACE.sub("", word.strip(_AROUND)) for word in task.split()}
    paths = {word for word in words if word.strip("./") and ("/" in word or "." in word)}
    if any(_exists(workspace, path) for path in paths):
        return True
    names = {path for path in paths if "/" not in path}
    return bool(names) and any(
        path.rpartition("/")[2] in names for path in list_names(workspace.root)
    )


def _exists(workspace: Workspace, path: str) -> bool:
    try:
        return workspace.resolve(path).exists()
    except (ToolError, OSError):
        return False
