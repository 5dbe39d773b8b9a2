"""What a sweep ends with: how it ended, in words for people, and what was left out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grok_agent.context.spans import LeftOut
from grok_agent.graphs.state import Stop, ending
from grok_agent.graphs.sweep_findings import as_line, by_severity
from grok_agent.graphs.sweep_prepare import Prepared
from grok_agent.graphs.sweep_state import Piece
from grok_agent.graphs.sweep_steer import by_shard, joining, unread

MAX_FINDINGS_SHOWN = 200
MAX_NAMED = 3


def how_it_ended(prepared: Prepared, pieces: Sequence[Piece], cut: Stop | None) -> Stop:
    """Done, unless reading was cut short or no shard was read."""
    read = [piece for piece in by_shard(prepared, pieces).values() if piece.ok]
    of = len(prepared.plan.shards)
    if cut is None and not of:
        return ending("failed", "There is no file to read. Name another folder with --repo.")
    if cut is None and not read:
        cut = next((piece.stop for piece in pieces if piece.stop), None)
    if cut is None:
        return ending("done")
    return {**cut, "reason": f"{cut['reason']} {len(read)} of {of} shards were read."}


def left_out(prepared: Prepared, pieces: Sequence[Piece], cut: Stop | None) -> list[LeftOut]:
    """Every file, or part of one, that no answer is about, with the reason."""
    found = list(prepared.plan.left_out)
    for number, piece in by_shard(prepared, pieces).items():
        found += [LeftOut(*each) for each in piece.left_out]
        if piece.stop:
            found += _shard(prepared, number, piece.stop["reason"])
    reason = cut["limit"] or cut["status"] if cut else "unread"
    for number in unread(prepared, pieces):
        found += _shard(prepared, number, f"not read: {reason}")
    return sorted(set(found))


def summary(
    prepared: Prepared,
    pieces: Sequence[Piece],
    missing: Sequence[LeftOut],
    *,
    lists_findings: bool,
) -> str:
    """The joined answer, or the notes where there is none; findings; what was read and what not."""
    joined = joining(prepared, pieces)[1]
    read = {n: piece for n, piece in by_shard(prepared, pieces).items() if piece.ok}
    parts = [joined or "\n\n".join(piece.text for piece in read.values() if piece.text)]
    if lists_findings or not joined:
        parts.append(_findings([*read.values()]))
    parts.append(_coverage(prepared, [*read], missing))
    return "\n\n".join(part for part in parts if part)


def findings_of(prepared: Prepared, pieces: Sequence[Piece]) -> list[Mapping[str, Any]]:
    """The findings of all shards, the worst first."""
    read = by_shard(prepared, pieces).values()
    return by_severity(finding for piece in read for finding in piece.findings)


def grouped_by_reason(files: Iterable[LeftOut]) -> str:
    """``120 vendored (a.js, b.js, c.js ...), 3 empty (...)`` ; "" for none."""
    by_reason: dict[str, list[str]] = {}
    for file in files:
        by_reason.setdefault(file.reason, []).append(file.path)
    counts = Counter({reason: len(paths) for reason, paths in by_reason.items()})
    return ", ".join(
        f"{number} {reason} ({', '.join(by_reason[reason][:MAX_NAMED])}"
        f"{' ...' if number > MAX_NAMED else ''})"
        for reason, number in counts.most_common()
    )


def _findings(read: Sequence[Piece]) -> str:
    found = by_severity(finding for piece in read for finding in piece.findings)
    dropped = sum(piece.dropped for piece in read)
    lines = [f"Findings: {len(found)}, each with a quoted line that stands in its file."]
    lines += [as_line(finding) for finding in found[:MAX_FINDINGS_SHOWN]]
    if len(found) > MAX_FINDINGS_SHOWN:
        lines.append(f"... and {len(found) - MAX_FINDINGS_SHOWN} more in the outcome and journal.")
    if dropped:
        lines.append(f"Dropped: {dropped} findings whose quoted line is not in the file they name.")
    return "\n".join(lines)


def _coverage(prepared: Prepared, read: Sequence[int], missing: Sequence[LeftOut]) -> str:
    shards = prepared.plan.shards
    files = {path for number in read for path in shards[number].files}
    tokens = sum(shards[number].tokens for number in read)
    lines = [f"Read {len(read)} of {len(shards)} shards: {len(files)} files, {tokens:,} tokens."]
    if missing:
        lines.append(f"Left out: {grouped_by_reason(missing)}.")
    return "\n".join(lines)


def _shard(prepared: Prepared, number: int, reason: str) -> list[LeftOut]:
    return [
        LeftOut(
            f"{part.path}:{part.first_line}-{part.last_line}" if part.of > 1 else part.path,
            reason,
            part.tokens,
        )
        for part in prepared.plan.shards[number].parts
    ]
