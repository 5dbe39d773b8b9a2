"""The append-only record of a run: one JSON object a line, written as things happen.

The same dictionaries go through the graph's custom stream and, with ``--jsonl``, to standard
output. Every event carries ``event``, ``at`` (UTC, ISO 8601) and ``run``. Times are in seconds,
money in US dollars, counts in tokens; steps count from 1. Further fields by ``event``:

========= ==========================================================================================
start     job, task, images (paths), workspace (folder or ""), budget (max_usd, max_steps,
          max_seconds, max_input_tokens, max_total_tokens); of a fork also forked_from (a run)
          and at_step
resume    budget: another process goes on with the run, whose steps count on
survey    text (what the model is told before the task), tokens (the whole first request)
model     step, text, reasoning, tool_calls (list of id, name, arguments), finish_reason, model (as
          served), usage (input_tokens, cached_tokens, output_tokens, reasoning_tokens; null when
          the gateway sent none), cost (usd, basis), total_usd (of the run; null when unknown),
          seconds
tool      step, id, tool, arguments, ok, denied (the leave that is missing, or ""), result (what
          the model reads), seconds
check     command, exit_code (null when it did not run to its end), output, seconds
plan      of a sweep: mode, width, lead_tokens, shards (files, tokens), left_out (path, reason),
          estimate (requests, input_tokens, cached_tokens, output_tokens, usd, usd_uncached,
          seconds)
shard     number and of (from 1), level 0, ok, reason, findings, dropped (without a line to quote),
          kept (answered by an earlier run), usd, seconds
join      as shard, of results that were joined; level counts from 1
history   step (requests made so far), tokens_before, tokens: old turns left the request, in which
          the record of their calls stands for them
steer     said: a list of what a person said to the run; the model reads it with the next request
notice    text: something the reader should know; the run goes on
end       outcome: :meth:`grok_agent.graphs.state.Outcome.to_dict`
========= ==========================================================================================

Events of a sub-agent carry its name in ``agent``, and count its own steps.

A run that dies of an exception has a last ``notice`` and no ``end``. Keys that the gateway accepts
never appear: they are replaced before an event leaves the graph.
"""

import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from grok_agent.blobs import Blobs
from grok_agent.large_texts import put_aside, put_back

FILE_NAME = "journal.jsonl"
BLOBS_FOLDER = "blobs"
"""Beside the journal: its large texts, each once."""

MIN_SECRET_CHARS = 12
"""Shorter values are placeholders such as ``offline``; hiding them would garble ordinary text."""


class Journal:
    """The journal in ``folder``, which is made when the first event is written.

    Threads and processes may append to one journal at the same time: a line is one write.
    """

    def __init__(self, folder: Path | str) -> None:
        self.path = Path(folder) / FILE_NAME

    def append(self, event: Mapping[str, Any]) -> None:
        """Write one event as one line, and hand it to the operating system before returning.

        A large text goes to a file beside the journal, where the checkpoints of the run look for
        it as well. Raises :class:`OSError` when the disk is full or the folder cannot be written;
        whoever named the folder can mend it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        light = put_aside(dict(event), Blobs(self.path.parent / BLOBS_FOLDER))
        line = json.dumps(light, ensure_ascii=False, default=str)
        data = line.encode("utf-8", errors="replace") + b"\n"
        with self.path.open("ab+", buffering=0) as file:
            file.write(b"\n" + data if _is_torn(file.fileno()) else data)


def read_journal(path: Path | str, *, whole: bool = True) -> list[dict[str, Any]]:
    """The events of a journal file or of the folder that holds it, oldest first.

    Lines that a crash has torn are left out. Where not ``whole``, and where a large text is lost,
    its place holds a reference. Raises :class:`OSError` when there is no such file.
    """
    file = Path(path)
    file = file / FILE_NAME if file.is_dir() else file
    blobs = Blobs(file.parent / BLOBS_FOLDER)
    events = map(_parse, file.read_bytes().split(b"\n"))
    return [_whole(event, blobs) if whole else event for event in events if event is not None]


def new_run_id() -> str:
    """A name for a run that sorts by time: ``20261122-183012-ab12cd`` (UTC)."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def run_folder(journal_dir: Path | str, run_id: str) -> Path:
    """The folder of a run; an id that is no plain file name gets a plain one of its own."""
    plain = re.sub(r"[^\w.-]", "_", run_id, flags=re.ASCII).lstrip(".")[:100]
    if plain != run_id:
        plain += "-" + sha256(run_id.encode("utf-8", "replace")).hexdigest()[:8]
    return Path(journal_dir) / plain


def stamp(event: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    """The event with the time and the run it belongs to."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"event": event["event"], "at": now, "run": run_id, **event}


def without_secrets(value: Any, hidden: Sequence[str]) -> Any:
    """``value`` with each text of ``hidden`` replaced, at any depth, in keys as well."""
    if isinstance(value, str):
        for secret in hidden:
            value = value.replace(secret, "[key]") if len(secret) >= MIN_SECRET_CHARS else value
        return value
    if isinstance(value, Mapping):
        return {without_secrets(k, hidden): without_secrets(v, hidden) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(item, hidden) for item in value]
    return value


def _whole(event: dict[str, Any], blobs: Blobs) -> dict[str, Any]:
    try:
        return dict(put_back(event, blobs))
    except KeyError:
        return event


def _is_torn(descriptor: int) -> bool:
    """Whether the file ends inside a line, as a killed process leaves it."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if size == 0:
        return False
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1) != b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:  # torn, or not UTF-8
        return None
    return event if isinstance(event, dict) and "event" in event else None
