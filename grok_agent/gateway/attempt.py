"""One request that was billed, or may have been: what is written down about it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from grok_agent.gateway.faults import Target
from grok_agent.gateway.fields import whole_characters
from grok_agent.gateway.ledger import (
    TICKS_PER_USD,
    Cost,
    Usage,
    price,
    usage_from_wire,
)
from grok_agent.profile import profile_of

Status = Literal["whole", "cut", "failed"]
"""How the answer came: whole, begun and cut off, or not at all."""

MAX_TEXT = 500
"""Characters kept of a text that a gateway or a caller has chosen."""

MAX_TICKS = 2**50
"""No single request costs more than 112,589 dollars; a bill beyond it is not believed."""


@dataclass(frozen=True)
class Attempt:
    """One request and its bill.

    ``call`` is an id shared by all attempts of one call of the model, ``thread`` the conversation;
    both may be empty. ``usage`` is None where nothing is known. ``estimated`` marks a cost that
    rests on an unfinished answer or on tokens that were counted here or by a proxy.
    """

    model_asked: str
    model_served: str = ""
    cost: Cost = field(default_factory=lambda: Cost(None, "unknown"))
    usage: Usage | None = None
    status: Status = "whole"
    estimated: bool = False
    thread: str = ""
    call: str = ""
    key_alias: str = ""
    base_url: str = ""
    request_id: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(
        cls,
        target: Target,
        usage: Mapping[str, Any] | None,
        *,
        served: str = "",
        status: Status = "whole",
        estimated: bool = False,
        **rest: Any,
    ) -> Self:
        """The attempt at ``target``, priced: ``usage`` is the object of the wire, or None.

        The bill in ``usage`` (``cost_in_usd_ticks``) wins over the price list; a list price on an
        answer that is not whole is marked as estimated; without either the cost is unknown.
        ``rest`` are fields of the class: ``thread``, ``call``, ``request_id``, ``at``.
        """
        used = _usage(usage)
        ticks = usage.get("cost_in_usd_ticks") if usage else None
        cost = price(used, ticks, served, profile_of(target.model))
        return cls(
            model_asked=target.model,
            model_served=served,
            cost=cost,
            usage=used,
            status=status,
            estimated=cost.basis == "list_price" and (estimated or status != "whole"),
            key_alias=key_alias(target.key),
            base_url=_place(target.address),
            **rest,
        )

    @property
    def ticks(self) -> int | None:
        """The cost in ticks, 1e-10 US dollars each, exactly; None where it is not known."""
        if self.cost.usd is None or self.cost.basis == "unknown":
            return None
        ticks = round(self.cost.usd * TICKS_PER_USD)
        return ticks if ticks <= MAX_TICKS else None

    @property
    def was_billed(self) -> bool:
        """Whether money flowed, or may have: not where the embedded gateway answered."""
        return self.cost.basis != "offline"


def key_alias(key: str) -> str:
    """A short name for ``key`` that tells keys apart and does not give them away."""
    digest = hashlib.sha256(key.encode(errors="replace")).hexdigest()
    return f"key-{digest[:8]}" if key else ""


def storable(text: str) -> str:
    """``text`` in whole characters, cut to ``MAX_TEXT``."""
    return whole_characters(text)[:MAX_TEXT]


def _place(address: str) -> str:
    """``address`` without its query, in which some relays take a key."""
    return urlsplit(address)._replace(query="", fragment="").geturl()


def _usage(wire: Mapping[str, Any] | None) -> Usage | None:
    counts = usage_from_wire(wire)
    if counts is None:
        return None
    return Usage(
        counts["prompt_tokens"],
        counts["prompt_tokens_details"]["cached_tokens"],
        counts["completion_tokens"],
        counts["completion_tokens_details"]["reasoning_tokens"],
    )
