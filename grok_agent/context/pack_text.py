"""How files stand in a packed context: tags around them, and text that cannot break out of these.

A token never reaches over the beginning of a line that starts with ``<``: o200k_base cuts a text
there whatever stands before and after. So the tokens of blocks that begin with a tag and end with a
line end add up exactly, and so do those of a block's head and body, whose border is ``digit"``.
"""

import html
import re
from collections.abc import Iterable, Sequence

_FRAME = re.compile(
    r"<(?=\s{0,9}(?:/\s{0,9}(?:file|project_rules|repository_map|repository|user_query)\b"
    r"|more\s{1,9}lines|user_query\b))",
    re.IGNORECASE,
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOTE = ' note="here &amp;lt; stands for &lt;"'

FILE_END = "</file>\n"


def plain_name(path: str) -> str:
    """``path`` on one line; control characters and bytes that are no UTF-8 stand escaped."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def quoted(path: str) -> str:
    """``path`` as the value of an attribute."""
    return f'"{html.escape(plain_name(path))}"'


def guarded(text: str) -> str:
    """``text`` with the tags escaped that would end its frame, and with a line end at its end."""
    text = _FRAME.sub("&lt;", text)
    return text if text.endswith("\n") else f"{text}\n"


def file_block(path: str, bodies: Sequence[tuple[int, int, str]]) -> str:
    """A file with one body or more, each with its first and last line."""
    texts = [guarded(body) for _, _, body in bodies]
    changed = any(
        len(text) > len(body) + 1 for text, (_, _, body) in zip(texts, bodies, strict=True)
    )
    heads = [f"<file path={quoted(path)}{_NOTE if changed else ''}"]
    heads += ["<more"] * (len(bodies) - 1)
    parts = [
        f'{head} lines="{first}-{last}">\n{text}'
        for head, text, (first, last, _) in zip(heads, texts, bodies, strict=True)
    ]
    return "".join([*parts, FILE_END])


def section(name: str, blocks: Iterable[str]) -> str:
    """``blocks``, each with a line end at its end, between tags; "" for none."""
    body = "".join(blocks)
    return f"<{name}>\n{body}</{name}>\n" if body else ""


def body_tokens(body: str) -> int:
    """Tokens that ``body`` adds to a block, its head (:func:`head_tokens`) not counted."""
    from grok_agent.context.tokens import count

    return count(f'">\n{guarded(body)}')


def head_tokens(path: str) -> int:
    """Tokens of the tags around the first body of a file; further bodies have :data:`MORE`."""
    from grok_agent.context.tokens import count

    return count(f'<file path={quoted(path)} lines="100-200') + count(FILE_END)


MORE = 8
"""Tokens of the tag before a further body of a file, about."""
