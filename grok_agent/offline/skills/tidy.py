"""The skill that lets ruff repair what it can repair safely."""

import re

from grok_agent.offline.skills.outputs import Command
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
from grok_agent.offline.transcript import Transcript
from grok_agent.offline.wire import ToolCall, Turn

FIX = "check --fix --show-fixes --no-cache --output-format concise"
FORMAT = "format --no-cache"
WANTED = re.compile(
    r"\b(?:tidy(?:ing)?|lint[\s-]?fix(?:es)?|auto-?fix)\b"
    r"|\bruff(?:'s)?\s+(?:check\s+)?(?:--)?(?:fix(?:es)?|format)\b"
    r"|\b(?:fix|repair|resolve|apply)\b[^.;]{0,40}\b(?:lint(?:er|ing)?|ruff)\b"
    r"|\bclean\s*up\s+(?:the\s+)?(?:unused\s+)?(?:imports|lint)|\bremove\s+(?:the\s+|all\s+)?unused\s+imports"
    r"|\bformat\s+(?:the\s+|this\s+|my\s+|all\s+)?(?:python\s+)?(?:code|repo(?:sitory)?|codebase|project|files?)\b"
    r"|整理(?:一下)?(?:这个|整个|本)?(?:代码|仓库|项目|导入|import)|格式化(?:一下)?(?:这个|整个|本|所有)?(?:代码|仓库|项目|文件)"
    r"|(?:修复|自动修复)\S{0,6}(?:lint|ruff|代码风格|规范)|(?:删除|移除|去掉)\S{0,4}(?:未使用|没用到?|无用)的?\s*(?:导入|import)",
    re.IGNORECASE,
)
NOT_WANTED = re.compile(
    r"\b(?:don'?t|do not|never|without)\s+(?:\w+\s+){0,2}(?:tidy|fix|format)"
    r"|\b(?:add|implement|write|create|build)\s+(?:an?|the)\b|(?:不要|别)\S{0,3}(?:整理|格式化|修复)",
    re.IGNORECASE,
)
FORMATTING = re.compile(r"\bformat(?:ting|ted)?\b|格式", re.IGNORECASE)
JOBS = frozenset({"", "refactor", "script"})
LINES_QUOTED = 60


class Tidy:
    """Runs ``ruff check --fix``, and ``ruff format`` where the task speaks of formatting.

    Formatting is never done unasked: in a repository of another style it would touch every file.
    """

    def matches(self, t: Transcript) -> bool:
        """Whether the task asks for lint fixes or formatting."""
        task = t.task
        wanted = bool(WANTED.search(task)) and not NOT_WANTED.search(task)
        return t.job in JOBS and wanted

    def next_turn(self, t: Transcript) -> Turn:
        """The next command, or the closing account."""
        if SHELL not in t.tools:
            return Turn(content=f"To tidy I need {SHELL}, which I was not given.")
        reports: list[str] = []
        for step in [FIX, FORMAT] if FORMATTING.search(t.task) else [FIX]:
            outcome = self._step(t, step)
            if isinstance(outcome, ToolCall):
                return Turn(reasoning=str(outcome.arguments["description"]), tool_calls=(outcome,))
            reports.append(outcome if isinstance(outcome, str) else self._report(step, outcome))
            if isinstance(outcome, str):
                break
        if t.feedback:
            reports.append(
                "The check that ran afterwards is not satisfied; what it names is beyond ruff's"
                " safe fixes, and I change nothing by hand."
            )
        return Turn(content="\n\n".join(reports))

    def _step(self, transcript: Transcript, step: str) -> Command | ToolCall | str:
        """The result of a step, the call that must come first, or why there will be no result."""
        runs = runs_of(transcript, step)
        paths = paths_in(transcript.task)
        why = "Apply ruff's safe fixes." if step == FIX else "Format with ruff."
        if not runs:
            return ruff_call(step, paths, why)
        run = finished(runs[-1])
        if run is None:
            return (
                f"`ruff {step}` was not run: {first_sentence(runs[-1])}\n"
                "It changes files, so it needs leave: allow this command when asked, or run again"
                " with `--permission all`."
            )
        if is_missing(run) and len(runs) == 1:
            return ruff_call(step, paths, why, module=True)
        if is_missing(run):
            return f"ruff is not installed here, so nothing was tidied. {INSTALL}"
        return run

    def _report(self, step: str, run: Command) -> str:
        command = "ruff format" if step == FORMAT else "ruff check --fix"
        output = run.output.strip()
        if run.killed:
            return f"`{command}` was {run.killed}; see the diff for what it had changed by then."
        if run.code not in (0, 1):
            return f"`{command}` could not work (exit {run.code}). It says:\n{_quoted(output)}"
        if step == FIX and run.code == 0 and "Fixed " not in output:
            return f"`{command}`: nothing to repair.\n{_quoted(output)}"
        left = " What it lists as path:line:column is left for a person." if run.code == 1 else ""
        return f"`{command}` is done.{left} It says:\n{_quoted(output)}"


def _quoted(output: str) -> str:
    lines = output.split("\n")
    more = [f"    ... {len(lines) - LINES_QUOTED} more lines"] if len(lines) > LINES_QUOTED else []
    return "\n".join([f"    {line}" for line in lines[:LINES_QUOTED]] + more)
