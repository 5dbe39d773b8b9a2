"""A plan for reading a repository that is larger than one request: shards, each of a safe size.

Every file is in exactly one shard or is listed as left out. Only a file that is larger than a shard
is cut, at its definitions; its parts are marked as such, and each of its lines is in one of them.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from grok_agent.context.bridges import imported_files
from grok_agent.context.cohesion import Links, grouped, links_of
from grok_agent.context.content_cache import ContentCache
from grok_agent.context.file_kinds import Kind
from grok_agent.context.files import DatedFile, UnreadableFileError, read_text, snapshot
from grok_agent.context.shard_text import body_of, lines_of, tagged
from grok_agent.context.tokens import count
from grok_agent.errors import SettingsError

READ_KINDS: frozenset[Kind] = frozenset({"source", "test", "docs", "config"})
"""Kinds of files that a sweep reads; the others are left out by their kind."""

MIN_ROOM = 200
"""Tokens for files that a shard must have at least."""

JOINT = 4
"""Tokens that joining two texts may add at most to the sum of their counts."""

_TAG_BYTES = 200

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


class LeftOut(NamedTuple):
    """A file, or lines of it as ``path:first-last``, that no shard holds; ``tokens`` of it where
    they were counted, else 0."""

    path: str
    reason: str
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Shard:
    """What one request reads beside the lead; ``tokens`` without the lead."""

    parts: tuple[Part, ...]

    @property
    def tokens(self) -> int:
        """Tokens of the parts, with their tags and line numbers."""
        return sum(part.tokens for part in self.parts)

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the parts, each once, in their order."""
        return tuple(dict.fromkeys(part.path for part in self.parts))

    @property
    def source(self) -> float:
        """The share of tokens that is source, not tests, docs or configuration."""
        held = sum(part.tokens for part in self.parts if part.file.kind == "source")
        return held / self.tokens

    @property
    def digest(self) -> str:
        """SHA-256 in hex of what the parts hold: names, places, contents."""
        held = [
            (each.path, each.file.digest, each.first_line, each.last_line) for each in self.parts
        ]
        return sha256(repr(held).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class ShardPlan:
    """Shards, each with the ``lead`` at most ``max_tokens``; the same files give the same plan.

    ``tokens`` of all shards, each with the lead; ``lead_tokens`` of the lead alone.
    """

    root: Path
    shards: tuple[Shard, ...]
    left_out: tuple[LeftOut, ...]
    lead: str
    lead_tokens: int
    max_tokens: int

    @property
    def tokens(self) -> int:
        """Prompt tokens of all shards, the lead counted once for each."""
        return sum(self.lead_tokens + shard.tokens for shard in self.shards)


def plan_shards(
    repo_dir: Path | str, *, max_tokens: int, lead: str = "", first: Sequence[str] = ()
) -> ShardPlan:
    """Shards of the repository in ``repo_dir``, files that import each other together.

    A shard's text with ``lead`` has at most ``max_tokens`` by our count. Shards that hold the
    paths of ``first`` come first, in that order, then those with most source. Raises SettingsError when ``max_tokens`` leaves no
    room beside the lead; the caller mends it.
    """
    lead_tokens = count(lead) + JOINT if lead else 0
    room = max_tokens - lead_tokens
    if room < MIN_ROOM:
        raise SettingsError(
            f"{max_tokens:,} tokens leave no room for files beside a lead of {lead_tokens:,}.",
            next_step=f"Give at least {lead_tokens + MIN_ROOM:,} tokens, or a shorter lead.",
        )
    root = Path(repo_dir).resolve()
    left_out: list[LeftOut] = []
    kept = [file for file in snapshot(root) if _is_read(file, left_out)]
    parts = _Sizes(root, room).parts(kept, left_out)
    shards = _shards(parts, _links(root, kept, parts), room)
    order = {path: number for number, path in enumerate(first)}
    shards.sort(
        key=lambda shard: (min(order.get(path, len(order)) for path in shard.files), -shard.source)
    )
    return ShardPlan(root, tuple(shards), tuple(sorted(left_out)), lead, lead_tokens, max_tokens)


def tokens_to_read(repo_dir: Path | str, limit: int) -> int:
    """Tokens of all files that a plan reads, with their tags and line numbers.

    Where the sizes of the files show that it is at most ``limit``, nothing is counted and that
    bound is returned: no token is shorter than a byte.
    """
    root = Path(repo_dir).resolve()
    kept = [file for file in snapshot(root) if _is_read(file, [])]
    bound = sum(file.size + _TAG_BYTES for file in kept)
    if bound <= limit:
        return bound
    return sum(part.tokens for part in _Sizes(root, sys.maxsize).parts(kept, []))


def shard_text(plan: ShardPlan, shard: Shard) -> tuple[str, list[LeftOut]]:
    """The files of ``shard`` as they stand now in a request, and what of it cannot be read.

    A file that changed since the plan is left out: its size was not counted.
    """
    texts: list[str] = []
    left_out: list[LeftOut] = []
    for part in shard.parts:
        try:
            texts.append(_text(part, lines_of(read_text(plan.root, part.file))))
        except UnreadableFileError as error:
            left_out.append(LeftOut(part.path, error.reason, part.tokens))
    return "".join(texts), left_out


def _is_read(file: DatedFile, left_out: list[LeftOut]) -> bool:
    if file.kind in READ_KINDS and file.digest and file.size:
        return True
    reason = "empty" if not file.size else "unreadable" if file.kind in READ_KINDS else file.kind
    left_out.append(LeftOut(file.path, reason))
    return False


class _Sizes:
    """Cuts files into parts that fit and counts them; counts are kept by content."""

    def __init__(self, root: Path, room: int) -> None:
        self._root = root
        self._room = room
        self._cache = ContentCache("shard-tokens", "1")

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
            number_of_lines, tokens = len(lines), count(body_of(lines, 1))
            fresh[file.digest] = b"%d %d" % (number_of_lines, tokens)
        whole = Part(file, 1, number_of_lines)
        total = tokens + _around(whole)
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
        part = Part(file, first, last, 999, 999)  # as long as a part's tag may be
        inside = lines[first - 1 : last]
        tokens = count(body_of(inside, first)) + _around(part)
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
    from grok_agent.context.parts import cut

    return cut("\n".join(lines) + "\n", path, max_tokens)


def _shards(parts: Sequence[Part], links: Links, room: int) -> list[Shard]:
    by_name = {_name(part): part for part in parts}
    sizes = {name: part.tokens for name, part in by_name.items()}
    return [Shard(tuple(by_name[name] for name in names)) for names in grouped(sizes, links, room)]


def _links(root: Path, files: Sequence[DatedFile], parts: Sequence[Part]) -> Links:
    """Imports between files, and between the parts of one file; an import means the first part."""
    from grok_agent.context.symbols import symbols_for

    symbols = symbols_for(root, files)
    present = {part.path for part in parts if part.number == 1}
    imports = {path: found.imports for path, found in symbols.items() if path in present}
    pairs = imported_files({path: imports.get(path, ()) for path in present})
    targets: dict[str, set[str]] = {
        _key(path, 1): {_key(target, 1) for target in found} for path, found in pairs.items()
    }
    for part in parts:
        if part.number > 1:
            targets.setdefault(_name(part), set()).add(_key(part.path, part.number - 1))
    return links_of(targets)


def _around(part: Part) -> int:
    """Tokens of the tags around a part, and of the joints."""
    return count(_text(part, ())) + 2 * JOINT


def _text(part: Part, lines: Sequence[str]) -> str:
    body = body_of(lines[part.first_line - 1 : part.last_line], part.first_line)
    return tagged(
        part.path,
        body,
        first_line=part.first_line,
        last_line=part.last_line,
        part=(part.number, part.of),
    )


def _name(part: Part) -> str:
    return _key(part.path, part.number)


def _key(path: str, number: int) -> str:
    """A name for one part that sorts by path, then by number; no path holds a NUL."""
    return f"{path}\0{number:06d}"
