"""The cap on what any tool, own or foreign, may put into a request: the whole goes to disk."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from langchain_core.messages import ToolMessage

from grok_agent.context.tokens import count
from grok_agent.tools.workspace import Workspace

MAX_RESULT_TOKENS = 30_000
"""Of one result. The tools of this package have smaller caps of their own; theirs are in bytes."""

MAX_LINE_CHARS = 2_000
"""Longer lines are broken in what goes to disk, so that it can be read in pages."""

_NOTICE_TOKENS = 200
_CHARS_KEPT = 4  # for each token, at the most
_TOO_MANY_CHARS = 8  # for each token: what is longer is cut without being counted


def shortened(message: ToolMessage, workspace: Workspace | None) -> ToolMessage:
    """``message`` with at most ``MAX_RESULT_TOKENS`` of text; pictures in it stay.

    What is cut lies as a whole in the scratch folder of ``workspace``, where tools can read it.
    """
    content = message.content
    if isinstance(content, str):
        cut: Any = capped(content, workspace)
    else:
        texts = sum(_text_of(block) is not None for block in content)
        most = MAX_RESULT_TOKENS // max(texts, 1)
        cut = [_with_less(block, workspace, most) for block in content]
    return message if cut == content else message.model_copy(update={"content": cut})


def capped(text: str, workspace: Workspace | None, max_tokens: int = MAX_RESULT_TOKENS) -> str:
    """``text``, or its head and its tail around a note that says where the whole lies.

    Without ``workspace``, or where nothing can be written, the note says that the rest is gone.
    """
    if len(text.encode("utf-8", "surrogatepass")) <= max_tokens:
        return text  # no token is shorter than a byte
    if len(text) <= _TOO_MANY_CHARS * max_tokens and count(text) <= max_tokens:
        return text
    half = max(max_tokens - _NOTICE_TOKENS, 2) // 2
    first = text[: _kept(text[: _CHARS_KEPT * half], half, from_end=False)]
    last = text[-_kept(text[-_CHARS_KEPT * half :], half, from_end=True) :]
    left_out = len(text) - len(first) - len(last)
    return f"{first}\n... [{left_out:,} characters left out; {_where(text, workspace)}] ...\n{last}"


def _where(text: str, workspace: Workspace | None) -> str:
    if workspace is None:
        return "the rest was not kept: ask for less"
    try:
        file = stored(text, workspace.scratch)
    except OSError as error:
        return f"the rest could not be kept ({error.strerror}): ask for less"
    return f"all of it is in {file}: read_file shows more of it with offset and limit"


def stored(text: str, folder: Path) -> Path:
    """Write ``text`` to a file of ``folder`` that its content names, in lines that can be paged.

    Raises OSError where that cannot be done.
    """
    lines = text.split("\n")
    broken = [
        line[start : start + MAX_LINE_CHARS]
        for line in lines
        for start in range(0, max(len(line), 1), MAX_LINE_CHARS)
    ]
    data = "\n".join(broken).encode("utf-8", "replace")
    file = folder / f"result-{sha256(data).hexdigest()[:16]}.txt"
    file.write_bytes(data)
    return file


def _kept(text: str, max_tokens: int, *, from_end: bool) -> int:
    """How many characters of one end of ``text`` have at most ``max_tokens``; 1 at the least."""
    kept = len(text)
    while kept > 1:
        tokens = count(text[-kept:] if from_end else text[:kept])
        if tokens <= max_tokens:
            break
        kept = max(min(int(kept * 0.98 * max_tokens / tokens), kept - 1), 1)
    return kept


def _text_of(block: Any) -> str | None:
    if isinstance(block, str):
        return block
    text = block.get("text") if isinstance(block, dict) else None
    return text if isinstance(text, str) else None


def _with_less(block: Any, workspace: Workspace | None, most: int) -> Any:
    text = _text_of(block)
    if text is None:
        return block
    cut = capped(text, workspace, most)
    return cut if isinstance(block, str) else {**block, "text": cut}
