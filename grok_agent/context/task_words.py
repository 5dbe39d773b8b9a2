"""What a task says, taken apart: words, identifiers, quoted text, files and modules it names."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from grok_agent.context.words import is_compound, telling, words

MAX_CHARS = 20_000
MAX_TERMS = 120
MAX_TIMES = 3

_PATH = re.compile(
    r"(?:[A-Za-z]:)?(?:[\w.@+~-]*[\\/])*[\w@+-][\w.@+-]*\.[A-Za-z][A-Za-z0-9]{0,5}(?![\w/\\])"
    r"|(?<![\w.])[\w.@+-]+(?:/[\w.@+-]+)+"
)
_MODULE = re.compile(r"(?<![\w./\\-])[A-Za-z_]\w*(?:(?:\.|::)[A-Za-z_]\w*)+(?![\w/])")
_QUOTED = re.compile(r"`([^`\n]{4,200})`|\"([^\"\n]{4,200})\"|'([^'\n]{4,200})'(?!\w)")
_SCOPE = re.compile(
    r"^\s*(?:[a-z]+\(([^)\n]{1,40})\)!?:|\[([^\]\n]{1,40})\]|([\w./ ,-]{1,40}?):)\s"
)


@dataclass(frozen=True, slots=True)
class Task:
    """A task taken apart.

    ``terms`` weigh the words of all of it, ``subject`` those of its first line; ``scope`` are the
    words in front of the first colon. ``identifiers`` are compound names as terms. ``quotes`` are
    texts in quotation marks or backticks, ``paths`` and ``modules`` what looks like a file or a
    dotted module, in the order of the task.
    """

    terms: dict[str, float]
    subject: dict[str, float]
    scope: tuple[str, ...]
    identifiers: tuple[str, ...]
    quotes: tuple[str, ...]
    paths: tuple[str, ...]
    modules: tuple[str, ...]


def read_task(query: str, terms: Iterable[str] = ()) -> Task:
    """Take ``query`` apart; ``terms`` are further words to look for."""
    text = query[:MAX_CHARS].strip()
    first = text.partition("\n")[0]
    added = [word for term in terms for word in words(term)]
    found = words(text)
    return Task(
        terms=_weighed(telling(found + added)),
        subject=_weighed(telling(words(first))),
        scope=_scope(first),
        identifiers=tuple(
            dict.fromkeys(f"={word.lower()}" for word in found + added if is_compound(word))
        ),
        quotes=tuple(
            dict.fromkeys(next(filter(None, quote)).strip() for quote in _QUOTED.findall(text))
        ),
        paths=tuple(dict.fromkeys(_PATH.findall(text))),
        modules=tuple(dict.fromkeys(_MODULE.findall(text))),
    )


def _weighed(terms: list[str]) -> dict[str, float]:
    counted = Counter(terms)
    return {term: sqrt(min(times, MAX_TIMES)) for term, times in counted.most_common(MAX_TERMS)}


def _scope(first_line: str) -> tuple[str, ...]:
    found = _SCOPE.match(first_line)
    if not found:
        return ()
    return tuple(telling(words(next(filter(None, found.groups()), ""))))
