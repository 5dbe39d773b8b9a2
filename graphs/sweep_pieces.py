"""Turns one question of a sweep into a request, and its answer into a piece of the result."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig

from grok_agent.context.files import UnreadableFileError, read_text
from grok_agent.context.pack_text import plain_name
from grok_agent.context.shard_parts import Part
from grok_agent.context.shard_text import escaped, lines_of
from grok_agent.context.shards import Shard, shard_text
from grok_agent.context.spans import LeftOut
from grok_agent.errors import ToolError
from grok_agent.graphs.state import ending
from grok_agent.graphs.sweep_ask import Asker
from grok_agent.graphs.sweep_findings import REPORT_TOOL, Finding, as_line, proven, read_report
from grok_agent.graphs.sweep_kept import Kept
from grok_agent.graphs.sweep_prepare import Prepared
from grok_agent.graphs.sweep_progress import find_shard
from grok_agent.graphs.sweep_state import Piece, Question


@dataclass(frozen=True)
class Reader:
    """Answers the questions of one sweep."""

    asker: Asker
    prepared: Prepared
    kept: Kept

    def answer(
        self, question: Question, said: Sequence[AnyMessage], run_id: str, config: RunnableConfig
    ) -> Piece:
        """What comes of ``question``; whatever goes wrong is in the piece."""
        if known := self.kept.find(question):
            return known
        if question["level"]:
            return self._asked(question, _results(question), None, (), said, run_id, config)
        shard = find_shard(self.prepared, question["key"])
        text, gone = shard_text(self.prepared.plan, shard) if shard else ("", [])
        if not text:
            stop = ending("failed", "none of its files can be read any more")
            return Piece(question["key"], 0, stop=stop, left_out=gone)
        return self._asked(question, _shard(question, text), shard, gone, said, run_id, config)

    def _asked(
        self,
        question: Question,
        body: str,
        shard: Shard | None,
        gone: Sequence[LeftOut],
        said: Sequence[AnyMessage],
        run_id: str,
        config: RunnableConfig,
    ) -> Piece:
        background = self.prepared.plan.lead + body
        answer = self.asker.ask(self.prepared.frame, said, background, run_id, config)
        piece = Piece(
            question["key"],
            question["level"],
            tokens=shard.tokens if shard else 0,
            stop=answer.stop,
            left_out=gone,
            steps=answer.steps,
            usage=answer.usage,
            cost=answer.cost,
            model=answer.model,
        )
        if answer.answer and not answer.stop:
            piece = self._with_report(piece, answer.answer, shard)
            self.kept.keep(question, piece, self.prepared.frame.max_tokens)
        return piece

    def _with_report(self, piece: Piece, answer: AIMessage, shard: Shard | None) -> Piece:
        """``piece`` with the answer's words, and with those findings that a line proves."""
        texts = [str(answer.text)]
        found: list[Finding] = []
        dropped = 0
        for call in answer.tool_calls:
            if call["name"] == REPORT_TOOL:
                findings, notes, unreadable = read_report(call["args"])
                texts.append(notes)
                found += map(self._with_secrets, findings)
                dropped += unreadable
        if shard is None:  # the results to be joined were proven before
            texts += [as_line(finding.model_dump()) for finding in found]
            found = []
        checked = proven(found, _Lines(self.prepared.plan.root, shard))
        return replace(
            piece,
            text="\n".join(text.strip() for text in texts if text.strip()),
            findings=[self._without_secrets(finding) for finding in checked.findings],
            dropped=dropped + checked.dropped,
        )

    def _without_secrets(self, finding: Finding) -> dict[str, Any]:
        """The finding as it is kept and told."""
        quote = self.asker.secrets.hide(finding.quote)
        return finding.model_copy(update={"quote": quote}).model_dump()

    def _with_secrets(self, finding: Finding) -> Finding:
        """The finding as its file has it: what was hidden from the model is in its quote again."""
        try:
            return finding.model_copy(update={"quote": self.asker.secrets.restore(finding.quote)})
        except ToolError:  # nothing stands behind a placeholder, so the quote proves nothing
            return finding


def _shard(question: Question, files: str) -> str:
    place = f"{question['number'] + 1} of {question['of']}"
    carried = question["carried"]
    notes = f"<notes>\n{escaped(carried)}</notes>\n" if carried else ""
    return f'{notes}<shard number="{place}">\n{files}</shard>'


def _results(question: Question) -> str:
    place = f"{question['number'] + 1} of {question['of']}"
    results = escaped("\n\n".join(question["texts"]))
    return f'<results level="{question["level"]}" number="{place}">\n{results}</results>'


class _Lines:
    """The lines of a shard's files by the path that the model was shown; others are blank."""

    def __init__(self, root: Path, shard: Shard | None) -> None:
        self._root = root
        self._parts: dict[str, list[Part]] = {}
        for part in shard.parts if shard else ():
            self._parts.setdefault(plain_name(part.path), []).append(part)
        self._known: dict[str, list[str] | None] = {}

    def __call__(self, path: str) -> Sequence[str] | None:
        if path not in self._known:
            self._known[path] = self._read(self._parts.get(path, []))
        return self._known[path]

    def _read(self, parts: Sequence[Part]) -> list[str] | None:
        if not parts:
            return None
        try:
            lines = lines_of(read_text(self._root, parts[0].file))
        except UnreadableFileError:
            return None
        shown = [""] * len(lines)
        for part in parts:
            inside = slice(part.first_line - 1, part.last_line)
            shown[inside] = lines[inside]
        return shown
