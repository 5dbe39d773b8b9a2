"""Answers of a sweep that did not come to its end, so that the next one does not pay again."""

import shutil
import time
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from grok_agent.gateway.ledger import Cost, Usage
from grok_agent.graphs.sweep_state import Piece, Question
from grok_agent.journal import Journal, read_journal

MAX_AGE_S = 30 * 86_400


class Kept:
    """The answers to the questions of one sweep, in a folder of its own below ``folder``.

    ``sweep`` names it: the same task in the same workspace. ``folder`` None keeps nothing. What
    cannot be written or read is simply asked again. Threads and processes may share it.
    ``most_tokens`` is what the answered questions were cut to; None where there is no answer.
    """

    def __init__(self, folder: Path | str | None, *sweep: str) -> None:
        self._folder = Path(folder) / digest_of(*sweep)[:24] if folder is not None else None
        self._known, self.most_tokens = self._read()

    def has(self, key: str) -> bool:
        """Whether there is an answer to the question ``key``, with no notes carried to it."""
        return digest_of(key, "") in self._known

    def find(self, question: Question) -> Piece | None:
        """The answer to ``question``, marked as kept and free of charge."""
        return self._known.get(_name(question))

    def keep(self, question: Question, piece: Piece, most_tokens: int) -> None:
        """Write down an answer at once, if it is a whole one."""
        if self._folder is None or not piece.ok or piece.left_out:
            return
        event = {
            "event": "piece",
            "name": _name(question),
            "most_tokens": most_tokens,
            "piece": piece.to_dict(),
        }
        with suppress(OSError):
            Journal(self._folder).append(event)

    def forget(self) -> None:
        """The sweep came to its end: the next one asks anew. Old leftovers of others go too."""
        if self._folder is None:
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        with suppress(OSError):
            for other in self._folder.parent.iterdir():
                if time.time() - other.stat().st_mtime > MAX_AGE_S:
                    shutil.rmtree(other, ignore_errors=True)

    def _read(self) -> tuple[dict[str, Piece], int | None]:
        if self._folder is None:
            return {}, None
        try:
            events = read_journal(self._folder)
        except OSError:
            return {}, None
        sound = [(event, piece) for event in events if (piece := _piece(event))]
        known = {str(event.get("name")): piece for event, piece in sound}
        sizes = [size for event, _ in sound if isinstance(size := event.get("most_tokens"), int)]
        return known, min(sizes, default=None)


def digest_of(*texts: str) -> str:
    """SHA-256 in hex of ``texts``, whatever characters they hold."""
    digest = sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()


def _name(question: Question) -> str:
    return digest_of(question["key"], question["carried"])


def _piece(event: dict[str, Any]) -> Piece | None:
    try:
        piece = Piece.from_dict(event["piece"])
    except (KeyError, TypeError):  # of another version
        return None
    return replace(piece, kept=True, steps=0, usage=Usage(), cost=Cost())
