"""Writes a whole repository as one text, file by file, in little memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from grok_agent.context.clean_texts import CleanTexts
from grok_agent.context.eligible import reason_against
from grok_agent.context.files import RepoFile, UnreadableFileError, read_text, walk
from grok_agent.context.pack_text import file_block
from grok_agent.context.secrets import Hidden, Secrets
from grok_agent.context.spans import LeftOut

if TYPE_CHECKING:
    from grok_agent.context.block_tokens import BlockTokens

_COUNTED_TOGETHER = 1_000_000  # characters
_READ_TOGETHER = 2_000_000


@dataclass(frozen=True, slots=True)
class Whole:
    """What was written: ``files``, ``characters``, and ``tokens`` by our count, where counted.

    ``left_out`` says which files were not, and why; ``hidden`` for which secrets placeholders
    stand.
    """

    files: int
    characters: int
    tokens: int | None
    left_out: tuple[LeftOut, ...]
    hidden: tuple[Hidden, ...] = ()


def write_whole(
    repo_dir: Path | str,
    write: Callable[[str], object],
    *,
    exact: bool = False,
    named: Sequence[str] = (),
    except_for: Iterable[Path] = (),
) -> Whole:
    """Hand each file of the repository to ``write`` as one block of text, in the order of paths.

    ``exact`` also counts the tokens; those of unchanged files are remembered. ``named`` are paths
    or patterns of files that are shown although they look generated, secret and the like;
    ``except_for`` are files that are passed over. Raises SettingsError for a folder that cannot be
    listed; the person who named it mends it.
    """
    root = Path(repo_dir).resolve()
    left_out: list[LeftOut] = []
    passed_over = {str(path.resolve()) for path in except_for}
    files = (file for file in walk(root) if f"{root}/{file.path}" not in passed_over)
    shown = _shown(files, named, left_out)
    hidden: list[Hidden] = []
    blocks = _blocks(root, shown, left_out, hidden)
    if not exact:
        return replace(_written(blocks, write, None, left_out), hidden=tuple(hidden))
    from grok_agent.context.block_tokens import BlockTokens

    with closing(BlockTokens()) as tokens:
        return replace(_written(blocks, write, tokens, left_out), hidden=tuple(hidden))


def _written(
    blocks: Iterable[str],
    write: Callable[[str], object],
    count: "BlockTokens | None",
    left_out: Sequence[LeftOut],
) -> Whole:
    files = characters = tokens = 0
    waiting: list[str] = []
    waiting_characters = 0
    for block in blocks:
        write(block)
        files += 1
        characters += len(block)
        if count:
            waiting.append(block)
            waiting_characters += len(block)
            if waiting_characters >= _COUNTED_TOGETHER:
                tokens += sum(count(waiting))
                waiting, waiting_characters = [], 0
    if count:
        tokens += sum(count(waiting))
    return Whole(files, characters, tokens if count else None, tuple(sorted(left_out)))


def _shown(
    files: Iterable[RepoFile], named: Sequence[str], left_out: list[LeftOut]
) -> Iterator[RepoFile]:
    for file in files:
        if reason := reason_against(file, named):
            left_out.append(LeftOut(file.path, reason))
        else:
            yield file


def _blocks(
    root: Path, files: Iterable[RepoFile], left_out: list[LeftOut], hidden: list[Hidden]
) -> Iterator[str]:
    secrets = Secrets(root)
    with closing(CleanTexts()) as clean:
        for texts in _read_together(root, files, left_out):
            flags = clean([text for _, text in texts])
            for (path, text), is_clean in zip(texts, flags, strict=True):
                shown, found = secrets.hide_file(text, path, is_clean=is_clean)
                hidden += found
                lines = shown.count("\n") + (not shown.endswith("\n"))
                yield file_block(path, [(1, lines, shown)])


def _read_together(
    root: Path, files: Iterable[RepoFile], left_out: list[LeftOut]
) -> Iterator[list[tuple[str, str]]]:
    """Paths and texts, as many at a time as are looked at together."""
    texts: list[tuple[str, str]] = []
    characters = 0
    for file in files:
        try:
            texts.append((file.path, read_text(root, file)))
        except UnreadableFileError as error:
            left_out.append(LeftOut(file.path, error.reason))
            continue
        characters += len(texts[-1][1])
        if characters >= _READ_TOGETHER:
            yield texts
            texts, characters = [], 0
    yield texts
