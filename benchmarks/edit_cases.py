"""Edits as models send them, made from the history of git repositories.

A commit that changes one place of a file gives the right answer; how models deviate from the file
is put into what they would send. Nothing is random: the same clones give the same cases.
"""

import random
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

CODE = {".py", ".go", ".rs", ".ts", ".tsx", ".js", ".jsx", ".c", ".h", ".cc", ".java", ".rb", ".sh"}
PROSE = {".md", ".rst", ".toml", ".yml", ".yaml", ".html", ".css", ".json"}
COMMENTS = {
    ".py": "# ",
    ".sh": "# ",
    ".rb": "# ",
    **dict.fromkeys(CODE - {".py", ".sh", ".rb"}, "// "),
}
MAX_COMMITS = 600
MAX_BYTES = 60_000
MAX_LINES = 25
MAX_CONTEXT = 6
TYPOGRAPHY = {"'": "’", "--": "—", "...": "…", " - ": " – "}
HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True)
class Change:
    """What a commit did to one file: ``lines[first:stop]`` became ``added``; a model would quote
    ``lines[top:bottom]``."""

    key: str
    suffix: str
    lines: list[str]
    first: int
    stop: int
    added: list[str]
    top: int
    bottom: int

    @property
    def old(self) -> list[str]:
        """The lines that a model would quote."""
        return self.lines[self.top : self.bottom]

    @property
    def new(self) -> list[str]:
        """What it would put in their place."""
        return [
            *self.lines[self.top : self.first],
            *self.added,
            *self.lines[self.stop : self.bottom],
        ]

    def place_in_new(self, line: int) -> int:
        """Where a context line of the file stands in ``new``."""
        after = line - self.top
        return after if line < self.first else after - (self.stop - self.first) + len(self.added)

    @property
    def context(self) -> list[int]:
        """The numbers of the quoted lines that stay."""
        return [*range(self.top, self.first), *range(self.stop, self.bottom)]

    def after(self, lines: list[str] | None = None, new: list[str] | None = None) -> str:
        """The file with the change made."""
        lines = self.lines if lines is None else lines
        fresh = self.new if new is None else new
        return "\n".join([*lines[: self.top], *fresh, *lines[self.bottom :]])

    def dice(self, what: str) -> random.Random:
        """Chance that falls the same way each time."""
        return random.Random(sha256(f"{what} {self.key}".encode()).hexdigest())


@dataclass(frozen=True)
class Case:
    """One edit: ``expected`` is the right text, None where it has to be refused."""

    kind: str
    before: str
    old: str
    new: str
    expected: str | None


def cases_of(clones: list[Path], per_kind: int) -> list[Case]:
    """At most ``per_kind`` cases of each kind, evenly from all clones."""
    changes = [list(changes_of(clone)) for clone in clones]
    found: dict[str, list[Case]] = {}
    for row in zip(*(_padded(each, max(map(len, changes))) for each in changes), strict=True):
        for change in filter(None, row):
            others = [each for own in changes for each in own if each.suffix == change.suffix]
            for case in _cases(change, others):
                kept = found.setdefault(case.kind, [])
                if len(kept) < per_kind:
                    kept.append(case)
    return [case for kind in sorted(found) for case in found[kind]]


def _padded(changes: list[Change], length: int) -> list[Change | None]:
    return [*changes, *([None] * (length - len(changes)))]


