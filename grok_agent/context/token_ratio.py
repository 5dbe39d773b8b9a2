"""How many tokens a gateway bills for one that is counted here, learned from its own counts.

Grok's tokenizer is unpublished, and servers add marks of their own. Two requests of one
conversation that differ only in what the second adds tell the ratio: the prompt tokens it was
billed more, over the o200k_base tokens of what was added.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from grok_agent.context.ratio_file import RatioFile, Sample
from grok_agent.context.request_growth import Growth, SeenRequests
from grok_agent.context.tokens import TOKENS_PER_ANSWER, count_messages

RATIO_FILE = "token_ratios.sqlite3"
"""Name of the file in the state folder."""

UNKNOWN_RATIO = 1.10
"""What is taken for a tokenizer of which nothing is known yet."""

LEAST_RATIO, MOST_RATIO = 0.8, 1.6

SAMPLES_TO_TRUST = 5
"""Until so many are known, the ratio of an unknown tokenizer counts as one of them."""

MIN_ADDED = 500
"""Prompt tokens: in smaller additions the marks around messages weigh too much."""

MAX_FOR_OVERHEAD = 32_000
"""Prompt tokens: in larger requests the ratio's error hides what a request has on top."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Billed tokens for one token of o200k_base.

    ``mean`` is for showing, ``high`` for limits that must hold: the largest of the last samples.
    ``overhead`` are tokens that a request has on top, whatever is in it, at the most.
    """

    mean: float = UNKNOWN_RATIO
    high: float = UNKNOWN_RATIO
    overhead: int = 0
    samples: int = 0

    def at_most(self, counted: int) -> int:
        """Billed tokens of a text of ``counted`` tokens, on the safe side."""
        return math.ceil(round(self.high * counted, 6))

    def request_at_most(self, counted: int) -> int:
        """Billed prompt tokens of a request of ``counted`` tokens, on the safe side."""
        return self.at_most(counted) + self.overhead

    def likely(self, counted: int) -> int:
        """Billed tokens of a text of ``counted`` tokens, for showing."""
        return round(self.mean * counted)


def ratio_of(model: object) -> Ratio:
    """What ``model`` has learned; a model that learns nothing has an unknown tokenizer's ratio."""
    known = getattr(model, "token_ratio", None)
    return known if isinstance(known, Ratio) else Ratio()


class LearnedRatio:
    """The ratio of one gateway and model; threads may share it, and processes its file.

    ``path`` None, and a file that cannot be used, mean that only this process knows.
    """

    def __init__(self, path: Path | None, address: str, model: str) -> None:
        # An address can hold a key; its digest does not.
        gateway = hashlib.sha256(address.encode("utf-8", "replace")).hexdigest()[:16]
        self._samples = RatioFile(path, gateway, model)
        self._seen = SeenRequests()
        self._lock = Lock()

    def current(self) -> Ratio:
        """What is known now."""
        return summed_up(self._samples.newest())

    def learn(self, request: Mapping[str, Any], prompt_tokens: int, served: str) -> None:
        """Compare ``prompt_tokens`` that were billed for ``request`` with those counted here.

        ``request`` is the body that was sent, ``served`` the model that answered. Nothing is
        learned from requests with pictures, and from those that do not continue an earlier one
        word for word: after a compaction, or with other tools.
        """
        with self._lock:
            growth = self._seen.growth(request, prompt_tokens, served)
        if growth is None or growth.billed < MIN_ADDED:
            return
        sample = _sample(request, prompt_tokens, growth, self.current())
        self._samples.add(served, sample)


def summed_up(samples: Sequence[Sample]) -> Ratio:
    """The ratio that ``samples``, at most the last 20, show together."""
    if not samples:
        return Ratio()
    mean = _clamped(sum(each.billed for each in samples) / sum(each.counted for each in samples))
    largest = max(_clamped(each.billed / each.counted) for each in samples)
    start = UNKNOWN_RATIO if len(samples) < SAMPLES_TO_TRUST else LEAST_RATIO
    return Ratio(
        mean=mean,
        high=max(mean, largest, start),
        overhead=max(each.overhead for each in samples),
        samples=len(samples),
    )


_learned: dict[tuple[str, str, str], LearnedRatio] = {}


def learned_ratio(state_dir: Path | None, address: str, model: str) -> LearnedRatio:
    """The one object of this process for the ratio of ``model`` at the gateway ``address``."""
    place = (str(state_dir), address, model)
    if place not in _learned:
        path = state_dir / RATIO_FILE if state_dir else None
        return _learned.setdefault(place, LearnedRatio(path, address, model))
    return _learned[place]


def _sample(request: Mapping[str, Any], prompt_tokens: int, growth: Growth, known: Ratio) -> Sample:
    counted = max(count_messages(growth.messages) - TOKENS_PER_ANSWER, 1)
    overhead = 0
    if prompt_tokens <= MAX_FOR_OVERHEAD:
        mean = known.mean if known.samples else _clamped(growth.billed / counted)
        whole = count_messages(request["messages"], request.get("tools") or ())
        overhead = max(round(prompt_tokens - mean * whole), 0)
    return Sample(growth.billed, counted, overhead)


def _clamped(ratio: float) -> float:
    return min(max(ratio, LEAST_RATIO), MOST_RATIO)
