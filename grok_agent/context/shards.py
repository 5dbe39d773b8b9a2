"""A plan for reading a repository that is larger than one request: shards, each of a safe size.

Every file is in exactly one shard or is listed as left out. Only a file that is larger than a shard
is cut, at its definitions; its parts are marked as such, and each of its lines is in one of them.
"""

import sys
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import accumulate
from pathlib import Path

from grok_agent.context.bridges import imported_files
from grok_agent.context.cohesion import Links, grouped, links_of
from grok_agent.context.eligible import reason_against
from grok_agent.context.files import DatedFile, UnreadableFileError, read_text, snapshot
from grok_agent.context.shard_parts import Part, PartSizes, part_text
from grok_agent.context.spans import LeftOut
from grok_agent.context.symbols import symbols_for
from grok_agent.context.tokens import count
from grok_agent.errors import SettingsError

MIN_ROOM = 200
"""Tokens for files that a shard must have at least."""

_TAG_BYTES = 200  # what the tags around a file have at most, its path aside


@dataclass(frozen=True)
class Shard:
    """What one request reads beside the lead; ``tokens`` without the lead."""

    parts: tuple[Part, ...]

    @cached_property
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

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hex of what the parts hold: names, places, contents."""
        held = [(p.path, p.file.digest, p.first_line, p.last_line) for p in self.parts]
        return sha256(repr(held).encode("utf-8", "surrogatepass")).hexdigest()

    @cached_property
    def halves(self) -> "tuple[Shard, ...]":
        """Two shards of about half the tokens; none where there is only one part."""
        if len(self.parts) < 2:
            return ()
        sums = [*accumulate(part.tokens for part in self.parts)]
        middle = min(max(bisect(sums, self.tokens / 2), 1), len(self.parts) - 1)
        return Shard(self.parts[:middle]), Shard(self.parts[middle:])


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
    repo_dir: Path | str,
    *,
    max_tokens: int,
    lead: str = "",
    first: Sequence[str] = (),
    may_read: Callable[[str], bool] | None = None,
) -> ShardPlan:
    """Shards of the repository in ``repo_dir``, files that import each other together.

    A shard's text with ``lead`` has at most ``max_tokens`` by our count. Shards that hold the
    paths of ``first`` come first, in that order, then those with most source. Files that
    ``may_read``, if given, is false of are left out. Raises SettingsError when ``max_tokens``
    leaves no room beside the lead; the caller mends it.
    """
    lead_tokens = count(lead)
    room = max_tokens - lead_tokens
    if room < MIN_ROOM:
        raise SettingsError(
            f"{max_tokens:,} tokens leave no room for files beside a lead of {lead_tokens:,}.",
            next_step=f"Give at least {lead_tokens + MIN_ROOM:,} tokens, or a shorter lead.",
        )
    root = Path(repo_dir).resolve()
    left_out: list[LeftOut] = []
    kept = [file for file in snapshot(root) if _is_read(file, left_out)]
    if may_read:
        closed = {file.path for file in kept if not may_read(file.path)}
        left_out += [LeftOut(path, "needs leave") for path in closed]
        kept = [file for file in kept if file.path not in closed]
    parts = PartSizes(root, room).parts(kept, left_out)
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
    bound = sum(file.size + len(file.path) + _TAG_BYTES for file in kept)
    if bound <= limit:
        return bound
    return sum(part.tokens for part in PartSizes(root, sys.maxsize).parts(kept, []))


def shard_text(plan: ShardPlan, shard: Shard) -> tuple[str, list[LeftOut]]:
    """The files of ``shard`` as they stand now in a request, and what of it cannot be read.

    A file that changed since the plan is left out: its size was not counted.
    """
    texts: list[str] = []
    left_out: list[LeftOut] = []
    for part in shard.parts:
        try:
            texts.append(part_text(part, read_text(plan.root, part.file)))
        except UnreadableFileError as error:
            left_out.append(LeftOut(part.name, error.reason, part.tokens))
    return "".join(texts), left_out


def _is_read(file: DatedFile, left_out: list[LeftOut]) -> bool:
    reason = reason_against(file, ()) or ("" if file.digest else "unreadable")
    if reason:
        left_out.append(LeftOut(file.path, reason))
    return not reason


def _shards(parts: Sequence[Part], links: Links, room: int) -> list[Shard]:
    by_name = {_name(part): part for part in parts}
    sizes = {name: part.tokens for name, part in by_name.items()}
    return [Shard(tuple(by_name[name] for name in names)) for names in grouped(sizes, links, room)]


def _links(root: Path, files: Sequence[DatedFile], parts: Sequence[Part]) -> Links:
    """Imports between files, and between the parts of one file; an import means the first part."""
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


def _name(part: Part) -> str:
    return _key(part.path, part.number)


def _key(path: str, number: int) -> str:
    """A name for one part that sorts by path, then by number; no path holds a NUL."""
    return f"{path}\0{number:06d}"