def changes_of(clone: Path) -> Iterator[Change]:
    """Changes of one place in one file, from commits spread over the history, one for each file."""
    folder = next(each for each in (clone / "repo", clone / ".git", clone) if each.is_dir())
    commits = _git(folder, "log", "--no-merges", "--format=%H", "HEAD").split()
    commits.sort(key=lambda commit: sha256(commit.encode()).digest())
    seen: set[str] = set()
    for commit in commits[:MAX_COMMITS]:
        options = ("-p", "-U0", "--no-color", "--no-renames", "--diff-filter=M", "-r")
        shown = _git(folder, "diff-tree", *options, commit)
        for part in re.split(r"^diff --git ", shown, flags=re.MULTILINE)[1:]:
            name, hunks = re.search(r"^\+\+\+ b/(.+)$", part, re.MULTILINE), HUNK.findall(part)
            if name is None or len(hunks) != 1 or name[1] in seen:
                continue
            if PurePosixPath(name[1]).suffix not in CODE | PROSE or "lock" in name[1]:
                continue
            if change := _change(folder, commit, name[1], [int(n or 1) for n in hunks[0]]):
                seen.add(name[1])
                yield change
                break


def _change(folder: Path, commit: str, path: str, hunk: list[int]) -> Change | None:
    first, gone, there, come = hunk
    if gone > MAX_LINES or come > MAX_LINES or not gone + come:
        return None
    before, after = (_git(folder, "show", f"{rev}:{path}") for rev in (f"{commit}^", commit))
    if not 200 < len(before) < MAX_BYTES or any(
        sign in before + after for sign in "\r\f\v\0\ufffd"
    ):
        return None
    lines, result = before.split("\n"), after.split("\n")
    first = first - 1 if gone else first
    there = there - 1 if come else there
    added = result[there : there + come]
    if [*lines[:first], *added, *lines[first + gone :]] != result:
        return None
    return _quoted(lines, first, first + gone, added, f"{commit} {path}")


def _quoted(lines: list[str], first: int, stop: int, added: list[str], key: str) -> Change | None:
    """The change with context around it by which its place is the only one, blanks ignored."""
    top, bottom = first, stop
    dice = random.Random(sha256(key.encode()).hexdigest())
    above, below = dice.randint(1, 3), dice.randint(1, 3)
    while top > 0 and (above > 0 or not lines[top].strip()):
        top, above = top - 1, above - 1
    while bottom < len(lines) and (below > 0 or not lines[bottom - 1].strip()):
        bottom, below = bottom + 1, below - 1
    old, new = "".join(lines[top:bottom]), "".join(added)
    whole = _bare("".join(lines))
    enough = top < first and stop < bottom < len(lines) and bottom - top <= MAX_LINES + MAX_CONTEXT
    if not enough or not lines[top].strip() or not lines[bottom - 1].strip():
        return None
    if len(_bare(old)) < 25 or whole.count(_bare(old)) != 1:
        return None
    if _bare("".join(lines[first:stop])) == _bare(new):
        return None  # a change of blanks alone says nothing about finding places
    return Change(key, PurePosixPath(key).suffix, lines, first, stop, added, top, bottom)


def _cases(change: Change, others: list[Change]) -> Iterator[Case]:
    """Every deviation that fits this change."""
    text = "\n".join(change.lines)
    for make in DEVIATIONS:
        for case in make(change):
            if case.old != case.new and case.old.strip() and case.expected != case.before:
                yield case
    yield from _foreign(change, others, text)


def _case(
    kind: str, before: str | list[str], old: list[str], new: list[str], right: str | None
) -> Case:
    whole = before if isinstance(before, str) else "\n".join(before)
    return Case(kind, whole, "\n".join(old), "\n".join(new), right)


def _exact(change: Change) -> Iterator[Case]:
    yield _case("exact", change.lines, change.old, change.new, change.after())
    yield _case("exact", change.lines, [*change.old, ""], [*change.new, ""], change.after())


def _trailing_blanks(change: Change) -> Iterator[Case]:
    at = change.dice("blanks").choice(change.context)
    if not change.lines[at].strip():
        return
    old, new = _with(change, at, change.lines[at] + "  ")
    yield _case("trailing-blanks", change.lines, old, new, change.after())
    lines = _put(change.lines, at, change.lines[at] + "\t ")
    fresh = _put(change.new, change.place_in_new(at), lines[at])
    yield _case("trailing-blanks", lines, change.old, change.new, change.after(lines, fresh))


