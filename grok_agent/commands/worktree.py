"""The option ``--worktree``: a run in a second working tree, which leaves a branch."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from grok_agent.tools.worktree import Left, Worktree

FOLDER = "worktrees"
"""Name, in the state folder, of where working trees lie."""

MAX_SUBJECT_CHARS = 60

InWorktree = Annotated[
    bool,
    typer.Option(
        "--worktree",
        help="Work on a copy, what is not committed included, and leave a branch grok-agent/RUN.",
    ),
]


@contextmanager
def working_in(
    repo: Path, state_dir: Path, task: str, *, worktree: bool
) -> Iterator[tuple[Path, str]]:
    """The folder to work in and the run's id, ``""`` for any; with ``worktree`` a working tree.

    What was done in it is committed at the end, however the run ends; the tree itself stays when
    the run was not done. Raises SettingsError when there can be no working tree.
    """
    if not worktree:
        yield repo, ""
        return
    from grok_agent.journal import new_run_id
    from grok_agent.tools.worktree import Worktree

    run_id = new_run_id()
    tree = Worktree.open(repo, state_dir / FOLDER / run_id, run_id)
    _say(_begun(tree))
    with _left_in_the_end(tree, task):
        yield tree.root, run_id


@contextmanager
def going_on_in(state_dir: Path, run: str, task: str) -> Iterator[None]:
    """Commit at the end what is done inside, if ``run`` has a working tree that was kept."""
    from grok_agent.journal import run_folder
    from grok_agent.tools.worktree import Worktree

    tree = Worktree.reopen(run_folder(state_dir / FOLDER, run))
    with _left_in_the_end(tree, task) if tree else nullcontext():
        yield


@contextmanager
def _left_in_the_end(tree: "Worktree", task: str) -> Iterator[None]:
    is_done = False
    try:
        yield
        is_done = True
    finally:
        subject = " ".join(task.split())[:MAX_SUBJECT_CHARS]
        _say(_ended(tree, tree.leave(f"grok-agent: {subject}\n", keep=not is_done)))


def _begun(tree: "Worktree") -> list[str]:
    lines = [f"Working on the branch {tree.branch}; your files and index stay as they are."]
    if tree.carried:
        lines.append("It starts from your files as they are, what is not committed included.")
    if tree.left_out:
        lines.append(f"Not taken along, being named like secrets: {', '.join(tree.left_out)}.")
    return lines


def _ended(tree: "Worktree", left: "Left") -> list[str]:
    kept = f"git worktree remove --force {left.folder} && " if left.folder else ""
    if not left.commit:
        where = f" The working tree is in {left.folder}." if left.folder else ""
        return [f"Nothing was changed.{where}"]
    count = f"{left.files} file{'' if left.files == 1 else 's'}"
    take = (
        f"git diff --binary {left.base[:12]} {left.branch} | git apply"
        if tree.carried
        else f"git merge {left.branch}"
    )
    return [
        f"The branch {left.branch} has the work: {count} changed.",
        f"  look at it:    git diff {left.base[:12]} {left.branch}",
        f"  take it over:  {take}",
        f"  throw it away: {kept}git branch -D {left.branch}",
    ]


def _say(lines: list[str]) -> None:
    from grok_agent.console import printable

    print(printable("\n".join(lines)), file=sys.stderr)
