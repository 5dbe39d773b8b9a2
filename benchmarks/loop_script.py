"""The scripted model: which files it reads and edits, and what it does with what it can see.

The script is the same for every client. The model may use nothing but what stands in its request:
an edit whose line is not in view makes it read that part again first, and where the request no
longer says where that part was, search for it before.
"""

import random
import re
import subprocess
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from grok_agent.offline.transcript import text_of
from grok_agent.offline.wire import ChatRequest, ToolCall, Turn

CHARS_PER_TOKEN = 4
TASK = (
    "Read the sources part by part, as you are told by nobody but yourself, and mark the lines"
    " that a reader stumbles over with the comment '# noted'. Change nothing else, keep every"
    " signature, and name at the end how many lines you have marked. 每一行都要原样保留。"
)
MARK = "  # noted"
_TELLING = re.compile(r" *[\w. =()\[\]]{24,70}")
SUMMARY = "What was done so far: files were read and some lines were marked. " * 20


@dataclass(frozen=True)
class Chunk:
    """Lines ``first`` to ``last`` (from 1) of a file; ``line`` stands nowhere else."""

    path: str
    first: int
    last: int
    line: str
    probe: str  # another such line, by which it is known whether the part was delivered


@dataclass(frozen=True)
class Step:
    """One turn: chunks to read at once, or one whose line is to be marked."""

    reads: tuple[Chunk, ...] = ()
    edit: Chunk | None = None


def chunks_of(repo: Path, tokens: int, seed: int) -> Iterator[Chunk]:
    """Parts of the Python files of ``repo``, of about ``tokens`` each, in a shuffled order."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.py"], cwd=repo, capture_output=True, text=True, check=True
    )
    paths = sorted(path for path in listed.stdout.split("\0") if path)
    texts = {path: (repo / path).read_bytes().decode("utf-8", "replace") for path in paths}
    everything = "\n".join(texts.values())
    found = [part for path in paths for part in _parts(path, texts[path], tokens * CHARS_PER_TOKEN)]
    random.Random(seed).shuffle(found)
    for path, first, lines in found:
        # Lines that stand nowhere else: having seen one is having seen this part of this file.
        good = (ln for ln in lines if _TELLING.fullmatch(ln) and everything.count(ln.strip()) == 1)
        if len(known := list(islice(good, 2))) == 2:
            yield Chunk(path, first, first + len(lines) - 1, known[0], known[1])


def long_script(repo: Path) -> list[Step]:
    """150 turns: 135 reads of 3,200 tokens, 432,000 in all, and after each ninth an edit."""
    parts = chunks_of(repo, 3_200, 1)
    steps: list[Step] = []
    for number in range(1, 136):
        chunk = next(parts)
        steps.append(Step(reads=(chunk,)))
        if number % 9 == 0:
            steps.append(Step(edit=chunk))
    return steps


def recall_script(repo: Path) -> list[Step]:
    """140 turns: 105 reads of 3,200 tokens and 35 edits of what was read 1 to 60 turns earlier."""
    parts = chunks_of(repo, 3_200, 2)
    chance = random.Random(3)
    steps: list[Step] = []
    read_at: dict[int, Chunk] = {}
    for turn in range(140):
        back = chance.choice((1, 2, 3, 5, 8, 13, 21, 34, 60))
        known = [at for at in read_at if at <= turn - back]
        if turn % 7 in (3, 6) and known:
            steps.append(Step(edit=read_at.pop(max(known))))
        else:
            read_at[turn] = next(parts)
            steps.append(Step(reads=(read_at[turn],)))
    return steps


def wide_script(repo: Path) -> list[Step]:
    """30 turns of 8 reads of 1,500 tokens each, with an edit after each fifth."""
    parts = chunks_of(repo, 1_500, 4)
    steps: list[Step] = []
    for number in range(1, 31):
        reads = tuple(next(parts) for _ in range(8))
        steps.append(Step(reads=reads))
        if number % 5 == 0:
            steps.append(Step(edit=reads[0]))
    return steps


def short_script(repo: Path) -> list[Step]:
    """12 turns: 10 reads of 1,500 tokens and 2 edits."""
    parts = chunks_of(repo, 1_500, 5)
    reads = [Step(reads=(next(parts),)) for _ in range(10)]
    return [*reads, Step(edit=reads[-1].reads[0]), Step(edit=reads[7].reads[0])]


SCRIPTS = {
    "long": long_script,
    "recall": recall_script,
    "wide": wide_script,
    "short": short_script,
}


@dataclass
class Scripted:
    """A planner that goes through ``steps``; counts what it had to do twice."""

    steps: Sequence[Step]
    done: int = 0
    forced: int = 0  # reads and searches because a line was no longer in view
    asked_for: int = 0  # chunks
    delivered: int = 0
    summaries: int = 0
    edits: int = 0
    finished: bool = False
    awaited: list[Chunk] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=1))

    def __call__(self, request: ChatRequest) -> Turn:
        """The next turn, from what is in the request."""
        if not request.tools:
            self.summaries += 1
            return Turn(content=SUMMARY)
        view = "\n".join(_texts(request))
        self.delivered += sum(chunk.probe in view for chunk in self.awaited)
        self.awaited = []
        if self.done >= len(self.steps):
            self.finished = True
            return Turn(content=f"I have marked {self.edits} lines.")
        step = self.steps[self.done]
        return self._edit(step.edit, view, request) if step.edit else self._read(step, request)

    def _read(self, step: Step, request: ChatRequest) -> Turn:
        self.done += 1
        self.awaited = list(step.reads)
        self.asked_for += len(step.reads)
        calls = tuple(_read_call(chunk, request) for chunk in step.reads)
        return Turn(reasoning="The next part has to be read.", tool_calls=calls)

    def _edit(self, chunk: Chunk, view: str, request: ChatRequest) -> Turn:
        # The file's line is known to the model only where it stands in its request.
        if chunk.line not in view:
            self.forced += 1
            self.tried[chunk.line] += 1
            if self.tried[chunk.line] > 4:  # it never comes: the model gives up
                self.done += 1
                return Turn(tool_calls=(_search_call(chunk.probe, request),))
            if chunk.path in view:
                return Turn(tool_calls=(_read_call(chunk, request),))
            return Turn(tool_calls=(_search_call(chunk.line, request),))
        self.done += 1
        self.edits += 1
        return Turn(reasoning="This line.", tool_calls=(_edit_call(chunk, request),))


def marked(repo: Path, steps: Sequence[Step]) -> tuple[int, int]:
    """How many of the script's lines are marked in the files, and how many should be."""
    wanted = [step.edit for step in steps if step.edit]
    found = sum(each.line + MARK in (repo / each.path).read_text() for each in wanted)
    return found, len(wanted)


