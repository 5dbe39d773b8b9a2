"""What a task says, taken apart: words, identifiers, quoted text, files and modules it names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest
from math import sqrt
from operator import itemgetter

from grok_agent.context.common_words import VAGUE
from grok_agent.context.words import is_compound, telling_parts, words

MAX_CHARS = 20_000
MAX_TERMS = 120
MAX_TIMES = 3
VAGUE_SHARE = 0.12
MAX_QUOTES = 12
MAX_NAMES = 40

# Possessive and bounded repeats: a task may be 20,000 letters without a space.
_LINK = re.compile(r"\b(?:https?|ftp|ssh|git)://\S++|[\w.+-]{1,64}+@[\w-]{1,64}\.[\w.]{1,64}")
_PATH = re.compile(
    r"([A-Za-z0-9_.@+~\\/-]++)(?:[\"']?(?:,[ ]line[ ]|:|\()(\d{1,7})(?!\w))?", re.ASCII
)
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,7}$")
_MODULE = re.compile(r"(?<![\w./\\:-])[A-Za-z_]\w{0,99}+(?:(?:\.|::)[A-Za-z_]\w{0,99}+)++(?![\w/])")
_FRAME = re.compile(
    r"^[ \t]*+File \"[^\n]*+$|^[ \t]*+at [^\n]*?[:(]\d+\)?$|^[ \t]++\S++\.go:\d[^\n]*+$",
    re.MULTILINE,
)
_INNERMOST_LAST = "most recent call last"
_QUOTED = re.compile(r"`([^`\n]{4,200}+)`|\"([^\"\n]{4,200}+)\"|(?<!\w)'([^'\n]{4,200}+)'(?!\w)")
_ERROR = re.compile(
    r"^[ \t]*+[\w.]{0,80}(?:Error|Exception|Warning|panic)\w{0,20}+:[ ]([^\n]++)$", re.MULTILINE
)
_VARIABLE = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"|\b\d[\w.]*|[:;(){}\[\]]")
_SCOPE = re.compile(
    r"^\s*(?:[a-z]+\(([^)\n]{1,40})\)!?:|\[([^\]\n]{1,40})\]|([\w./ ,-]{1,40}?):)\s"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A path as the task writes it, in whatever form; ``line`` is 0 where none is given."""

    path: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """A task taken apart.

    ``terms`` weigh the words of all of it, ``subject`` those of its first line; ``scope`` are the
    words in front of the first colon. ``identifiers`` are compound names, as terms. ``quotes`` are
    texts that may stand in a file as they are: between quotation marks or backticks, or the fixed
    parts of an error message. ``named`` is what looks like a file, ``modules`` what looks like a
    dotted module, in the order of the task; of a stack trace the innermost frame comes first.
    ``spelling`` is how the task writes a term.
    """

    terms: dict[str, float]
    subject: dict[str, float]
    scope: tuple[str, ...]
    identifiers: tuple[str, ...]
    quotes: tuple[str, ...]
    named: tuple[Named, ...]
    modules: tuple[str, ...]
    spelling: dict[str, str]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths in ``named``."""
        return tuple(named.path for named in self.named)


def read_task(query: str, terms: Iterable[str] = ()) -> Task:
    """Take ``query`` apart; ``terms`` are further words to look for."""
    text = _LINK.sub(" ", query[:MAX_CHARS]).strip()
    plain = _PATH.sub(_base_name, _FRAME.sub(_function, text))
    first = plain.partition("\n")[0]
    found = words(plain) + [word for term in terms for word in words(term)]
    compounds = (f"={word.lower()}" for word in found if is_compound(word))
    return Task(
        terms=_weighed(found),
        subject=_weighed(words(first)),
        scope=_scope(first),
        identifiers=tuple(dict.fromkeys(compounds)),
        quotes=_quotes(text, terms),
        named=_named(text),
        modules=tuple(dict.fromkeys(_MODULE.findall(text)))[:MAX_NAMES],
        spelling=_spelling(found),
    )


def _weighed(found: Iterable[str]) -> dict[str, float]:
    """Terms by weight: they weigh more when repeated, and little when vague."""
    counted: dict[str, float] = {}
    for word in found:
        for term, part in telling_parts(word):
            counted[term] = counted.get(term, 0) + (VAGUE_SHARE if part in VAGUE else 1)
    most = nlargest(MAX_TERMS, counted.items(), key=itemgetter(1))
    return {term: sqrt(min(times, MAX_TIMES)) for term, times in most}


def _spelling(found: Iterable[str]) -> dict[str, str]:
    spelling: dict[str, str] = {}
    for word in found:
        for term, part in telling_parts(word):
            spelling.setdefault(term, word if term[0] == "=" else part)
    return spelling


def _scope(first_line: str) -> tuple[str, ...]:
    found = _SCOPE.match(first_line)
    if not found:
        return ()
    named = words(next(filter(None, found.groups()), ""))
    return tuple(term for word in named for term, _ in telling_parts(word))


def _named(text: str) -> tuple[Named, ...]:
    found = [
        Named(path.rstrip("."), int(line or 0))
        for path, line in _PATH.findall(text)
        if _is_path(path.rstrip("."))
    ]
    if _INNERMOST_LAST in text:
        frames = [named for named in found if named.line][::-1]
        found = frames + [named for named in found if not named.line]
    return tuple(dict.fromkeys(found))[:MAX_NAMES]


def _is_path(token: str) -> bool:
    return len(token) > 2 and ("/" in token or "\\" in token or _SUFFIX.search(token) is not None)


def _quotes(text: str, terms: Iterable[str]) -> tuple[str, ...]:
    quoted = [next(filter(None, quote)) for quote in _QUOTED.findall(text)]
    errors = [part for line in _ERROR.findall(text) for part in _VARIABLE.split(line)]
    fixed = [part.strip(" .,") for part in errors if len(part.split()) > 2]
    given = [*fixed, *(quote.strip() for quote in quoted), *(term.strip() for term in terms)]
    kept = (quote for quote in given if len(quote) > 3 and not _is_path(quote))
    return tuple(dict.fromkeys(kept))[:MAX_QUOTES]


def _base_name(path: re.Match[str]) -> str:
    """A path with folders says where something is, not what it is about: its base name is kept."""
    parts = re.split(r"[\\/]", path[1])
    if len(parts) > 1 and _SUFFIX.search(parts[-1]):
        return parts[-1].rpartition(".")[0]
    return parts[-1] if len(parts) > 2 else path[0]


def _function(frame: re.Match[str]) -> str:
    """The function of a frame: the last word of Python's form, the first of the others."""
    line = frame[0].strip()
    if line.startswith("File "):
        return line.rpartition(", in ")[2] if ", in " in line else " "
    return line.split()[1] if line.startswith("at ") and len(line.split()) > 2 else " "
