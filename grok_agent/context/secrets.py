"""Takes secrets out of what leaves for the gateway, and puts them back into what is written here.

A secret is replaced by a placeholder, ``hidden_secret_<kind>_<12 hex digits>``, the same each time:
the digits are an HMAC of the secret under a random key that stays on this machine, so nothing can
be worked out from them. A placeholder never holds a line end, so lines and their numbers stay.
"""

import hmac
import os
import re
import secrets as random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from grok_agent.context.file_kinds import is_secret_name
from grok_agent.context.secret_patterns import PLACEHOLDER, find, is_stand_in, looks_random
from grok_agent.errors import ToolError
from grok_agent.folders import cache_folder
from grok_agent.journal import MIN_SECRET_CHARS

MIN_KNOWN = 8
"""Characters: a shorter text is hidden where it was found, and stands elsewhere by chance."""

MAX_LOOKS = 8
MAX_REMEMBERED = 2_048
MAX_FILE_BYTES = 256_000
MAX_FILES, MAX_ENTRIES, MAX_DEPTH = 100, 20_000, 3
PASSED_OVER = frozenset({".git", "node_modules", ".venv", "venv", "site-packages", "__pycache__"})

_ASSIGNED = re.compile(
    r"^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][\w.-]*)[ \t]*[=:][ \t]*"
    r"(?P<q>[\"']?)(?P<value>[^\r\n]*?)(?P=q)[ \t]*(?:#[^\r\n]*)?\r?$",
    re.MULTILINE,
)
_PLAIN_NAME = re.compile(
    r"(?:host|port|env|environment|debug|level|user|username|region|mode|version|tz|lang|enabled"
    r"|timeout|path|dir|name|email|domain|origin|origins|bucket|scheme|driver|workers|locale)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Hidden:
    """A secret that was taken out: its line (from 1) in ``path``, and its kind; never its value."""

    path: str
    line: int
    kind: str


class Secrets:
    """The secrets that are known in one workspace. Thread-safe.

    ``root`` is a folder whose secret-looking files are learned when the first text is hidden.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._values: dict[str, str] = {}  # placeholder -> secret
        self._known: dict[str, str] = {}  # text -> what stands for it
        self._hidden: dict[str, str] = {}  # text as it came -> as it left
        self._literal: set[str] = set()
        self._lock = Lock()

    def know(self, values: Iterable[str], kind: str = "gateway_key") -> None:
        """Hide ``values`` wherever they stand from now on."""
        for value in values:
            if len(value) >= MIN_SECRET_CHARS and not PLACEHOLDER.fullmatch(value):
                self._known[value] = self._placeholder(value, kind)

    def learn(self, text: str, path: str = "") -> None:
        """Know the secrets of a whole file, so that parts of it are recognised."""
        for found in find(text):
            value = text[found.start : found.end]
            placeholder = self._placeholder(value, found.kind)
            if len(value) >= MIN_KNOWN:
                self._known[value] = placeholder
        if is_secret_name(path):
            self._learn_assignments(text)

    def hide(self, text: str) -> str:
        """``text`` without its secrets; the same text gives the same answer each time."""
        with self._lock:
            if (before := self._hidden.pop(text, None)) is not None:
                self._hidden[text] = before  # what is sent again and again is kept longest
                return before
        self._learn_files()
        hidden = self._without(text)
        with self._lock:
            while len(self._hidden) >= MAX_REMEMBERED:
                del self._hidden[next(iter(self._hidden))]
            return self._hidden.setdefault(text, hidden)

    def hide_in(self, value: Any) -> Any:
        """``value`` with each text in it hidden, at any depth, in keys as well; ``value`` itself
        where there is nothing to hide."""
        return mapped(value, self.hide)

    def hide_own(self, text: str) -> str:
        """As :meth:`hide`, for a text of this machine: what looks like a placeholder in it and is
        none is remembered as such, so that it can be written again."""
        self._literal |= {each for each in PLACEHOLDER.findall(text) if each not in self._values}
        return self.hide(text)

    def restore(self, value: Any) -> Any:
        """``value`` with each placeholder in it turned into its secret again, at any depth.

        Raises ToolError for a placeholder that nothing stands behind.
        """
        return mapped(value, lambda text: PLACEHOLDER.sub(self._restored, text))

    def hide_file(
        self, text: str, path: str, *, is_clean: bool = False
    ) -> tuple[str, list[Hidden]]:
        """The whole text of the file ``path`` without its secrets, and what was taken out.

        ``is_clean``: it is known that the text holds none but those that are known.
        """
        self._learn_files()
        if is_secret_name(path):
            self._learn_assignments(text)
        if is_clean and self._without_known(text) == text:
            return text, []
        hidden = self._without(text)
        if hidden == text:
            return text, []
        pairs = zip(text.split("\n"), hidden.split("\n"), strict=True)
        return hidden, [
            Hidden(path, number, name[len("hidden_secret_") : -13])
            for number, (before, after) in enumerate(pairs, start=1)
            if before != after
            for name in PLACEHOLDER.findall(after)
        ]

    # Inside

    def _placeholder(self, value: str, kind: str) -> str:
        digest = hmac.new(_key(), value.encode("utf-8", "surrogatepass"), sha256).hexdigest()[:12]
        placeholder = f"hidden_secret_{kind}_{digest}"
        self._values[placeholder] = value
        return placeholder

    def _restored(self, match: re.Match[str]) -> str:
        placeholder = match[0]
        if placeholder in self._values:
            return self._values[placeholder]
        if placeholder in self._literal:
            return placeholder
        raise ToolError(
            f"There is no secret {placeholder}.",
            next_step="Read the file again and keep its placeholders word for word; make up none.",
        )

    def _without(self, text: str) -> str:
        """Looked at again after a change: what stood beside a secret may be one itself."""
        for _ in range(MAX_LOOKS):
            before, text = text, self._without_known(self._without_found(text))
            if text == before:
                break
        return text

    def _without_found(self, text: str) -> str:
        pieces, at = [], 0
        for found in find(text):
            value = text[found.start : found.end]
            pieces += [text[at : found.start], self._placeholder(value, found.kind)]
            if found.kind == "private_key" and len(value) >= MIN_KNOWN:
                self._known[value] = pieces[-1]
            at = found.end
        return "".join((*pieces, text[at:]))

    def _without_known(self, text: str) -> str:
        for value in sorted(self._known, key=len, reverse=True):
            if value in text:
                text = text.replace(value, self._known[value])
        return text

    def _learn_assignments(self, text: str) -> None:
        """Each value of an ``.env``; a weak one is only hidden together with its name."""
        for match in _ASSIGNED.finditer(text):
            value, name = match["value"], match["name"]
            if len(value) < 4 or _PLAIN_NAME.search(name) or is_plain(value):
                continue
            placeholder = self._placeholder(value, "setting")
            if len(value) >= MIN_KNOWN and looks_random(value):
                self._known.setdefault(value, placeholder)
            else:
                whole = match[0].strip()
                at = whole.index(value, len(name))
                self._known[whole] = whole[:at] + placeholder + whole[at + len(value) :]

    def _learn_files(self) -> None:
        root, self._root = self._root, None
        if root is None:
            return
        for path in secret_files(root):
            try:
                with path.open("rb") as file:
                    text = file.read(MAX_FILE_BYTES).decode("utf-8", "replace")
            except OSError:
                continue
            self.learn(text, path.relative_to(root).as_posix())


def is_plain(value: str) -> bool:
    """True for settings that tell nobody anything: switches, numbers, stand-ins, bare addresses."""
    return (
        is_stand_in(value)
        or value.lower() in ("true", "false", "none", "null", "yes", "no", "production", "local")
        or bool(re.fullmatch(r"[\d.,:-]+|[a-z+]+://[^@\s]*", value))
        or bool(PLACEHOLDER.search(value))
    )


def secret_files(root: Path) -> Iterator[Path]:
    """Files named like secrets in the upper folders of ``root``, whatever git ignores."""
    seen = found = 0
    top = str(root).rstrip(os.sep) + os.sep
    for folder, names, files in os.walk(root):
        below = f"{folder}{os.sep}"[len(top) :].replace(os.sep, "/")
        names[:] = sorted(set(names) - PASSED_OVER) if below.count("/") < MAX_DEPTH else []
        seen += len(files)
        for path in sorted(below + name for name in files if is_secret_name(below + name)):
            if (root / path).is_file():  # a pipe would never end
                found += 1
                yield root / path
        if seen > MAX_ENTRIES or found > MAX_FILES:
            return


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """``value`` with ``change`` done to each text in it, at any depth, in keys as well."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {mapped(k, change): mapped(v, change) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [mapped(item, change) for item in value]
    return value


@cache
def _key() -> bytes:
    """Random, and kept in the user's cache folder, so that a run that is taken up again by another
    process finds the same placeholders; of this process alone where nothing can be kept."""
    file = cache_folder() / "placeholders.key"
    fresh = random.token_bytes(32)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept = file.read_bytes()
        return kept if len(kept) == len(fresh) else fresh
    except OSError:
        return fresh
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(fresh)
    return fresh
