"""Puts large texts of a record aside, each once, and back where they belong.

A text is replaced by ``blob:sha256:<digest>``; a text that itself looks like this is put aside
whatever its length, so that nothing is mistaken.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from grok_agent.blobs import Blobs

MIN_CHARS = 1_000
"""Shorter texts stay where they are: a file of its own would take more room."""

_MARK = "blob:sha256:"
_REFERENCE = re.compile(_MARK + "[0-9a-f]{64}")


def put_aside(value: Any, blobs: Blobs) -> Any:
    """``value`` with each large text in ``blobs``, in dictionaries, lists, tuples and messages.

    Raises :class:`OSError` when there is no room for a text.
    """

    def swap(text: str) -> str:
        if len(text) < MIN_CHARS and not _REFERENCE.fullmatch(text):
            return text
        return _MARK + blobs.put(text.encode("utf-8", "surrogatepass"))

    return _mapped(value, swap)


def put_back(value: Any, blobs: Blobs) -> Any:
    """The inverse of :func:`put_aside`. Raises :class:`KeyError` for a text that is lost."""

    def swap(text: str) -> str:
        if not _REFERENCE.fullmatch(text):
            return text
        return blobs.get(text.removeprefix(_MARK)).decode("utf-8", "surrogatepass")

    return _mapped(value, swap)


def _mapped(value: Any, swap: Callable[[str], str]) -> Any:
    """``value`` with ``swap`` done to each text in it; what holds none is not copied."""
    if type(value) is str:
        return swap(value)
    if type(value) is dict:
        return _mapped_dict(value, swap)
    if type(value) in (list, tuple):
        items = [_mapped(item, swap) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    if hasattr(value, "tool_call_id") or hasattr(value, "additional_kwargs"):
        return _mapped_message(value, swap)
    return value


def _mapped_dict(value: Mapping[Any, Any], swap: Callable[[str], str]) -> Mapping[Any, Any]:
    items = {key: _mapped(item, swap) for key, item in value.items()}
    return value if all(items[key] is value[key] for key in value) else items


def _mapped_message(message: Any, swap: Callable[[str], str]) -> Any:
    """A LangChain message, by the fields in which texts come."""
    changed = {}
    for name in ("content", "additional_kwargs", "tool_calls", "artifact"):
        old = getattr(message, name, None)
        if (new := _mapped(old, swap)) is not old:
            changed[name] = new
    return message.model_copy(update=changed) if changed else message