def _shifted(change: Change) -> Iterator[Case]:
    filled = [line for line in change.old + change.new if line.strip()]
    depth = min(len(_lead(line)) for line in filled)
    if depth and len({_lead(line)[:depth] for line in filled}) == 1:
        old, new = ([line[depth:] for line in lines] for lines in (change.old, change.new))
        yield _case("shifted", change.lines, old, new, change.after())
    if change.suffix in CODE and not any("\t" in _lead(line) for line in filled):
        old, new = ([_moved(line) for line in lines] for lines in (change.old, change.new))
        yield _case("shifted", change.lines, old, new, change.after())


def _tabs(change: Change) -> Iterator[Case]:
    filled = [line for line in change.old + change.new if _lead(line)]
    if change.suffix not in CODE or not any(_lead(line) for line in change.old):
        return
    if all(set(_lead(line)) == {"\t"} for line in filled):
        old, new = (
            [_lead(e).replace("\t", "    ") + e.lstrip("\t") for e in lines]
            for lines in (change.old, change.new)
        )
        yield _case("tabs", change.lines, old, new, change.after())
    elif all(set(_lead(line)) == {" "} and not len(_lead(line)) % 4 for line in filled):
        old, new = (
            [_lead(e).replace("    ", "\t") + e.lstrip(" ") for e in lines]
            for lines in (change.old, change.new)
        )
        yield _case("tabs", change.lines, old, new, change.after())


def _line_ends(change: Change) -> Iterator[Case]:
    windows, after = ("\r\n".join(each) for each in (change.lines, change.after().split("\n")))
    yield _case("line-ends", windows, change.old, change.new, after)
    old, new = ("\r\n".join(each) for each in (change.old, change.new))
    yield Case("line-ends", "\n".join(change.lines), old, new, change.after())


def _typography(change: Change) -> Iterator[Case]:
    for at in change.context:
        line = change.lines[at]
        sign = next((each for each in TYPOGRAPHY if each in line and line.isascii()), None)
        if sign is None:
            continue
        curly = line.replace(sign, TYPOGRAPHY[sign])
        yield _case("typography", change.lines, *_with(change, at, curly), change.after())
        lines = _put(change.lines, at, curly)
        fresh = _put(change.new, change.place_in_new(at), curly)
        yield _case("typography", lines, change.old, change.new, change.after(lines, fresh))
        return


def _blank_lines(change: Change) -> Iterator[Case]:
    """An empty line between two context lines, in one of the texts only."""
    for at in change.context[:-1]:
        if (
            at + 1 in change.context
            and at + 1 != change.first
            and all(change.lines[each].strip() for each in (at, at + 1))
        ):
            place = change.place_in_new(at) + 1
            old = [*change.old[: at + 1 - change.top], "", *change.old[at + 1 - change.top :]]
            new = [*change.new[:place], "", *change.new[place:]]
            yield _case("blank-line", change.lines, old, new, change.after())
            lines = [*change.lines[: at + 1], "", *change.lines[at + 1 :]]
            right = "\n".join([*lines[: change.top], *new, *lines[change.bottom + 1 :]])
            yield _case("blank-line", lines, change.old, change.new, right)
            return


def _left_out(change: Change) -> Iterator[Case]:
    """Lines between the change and a later line are not written out."""
    gap = change.dice("gap").randint(3, 8)
    tail = change.lines[change.bottom + gap : change.bottom + gap + 2]
    rest = "\n".join(change.lines[change.bottom :])
    once = len(tail) == 2 and all(map(str.strip, tail)) and rest.count("\n".join(tail)) == 1
    if not once or len(_bare("".join(tail))) < 12:
        return
    marks = ["..."]
    if change.suffix in COMMENTS:
        lead = _lead(change.lines[change.bottom])
        marks.append(f"{lead}{COMMENTS[change.suffix]}... existing code ...")
    for mark in marks:
        old, new = ([*each, mark, *tail] for each in (change.old, change.new))
        yield _case("left-out", change.lines, old, new, change.after())


