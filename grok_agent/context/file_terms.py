"""Terms of file contents, as documents of the index: all words, and the names defined."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from grok_agent.context.file_kinds import Kind
from grok_agent.context.files import DatedFile, UnreadableFileError, read_text
from grok_agent.context.term_index import Document
from grok_agent.context.words import count_parts, count_terms

MAX_CHARS = 1_000_000
UNREAD: frozenset[Kind] = frozenset(("binary", "lock", "minified", "secret"))
"""Kinds whose content is not searched; their paths are."""

# Repeats are bounded: a file may be one line of a million characters.
_DEFINED = re.compile(
    r"^[ \t]{0,80}(?:(?:export|default|declare|pub(?:\([^)\n]{0,40}\))?|public|private|protected"
    r"|internal|async|unsafe|static|abstract|final|override|extern|const|inline|data|sealed|open)"
    r"[ \t]{1,9}){0,6}"
    r"(?:def|class|func|fun|fn|function\*?|struct|enum|trait|interface|type|impl|mod|module|union"
    r"|namespace|object|protocol|macro_rules!|const|let|var|val)(?:<[^>\n]{0,200}>)?[ \t]{1,9}"
    r"(?:\([^)\n]{0,200}\)[ \t]{0,9}|<[^>\n]{0,200}>[ \t]{0,9})?([A-Za-z_$][\w$]{0,99})"
    r"|^(?:[A-Za-z_][\w \t*]{0,120}?[ \t*])?([A-Za-z_]\w{0,99})[ \t]{0,9}\([^;\n]{0,300}$"
    r"|^#[ \t]{0,9}define[ \t]{1,9}(\w{1,99})|^([A-Z][A-Z0-9_]{2,99})[ \t]{0,9}[:=]",
    re.MULTILINE,
)


def file_documents(root: Path, files: Iterable[DatedFile]) -> Iterator[Document]:
    """The document of each of ``files`` by its digest; a file that cannot be read has no terms."""
    known: dict[str, tuple[str, ...]] = {}
    for file in files:
        text = ""
        if file.kind not in UNREAD:
            try:
                text = read_text(root, file)[:MAX_CHARS]
            except UnreadableFileError:
                continue
        terms = count_terms(text, known)
        yield Document(file.digest, terms, count_parts(_defined(text), known))


def _defined(text: str) -> Mapping[str, int]:
    names: dict[str, int] = {}
    for found in _DEFINED.findall(text):
        name = next(filter(None, found))
        names[name] = names.get(name, 0) + 1
    return names
