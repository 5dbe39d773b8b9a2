"""What is known about a gateway: found by ``grok-agent doctor`` or learned on the way."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from threading import Lock
from typing import Any, Self

from grok_agent.errors import SettingsError
from grok_agent.gateway.fields import mapping_of


@dataclass(frozen=True)
class Capabilities:
    """What one model behind one gateway can do; None where it is not known.

    ``tool_images``: pictures in results of tools are accepted, and seen. ``stream_usage``:
    ``stream_options.include_usage`` is accepted, and usage comes.
    """

    tools: bool | None = None
    parallel_tools: bool | None = None
    required: bool | None = None
    json_schema: bool | None = None
    user_images: bool | None = None
    tool_images: bool | None = None
    stream_usage: bool | None = None
    reasoning: bool | None = None
    cached_tokens: bool | None = None

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """Those of ``found`` that are known by name and are yes or no."""
        names = {field.name for field in fields(cls)}
        return cls(**{k: v for k, v in found.items() if k in names and isinstance(v, bool)})


def known(base_url: str, model: str, state_dir: Path | None = None) -> Capabilities:
    """What is known about ``model`` at ``base_url``: learned in this process, else by the doctor.

    The doctor's file in ``state_dir`` is read once per process, and holds from then on also where
    no folder is named; a file that is missing or damaged says nothing.
    """
    place = (base_url.rstrip("/"), model)
    with _lock:
        if state_dir is not None:
            file = file_of(state_dir, *place)
            if file not in _in_files:
                _in_files[file] = _read(file)
            _latest[place] = _in_files[file]
        return replace(_latest.get(place, Capabilities()), **_learned.get(place, {}))


def learn(base_url: str, model: str, **found: bool) -> None:
    """Remember for this process what an answer of the gateway has shown, by field name."""
    with _lock:
        _learned.setdefault((base_url.rstrip("/"), model), {}).update(found)


def remember(state_dir: Path, base_url: str, model: str, report: Mapping[str, Any]) -> Path:
    """Keep ``report``, which names its findings under ``capabilities``; returns the file.

    Raises SettingsError for a folder that cannot be written.
    """
    place = (base_url.rstrip("/"), model)
    file = file_of(state_dir, *place)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as text:
            json.dump(report, text, ensure_ascii=False, indent=1)
        Path(name).replace(file)
    except OSError as error:
        raise SettingsError(
            f"What was found cannot be kept in {file}: {error.strerror}.",
            next_step="Name a folder that you may write to in GROK_STATE_DIR.",
        ) from None
    with _lock:  # newer than what was read or learned before
        _in_files[file] = _latest[place] = _read(file)
        _learned.pop(place, None)
    return file


def file_of(state_dir: Path, base_url: str, model: str) -> Path:
    """Where the doctor keeps what it found."""
    name = hashlib.sha256(f"{base_url}\n{model}".encode()).hexdigest()[:16]
    return state_dir / "gateways" / f"{name}.json"


def _read(file: Path) -> Capabilities:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return Capabilities()
    return Capabilities.of(mapping_of(mapping_of(content).get("capabilities")))


_in_files: dict[Path, Capabilities] = {}
_latest: dict[tuple[str, str], Capabilities] = {}
_learned: dict[tuple[str, str], dict[str, bool]] = {}
_lock = Lock()
