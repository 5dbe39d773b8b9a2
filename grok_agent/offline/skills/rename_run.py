"""How far a rename has come, told from the transcript alone."""

from dataclasses import dataclass

from grok_agent.offline.skills.outputs import Hits, is_done, read_hits
from grok_agent.offline.skills.rename_edits import whole_word
from grok_agent.offline.skills.rename_task import RenameTask
from grok_agent.offline.transcript import Exchange, Transcript


@dataclass(frozen=True)
class RenameRun:
    """What was searched, found and edited so far; paths are as grep prints them."""

    transcript: Transcript
    task: RenameTask

    @property
    def narrow_pattern(self) -> str:
        """Finds the old name as a whole word."""
        return rf"\b{self.task.old}\b"

    @property
    def wide_pattern(self) -> str:
        """Finds also mentions that touch letters outside ASCII, as in Chinese text."""
        return rf"(?:\b|[^\x00-\x7F]){self.task.old}(?:\b|[^\x00-\x7F])"

    @property
    def new_pattern(self) -> str:
        """Finds the new name as a whole word."""
        return rf"\b{self.task.new}\b"

    @property
    def searches(self) -> list[Exchange]:
        """The greps for the old name, in order."""
        return [e for e in self.transcript.results("grep") if self._is_search(e)]

    @property
    def edits(self) -> list[Exchange]:
        """The search_replace calls, in order."""
        return self.transcript.results("search_replace")

    def edits_of(self, path: str) -> list[Exchange]:
        """The search_replace calls for one file."""
        return [e for e in self.edits if e.arguments.get("file_path") == path]

    @property
    def edited(self) -> list[str]:
        """The files for which there was a search_replace call, whatever came of it."""
        return list(dict.fromkeys(str(e.arguments.get("file_path")) for e in self.edits))

    @property
    def known(self) -> list[str]:
        """The files that have the old name as a whole word, over all greps so far."""
        known: dict[str, None] = {}
        for search in self.searches:
            for path, lines in (read_hits(search.result) or Hits()).files.items():
                if not lines or any(self.is_use(text) for _, text in lines):
                    known[path] = None
        return list(known)

    @property
    def binary(self) -> list[str]:
        """The files that grep itself calls binary."""
        return sorted({p for s in self.searches for p in (read_hits(s.result) or Hits()).binary})

    @property
    def taken_at(self) -> list[str]:
        """Where the new name stood before anything was changed, as ``path:line``."""
        for grep in self.transcript.results("grep"):
            if grep.arguments.get("pattern") == self.new_pattern:
                files = (read_hits(grep.result) or Hits()).files
                return [f"{path}:{lines[0][0]}" if lines else path for path, lines in files.items()]
        return []

    @property
    def edited_since_search(self) -> bool:
        """Whether the newest edit came after the newest grep for the old name."""
        steps = [
            e.name
            for e in self.transcript.exchanges
            if e.name == "search_replace" or self._is_search(e)
        ]
        return steps[-1:] == ["search_replace"]

    @property
    def all_refused(self) -> bool:
        """Whether edits were tried and not one was carried out."""
        return bool(self.edits) and not any(succeeded(e) for e in self.edits)

    def is_use(self, line: str) -> bool:
        """Whether a hit is a whole word; grep cuts long lines, so the name may be out of sight."""
        return bool(whole_word(self.task.old).search(line)) or self.task.old not in line

    def _is_search(self, exchange: Exchange) -> bool:
        patterns = (self.narrow_pattern, self.wide_pattern)
        return exchange.name == "grep" and exchange.arguments.get("pattern") in patterns


def succeeded(edit: Exchange) -> bool:
    """Whether an edit was carried out."""
    return not edit.is_error and is_done(edit.result)


def listed(items: list[str], most: int = 10) -> str:
    """At most ``most`` items in one phrase."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
