"""What the path of a file says about a task: its words, its base name, its folders, its kind."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from grok_agent.context.content_signals import Scores, rarity
from grok_agent.context.file_kinds import Kind
from grok_agent.context.words import parts, words

PREFIX_LETTERS = 4

_ASIDE = re.compile(
    r"(^|/)(bench(mark|e)?s?|examples?|samples?|demos?|docs?|website|playground|fixtures?|locales?"
    r"|scripts?|\.github|e2e)/|^dist/"
)
_DOCS_FOLDER = re.compile(r"(^|/)(docs?|documentation|website|man)/")
_EMPTY_NAMES = frozenset(("init", "index", "mod", "main", "lib"))
_MARKUP = re.compile(
    r"\.(css|scss|sass|less|styl|html?|xhtml|jinja2?|j2|tmpl|tpl|mustache|hbs|ejs|pug|haml|slim"
    r"|liquid|sql|sh|bash|zsh|fish|ps1|bat|cmd|nix|cmake|mk|tf|hcl|sty|cls|tex"
    r"|ltx|def|bst)$",
    re.IGNORECASE,
)
_OFF_SIDE: frozenset[Kind] = frozenset(
    ("generated", "minified", "vendored", "lock", "binary", "secret")
)
_KINDS = ("test", "docs", "aside", "plain", "markup", "foreign")


@dataclass(frozen=True, slots=True)
class PathWords:
    """A path taken apart: terms with their numbers (the base name's twice), base name, folders."""

    terms: Mapping[str, int]
    base: frozenset[str]
    folders: frozenset[str]


def path_words(path: str, known: dict[str, tuple[str, ...]]) -> PathWords:
    """Take ``path`` apart. A file like ``__init__.py`` is called after its folder."""
    folder, _, name = path.rpartition("/")
    name = name.partition(".")[0] or name
    above = _terms(folder, known)
    base = _terms(name, known)
    counted = Counter(above)
    counted.update(base)
    counted.update(base)
    if not base or name.strip("_") in _EMPTY_NAMES:
        base = _terms(folder.rpartition("/")[2], known) or base
    return PathWords(counted, frozenset(t for t in base if t[0] != "="), frozenset(above))


def path_signals(
    weights: Mapping[str, float], scope: Iterable[str], taken_apart: Sequence[PathWords]
) -> dict[str, Scores]:
    """Scores by signal for the files whose paths are ``taken_apart``."""
    having = Counter(t for path in taken_apart for t in path.terms if t in weights)
    worth = {t: rarity(len(taken_apart), having[t]) * weights[t] for t in having}
    starts = {t[:PREFIX_LETTERS] for t in weights if len(t) >= PREFIX_LETTERS and t[0] != "="}
    scopes = frozenset(scope)
    found: dict[str, Scores] = defaultdict(dict)
    for place, path in enumerate(taken_apart):
        hit = [t for t in path.terms if t in worth]
        if hit:
            found["path"][place] = sum(worth[t] * min(path.terms[t], 2) ** 0.5 for t in hit)
            if inside := [worth[t] for t in hit if t in path.folders]:
                found["folder"][place] = sum(inside)
        if path.base:
            if covered := sum(t in weights for t in path.base):
                found["base"][place] = covered / len(path.base)
            elif any(t[:PREFIX_LETTERS] in starts for t in path.base if len(t) >= PREFIX_LETTERS):
                found["prefix"][place] = 1.0
        if scopes and (named := len(scopes & path.terms.keys())):
            found["scope"][place] = named / len(scopes)
    return found


def is_aside(path: str) -> bool:
    """Whether ``path`` lies in a folder beside the core: examples, benchmarks, documentation."""
    return bool(_ASIDE.search(path) or _DOCS_FOLDER.search(path))


def kind_signals(paths: Sequence[str], kinds: Sequence[Kind]) -> dict[str, Scores]:
    """1 for each file that is a test, documentation, beside the core, no code, or not written."""
    found: dict[str, Scores] = {name: {} for name in _KINDS}
    for place, (path, kind) in enumerate(zip(paths, kinds, strict=True)):
        if kind == "test":
            found["test"][place] = 1.0
        elif kind == "docs" or _DOCS_FOLDER.search(path):
            found["docs"][place] = 1.0
        elif kind in ("config", "data"):
            found["plain"][place] = 1.0
        elif kind in _OFF_SIDE:
            found["foreign"][place] = 1.0
        elif _ASIDE.search(path):
            found["aside"][place] = 1.0
        elif _MARKUP.search(path):
            found["markup"][place] = 1.0
    return found


def _terms(text: str, known: dict[str, tuple[str, ...]]) -> list[str]:
    found: list[str] = []
    for word in words(text):
        if word not in known:
            known[word] = parts(word)
        found += known[word]
    return found
