"""Prompts that moderation has refused never leave again, and too many refusals stop the sending.

A refusal is final. Asking again costs a fee at some relays and the key at others, so the
fingerprint of a refused prompt is kept for the process and, where a file is given, beyond it.
"""

import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from grok_agent.errors import SettingsError
from grok_agent.gateway.faults import ContentRefusedError
from grok_agent.gateway.fields import mapping_of, mappings_of, text_of
from grok_agent.gateway.outgoing import advise

REFUSALS_TO_OPEN = 3
WINDOW_S = 600.0

_WHY_CHARS = 500


@dataclass(frozen=True)
class _Refusal:
    at: float  # seconds of the monotonic clock
    fingerprint: str
    why: str


class Moderation:
    """What one gateway's moderation has refused; safe under threads.

    ``file`` keeps the fingerprints, one line of JSON each, for other runs and for other processes
    of a batch at the same time. Prompts themselves are never written. ``refusals_to_open``
    different prompts refused within ``window_s`` seconds open a breaker: nothing is sent to this
    gateway until ``window_s`` seconds after the last refusal, or until ``forget``.

    Raises SettingsError for a file that cannot be written; the caller names another.
    """

    def __init__(
        self,
        file: Path | None = None,
        *,
        refusals_to_open: int = REFUSALS_TO_OPEN,
        window_s: float = WINDOW_S,
    ) -> None:
        self._lock = Lock()
        self._why: dict[str, str] = {}
        self._recent: deque[_Refusal] = deque(maxlen=refusals_to_open)
        self._window_s = window_s
        self._files: dict[Path, _File] = {}
        if file:
            self.keep_in(file)

    def keep_in(self, file: Path) -> None:
        """Heed the refusals in ``file`` from now on, and write new ones into it.

        Raises SettingsError for a file that cannot be written; the caller names another.
        """
        with self._lock:
            if file not in self._files:
                self._files[file] = _File(file)

    def check(self, payload: Mapping[str, Any]) -> None:
        """Raise ContentRefusedError where ``payload`` must not be sent; nothing leaves then.

        A prompt that begins with a refused one, as the next turn of its conversation does, holds
        all of what was refused and is refused with it.
        """
        with self._lock:
            for file in self._files.values():
                self._why |= file.new_lines()
            if self._why:  # a fingerprint of many pictures takes its time
                self._require_new(payload)
            self._check_breaker()

    def refused(self, payload: Mapping[str, Any], error: ContentRefusedError | None = None) -> None:
        """Remember that the gateway refused ``payload`` (as the caller gave it, before anything
        was made smaller), and in whose words."""
        *_, fingerprint = ("", *fingerprints(payload))
        why = (error.what if error else "no reason was kept")[:_WHY_CHARS]
        with self._lock:
            if not fingerprint or fingerprint in self._why:
                return
            self._why[fingerprint] = why
            self._recent.append(_Refusal(time.monotonic(), fingerprint, why))
            for file in self._files.values():
                file.append(fingerprint, why)

    def forget(self) -> None:
        """Forget what this process knows and close the breaker; files stay as they are."""
        with self._lock:
            self._why.clear()
            self._recent.clear()

    def _require_new(self, payload: Mapping[str, Any]) -> None:
        known = next((each for each in fingerprints(payload) if each in self._why), None)
        if known is not None:
            raise _refused_before(self._why[known])

    def _check_breaker(self) -> None:
        if len(self._recent) < (self._recent.maxlen or 0):
            return
        first, last = self._recent[0], self._recent[-1]
        left = last.at + self._window_s - time.monotonic()
        if last.at - first.at > self._window_s or left <= 0:
            return
        reasons = "; ".join(dict.fromkeys(each.why for each in self._recent))
        raise ContentRefusedError(
            f"Nothing is sent to this gateway for another {left:.0f} s: its moderation refused"
            f" {len(self._recent)} different prompts within {last.at - first.at:.0f} s"
            f" ({reasons}). More refusals can cost fees and the key.",
            next_step="Look at what the prompts have in common and change it before going on.",
        )


def moderation_of(base_url: str) -> Moderation:
    """The memory that all requests of this process to ``base_url`` share."""
    with _opening:
        return _by_gateway.setdefault(base_url.rstrip("/"), Moderation())


def fingerprints(payload: Mapping[str, Any]) -> Iterator[str]:
    """A fingerprint for each beginning of the conversation, shortest first; the last is the whole.

    It covers what moderation reads: roles, texts (however they are spaced), pictures and tool
    calls. It leaves out what it does not: ids, reasoning, sampling parameters. Beginnings that hold
    nothing but instructions (``system``) have none.
    """
    chain = hashlib.sha256()
    has_content = False
    for message in mappings_of(payload.get("messages")):
        chain.update(json.dumps(_moderated(message), ensure_ascii=True).encode())
        has_content = has_content or message.get("role") not in ("system", "developer")
        if has_content:
            yield chain.copy().hexdigest()


_by_gateway: dict[str, Moderation] = {}
_opening = Lock()


def _moderated(message: Mapping[str, Any]) -> Sequence[object]:
    calls = [mapping_of(call.get("function")) for call in mappings_of(message.get("tool_calls"))]
    return (
        text_of(message.get("role")),
        _parts(message.get("content")),
        [[_words(call.get("name")), _words(call.get("arguments"))] for call in calls],
    )


def _parts(content: object) -> list[object]:
    if not isinstance(content, list):
        return [_words(content)]
    return [_words(part["text"]) if "text" in part else part for part in mappings_of(content)]


def _words(text: object) -> str:
    return " ".join(text_of(text).split())


def _refused_before(why: str) -> ContentRefusedError:
    return ContentRefusedError(
        f"This prompt was refused before and is not sent again: {why}",
        next_step="Change the task or the picture.",
    )


class _File:
    """Lines of refusals that other processes may append to at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser()
        self._read = 0  # bytes, always up to the end of a line
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        except OSError as error:
            raise SettingsError(
                f"Refused prompts cannot be remembered in {path}: {error.strerror}.",
                next_step="Name another file, in a folder that you may write to.",
            ) from None

    def append(self, fingerprint: str, why: str) -> None:
        line = json.dumps({"fingerprint": fingerprint, "why": why, "at": int(time.time())})
        try:
            with self._path.open("ab") as file:
                file.write(line.encode() + b"\n")  # one write: lines of two processes do not mix
        except OSError as error:  # the process still knows, and the caller still gets the refusal
            advise(str(self._path), f"A refused prompt is not kept in {self._path}: {error}.")

    def new_lines(self) -> dict[str, str]:
        """What was appended since the last time; lines that are torn or foreign are passed over."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                received = file.read()
        except OSError:
            return {}  # the file was taken away: what is known stays known
        whole = received[: received.rfind(b"\n") + 1]
        self._read += len(whole)
        return dict(filter(None, map(_refusal_in, whole.split(b"\n"))))


def _refusal_in(line: bytes) -> tuple[str, str] | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    entry = mapping_of(content)
    fingerprint = text_of(entry.get("fingerprint"))
    return (fingerprint, text_of(entry.get("why"))) if fingerprint else None
