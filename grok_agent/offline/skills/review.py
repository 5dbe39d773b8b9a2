"""The skill that reviews with ruff, and shows the line of each finding."""

import re
from dataclasses import dataclass

from grok_agent.offline.skills.outputs import Command, read_page
from grok_agent.offline.skills.reading import first_sentence
from grok_agent.offline.skills.ruff import (
    INSTALL,
    SHELL,
    finished,
    is_missing,
    paths_in,
    ruff_call,
    runs_of,
)
from grok_agent.offline.transcript import Exchange, Transcript
from grok_agent.offline.wire import ToolCall, Turn

REPORT = "report_findings"
FATAL = ("invalid-syntax", "E9", "F63", "F7", "F82")
"""Findings of ruff that mean code which breaks when it runs."""
CHECK = "check --output-format concise"
WANTED = re.compile(
    r"\A\W*(?:(?:please|can you|could you)\s+)?(?:code[\s-]?)?(?:review|lint)\b"
    r"|\b(?:do|give|run|make)\s+(?:me\s+)?an?\s+(?:code[\s-]?)?review\b"
    r"|\brun\s+(?:ruff|the\s+linter|a\s+linter)\b(?!\S*\s*(?:--)?fix)"
    r"|代码(?:审查|评审|检查)|(?:审查|评审|检查)(?:一下)?(?:这个|整个|本)?(?:代码|仓库|项目)",
    re.IGNORECASE,
)
FINDING = re.compile(
    r"^(?P<path>[^\n]+?):(?P<line>\d+):(?P<column>\d+): (?P<code>[A-Za-z][\w-]*):?"
    r"(?: \[\*\])? (?P<message>.+)$",
    re.MULTILINE,
)
TOTAL = re.compile(r"^Found (\d+) errors?", re.MULTILINE)
JOBS = frozenset({"", "ask", "refactor", "script"})
LINES_PER_TURN = 20
QUOTED_AT_MOST = 60


@dataclass(frozen=True)
class Finding:
    """One finding; ``line`` is 1-based."""

    path: str
    line: int
    code: str
    message: str


class Review:
    """Runs ruff without fixes, reads each line that it names, reports path:line CODE message."""

    def matches(self, t: Transcript) -> bool:
        """Whether this is a review: any task of that job, else a task that says so."""
        if t.job == "review":
            return True
        return t.job in JOBS and bool(WANTED.search(t.task))

    def next_turn(self, t: Transcript) -> Turn:
        """The next tool calls, or the report."""
        if SHELL not in t.tools:
            return Turn(content=f"To review I need {SHELL}, which I was not given.")
        runs = runs_of(t, CHECK)
        paths = paths_in(t.task)
        why = "List what ruff finds; nothing is changed."
        if not runs:
            return Turn(reasoning=why, tool_calls=(ruff_call(CHECK, paths, why),))
        run = finished(runs[-1])
        if run is None:
            return Turn(content=_refused(runs[-1]))
        if is_missing(run) and len(runs) == 1:
            call = ruff_call(CHECK, paths, why, module=True)
            return Turn(reasoning="Perhaps ruff is a module only.", tool_calls=(call,))
        if is_missing(run):
            return Turn(content=f"ruff is not installed here, so nothing was reviewed. {INSTALL}")
        if run.killed or run.code not in (0, 1):
            said = run.output.strip() or run.killed
            return Turn(content=f"ruff could not review (exit {run.code}). It says:\n{said[:2000]}")
        findings = _findings(run.output)
        reads = self._unread(t, findings)
        if reads:
            return Turn(reasoning="Look at the lines themselves.", tool_calls=reads)
        if REPORT in t.tools and not t.results(REPORT):
            return Turn(
                reasoning="Hand over what was found.",
                tool_calls=(ToolCall(REPORT, {"findings": _as_data(t, findings)}),),
            )
        return Turn(content=_report(t, run, findings, paths))

    def _unread(self, transcript: Transcript, findings: list[Finding]) -> tuple[ToolCall, ...]:
        """Calls for the lines that are to be quoted and were not read yet, some at a time."""
        if "read_file" not in transcript.tools:
            return ()
        seen = {_place(e) for e in transcript.results("read_file")}
        wanted = dict.fromkeys((f.path, f.line) for f in findings[:QUOTED_AT_MOST])
        calls = [
            ToolCall("read_file", {"target_file": path, "offset": line, "limit": 1})
            for path, line in wanted
            if (path, line) not in seen
        ]
        return tuple(calls[:LINES_PER_TURN])


def _place(read: Exchange) -> tuple[object, object]:
    return read.arguments.get("target_file"), read.arguments.get("offset")


def _refused(exchange: Exchange) -> str:
    return (
        f"The review was not run: {first_sentence(exchange)}\n"
        f"It needs leave for `{exchange.arguments['command']}`, which changes nothing: allow this"
        " command when asked, or run again with `--permission all`."
    )


def _findings(output: str) -> list[Finding]:
    return [
        Finding(m["path"].removeprefix("./"), int(m["line"]), m["code"], m["message"].strip())
        for m in FINDING.finditer(output)
    ]


def _report(transcript: Transcript, run: Command, findings: list[Finding], paths: list[str]) -> str:
    scope = "the repository" if paths == ["."] else ", ".join(paths)
    if not findings:
        said = run.output.strip().split("\n")[0]
        return (
            f"ruff has no findings in {scope}; it says: {said}\n"
            "It looks at Python files only, and not at what the code means."
        )
    total = TOTAL.search(run.output)
    count = max(int(total[1]) if total else 0, len(findings))
    quotes = _quotes(transcript)
    noun = "finding" if count == 1 else "findings"
    lines = [f"ruff reports {count} {noun} in {scope}. Nothing was changed.", ""]
    for finding in findings:
        lines.append(f"{finding.path}:{finding.line}  {finding.code}  {finding.message}")
        if quote := quotes.get((finding.path, finding.line)):
            lines.append(f"    {quote}")
    if count > len(findings):
        kept = f" The whole list is in {run.full_output}." if run.full_output else ""
        lines.append(f"The output was cut: {count - len(findings)} more are not shown.{kept}")
    lines += ["", "These are ruff's findings alone; I do not judge what the code means."]
    return "\n".join(lines)


def _as_data(transcript: Transcript, findings: list[Finding]) -> list[dict[str, object]]:
    """The findings whose line was read."""
    quotes = _quotes(transcript)
    return [
        {
            "file": finding.path,
            "line": finding.line,
            "quote": quote,
            "severity": "high" if finding.code.startswith(FATAL) else "low",
            "what": f"{finding.code} {finding.message}",
        }
        for finding in findings
        if (quote := quotes.get((finding.path, finding.line)))
    ]


def _quotes(transcript: Transcript) -> dict[tuple[object, object], str]:
    """(path, 1-based line) -> the line itself, for the lines that were read."""
    quotes = {}
    for read in transcript.results("read_file"):
        page = None if read.is_error else read_page(read.result)
        if page:
            quotes[_place(read)] = page.lines[0].strip()[:200]
    return quotes
