"""Reasoning that a relay has put into the text, between ``<think>`` tags at its beginning."""

BEGIN, END = "<think>", "</think>"


class Thinking:
    """Takes the reasoning out of a text that comes in pieces, however they are cut.

    What may still become a tag is held back. Tags further on are text, and belong to the answer.
    """

    def __init__(self) -> None:
        self._held = ""
        self._is_inside = self._is_over = False

    def split(self, piece: str) -> tuple[str, str]:
        """The reasoning and the text that ``piece`` completes."""
        if self._is_over:
            return "", piece
        self._held += piece
        if not self._is_inside:
            begun = self._held.lstrip()
            if BEGIN.startswith(begun):
                return "", ""
            if not begun.startswith(BEGIN):
                return "", self.rest()
            self._is_inside, self._held = True, begun.removeprefix(BEGIN)
        reasoning, end, text = self._held.partition(END)
        if end:
            self._is_over = True
            return reasoning, text.lstrip()
        kept = _beginning_of_end(reasoning)
        self._held = reasoning[len(reasoning) - kept :]
        return reasoning[: len(reasoning) - kept], ""

    def rest(self) -> str:
        """The text that was held back and has become no tag, at the end of the answer."""
        self._is_over = True
        held, self._held = self._held, ""
        return "" if self._is_inside else held


def parted(text: str) -> tuple[str, str]:
    """The reasoning and the text of a whole answer."""
    thinking = Thinking()
    reasoning, rest = thinking.split(text)
    return reasoning, rest + thinking.rest()


def _beginning_of_end(text: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of the closing tag."""
    lengths = range(min(len(text), len(END) - 1), 0, -1)
    return next((length for length in lengths if text.endswith(END[:length])), 0)
