"""Translates the words of a prompt that the lexicon knows; others stay as they are."""

import json
from typing import Any

from grok_agent.offline.request_reading import read_request
from grok_agent.offline.transcript import Transcript
from grok_agent.offline.wire import ToolCall, Turn

EMIT = "emit_translations"


class Translate:
    """Hands over each entry of a list in English and Chinese."""

    def matches(self, t: Transcript) -> bool:
        """Whether translations are asked for."""
        return t.job == "translate" and EMIT in t.tools

    def next_turn(self, t: Transcript) -> Turn:
        """All entries at once; what the lexicon does not know is handed over as it stands."""
        if t.results(EMIT):
            return Turn(content="The lexicon knows no more of these words. 词库中没有更多译文。")
        entries = [_entry(each) for each in json.loads(t.task)]
        return Turn(
            reasoning="Look each entry up in the lexicon.",
            tool_calls=(ToolCall(EMIT, {"entries": entries}),),
        )


def _entry(listed: dict[str, Any]) -> dict[str, Any]:
    text = str(listed["text"])
    phrases = read_request(text).positive
    english = ", ".join(phrase.en for phrase in phrases) or text
    chinese = "，".join(phrase.zh for phrase in phrases) or text
    return {"number": listed["number"], "en": english, "zh": chinese}
