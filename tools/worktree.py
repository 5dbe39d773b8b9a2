"""A second working tree of a git repository, in which a run works and leaves a branch."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grok_agent.context.file_kinds import is_secret_name
from grok_agent.errors import SettingsError

BRANCH_PREFIX = "grok-agent/"
GIT_DEADLINE_S = 300.0
SAFE = (
    *("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"),
    *("-c", "commit.gpgsign=false", "-c", "core.quotePath=false"),
)
"""No program of the repository's is started, and nothing asks for a password."""

NOBODY = {"NAME": "grok-agent", "EMAIL": "grok-agent@localhost"}


@dataclass(frozen=True)
class Left:
    """What a run left: ``commit`` on ``branch``, ``""`` when it changed nothing; ``files`` is how
    many differ. ``folder`` is the working tree, None when that was removed."""

    branch: str
    base: str
    commit: str
    files: int
    folder: Path | None


@dataclass(frozen=True)
class Worktree:
    """A working tree of ``repository`` in ``top``, on ``branch``, which starts from ``base``.

    ``root`` is the folder in it that corresponds to the one given. ``carried`` says whether
    ``base`` holds changes that were not committed; ``left_out`` are files that did not come along,
    being named like secrets.
    """

    repository: Path
    top: Path
    root: Path
    branch: str
    base: str
    git_dir: Path
    carried: bool
    left_out: tuple[str, ...]

    @classmethod
    def open(cls, repo: Path, folder: Path, name: str) -> "Worktree":
        """Make one in ``folder``, with what is not committed in ``repo``, ignored files left out.

        The user's index, files and branches stay as they are. Raises SettingsError: no git, no
        repository, no commit yet, an unfinished merge, submodules.
        """
        top = Path(_git(repo, "rev-parse", "--show-toplevel"))
        _require_usable(top, folder)
        branch = BRANCH_PREFIX + name
        base, left_out = _snapshot(top)
        head = _git(top, "rev-parse", "HEAD")
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _git(top, "worktree", "add", "-q", "-b", branch, str(folder), base)
        root = folder / Path(os.path.realpath(repo)).relative_to(os.path.realpath(top))
        git_dir = Path(_git(folder, "rev-parse", "--absolute-git-dir"))
        tree = cls(top, folder, root, branch, base, git_dir, base != head, left_out)
        if not root.is_dir():
            tree.remove(with_branch=True)
            raise SettingsError(
                f"{repo} is not under version control.",
                next_step="Work without --worktree, or name the repository's own folder.",
            )
        facts = {"repository": top, "root": root, "base": base, "git_dir": git_dir}
        note = {"branch": branch, "carried": tree.carried} | {k: str(v) for k, v in facts.items()}
        _note_of(folder).write_text(json.dumps(note), encoding="ascii")
        return tree

    @classmethod
    def reopen(cls, folder: Path) -> "Worktree | None":
        """The one that an earlier process made in ``folder`` and kept; None when there is none."""
        try:
            note = json.loads(_note_of(folder).read_bytes())
        except FileNotFoundError:
            return None
        return cls(
            repository=Path(note["repository"]),
            top=folder,
            root=Path(note["root"]),
            branch=note["branch"],
            base=note["base"],
            git_dir=Path(note["git_dir"]),
            carried=note["carried"],
            left_out=(),
        )

    def leave(self, message: str, *, keep: bool) -> Left:
        """Commit what was changed to the branch, and remove the working tree unless ``keep``.

        Where nothing was changed the branch goes as well. Raises SettingsError when git refuses;
        then all stays where it is.
        """
        # Not the file .git below the root says where the repository is: a command may change it.
        own = {"GIT_DIR": str(self.git_dir), "GIT_WORK_TREE": str(self.top)}
        _git(self.top, "add", "-A", environment=own)
        tree = _git(self.top, "write-tree", environment=own)
        tip = _git(self.repository, "rev-parse", f"refs/heads/{self.branch}")
        if tree != _git(self.repository, "rev-parse", f"{tip}^{{tree}}"):
            commit = _commit(self.repository, tree, tip, message)
            _git(self.repository, "update-ref", f"refs/heads/{self.branch}", commit, tip)
            tip = commit
        names = _git(self.repository, "diff", "--name-only", "-z", self.base, tip)
        if not keep:
            self.remove(with_branch=tip == self.base)
        commit = tip if tip != self.base else ""
        folder = self.top if keep else None
        return Left(self.branch, self.base, commit, names.count("\0"), folder)

    def remove(self, *, with_branch: bool) -> None:
        """Remove the working tree, with all that is in it, and the branch if asked for."""
        _git(self.repository, "worktree", "remove", "--force", str(self.top))
        _note_of(self.top).unlink(missing_ok=True)
        if with_branch:
            _git(self.repository, "branch", "-q", "-D", self.branch)