def _misspelt(change: Change) -> Iterator[Case]:
    dice = change.dice("typo")
    long = [at for at in change.context if len(change.lines[at].strip()) >= 14]
    dice.shuffle(long)
    for at in long:
        line = change.lines[at]
        inner = [m.start() for m in re.finditer(r"(?<=[A-Za-z])[A-Za-z](?=[A-Za-z]{2})", line)]
        if not inner:
            continue
        spot = dice.choice(inner)
        wrong = (
            line[:spot] + line[spot + 1 :]
            if dice.random() < 0.5
            else line[:spot] + line[spot:][0] + line[spot:]
        )
        if wrong not in change.lines:
            yield _case("misspelt", change.lines, *_with(change, at, wrong), change.after())
            return


def _repeated(change: Change) -> Iterator[Case]:
    copied = [*change.lines, *change.old, ""]
    yield _case("not-unique", copied, change.old, change.new, None)
    times = Counter(line for line in change.lines if len(line.strip()) >= 8)
    text = "\n".join(change.lines)
    often = sorted(line for line, n in times.items() if 2 <= n <= 8 and text.count(line) == n)
    if often:
        line = change.dice("often").choice(often)
        yield _case("not-unique", change.lines, [line], [line, _lead(line) + "added()"], None)


def _made_already(change: Change) -> Iterator[Case]:
    after = change.after()
    old, new = "\n".join(change.old), "\n".join(change.new)
    if old not in after and after.count(new) == 1:
        yield Case("made-already", after, old, new, None)
    if change.first == change.stop:  # what is quoted stays whole when only its head is quoted
        head = change.lines[change.top : change.first]
        longer = [*head, *change.added]
        short = "\n".join(head)
        if len(_bare(short)) >= 15 and after.count(short) == 1 == after.count("\n".join(longer)):
            yield _case("made-already", after, head, longer, None)


def _stale(change: Change) -> Iterator[Case]:
    """What is to go has another number or name in the file by now."""
    for at in range(change.first, change.stop):
        line = change.lines[at]
        found = re.search(r"\b\d+\b", line) or re.search(r"[A-Za-z_]{4,}", line)
        if len(line.strip()) < 8 or not found:
            continue
        number = found[0].isdigit()
        other = str(int(found[0][:9]) + 7) if number else f"{found[0]}_v2"
        lines = _put(change.lines, at, line[: found.start()] + other + line[found.end() :])
        if "\n".join(change.old) not in "\n".join(lines):
            yield _case("stale", lines, change.old, change.new, None)
            return


def _foreign(change: Change, others: list[Change], text: str) -> Iterator[Case]:
    other = next((e for e in others if e.key != change.key and e.first < e.stop), None)
    apart = [e for e in others if e.key > change.key and e.first < e.stop]
    other = apart[0] if apart else other
    if other and _bare("".join(other.old)) not in _bare(text):
        yield _case("not-there", text, other.old, other.new, None)


DEVIATIONS: tuple[Callable[[Change], Iterator[Case]], ...] = (
    _exact,
    _trailing_blanks,
    _shifted,
    _tabs,
    _line_ends,
    _typography,
    _blank_lines,
    _left_out,
    _misspelt,
    _repeated,
    _made_already,
    _stale,
)


def _with(change: Change, at: int, line: str) -> tuple[list[str], list[str]]:
    """Old and new with another text for one context line."""
    return (
        _put(change.old, at - change.top, line),
        _put(change.new, change.place_in_new(at), line),
    )


def _put(lines: list[str], at: int, line: str) -> list[str]:
    return [*lines[:at], line, *lines[at + 1 :]]


def _moved(line: str) -> str:
    return f"    {line}" if line.strip() else line


def _lead(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "--git-dir", folder, *arguments], capture_output=True, check=False
    )
    return done.stdout.decode("utf-8", "replace")
