"""Cuts files into parts that fit into a shard, and counts them; counts are kept by content."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from grok_agent.context.content_cache import ContentCache
from grok_agent.context.files import DatedFile, UnreadableFileError, read_text
from grok_agent.context.parts import cut
from grok_agent.context.shard_text import block, body_of, body_tokens, head_tokens, lines_of
from grok_agent.context.spans import LeftOut

FORM = "1"
"""Grows when the same file has another number of tokens than before."""

_CUT_STEPS = (0.9, 0.75, 0.5, 0.25)  # line numbers add tokens to what was cut to a size


class Part(NamedTuple):
    """Lines of a file, 1-based and inclusive; ``number`` of ``of`` parts of that file, from 1.

    ``tokens`` is what the part takes in a request, with its tags and line numbers.
    """

    file: DatedFile
    first_line: int
    last_line: int
    number: int = 1
    of: int = 1
    tokens: int = 0

    @property
    def path(self) -> str:
        """The file's path, posix and relative to the root."""
        return self.file.path

    @property
    def name(self) -> str:
        """The path, with the lines where they are not all of the file: ``path:first-last``."""
        return f"{self.path}:{self.first_line}-{self.last_line}" if self.of > 1 else self.path


class PartSizes:
    """Cuts files into parts that fit and counts them; counts are kept by content."""

    def __init__(self, root: Path, room: int) -> None:
        self._root = root
        self._room = room
        self._cache = ContentCache("shard-tokens", FORM)

    def parts(self, files: Sequence[DatedFile], left_out: list[LeftOut]) -> list[Part]:
        """The parts of all files, in their order; what cannot be read goes to ``left_out``."""
        known = self._cache.get_many(file.digest for file in files)
        fresh: dict[str, bytes] = {}
        found: list[Part] = []
        for file in files:
            try:
                found += self._of(file, known, fresh, left_out)
            except UnreadableFileError as error:
                left_out.append(LeftOut(file.path, error.reason))
        self._cache.put_many(fresh)
        self._cache.close()
        return found

    def _of(
        self,
        file: DatedFile,
        known: Mapping[str, bytes],
        fresh: dict[str, bytes],
        left_out: list[LeftOut],
    ) -> Iterable[Part]:
        lines: list[str] | None = None
        if file.digest in known:
            number_of_lines, tokens = map(int, known[file.digest].split())
        else:
            lines = lines_of(read_text(self._root, file))
            number_of_lines, tokens = len(lines), body_tokens(body_of(lines, 1))
            fresh[file.digest] = b"%d %d" % (number_of_lines, tokens)
        whole = Part(file, 1, number_of_lines)
        total = tokens + head_tokens(*_place(whole))
        if total <= self._room:
            return [whole._replace(tokens=total)]
        lines = lines_of(read_text(self._root, file)) if lines is None else lines
        return self._cut(file, lines, left_out)

    def _cut(
        self, file: DatedFile, lines: Sequence[str], left_out: list[LeftOut]
    ) -> Iterable[Part]:
        """Parts of a file that is too large for one shard."""
        spans: list[tuple[int, int, int]] = []
        for first, last in _spans(file.path, lines, int(self._room * _CUT_STEPS[0])):
            spans += self._fitting(file, lines, first, last, left_out)
        return [
            Part(file, first, last, number, len(spans), tokens)
            for number, (first, last, tokens) in enumerate(spans, start=1)
        ]

    def _fitting(
        self,
        file: DatedFile,
        lines: Sequence[str],
        first: int,
        last: int,
        left_out: list[LeftOut],
        step: int = 1,
    ) -> list[tuple[int, int, int]]:
        """The lines as one span with its tokens, or as more where they do not fit with numbers."""
        part = Part(file, first, last, 999, 999)  # no part's tag is longer
        inside = lines[first - 1 : last]
        tokens = body_tokens(body_of(inside, first)) + head_tokens(*_place(part))
        if tokens <= self._room:
            return [(first, last, tokens)]
        if first == last or step == len(_CUT_STEPS):
            left_out.append(LeftOut(f"{file.path}:{first}-{last}", "too long a line", tokens))
            return []
        found: list[tuple[int, int, int]] = []
        for start, stop in _spans(file.path, inside, int(self._room * _CUT_STEPS[step])):
            found += self._fitting(
                file, lines, first + start - 1, first + stop - 1, left_out, step + 1
            )
        return found


def _spans(path: str, lines: Sequence[str], max_tokens: int) -> list[tuple[int, int]]:
    return cut("\n".join(lines) + "\n", path, max_tokens)


def part_text(part: Part, text: str) -> str:
    """``part`` as a request holds it, where ``text`` is that of the whole file."""
    lines = lines_of(text)[part.first_line - 1 : part.last_line]
    return block(*_place(part), body_of(lines, part.first_line))


def _place(part: Part) -> tuple[str, int, int, int, int]:
    return part.path, part.first_line, part.last_line, part.number, part.of
