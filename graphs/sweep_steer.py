"""What a sweep asks next: a pure function of the plan and of what was answered."""

from collections.abc import Sequence

from grok_agent.graphs.state import Budget, Limit, Stop, ending
from grok_agent.graphs.sweep_kept import digest_of
from grok_agent.graphs.sweep_prepare import MAX_NOTES_TOKENS, Prepared
from grok_agent.graphs.sweep_reduce import batches, head, result_text
from grok_agent.graphs.sweep_state import Piece, Question, Totals

MAX_FAILURES = 4
"""Questions without any answer at all, after which the others are not tried."""

PIECE_ONLY = frozenset(
    {
        "",
        "BadRequestError",
        "ContentRefusedError",
        "ContextTooLongError",
        "IncompleteAnswerError",
        "RequestTooLargeError",
        "ToolError",
    }
)
"""Errors that say something of one request; any other would meet the next one as well."""


def by_shard(prepared: Prepared, pieces: Sequence[Piece]) -> dict[int, Piece]:
    """The pieces about shards of this plan by the shard's number, from 0, in its order.

    A piece about files that have changed since belongs to none of them.
    """
    known = {piece.key: piece for piece in pieces if piece.level == 0}
    keys = (shard.digest for shard in prepared.plan.shards)
    return {number: known[key] for number, key in enumerate(keys) if key in known}


def unread(prepared: Prepared, pieces: Sequence[Piece]) -> list[int]:
    """Numbers from 0 of the shards that were not asked about yet, in their order."""
    asked = by_shard(prepared, pieces)
    return [number for number in range(len(prepared.plan.shards)) if number not in asked]


def shard_questions(
    prepared: Prepared, pieces: Sequence[Piece], width: int, *, carry: bool
) -> list[Question]:
    """The next ``width`` shards; with ``carry``, the notes on the last one go along."""
    notes = [piece.text for piece in by_shard(prepared, pieces).values() if piece.ok]
    shards = prepared.plan.shards
    return [
        Question(
            key=shards[number].digest,
            level=0,
            number=number,
            of=len(shards),
            texts=[],
            carried=head(notes[-1], MAX_NOTES_TOKENS) if carry and notes else "",
        )
        for number in unread(prepared, pieces)[:width]
    ]


def joining(prepared: Prepared, pieces: Sequence[Piece]) -> tuple[list[Question], str]:
    """The questions that join results and were not asked yet, or else the last answer.

    Level by level: results are put into batches of a size that fits, each batch becomes one
    result, until one is left. A batch that the model did not join stays as it is, cut to size.
    """
    texts = [
        result_text(number, piece, prepared.plan.shards[number].files, prepared.cap)
        for number, piece in by_shard(prepared, pieces).items()
        if piece.ok
    ]
    done = {piece.key: piece for piece in pieces if piece.level}
    level = 1
    while texts:
        groups = batches(texts, prepared.room)
        questions = [
            Question(
                key=digest_of(str(level), *group),
                level=level,
                number=number,
                of=len(groups),
                texts=group,
                carried="",
            )
            for number, group in enumerate(groups)
        ]
        if missing := [question for question in questions if question["key"] not in done]:
            return missing, ""
        joined = [done[question["key"]] for question in questions]
        if len(groups) == 1:
            return [], joined[0].text
        texts = [
            head(piece.text if piece.ok else "\n".join(group), prepared.cap)
            for piece, group in zip(joined, groups, strict=True)
        ]
        level += 1
    return [], ""


def hopeless(pieces: Sequence[Piece]) -> Stop | None:
    """The end that one answer foretells for all others, or None."""
    failed = [piece.stop for piece in pieces if piece.stop]
    for stop in failed:
        if stop["limit"] == "usd" or stop["error_kind"] not in PIECE_ONLY:
            return stop
    return failed[-1] if len(failed) >= MAX_FAILURES and len(failed) == len(pieces) else None


def spent(totals: Totals, budget: Budget, *, usd: float = 0.0, steps: int = 0) -> Stop | None:
    """The limit that forbids the next request, or None; ``usd`` and ``steps`` of it are reserved
    for what comes after."""
    cost, most = totals.cost.usd, budget.max_usd
    if most is not None and cost is not None and cost + usd >= most:
        return _over("usd", f"The sweep has cost ${cost:.4f} of ${most:.2f}.", "--max-usd")
    if totals.steps + steps >= budget.max_steps:
        return _over("steps", f"The sweep has made {totals.steps} requests.", "--max-steps")
    if totals.seconds >= budget.max_seconds:
        return _over("seconds", f"The sweep has worked {totals.seconds:.0f} s.", "--max-seconds")
    return None


def _over(limit: Limit, what: str, option: str) -> Stop:
    return ending("over_budget", f"{what} Raise {option} to go on.", limit=limit)
