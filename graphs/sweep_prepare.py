"""What a sweep knows before it sends anything: the plan, the shared beginning, the room."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from langchain_core.messages import AnyMessage

from grok_agent.context.rank import rank_files
from grok_agent.context.repo_map import repo_map
from grok_agent.context.rules import rules
from grok_agent.context.shards import ShardPlan, plan_shards
from grok_agent.gateway.ledger import Usage, price
from grok_agent.graphs.sweep_estimate import OUTPUT_TOKENS, Estimate, estimate
from grok_agent.graphs.sweep_frame import Frame
from grok_agent.graphs.sweep_kept import Kept
from grok_agent.graphs.sweep_options import SweepOptions
from grok_agent.graphs.sweep_reduce import cap_of
from grok_agent.tools.workspace import Workspace

MAX_RULES_TOKENS = 2_000
MAX_MAP_TOKENS = 6_000
MAX_NOTES_TOKENS = 1_500
"""Of what a sequential sweep carries from one shard to the next."""
FIRST = 30
"""Files that matter most for a question; the shards that hold them are read first."""
TAG_TOKENS = 64
"""Room for the tags around a shard, notes and results."""


@dataclass(frozen=True)
class Prepared:
    """A sweep that is ready to go.

    ``room`` tokens may stand between the lead and the task; ``cap`` of them may be one result.
    ``prefix`` tokens begin each request: system text, tools and lead.
    """

    frame: Frame
    plan: ShardPlan
    room: int
    cap: int
    prefix: int

    def joins(self) -> int:
        """How many requests will join results, at most."""
        texts, requests = len(self.plan.shards), 0
        while texts > 1:
            texts = ceil(texts / max(self.room // (self.cap + 1), 2))
            requests += texts
        return requests or 1

    def shard_usd(self) -> float:
        """What the largest shard may cost, in US dollars; 0 where no price is known."""
        largest = max((shard.tokens for shard in self.plan.shards), default=0)
        usage = Usage(self.prefix + largest, 0, OUTPUT_TOKENS)
        return price(usage, None, "", self.frame.profile).usd or 0.0

    def join_usd(self) -> float:
        """What joining the results would cost, in US dollars; 0 where no price is known."""
        usage = Usage(self.prefix + OUTPUT_TOKENS, 0, OUTPUT_TOKENS)
        return (price(usage, None, "", self.frame.profile).usd or 0.0) * self.joins()

    def estimate(self, width: int) -> Estimate:
        """What the sweep would take with ``width`` requests at a time."""
        return estimate(self.plan, self.prefix, self.joins(), width, self.frame.profile)


def planned(
    options: SweepOptions,
    frame: Frame,
    workspace: Workspace,
    model: str,
    said: Sequence[AnyMessage],
) -> tuple[Prepared, Kept]:
    """The plan for the task ``said`` last, and the answers that wait for it.

    Requests are cut as those were that have an answer, so that the same shards come out. Raises
    SettingsError when there is no room for files; a larger ``max_input_tokens`` mends it.
    """
    words = [f"{message.type}: {message.text}" for message in said]
    kept = Kept(options.kept_dir, str(workspace.root), frame.job, options.mode, model, *words)
    if kept.most_tokens is not None and kept.most_tokens < frame.max_tokens:
        frame = replace(frame, max_tokens=kept.most_tokens)
    return _prepared(frame, workspace, said, carries=options.carries), kept


def room_for(frame: Frame, said: Sequence[AnyMessage]) -> int:
    """Tokens that lead and files of one request may have beside everything else in it."""
    return frame.max_tokens - frame.size(said, "") - TAG_TOKENS


def _lead(workspace: Workspace, most: int) -> str:
    """What each request begins with: the project's rules, and a map of its signatures."""
    own = rules(workspace.root, min(MAX_RULES_TOKENS, most // 2))
    room = min(MAX_MAP_TOKENS, most - own.tokens)
    return own.text + repo_map(workspace.root, room, may_read=workspace.readable).text


def _prepared(
    frame: Frame, workspace: Workspace, said: Sequence[AnyMessage], *, carries: bool
) -> Prepared:
    most = room_for(frame, said) - carries * MAX_NOTES_TOKENS
    lead = _lead(workspace, most // 10)
    # A question may be answered before the budget for all shards is spent.
    first = rank_files(workspace.root, str(said[-1].text), FIRST) if frame.job == "ask" else ()
    plan = plan_shards(
        workspace.root, max_tokens=most, lead=lead, first=first, may_read=workspace.readable
    )
    room = most - plan.lead_tokens
    return Prepared(frame, plan, room, cap_of(room), frame.prefix + plan.lead_tokens)
