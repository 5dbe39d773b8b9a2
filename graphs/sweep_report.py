"""What a sweep ends with: how it ended, in words for people, and what was left out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grok_agent.context.spans import LeftOut
from grok_agent.graphs.state import Stop, ending
from grok_agent.graphs.sweep_findings import as_line, by_severity
from grok_agent.graphs.sweep_progress import Progress
from grok_agent.graphs.sweep_steer import joining

MAX_FINDINGS_SHOWN = 200
MAX_NAMED = 3


def how_it_ended(progress: Progress, cut: Stop | None) -> Stop:
    """Done, unless reading was cut short or no shard was read."""
    read, of = len(progress.read), len(progress.shards)
    if cut is None and not of:
        return ending("failed", "There is no file to read. Name another folder with --repo.")
    if cut is None and not read:
        cut = next((piece.stop for piece in progress.pieces if piece.stop), None)
    if cut is None:
        return ending("done")
    return {**cut, "reason": f"{cut['reason']} {read} of {of} shards were read."}


def left_out(progress: Progress, cut: Stop | None) -> list[LeftOut]:
    """Every file, or part of one, that no answer is about, with the reason."""
    found = list(progress.prepared.plan.left_out)
    for number, piece in progress.answered.items():
        gone = [LeftOut(*each) for each in piece.left_out]
        found += gone
        if piece.stop:
            known = {each.path for each in gone}
            parts = (part for part in progress.shards[number].parts if part.name not in known)
            found += (LeftOut(part.name, piece.stop["reason"], part.tokens) for part in parts)
    reason = f"not read: {cut['limit'] or cut['status'] if cut else 'unknown'}"
    for number in progress.unread:
        parts = (part for part in progress.shards[number].parts)
        found += (LeftOut(part.name, reason, part.tokens) for part in parts)
    return sorted(found)


def summary(progress: Progress, missing: Sequence[LeftOut], *, lists_findings: bool) -> str:
    """The joined answer, or the notes where there is none; findings; what was read and what not."""
    joined = joining(progress)[1]
    notes = (piece.text for piece in progress.read.values() if piece.text)
    parts = [joined or "\n\n".join(notes)]
    if lists_findings or not joined:
        parts.append(_findings(progress))
    parts.append(_coverage(progress, missing))
    return "\n\n".join(part for part in parts if part)


def findings_of(progress: Progress) -> list[Mapping[str, Any]]:
    """The findings of all shards, the worst first."""
    return by_severity(each for piece in progress.read.values() for each in piece.findings)


def grouped_by_reason(files: Iterable[LeftOut]) -> str:
    """``binary: 12 (a.png, b.png, c.gif ...); empty: 1 (d.py)``, most first; "" for none."""
    paths: dict[str, list[str]] = {}
    for file in files:
        paths.setdefault(file.reason, []).append(file.path)
    return "; ".join(
        f"{reason}: {len(found)} ({', '.join(found[:MAX_NAMED])}"
        f"{' ...' if len(found) > MAX_NAMED else ''})"
        for reason, found in sorted(paths.items(), key=lambda each: -len(each[1]))
    )


def _findings(progress: Progress) -> str:
    found = findings_of(progress)
    dropped = sum(piece.dropped for piece in progress.read.values())
    said = f"{len(found)}, each with a quoted line that stands in its file" if found else "none"
    lines = [f"Findings: {said}."]
    lines += [as_line(finding) for finding in found[:MAX_FINDINGS_SHOWN]]
    if len(found) > MAX_FINDINGS_SHOWN:
        lines.append(f"... and {len(found) - MAX_FINDINGS_SHOWN} more in the outcome and journal.")
    if dropped:
        lines.append(f"Dropped: {dropped} findings whose quoted line is not in the file they name.")
    return "\n".join(lines)


def _coverage(progress: Progress, missing: Sequence[LeftOut]) -> str:
    read = [progress.shards[number] for number in progress.read]
    files = {path for shard in read for path in shard.files}
    tokens = sum(shard.tokens for shard in read)
    lines = [
        f"Read {len(read)} of {len(progress.shards)} shards: {len(files)} files, {tokens:,} tokens."
    ]
    if missing:
        lines.append(f"Left out: {grouped_by_reason(missing)}.")
    return "\n".join(lines)
