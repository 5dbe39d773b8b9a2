"""How far a sweep has come: what was read, and what is left, by the plan and the answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf

from grok_agent.context.shards import Shard
from grok_agent.graphs.sweep_prepare import Prepared
from grok_agent.graphs.sweep_state import Piece

TOO_LARGE = frozenset({"ContextTooLongError", "RequestTooLargeError"})
"""Errors of a request that would have been answered had it been smaller."""


@dataclass(frozen=True)
class Progress:
    """A plan and the answers until now; follows from these two alone."""

    prepared: Prepared
    pieces: Sequence[Piece]

    @cached_property
    def shards(self) -> list[Shard]:
        """The shards of the plan; in halves where one of that size was refused as too large."""
        return [part for shard in self.prepared.plan.shards for part in self._in_halves(shard)]

    @cached_property
    def answered(self) -> Mapping[int, Piece]:
        """What came of the shards that were asked about, by their number from 0, in their order.

        An answer about files that have changed since belongs to none of them.
        """
        known = self._known
        numbered = ((number, known.get(shard.digest)) for number, shard in enumerate(self.shards))
        return {number: piece for number, piece in numbered if piece}

    @cached_property
    def read(self) -> Mapping[int, Piece]:
        """Those of ``answered`` that are answers."""
        return {number: piece for number, piece in self.answered.items() if piece.ok}

    @property
    def unread(self) -> list[int]:
        """Numbers from 0 of the shards that were not asked about yet, in their order."""
        return [number for number in range(len(self.shards)) if number not in self.answered]

    @cached_property
    def _known(self) -> Mapping[str, Piece]:
        return {piece.key: piece for piece in self.pieces if piece.level == 0}

    @cached_property
    def _least_refused(self) -> float:
        """Tokens of the smallest shard that was refused as too large."""
        refused = (piece.tokens for piece in self._known.values() if _is_too_large(piece))
        return min(refused, default=inf)

    def _in_halves(self, shard: Shard) -> Sequence[Shard]:
        piece = self._known.get(shard.digest)
        fits = piece.ok if piece else shard.tokens < self._least_refused
        if fits or not shard.halves or (piece and not _is_too_large(piece)):
            return [shard]
        return [part for half in shard.halves for part in self._in_halves(half)]


def find_shard(prepared: Prepared, digest: str) -> Shard | None:
    """The shard, or half of one, with this content; None where the files have changed."""
    waiting = list(prepared.plan.shards)
    while waiting:
        shard = waiting.pop(0)
        if shard.digest == digest:
            return shard
        waiting += shard.halves
    return None


def _is_too_large(piece: Piece) -> bool:
    return piece.stop is not None and piece.stop["error_kind"] in TOO_LARGE