def _note_of(folder: Path) -> Path:
    """Where it is written what a working tree belongs to: beside it, out of its commands' reach."""
    return folder.with_name(f"{folder.name}.json")


def _require_usable(top: Path, folder: Path) -> None:
    if Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(top)):
        raise SettingsError(
            f"The state folder lies inside of the repository {top}.",
            next_step="Set GROK_STATE_DIR to a folder outside.",
        )
    if not _git(top, "rev-parse", "--verify", "-q", "HEAD", check=False):
        raise SettingsError(
            f"{top} has no commit yet, and a worktree starts from one.",
            next_step="Make a first commit, or work without --worktree.",
        )
    if _git(top, "ls-files", "--unmerged"):
        raise SettingsError(
            f"{top} is in the middle of a merge.",
            next_step="Finish or abort it first, or work without --worktree.",
        )
    entries = _git(top, "ls-files", "--stage", "-z").split("\0")
    submodules = [entry.partition("\t")[2] for entry in entries if entry.startswith("160000 ")]
    if submodules:
        raise SettingsError(
            f"{top} has submodules ({', '.join(submodules[:5])}), which a worktree leaves empty.",
            next_step="Work without --worktree.",
        )


def _snapshot(top: Path) -> tuple[str, tuple[str, ...]]:
    """A commit of the files as they are, HEAD itself if they are so there, made in an index of our
    own; and the files left out."""
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch) / "index"
        users = top / _git(top, "rev-parse", "--git-path", "index")
        if users.exists():
            shutil.copyfile(users, index)
        own = {"GIT_INDEX_FILE": str(index)}
        _git(top, "add", "-u", ":/", environment=own)
        new = _git(top, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
        secret = [name for name in new if name and is_secret_name(name)]
        wanted = "\0".join(name for name in new if name and name not in secret)
        _git(top, "update-index", "--add", "-z", "--stdin", environment=own, given=wanted)
        tree = _git(top, "write-tree", environment=own)
    if tree == _git(top, "rev-parse", "HEAD^{tree}"):
        return _git(top, "rev-parse", "HEAD"), tuple(secret)
    message = "What was not committed when grok-agent began"
    return _commit(top, tree, "HEAD", message), tuple(secret)


def _commit(top: Path, tree: str, parent: str, message: str) -> str:
    who = {} if _git(top, "config", "user.email", check=False) else _identity()
    arguments = ("commit-tree", tree, "-p", parent, "-F", "-")
    return _git(top, *arguments, environment=who, given=message)


def _identity() -> dict[str, str]:
    return {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in NOBODY.items()
    }


def _git(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    given: str = "",
    check: bool = True,
) -> str:
    """What git prints, without the last line end. Raises SettingsError with git's own words."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *SAFE, *arguments],
            cwd=folder,
            env=kept | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(environment or {})},
            input=os.fsencode(given),
            capture_output=True,
            timeout=GIT_DEADLINE_S,
            check=False,
        )
    except FileNotFoundError:
        what = "does not exist" if not folder.exists() else "needs git, which is not installed"
        raise SettingsError(f"{folder} {what}.", next_step="Work without --worktree.") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SettingsError(
            f"git {arguments[0]}: {error}.", next_step="Work without --worktree."
        ) from error
    if done.returncode and check:
        said = os.fsdecode(done.stderr).strip() or f"exit code {done.returncode}"
        raise SettingsError(
            f"git {arguments[0]} in {folder}: {said}.", next_step="Work without --worktree."
        )
    return os.fsdecode(done.stdout).removesuffix("\n") if not done.returncode else ""
