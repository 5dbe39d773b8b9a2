"""What a sweep would do, worked out without a model: nothing is sent, and no key is needed."""

from dataclasses import dataclass
from typing import Any

from grok_agent.context.token_ratio import Ratio
from grok_agent.graphs.request import task_message
from grok_agent.graphs.state import Budget
from grok_agent.graphs.sweep_estimate import Estimate
from grok_agent.graphs.sweep_frame import Frame
from grok_agent.graphs.sweep_options import SweepOptions
from grok_agent.graphs.sweep_prepare import Prepared, planned
from grok_agent.graphs.sweep_route import is_due
from grok_agent.profile import profile_of
from grok_agent.tools.workspace import Workspace


@dataclass(frozen=True)
class Preview:
    """A sweep that could be.

    ``is_due``: it is what would happen where nobody says otherwise. ``kept`` shards were answered
    in an earlier run that did not come to its end, and would not be sent again.
    """

    prepared: Prepared
    estimate: Estimate
    is_due: bool
    kept: int

    def to_dict(self) -> dict[str, Any]:
        """The preview as plain types; ``shards`` hold parts of files, lines counted from 1."""
        plan = self.prepared.plan
        return {
            "is_due": self.is_due,
            "kept": self.kept,
            "lead_tokens": plan.lead_tokens,
            "estimate": self.estimate.to_dict(),
            "shards": [
                {
                    "tokens": shard.tokens,
                    "parts": [
                        {
                            "path": part.path,
                            "first_line": part.first_line,
                            "last_line": part.last_line,
                            "part": f"{part.number} of {part.of}",
                            "tokens": part.tokens,
                        }
                        for part in shard.parts
                    ],
                }
                for shard in plan.shards
            ],
            "left_out": [{"path": each.path, "reason": each.reason} for each in plan.left_out],
        }


def preview(
    workspace: Workspace,
    *,
    job: str,
    task: str,
    model: str,
    ratio: Ratio,
    budget: Budget,
    options: SweepOptions,
) -> Preview:
    """The sweep that ``task`` would get.

    Raises SettingsError where a request has no room for files; a larger budget mends it.
    """
    frame = Frame.of(job, profile_of(model), budget, ratio)
    said = task_message(task, [])
    prepared, kept = planned(options, frame, workspace, model, [said])
    return Preview(
        prepared,
        prepared.estimate(options.at_once),
        is_due(frame, workspace, job, budget, said),
        sum(kept.has(shard.digest) for shard in prepared.plan.shards),
    )
