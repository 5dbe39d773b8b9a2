"""How large a request a gateway takes, as far as its refusals have shown it."""

from grok_agent.gateway.ladder import Payload, Reencode, next_rung, size_of


class BodySize:
    """Remembers the smallest request that was too large, so that the next begins below it.

    A connection that broke under an upload may have had another reason: such a size is believed
    when it happens twice and nothing as large has passed between. ``refused`` is in bytes, None
    where nothing is known.
    """

    def __init__(self) -> None:
        self.refused: int | None = None
        self._suspected: int | None = None

    def too_large(self, payload: Payload, *, is_certain: bool) -> None:
        """Note that ``payload`` was too large; ``is_certain`` where the gateway said so."""
        size = size_of(payload)
        if is_certain or self._suspected is not None:
            self.refused = min(size, self.refused or size)
        self._suspected = None if is_certain else size

    def passed(self, payload: Payload) -> None:
        """Note that the gateway took ``payload``, whatever it has refused before."""
        if self.refused is None and self._suspected is None:
            return
        size = size_of(payload)
        if self.refused is not None and size >= self.refused:
            self.refused = None
        if self._suspected is not None and size >= self._suspected:
            self._suspected = None

    def fit(self, payload: Payload, reencode: Reencode | None) -> tuple[Payload, int]:
        """The first form of ``payload`` that is below, and the rung of the ladder that follows.

        Where none is, the smallest form that there is.
        """
        rung = 0
        while self.refused is not None and size_of(payload) >= self.refused:
            found = next_rung(payload, rung, reencode)
            if found is None:
                break
            payload, rung = found[1], rung + 1
        return payload, rung