def _parts(path: str, text: str, chars: int) -> Iterator[tuple[str, int, list[str]]]:
    """Runs of whole lines of about ``chars``: path, number of the first line, lines."""
    lines = text.split("\n")
    first, size = 0, 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if size >= chars:
            if number - first < 900:
                yield path, first + 1, lines[first : number + 1]
            first, size = number + 1, 0


def _texts(request: ChatRequest) -> Iterator[str]:
    return (text_of(message.get("content")) for message in request.messages)


def _names(request: ChatRequest) -> set[str]:
    return {tool["function"]["name"] for tool in request.tools}


def _read_call(chunk: Chunk, request: ChatRequest) -> ToolCall:
    limit = chunk.last - chunk.first + 1
    if "edit_file" in _names(request):  # deepagents' vocabulary; lines from 0
        place = {"file_path": f"/{chunk.path}", "offset": chunk.first - 1, "limit": limit}
        return ToolCall("read_file", place)
    given = {"target_file": chunk.path, "offset": chunk.first, "limit": limit}
    return ToolCall("read_file", given)


def _search_call(text: str, request: ChatRequest) -> ToolCall:
    pattern = text if "edit_file" in _names(request) else re.escape(text)
    return ToolCall("grep", {"pattern": pattern})


def _edit_call(chunk: Chunk, request: ChatRequest) -> ToolCall:
    texts = {"old_string": chunk.line, "new_string": chunk.line + MARK}
    if "edit_file" in _names(request):
        return ToolCall("edit_file", {"file_path": f"/{chunk.path}", **texts})
    return ToolCall("search_replace", {"file_path": chunk.path, **texts})
