"""Why an edit is refused, in words that help the model to send a better one."""

import re
from collections import Counter
from collections.abc import Sequence

from grok_agent.errors import ToolError
from grok_agent.tools.lines import Lines, bare
from grok_agent.tools.textfile import displayable

_EXCERPT_LINES = 7
_MAX_SHOWN_LINES = 60
_MARGIN_LINES = 5
_MAX_WIDTH = 200


def nothing_to_change() -> ToolError:
    """Old and new are the same text, or the edit comes out as the file is."""
    return ToolError(
        "old_string and new_string are identical, or differ in nothing that would change the file.",
        next_step="No change was made; go on, or send what is to change.",
    )


def already_applied(numbers: Sequence[int]) -> ToolError:
    """The new text stands at these lines, counted from 1, and the old one nowhere else."""
    return ToolError(
        f"This edit is already applied: new_string is at {_listed(numbers)}, and old_string is"
        " nowhere else.",
        next_step="No change was made. Go on, or read the file to see how it is now.",
    )


def not_unique(numbers: Sequence[int], total: int) -> ToolError:
    """The old text stands at more than one place."""
    return ToolError(
        f"old_string matches {total} places, at {_listed(numbers, total)}.",
        next_step="Add lines around it until it is unique, or set replace_all to change them all.",
    )


def stale(number: int, theirs: str, ours: str) -> ToolError:
    """A line that is to go differs from the file's line ``number``, counted from 1."""
    return ToolError(
        f"old_string was not found as it is. The nearest lines are in the file, but line {number}"
        f" differs:\n- old_string: {_shortened(ours)}\n+ the file:   {_shortened(theirs)}\n",
        next_step="Read these lines again and send old_string as they are now.",
    )


def unclear(why: str, next_step: str) -> ToolError:
    """The place is known, but not what is to happen there."""
    return ToolError(f"{why}. No change was made.", next_step=next_step)


def not_found(file: Lines, lines: Sequence[str]) -> ToolError:
    """The old text stands nowhere; shows the lines of the file that are nearest to it."""
    next_step = "Read the file again and send old_string as it is there."
    nearest = _nearest(file, lines)
    if nearest is None:
        return ToolError("old_string was not found, and no line is similar.", next_step=next_step)
    first = max(0, min(nearest, len(file.texts) - 1))
    numbers = range(first, min(len(file.texts), first + min(len(lines), _EXCERPT_LINES)))
    excerpt = "\n".join(f"{n + 1}→{_shortened(file.texts[n])}" for n in numbers)
    return ToolError(
        f"old_string was not found. The nearest lines are {first + 1}-{numbers[-1] + 1}:\n"
        f"{excerpt}\n{_first_difference(file, lines)}",
        next_step=next_step,
    )


def place_now(text: str, old: str | None) -> str:
    """The numbered lines of ``text`` around the place where ``old`` is, or comes nearest.

    Without such a place, all lines if there are few. "" where nothing can be shown.
    """
    file, lines = Lines.of(text), Lines.of(old or "").texts
    at = text.find(old) if old else -1
    nearest = len(Lines.of(text[:at]).texts) - 1 if at >= 0 else _nearest(file, lines)
    first, stop = 0, len(file.texts)
    if nearest is not None:
        first = max(0, nearest - _MARGIN_LINES)
        stop = min(stop, nearest + min(len(lines), _MAX_SHOWN_LINES) + _MARGIN_LINES)
    if stop - first > _MAX_SHOWN_LINES + 2 * _MARGIN_LINES:
        return ""
    shown = file.texts[first:stop]
    if max(map(len, shown), default=0) > _MAX_WIDTH * 5:
        return ""
    return "\n".join(f"{first + n}→{displayable(line)}" for n, line in enumerate(shown, 1))


def _first_difference(file: Lines, lines: Sequence[str]) -> str:
    """The first line of old that stands nowhere in the file."""
    there = set(file.keys(bare))
    missing = next((line for line in lines if bare(line) not in there), None)
    return f"Not in the file: {_shortened(missing)}\n" if missing else ""


def _nearest(file: Lines, lines: Sequence[str]) -> int | None:
    """Where the old text fits best: by the lines it shares, rare ones first, else by its words."""
    wanted = {key: i for i, line in reversed(list(enumerate(lines))) if (key := bare(line))}
    keys = file.keys(bare)
    seen = Counter(key for key in keys if key in wanted)
    votes: Counter[int] = Counter()
    for number, key in enumerate(keys):
        if key in seen and seen[key] <= 100:
            votes[number - wanted[key]] += len(key) // seen[key] + 1
    if votes:
        return max(votes, key=lambda start: (votes[start], -start))
    return _most_words(keys, " ".join(list(wanted)[:50]))


def _most_words(keys: Sequence[str], text: str) -> int | None:
    """The line that has most in common with the words of ``text``."""
    words = set(re.findall(r"\w{3,}", text[:10_000]))
    best, most = None, 0.0
    for number, key in enumerate(keys):
        found = set(re.findall(r"\w{3,}", key[:1000]))
        if (shared := len(words & found) / (3 + len(found))) > most:
            best, most = number, shared
    return best


def _listed(numbers: Sequence[int], total: int | None = None) -> str:
    shown = [str(number) for number in dict.fromkeys(numbers)][:10]
    more = f" and {total - len(shown)} more" if total and total > len(shown) else ""
    more = more or (" and more" if len(numbers) > len(shown) else "")
    return f"line{'s' * (len(shown) > 1)} {', '.join(shown)}{more}"


def _shortened(line: str) -> str:
    return line if len(line) <= _MAX_WIDTH else line[:_MAX_WIDTH] + "…"
