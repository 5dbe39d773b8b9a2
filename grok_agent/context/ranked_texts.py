"""Reads the files of a ranking, some at a time, and cuts them into parts."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from grok_agent.context.clean_texts import CleanTexts
from grok_agent.context.file_kinds import Kind
from grok_agent.context.files import DatedFile, UnreadableFileError, read_text
from grok_agent.context.joints import joints
from grok_agent.context.parts import Lines, divide, lines_of
from grok_agent.context.secrets import Hidden, Secrets
from grok_agent.context.spans import LeftOut

READ_TOGETHER = 120
READ_TOGETHER_BYTES = 20_000_000
"""So many of the best files compete part by part; further ones come only after them."""

PART_CHARS = 2_000
JOINED_CHARS = 1_000
HARD_CHARS = 6_000
MIN_LINES = 12
"""Files are cut into parts of at most ``PART_CHARS`` where statements allow that, else of up to
``HARD_CHARS``. Small definitions are joined up to ``JOINED_CHARS``; those of under ``MIN_LINES``
are not looked into."""


@dataclass(frozen=True, slots=True)
class RankedText:
    """A file of a ranking, its lines and the parts it was cut into.

    ``behind`` is how far its score lies behind that of the first.
    """

    path: str
    behind: float
    kind: Kind
    lines: Sequence[str]
    parts: Sequence[Lines]


class RankedTexts:
    """The texts of ``files`` below ``root``, which are in the order of their ``scores``.

    ``unreadable`` are those that vanished, changed or could not be read; ``hidden`` are secrets in
    the others, which stand in their texts as placeholders of ``secrets``.
    """

    def __init__(
        self,
        root: Path,
        files: Sequence[DatedFile],
        scores: Mapping[str, float],
        secrets: Secrets,
    ) -> None:
        self.unreadable: list[LeftOut] = []
        self.hidden: list[Hidden] = []
        self._secrets = secrets
        self._root = root
        self._files = files
        self._scores = scores
        self._best = max(scores.values(), default=0.0)
        self._place = 0

    @property
    def at_end(self) -> bool:
        """Whether all were read."""
        return self._place == len(self._files)

    def read(self) -> list[RankedText]:
        """The next files that are looked at together."""
        texts: list[tuple[DatedFile, str]] = []
        start, size = self._place, 0
        for file in self._files[start : start + READ_TOGETHER]:
            size += file.size
            if size > READ_TOGETHER_BYTES and self._place > start:
                break
            self._place += 1
            try:
                texts.append((file, read_text(self._root, file)))
            except UnreadableFileError as error:
                self.unreadable.append(LeftOut(file.path, error.reason))
        with closing(CleanTexts()) as clean:
            flags = clean([text for _, text in texts])
        return [self._ranked(*each, is_clean=flag) for each, flag in zip(texts, flags, strict=True)]

    def _ranked(self, file: DatedFile, text: str, *, is_clean: bool) -> RankedText:
        text, hidden = self._secrets.hide_file(text, file.path, is_clean=is_clean)
        self.hidden += hidden
        behind = self._best - self._scores.get(file.path, 0.0)
        lines = lines_of(text)
        return RankedText(file.path, behind, file.kind, lines, _parts(text, file.path, lines))


def _parts(text: str, path: str, lines: Sequence[str]) -> list[Lines]:
    if not lines:
        return []
    places = joints(text, path, MIN_LINES) if len(text) > PART_CHARS else []
    sizes = [len(line) for line in lines]
    return divide(sizes, places, (1, len(lines)), PART_CHARS, joined=JOINED_CHARS, hard=HARD_CHARS)
