"""What a request adds to an earlier one of the same conversation."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

REMEMBERED_REQUESTS = 256

_SHAPING = ("tools", "tool_choice", "response_format")
"""Fields of a request beside its messages that become a part of the prompt."""


@dataclass(frozen=True, slots=True)
class Growth:
    """``messages`` that came to an earlier request, and the prompt tokens ``billed`` for them."""

    messages: Sequence[Mapping[str, Any]]
    billed: int


class SeenRequests:
    """The last requests by what they held, as digests: no text is kept."""

    def __init__(self) -> None:
        self._billed: OrderedDict[str, int] = OrderedDict()

    def growth(self, request: Mapping[str, Any], prompt_tokens: int, served: str) -> Growth | None:
        """What ``request`` adds to the longest earlier one that it continues, None for none.

        The request is remembered, with the ``prompt_tokens`` billed for it by the model ``served``.
        One with pictures neither is nor continues one: they are billed by rules of their own.
        """
        messages = request["messages"]
        if any(map(_has_picture, messages)):
            return None
        digests = list(_digests(request, served))
        known = [at for at, digest in enumerate(digests[:-1]) if digest in self._billed]
        before = self._billed[digests[known[-1]]] if known else 0
        if prompt_tokens <= before:
            return None  # not all tokens are in this number: some relays leave out cached ones
        self._remember(digests[-1], prompt_tokens)
        return Growth(messages[known[-1] + 1 :], prompt_tokens - before) if known else None

    def _remember(self, digest: str, prompt_tokens: int) -> None:
        self._billed[digest] = prompt_tokens
        self._billed.move_to_end(digest)
        if len(self._billed) > REMEMBERED_REQUESTS:
            self._billed.popitem(last=False)


def _digests(request: Mapping[str, Any], served: str) -> Iterator[str]:
    """A digest of the request up to each of its messages."""
    shape = [served, *(request.get(name) for name in _SHAPING)]
    digest = hashlib.sha256(_canonical(shape))
    for message in request["messages"]:
        digest.update(_canonical(message) + b"\0")
        yield digest.copy().hexdigest()


def _canonical(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return text.encode("utf-8", "surrogatepass")


def _has_picture(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(
        isinstance(block, Mapping) and "image" in str(block.get("type")) for block in content
    )
