"""How a reviewer hands over its findings: none counts without a line that stands in its file."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from langchain_core.messages import BaseMessage, ToolMessage
from langchain_core.tools import ArgsSchema, BaseTool, ToolException
from pydantic import BaseModel, ConfigDict

from grok_agent.errors import ToolError
from grok_agent.graphs.sweep_findings import (
    REPORT_TOOL,
    Finding,
    by_severity,
    parameters,
    proven,
    read_report,
)
from grok_agent.tools.workspace import Workspace

NOT_REPORTED = (
    f"Hand your findings over as data: call {REPORT_TOOL} once with all of them, each with its line"
    " quoted, or with an empty list. Then answer as before."
)


class Report(BaseModel):
    """The findings of one call whose quoted lines exist, and how many others there were."""

    model_config = ConfigDict(frozen=True)

    findings: list[Finding]
    dropped: int


class ReportFindings(BaseTool):
    """Takes findings over and says which of them rest on no line of the workspace."""

    name: str = REPORT_TOOL
    description: str = (
        "Hand over all findings of a review at once. Each needs the line that shows it, copied"
        " exactly from the file; what rests on no line is not kept. Call it before you answer."
    )
    args_schema: ArgsSchema | None = None
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True
    lines_of: Callable[[str], Sequence[str] | None]

    def _run(self, /, **given: Any) -> tuple[str, Report]:
        if not isinstance(given.get("findings"), list):
            raise ToolException("findings is no list. Give a list, which may be empty.")
        found, _, unreadable = read_report(given)
        kept = proven(found, self.lines_of, shown=str)
        report = Report(findings=list(kept.findings), dropped=kept.dropped + unreadable)
        return _said(found, report, unreadable), report


def report_findings_tool(workspace: Workspace) -> BaseTool:
    """The tool ``report_findings`` for the files of ``workspace``."""

    def lines_of(path: str) -> Sequence[str] | None:
        try:
            return workspace.peek(path).text.splitlines()
        except (ToolError, OSError):
            return None

    return ReportFindings(args_schema=parameters(), lines_of=lines_of)


def reported(turns: Sequence[BaseMessage]) -> list[Mapping[str, Any]] | None:
    """The findings handed over in ``turns``, the worst first, each once; None for no report."""
    reports = [
        each.artifact
        for each in turns
        if isinstance(each, ToolMessage) and each.name == REPORT_TOOL and each.artifact
    ]
    if not reports:
        return None
    findings = {
        (each["file"], each["line"], each["what"]): each
        for report in reports
        for each in report["findings"]
    }
    return by_severity(findings.values())


def _said(found: Sequence[Finding], report: Report, unreadable: int) -> str:
    lines = [f"Kept {len(report.findings)} finding(s)."]
    kept = {(each.file, each.what) for each in report.findings}
    lines += [
        f"Not kept: {each.file}:{each.line} {each.what[:100]} - the quoted line does not stand in"
        " that file."
        for each in found
        if (each.file, each.what) not in kept
    ]
    if unreadable:
        lines.append(f"Not kept: {unreadable} without file, line, quote or what.")
    if report.dropped:
        lines.append("Read the lines again and report these once more, or leave them out.")
    return "\n".join(lines)
