"""What a sweep asks next, and when it asks no more: pure functions of its progress."""

from collections.abc import Sequence
from dataclasses import asdict

from grok_agent.graphs.guards import sum_of_tokens
from grok_agent.graphs.state import Budget, Limit, Stop, ending
from grok_agent.graphs.sweep_kept import digest_of
from grok_agent.graphs.sweep_prepare import MAX_NOTES_TOKENS
from grok_agent.graphs.sweep_progress import TOO_LARGE, Progress
from grok_agent.graphs.sweep_reduce import batches, head, result_text
from grok_agent.graphs.sweep_state import Piece, Question, Totals

MAX_FAILURES = 4
"""Questions without any answer at all, after which the others are not tried."""

MAX_TOO_LARGE = 16
"""The same for requests refused as too large, which get smaller from one to the next."""

STEPS_TO_FINISH = 4
"""Steps of the graph that one more wave may take until the run has its outcome."""

PIECE_ONLY = TOO_LARGE | {
    "",
    "BadRequestError",
    "ContentRefusedError",
    "IncompleteAnswerError",
    "ToolError",
}
"""Errors that say something of one request; any other would meet the next one as well."""


def shard_questions(progress: Progress, width: int, *, carry: bool) -> list[Question]:
    """The next ``width`` shards; with ``carry``, the notes on the last one go along."""
    notes = [piece.text for piece in progress.read.values()] if carry else []
    shards = progress.shards
    return [
        Question(
            key=shards[number].digest,
            level=0,
            number=number,
            of=len(shards),
            texts=[],
            carried=head(notes[-1], MAX_NOTES_TOKENS) if notes else "",
        )
        for number in progress.unread[:width]
    ]


def joining(progress: Progress) -> tuple[list[Question], str]:
    """The questions that join results and were not asked yet, or else the last answer.

    Level by level: results are put into batches of a size that fits, each batch becomes one
    result, until one is left. A batch that the model did not join stays as it is, cut to size.
    """
    prepared = progress.prepared
    texts = [
        result_text(number, piece, progress.shards[number].files, prepared.cap)
        for number, piece in progress.read.items()
    ]
    done = {piece.key: piece for piece in progress.pieces if piece.level}
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
    others = [stop for stop in failed if stop["error_kind"] not in TOO_LARGE]
    is_enough = len(others) >= MAX_FAILURES or len(failed) >= MAX_TOO_LARGE
    return failed[-1] if is_enough and len(failed) == len(pieces) else None


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
    most_tokens, tokens = budget.max_total_tokens, sum_of_tokens(asdict(totals.usage))
    if most_tokens is not None and tokens >= most_tokens:
        what = f"The sweep has used {tokens:,} tokens of {most_tokens:,}."
        return _over("total_tokens", what, "--max-total-tokens")
    if totals.steps_left < STEPS_TO_FINISH:
        return _over("steps", "LangGraph's limit of steps is near.", "recursion_limit")
    return None


def _over(limit: Limit, what: str, option: str) -> Stop:
    return ending("over_budget", f"{what} Raise {option} to go on.", limit=limit)
