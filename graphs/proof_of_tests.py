"""Whether new tests are worth their place: they pass, they fail on broken code, and cover more.

Tests run in a copy of the workspace wherever code is broken on purpose or coverage is measured: a
process that is killed leaves nothing broken behind.
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile, rmtree
from typing import Any

from grok_agent.context.file_kinds import classify
from grok_agent.errors import ToolError
from grok_agent.graphs.emptied import Emptied, emptied_functions
from grok_agent.tools.results import CommandResult
from grok_agent.tools.ripgrep import list_files
from grok_agent.tools.run import run_command
from grok_agent.tools.workspace import Workspace

MAX_COPIED_BYTES = 200_000_000
MAX_COPIED_FILES = 20_000
DEADLINE_S = 120.0
MAX_OUTPUT_CHARS = 4_000

_RUN = "python -m pytest -q -p no:cacheprovider -o pythonpath='. src'"
_NO_TESTS_RAN = 5
_REPORT = "coverage-of-new-tests.json"


@dataclass(frozen=True)
class Proof:
    """``problem`` is what the model must mend, "" for none; ``facts`` what is told of the tests."""

    problem: str
    facts: dict[str, Any]


def prove(workspace: Workspace) -> Proof:
    """Judge the test files that were changed in ``workspace``.

    Broken code and coverage are tried where all of them are Python tests that pytest runs;
    elsewhere ``facts`` says why they were not.
    """
    changed = workspace.changed_files()
    tests = [name for name in changed if _is_test(workspace, name)]
    if not tests:
        problem = "No test file was added or changed. Write the tests, or say why there are none."
        return Proof(problem, {"new_tests": []})
    facts: dict[str, Any] = {"new_tests": tests}
    if not all(name.endswith(".py") for name in tests):
        return Proof("", facts | {"not_tried": "broken code and coverage need Python tests"})
    try:
        with _copy(workspace) as copy:
            return _prove_in(copy, workspace, tests, facts)
    except (ToolError, OSError) as error:
        return Proof("", facts | {"not_tried": f"no copy could be made: {error}"})


def _prove_in(
    copy: Workspace, workspace: Workspace, tests: Sequence[str], facts: dict[str, Any]
) -> Proof:
    ran = _run(copy, tests)
    if ran is None or "No module named pytest" in ran.output:
        return Proof("", facts | {"not_tried": "pytest does not run here"})
    if ran.exit_code != 0:
        return _failed(workspace, tests, facts)
    facts["passed"] = True
    sources = _sources(copy, tests)
    broken = emptied_functions([_text(copy, name) for name in tests], sources)
    if not broken:
        return Proof("", facts | {"not_tried": "the new tests call no function of the repository"})
    survived = [each for each in broken if not _fails(copy, each, tests, sources[each.path])]
    if len(survived) == len(broken) and not _reads_the_copy(copy, broken[0], tests, sources):
        return Proof("", facts | {"not_tried": "the tests import the code from elsewhere"})
    facts["broken_on_purpose"] = [
        {"function": f"{each.path}:{each.line} {each.name}", "noticed": each not in survived}
        for each in broken
    ]
    facts["coverage"] = _coverage(copy, workspace, tests, sorted({each.path for each in broken}))
    return Proof(_weakness(survived), facts)


def _failed(workspace: Workspace, tests: Sequence[str], facts: dict[str, Any]) -> Proof:
    """What failed in a copy may need files that git ignores, so it is tried in place."""
    ran = _run(workspace, tests)
    if ran and ran.exit_code == 0:
        return Proof("", facts | {"passed": True, "not_tried": "they do not pass in a copy"})
    output = ran.output[-MAX_OUTPUT_CHARS:] if ran else "They could not be run."
    facts["passed"] = False
    return Proof(f"The new tests do not pass:\n\n{output}\n\nMend the tests.", facts)


def _weakness(survived: Sequence[Emptied]) -> str:
    if not survived:
        return ""
    listed = "\n".join(f"- {each.name} ({each.path}:{each.line})" for each in survived)
    return (
        f"The new tests still pass when the whole body of these functions is removed:\n{listed}\n"
        "Assert on what they return or do."
    )


def _fails(copy: Workspace, broken: Emptied, tests: Sequence[str], whole: str) -> bool:
    with _replaced(copy.root / broken.path, broken.text, whole):
        ran = _run(copy, tests)
    return ran is None or ran.exit_code != 0


def _reads_the_copy(
    copy: Workspace, broken: Emptied, tests: Sequence[str], sources: dict[str, str]
) -> bool:
    """Whether the tests fail when the file cannot even be imported."""
    unusable = Emptied(broken.path, "", 1, "raise RuntimeError('broken on purpose')\n")
    return _fails(copy, unusable, tests, sources[broken.path])


def _coverage(
    copy: Workspace, workspace: Workspace, tests: Sequence[str], files: Sequence[str]
) -> dict[str, Any]:
    """Percent of ``files`` covered by all tests without the new ones, and with them."""
    after = _covered(copy, files)
    originals = {change.name: change.before.content for change in workspace.changes()}
    for name in tests:
        before = originals.get(name)
        if before is None:
            (copy.root / name).unlink()
        else:
            (copy.root / name).write_bytes(before)
    return {"files": list(files), "before": _covered(copy, files), "after": after}


def _covered(copy: Workspace, files: Sequence[str]) -> float | None:
    """None where coverage is not installed or the tests do not end in time."""
    only = shlex.quote(",".join(files))
    pytest = _RUN.removeprefix("python -m ")
    ran = _command(copy, f"python -m coverage run --include={only} -m {pytest}")
    if ran is None or ran.exit_code is None or "No module named coverage" in ran.output:
        return None
    if ran.exit_code == _NO_TESTS_RAN:
        return 0.0
    made = _command(copy, f"python -m coverage json -q -o {_REPORT}")
    if made is None or made.exit_code != 0:
        return 0.0  # none of the files was ever imported
    report = json.loads((copy.root / _REPORT).read_text(encoding="utf-8"))
    return round(float(report["totals"]["percent_covered"]), 1)


def _sources(copy: Workspace, tests: Sequence[str]) -> dict[str, str]:
    names = [name for name in list_files(copy.root) if name.endswith(".py") and name not in tests]
    return {name: _text(copy, name) for name in names if not _is_test(copy, name)}


def _is_test(workspace: Workspace, name: str) -> bool:
    return classify(name, b"") == "test" and (workspace.root / name).is_file()


def _text(workspace: Workspace, name: str) -> str:
    return (workspace.root / name).read_bytes().decode("utf-8", "replace")


def _run(workspace: Workspace, tests: Sequence[str]) -> CommandResult | None:
    return _command(workspace, f"{_RUN} {shlex.join(tests)}")


def _command(workspace: Workspace, command: str) -> CommandResult | None:
    try:
        return run_command(workspace, command, DEADLINE_S)
    except ToolError:
        return None


@contextmanager
def _replaced(path: Path, text: str, whole: str) -> Iterator[None]:
    path.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(whole, encoding="utf-8")


@contextmanager
def _copy(workspace: Workspace) -> Iterator[Workspace]:
    """A workspace with the same files, outside the root; links are left out."""
    folder = workspace.scratch / "copy"
    rmtree(folder, ignore_errors=True)
    room = MAX_COPIED_BYTES
    names = list_files(workspace.root)
    if len(names) > MAX_COPIED_FILES:
        raise ToolError("The repository has too many files.", next_step="Run the tests by hand.")
    try:
        for name in names:
            source, target = workspace.root / name, folder / name
            if source.is_symlink() or not source.is_file():
                continue
            room -= source.stat().st_size
            if room < 0:
                raise ToolError("The repository is too large.", next_step="Run the tests by hand.")
            target.parent.mkdir(parents=True, exist_ok=True)
            copyfile(source, target)
        yield Workspace(folder, permission="all", limits=workspace.limits)
    finally:
        rmtree(folder, ignore_errors=True)
