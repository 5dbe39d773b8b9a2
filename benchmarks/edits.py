"""apply_edit beside others, on edits made from the history of any git repositories.

    python benchmarks/edits.py CLONE... [--per-kind 150] [--peers VENV/bin/python] [--show KIND]

A clone is a folder with a git repository, bare or not. ``--peers`` names a Python that has aider
or diff-match-patch installed; these are left out without it.

correct: byte for byte the right text; or refused, where it has to be refused (the unchanged file
counts for an edit that was made already). loose: the right lines, but blanks or typography of a
line that was none of the edit's business changed. WRONG: any other text. helpful: of the right
refusals, those whose words name a line, the number of matches, or that the edit is made already.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edit_cases import Case, cases_of
from edit_peers import Apply, attempt, exact, first_match, grok_build

from grok_agent.tools.edit import apply_edit
from grok_agent.tools.lines import bare

HELPFUL = re.compile(r"\blines?( are)? \d+|\d+ places|already|identical", re.IGNORECASE)
OURS: dict[str, Apply] = {
    "apply_edit": apply_edit,
    "exact": exact,
    "grok build": grok_build,
    "first match": first_match,
}


def main() -> None:
    """Make the cases, run every tool on them, print a table."""
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("clones", nargs="+", type=Path)
    words.add_argument("--per-kind", type=int, default=150)
    words.add_argument("--peers", type=Path)
    words.add_argument("--show", help="print the cases of this kind in which apply_edit failed")
    given = words.parse_args()
    cases = cases_of(given.clones, given.per_kind)
    print(f"{len(cases)} edits of {len(given.clones)} repositories")
    with _peers(given.peers) as ask:
        results = [{**_own(case), **ask(case)} for case in cases]
    _print(cases, results)
    if given.show:
        _show(cases, results, given.show)


def _own(case: Case) -> dict[str, dict[str, Any]]:
    edit = {"before": case.before, "old": case.old, "new": case.new}
    return {name: attempt(apply, edit) for name, apply in OURS.items()}


@contextmanager
def _peers(python: Path | None) -> Iterator[Any]:
    """Ask the packages of another Python, in a process of its own."""
    if python is None:
        yield lambda case: {}
        return
    program = [python, Path(__file__).with_name("edit_peers.py")]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peer:
        assert peer.stdin
        assert peer.stdout
        names = json.loads(peer.stdout.readline())
        if not names:
            sys.exit(f"{python} has neither aider nor diff-match-patch.")

        def ask(case: Case) -> Any:
            line = {"before": case.before, "old": case.old, "new": case.new}
            print(json.dumps(line), file=peer.stdin, flush=True)
            return json.loads(peer.stdout.readline())  # type: ignore[union-attr]

        yield ask
        peer.stdin.close()


def grade(case: Case, result: dict[str, Any]) -> str:
    """``correct``, ``loose``, ``refused`` or ``WRONG``."""
    text = result.get("text")
    if case.expected is None:
        same = case.kind == "made-already" and text == case.before
        return "correct" if text is None or same else "WRONG"
    if text is None:
        return "refused"
    if text == case.expected:
        return "correct"
    return "loose" if _plain(text) == _plain(case.expected) else "WRONG"


def _plain(text: str) -> list[str]:
    """Lines as they are when blanks at their ends and typography do not count; their indentation
    does."""
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    return [re.match(r"\s*", line)[0] + bare(line) for line in lines if line.strip()]  # type: ignore[index]


def _print(cases: list[Case], results: list[dict[str, Any]]) -> None:
    tools = list(results[0])
    graded = {
        tool: [grade(c, r[tool]) for c, r in zip(cases, results, strict=True)] for tool in tools
    }
    print("% correct, +loose, !WRONG; the rest was refused\n")
    print(f"{'kind':18}{'n':>6}  " + "".join(f"{tool:>20}" for tool in tools))
    rows = {kind: {kind} for kind in sorted({case.kind for case in cases})}
    wanted = {case.kind for case in cases if case.expected is not None}
    rows |= {"ALL to apply": wanted, "ALL to refuse": set(rows) - wanted}
    for row, kinds in rows.items():
        chosen = [n for n, case in enumerate(cases) if case.kind in kinds]
        cells = (_cell(Counter(graded[tool][n] for n in chosen)) for tool in tools)
        print(f"{row:18}{len(chosen):6}  " + "".join(f"{cell:>20}" for cell in cells))
    times = {tool: sorted(result[tool]["ms"] for result in results) for tool in tools}
    ends = (f"{ms[len(ms) // 2]:.2f} / {ms[len(ms) * 95 // 100]:.2f}" for ms in times.values())
    print(f"{'ms, p50 / p95':26}" + "".join(f"{end:>20}" for end in ends))
    said = [
        r["apply_edit"].get("refusal", "")
        for c, r in zip(cases, results, strict=True)
        if c.expected is None
    ]
    helpful = sum(bool(HELPFUL.search(words)) for words in said if words)
    print(f"\napply_edit: helpful {helpful} of {sum(map(bool, said))} refusals that were right")


def _cell(counted: Counter[str]) -> str:
    total = counted.total() or 1
    parts = [f"{100 * counted['correct'] / total:.1f}"]
    parts += [f"+{100 * counted['loose'] / total:.1f}"] if counted["loose"] else []
    parts += [f"!{100 * counted['WRONG'] / total:.1f}"] if counted["WRONG"] else []
    return " ".join(parts)


def _show(cases: list[Case], results: list[dict[str, Any]], kind: str) -> None:
    for case, result in zip(cases, results, strict=True):
        grading = grade(case, result["apply_edit"])
        if case.kind == kind and grading != "correct":
            print(f"--- {grading} {result['apply_edit'].get('refusal', '')}")
            print(f"<<<<<<<\n{case.old}\n=======\n{case.new}\n>>>>>>>")


if __name__ == "__main__":
    main()
