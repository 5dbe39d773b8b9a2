"""Packs for the command line: the text to a file or standard output, the summary beside it."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grok_agent.console import printable
from grok_agent.context.spans import LeftOut
from grok_agent.errors import SettingsError

if TYPE_CHECKING:
    from grok_agent.context.pack import Pack
    from grok_agent.context.secrets import Hidden

DEFAULT_BUDGET = 32_000

_CHARACTERS_PER_TOKEN = 3.5
_SHOWN_FOR_EACH_REASON = 8


def pack_for_task(
    repo: Path,
    task: str,
    *,
    budget: int | None,
    named: Sequence[str],
    out: Path | None,
    dry_run: bool,
    explain: bool,
    as_json: bool,
) -> None:
    """Write the best of ``repo`` for ``task``, and say on standard error what it is."""
    from grok_agent.context.pack import pack

    most = DEFAULT_BUDGET if budget is None else budget
    packed = pack(repo, task, most, named=named)
    _tell(
        f"{len({span.path for span in packed.spans}):,} files in part or whole,"
        f" {packed.tokens:,} of {most:,} tokens"
    )
    if explain:
        _tell_why(packed)
    _tell_left_out(packed.left_out, explain)
    _tell_hidden(packed.hidden, explain)
    if as_json:
        text = {} if out or dry_run else {"text": packed.text}
        print(json.dumps({**_facts(packed), **text, "out": str(out) if out else None}))
    if not dry_run and (out or not as_json):
        with _output(out) as write:
            write(packed.text)


def pack_whole(
    repo: Path,
    *,
    named: Sequence[str],
    out: Path | None,
    exact: bool,
    dry_run: bool,
    explain: bool,
    as_json: bool,
) -> None:
    """Write all files of ``repo``, one after the other, and say on standard error what it was."""
    from grok_agent.context.whole import write_whole

    if as_json and not out and not dry_run:
        raise SettingsError(
            "A whole repository does not go into one JSON object.",
            next_step="Add --out FILE, --dry-run or --budget N.",
        )
    with _output(out, discard=dry_run) as write:
        whole = write_whole(repo, write, exact=exact, named=named, except_for=[out] if out else ())
    about = int(whole.characters / _CHARACTERS_PER_TOKEN)
    tokens = f"about {about:,} tokens" if whole.tokens is None else f"{whole.tokens:,} tokens"
    _tell(f"{whole.files:,} files, {whole.characters:,} characters, {tokens}")
    _tell_left_out(whole.left_out, explain)
    _tell_hidden(whole.hidden, explain)
    if as_json:
        facts: dict[str, Any] = {"files": whole.files, "characters": whole.characters}
        facts["tokens"] = whole.tokens
        left_out = [each._asdict() for each in whole.left_out]
        facts |= {"left_out": left_out, "hidden": [asdict(each) for each in whole.hidden]}
        print(json.dumps({**facts, "out": str(out) if out else None}))


def draw_map(repo: Path, *, budget: int, focus: str, out: Path | None, as_json: bool) -> None:
    """Write the map of ``repo``."""
    from grok_agent.context.repo_map import repo_map

    drawn = repo_map(repo, budget, focus)
    _tell(f"{len(drawn.files):,} files, {drawn.tokens:,} of {budget:,} tokens")
    if as_json:
        facts = {"tokens": drawn.tokens, "files": drawn.files, "out": str(out) if out else None}
        print(json.dumps(facts if out else {**facts, "text": drawn.text}))
    if out or not as_json:
        with _output(out) as write:
            write(drawn.text)


def _facts(packed: "Pack") -> dict[str, Any]:
    return {
        "tokens": packed.tokens,
        "spans": [span._asdict() for span in packed.spans],
        "rules_files": packed.rules_files,
        "map_files": packed.map_files,
        "map_tokens": packed.map_tokens,
        "left_out": [each._asdict() for each in packed.left_out],
        "hidden": [asdict(each) for each in packed.hidden],
    }


def _tell(line: str) -> None:
    print(printable(line), file=sys.stderr)


def _tell_left_out(left_out: Iterable[LeftOut], explain: bool) -> None:
    by_reason: dict[str, list[str]] = {}
    for each in left_out:
        by_reason.setdefault(each.reason, []).append(each.path)
    reasons = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    if reasons:
        said = ", ".join(f"{len(paths):,} {reason}" for reason, paths in reasons)
        _tell(f"left out: {said}")
    for reason, paths in reasons if explain else ():
        more = len(paths) - _SHOWN_FOR_EACH_REASON
        named = paths[:_SHOWN_FOR_EACH_REASON] + ([f"... and {more:,} more"] if more > 0 else [])
        _tell(f"  {reason}: {', '.join(named)}")


def _tell_hidden(hidden: "Sequence[Hidden]", explain: bool) -> None:
    """How many secrets were hidden, and where; never which."""
    if hidden:
        files = len({each.path for each in hidden})
        _tell(f"hidden: {len(hidden):,} secrets in {files:,} files; placeholders stand for them")
    for each in hidden if explain else ():
        _tell(f"  {each.path}:{each.line} {each.kind}")


def _tell_why(packed: "Pack") -> None:
    """The files that are in, best first, with what speaks for each and which lines are in."""
    for number, ranked in enumerate(packed.ranking, start=1):
        lines = sorted(
            (span.first_line, span.last_line) for span in packed.spans if span.path == ranked.path
        )
        places = ", ".join(f"{first}-{last}" for first, last in _joined(lines))
        reasons = "; ".join(
            f"{each.signal}{f' ({each.words})' if each.words else ''} {each.weight:+.2f}"
            for each in ranked.reasons[:4]
        )
        _tell(f"{number:4} {ranked.path}:{places}{f'  [{reasons}]' if reasons else ''}")


def _joined(lines: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted spans, neighbours joined."""
    found: list[tuple[int, int]] = []
    for first, last in lines:
        if found and found[-1][1] + 1 == first:
            first, _ = found.pop()
        found.append((first, last))
    return found


@contextmanager
def _output(out: Path | None, *, discard: bool = False) -> Iterator[Callable[[str], object]]:
    """Where the text goes: nowhere, to standard output, or to a file that appears when whole."""
    if discard:
        yield lambda text: None
    elif out is None:
        with _refusing("Standard output"), _dropping_the_rest():
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
            write = sys.stdout.write
            yield (lambda text: write(printable(text))) if sys.stdout.isatty() else write
            sys.stdout.flush()
    else:
        with _refusing(str(out)), _file_that_appears_whole(out) as write_to_file:
            yield write_to_file


@contextmanager
def _dropping_the_rest() -> Iterator[None]:
    """What standard output could not take is not tried again, and told again, at the end."""
    try:
        yield
    except OSError:
        with suppress(OSError, ValueError):  # something that stands in for standard output
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turn a full disk and the like into an error that says what to do."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SettingsError(
            f"{name} cannot be written: {error.strerror}.",
            next_step="Give --out FILE in a folder that exists, may be written and has room.",
        ) from None


@contextmanager
def _file_that_appears_whole(out: Path) -> Iterator[Callable[[str], object]]:
    descriptor, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name[:100]}.")
    try:
        with os.fdopen(
            descriptor, "w", encoding="utf-8", errors="backslashreplace", newline=""
        ) as file:
            yield file.write
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(out)
    finally:
        with suppress(OSError):
            Path(name).unlink()


def _umask() -> int:
    known = os.umask(0)
    os.umask(known)
    return known
