"""What all requests to one gateway share: its limiter, its moderation, and the ledger."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from grok_agent.gateway.attempt import key_alias
from grok_agent.gateway.bills import Bills, Caps, bills_of
from grok_agent.gateway.body_size import BodySize
from grok_agent.gateway.capabilities import known
from grok_agent.gateway.faults import Target
from grok_agent.gateway.ladder import Reencode
from grok_agent.gateway.made_up import Ends
from grok_agent.gateway.moderation import Moderation, moderation_of
from grok_agent.gateway.pacing import Limiter, limiter_of

Estimate = Callable[[Mapping[str, Any], str], dict[str, Any]]
"""The likely usage of a request, given with what had arrived of its answer."""

LEDGER_FILE = "ledger.sqlite3"
"""Name of the ledger in the state folder."""


@dataclass
class Edge:
    """State shared by requests; a model of its own gets one of its own, as the embedded gateway.

    The last three are learned: ``refuses_usage``, that the gateway does not take
    ``stream_options``, which ends of streams are made up, and how large a request may be.
    """

    limiter: Limiter = field(default_factory=Limiter)
    moderation: Moderation = field(default_factory=Moderation)
    bills: Bills | None = None
    refuses_usage: bool = False
    ends: Ends = field(default_factory=Ends)
    body_size: BodySize = field(default_factory=BodySize)


@dataclass(frozen=True)
class Terms:
    """What one call may take. Times in seconds.

    ``max_wait_s``: after it nothing is sent again. ``max_retries``: None for as many as fit into
    it. ``gap_s``: longest time to the first piece of an answer and between two. ``answer_s``:
    longest time for one answer. ``thread`` and ``call`` name the conversation and this call in the
    ledger; ``estimate`` stands in where the gateway does not say what an answer used.
    """

    max_wait_s: float = 300.0
    max_retries: int | None = None
    gap_s: float | None = None
    answer_s: float | None = None
    caps: Caps = field(default_factory=Caps)
    thread: str = ""
    call: str = field(default_factory=lambda: uuid4().hex)
    reencode: Reencode | None = None
    estimate: Estimate | None = None


_edges: dict[tuple[str, str, str, str], Edge] = {}


def edge_of(target: Target, state_dir: Path | None) -> Edge:
    """The edge that all requests of this process to ``target`` share.

    Attempts are written into the ledger in ``state_dir``; None for none.
    """
    alias = key_alias(target.key)
    place = (target.base_url, alias, target.model, str(state_dir))
    if place not in _edges:
        known(target.base_url, target.model, state_dir)  # reads what the doctor has found
        bills = bills_of(state_dir / LEDGER_FILE) if state_dir else None
        limiter = limiter_of(target.base_url, alias, target.model)
        made = Edge(limiter, moderation_of(target.base_url), bills)
        return _edges.setdefault(place, made)
    return _edges[place]
