"""The verb that takes a run's changes back."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grok_agent.commands.options import AsJson, Repo, settings_of
from grok_agent.errors import SettingsError
from grok_agent.folders import RUNS_FOLDER, UNDOS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grok_agent.tools.undo import Undo

MAX_OLDER = 5


def register(app: typer.Typer) -> None:
    """Add ``undo``."""
    app.command(epilog="Example: grok-agent undo --dry-run; grok-agent undo --to 3")(undo)


def undo(
    run: Annotated[
        str | None,
        typer.Argument(
            help="Id of the run or of an undo, a beginning of a run's, or last. Default: the newest"
            " run that changed this repository."
        ),
    ] = None,
    to: Annotated[
        int, typer.Option("--to", metavar="STEP", min=0, help="Keep what was done up to this step.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be put back; change nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also files that somebody else changed meanwhile.")
    ] = False,
    repo: Repo = Path(),
    as_json: AsJson = False,
) -> None:
    """Put the files back as they were before a run, or after one of its steps. Needs no git, and
    leaves its index alone. An undo can be undone by its own id."""
    from grok_agent.running import FAILED, exit_codes
    from grok_agent.tools.undo import plan_undo

    with exit_codes(as_json=as_json):
        state_dir = settings_of(offline=True).state_dir
        folder = _record_of(state_dir, run) if run else _newest(state_dir, repo)
        plan = plan_undo(folder, to)
        refused = not force and bool(plan.doubtful or plan.hindered)
        undo_id, failed = "", ""
        if plan.restorations and not (dry_run or refused):
            undo_id, failed = _carry_out(plan, state_dir)
        if as_json:
            facts = {"undo": undo_id, "error": failed, "dry_run": dry_run, "refused": refused}
            print(json.dumps({**_facts(plan), **facts}))
        else:
            _print(plan, "" if failed else undo_id, dry_run=dry_run, refused=refused)
            _print_older(plan, state_dir, repo, run)
        if failed:
            print(
                f"Error: It stopped half-way: {failed}. What was put back stays so. Mend that and"
                f" call it again, or go back: grok-agent undo {undo_id}",
                file=sys.stderr,
            )
            raise typer.Exit(FAILED)
        if refused or (plan.hindered and not dry_run):
            raise typer.Exit(FAILED)


def _carry_out(plan: "Undo", state_dir: Path) -> tuple[str, str]:
    """The id by which this can be undone, and what kept it from being done as a whole."""
    from grok_agent.journal import new_run_id
    from grok_agent.tools.undo import carry_out

    undo_id = new_run_id()
    try:
        for _ in carry_out(plan, state_dir / UNDOS_FOLDER / undo_id):
            pass
    except OSError as error:
        return undo_id, str(error)
    return undo_id, ""


def _record_of(state_dir: Path, run: str) -> Path:
    from grok_agent.journal import run_folder
    from grok_agent.run_list import find_run

    for kind in (RUNS_FOLDER, UNDOS_FOLDER):
        folder = run_folder(state_dir / kind, run)
        if folder.is_dir():
            return folder
    return run_folder(state_dir / RUNS_FOLDER, find_run(state_dir / RUNS_FOLDER, run))


def _newest(state_dir: Path, repo: Path) -> Path:
    found = next(_records(state_dir, repo), None)
    if found is None:
        raise SettingsError(
            f"No run has changed files of {repo.resolve()}.",
            next_step="Name the repository with --repo, or the run by its id.",
        )
    return found


def _records(state_dir: Path, repo: Path) -> "Iterator[Path]":
    """Records of the runs that changed files of ``repo``, newest first."""
    from grok_agent.tools.edit_log import FILE_NAME, read_edits
    from grok_agent.tools.undo import root_of
    from grok_agent.tools.watch import was_cut_off

    files = (state_dir / RUNS_FOLDER).glob(f"*/{FILE_NAME}")
    for file in sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True):
        try:
            edits = read_edits(file.parent)
            changed = was_cut_off(file.parent) or any(edit.done is not False for edit in edits)
            here = repo.resolve().is_relative_to(root_of(file.parent))
        except (SettingsError, OSError):
            continue  # a record without a beginning, or removed meanwhile
        if changed and here:
            yield file.parent


def _facts(plan: "Undo") -> dict[str, Any]:
    return {
        "run": plan.folder.name,
        "root": str(plan.root),
        "files": [each.path for each in plan.restorations if not each.hindrance],
        "doubtful": {each.path: each.doubt for each in plan.doubtful},
        "hindered": {each.path: each.hindrance for each in plan.hindered},
        "diff": plan.diff(),
    }


def _print(plan: "Undo", undo_id: str, *, dry_run: bool, refused: bool) -> None:
    from grok_agent.console import printable

    name = plan.folder.name
    print(printable(plan.diff()), end="")
    if not plan.restorations:
        print(f"Run {name}: all files are already as they were.")
    for each in plan.hindered:
        print(printable(f"{each.path} cannot be put back: {each.hindrance}."), file=sys.stderr)
    for each in plan.doubtful:
        print(printable(f"{each.path}: {each.doubt}."), file=sys.stderr)
    count = sum(not each.hindrance for each in plan.restorations)
    if refused:
        print("Nothing was changed. --force puts back what can be put back.", file=sys.stderr)
    elif dry_run:
        print(f"Would put back {_files(count)} of run {name}. Nothing was changed.")
    elif undo_id:
        print(f"Put back {_files(count)} of run {name}. Back again: grok-agent undo {undo_id}")


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _print_older(plan: "Undo", state_dir: Path, repo: Path, run: str | None) -> None:
    """Where the newest run is undone already, which others there are."""
    if plan.restorations or run:
        return
    older = [folder.name for folder in _records(state_dir, repo) if folder != plan.folder]
    if older:
        print(f"Earlier runs: {', '.join(older[:MAX_OLDER])}")
