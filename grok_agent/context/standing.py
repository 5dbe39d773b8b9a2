"""On which side of a repository a file stands, and which sides a task asks for."""

import re
from typing import Literal

from grok_agent.context.file_kinds import Kind
from grok_agent.context.words import words

Side = Literal["core", "markup", "test", "docs", "aside", "plain", "foreign"]
"""Program code; styles, templates and shell; tests; documentation; examples and scripts; settings
and data; what nobody here wrote by hand."""

STANDING: dict[Side, float] = {
    "core": 1.0,
    "markup": 0.5,
    "test": 0.3,
    "docs": 0.3,
    "aside": 0.3,
    "plain": 0.3,
    "foreign": 0.3,
}
"""What the words of a file count, beside those of the core: tests and manuals repeat them."""

_DOCS_FOLDER = re.compile(r"(^|/)(docs?|documentation|website|man)/")
_ASIDE = re.compile(
    r"(^|/)(bench(mark|e)?s?|examples?|samples?|demos?|playground|fixtures?|locales?|scripts?"
    r"|\.github|e2e)/|^dist/"
)
_MARKUP = re.compile(
    r"\.(css|scss|sass|less|styl|html?|xhtml|jinja2?|j2|tmpl|tpl|mustache|hbs|ejs|pug|haml|slim"
    r"|liquid|sql|sh|bash|zsh|fish|ps1|bat|cmd|nix|cmake|mk|tf|hcl|sty|cls|tex|ltx|def|bst)$",
    re.IGNORECASE,
)
_FOREIGN: frozenset[Kind] = frozenset(
    ("generated", "minified", "vendored", "lock", "binary", "secret")
)
_ASKED_BY: dict[Side, str] = {
    "test": "test tests testing testcase unittest unittests pytest spec specs e2e coverage",
    "docs": "doc docs documentation readme changelog tutorial guide manual",
    "aside": "example examples benchmark benchmarks demo demos script scripts playground fixture"
    " fixtures locale locales translation translations",
    "plain": "ci workflow workflows dependabot dependency dependencies pyproject makefile"
    " dockerfile gitignore editorconfig yaml toml eslint prettier",
    "markup": "css stylesheet html template templates sql shell",
}
_SIDE_OF_WORD = {word: side for side, named in _ASKED_BY.items() for word in named.split()}


def side_of(path: str, kind: Kind) -> Side:
    """The side of the file at ``path``."""
    if kind == "test":
        return "test"
    if kind == "docs" or _DOCS_FOLDER.search(path):
        return "docs"
    if kind in ("config", "data"):
        return "plain"
    if kind in _FOREIGN:
        return "foreign"
    if _ASIDE.search(path):
        return "aside"
    return "markup" if _MARKUP.search(path) else "core"


def asked_sides(query: str) -> frozenset[Side]:
    """Sides whose files the first line of a task speaks of, as in "add tests for ..."."""
    first = query.lstrip().partition("\n")[0]
    return frozenset(
        _SIDE_OF_WORD[word.lower()] for word in words(first) if word.lower() in _SIDE_OF_WORD
    )
