"""What to do when a request has more bytes than the gateway takes: make its pictures smaller.

Three rungs: pictures fit for the model, small pictures with ``detail: low``, the oldest pictures
left out. After the last one :func:`exhausted` says what was how big.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx2

from grok_agent.errors import GrokAgentError
from grok_agent.gateway.faults import RequestTooLargeError, Target, fault
from grok_agent.gateway.fields import mapping_of, mappings_of, text_of
from grok_agent.gateway.outgoing import log
from grok_agent.gateway.replies import Reply
from grok_agent.profile import GROK_BUILD, ImageLimits

Payload = dict[str, Any]
Reencode = Callable[[str, ImageLimits], str]
"""Makes of a picture's data URL one within the limits; raises GrokAgentError for no picture."""

FIT, LOW_DETAIL, LEAVE_OUT = 0, 1, 2
"""The rungs, as ``step`` of :func:`shrink`; every step from ``LEAVE_OUT`` on leaves out more."""

LOW_DETAIL_SIDE_PX = 512
UPLOAD_BYTES = 1_000_000
"""A connection that is reset while more than this goes up counts as a refusal of the size."""

_RESETS = (httpx2.WriteError, httpx2.ReadError, httpx2.RemoteProtocolError)
_LIMITS = GROK_BUILD.images
_LINES = 12  # of the table; the rest is summed up


@dataclass(frozen=True)
class Part:
    """One part of a request and its size in bytes as it is sent."""

    what: str
    size: int


def shrink(
    payload: Payload, error: Exception, step: int, reencode: Reencode | None = None
) -> Payload | None:
    """A smaller form of ``payload`` to send in its place, or None where there is none.

    Only a RequestTooLargeError is answered; count ``step`` up from 0 with each of them. A rung that
    changes nothing is passed over, so that no request is wasted on it. Without ``reencode``
    pictures keep their size. Remote pictures (``https:``) and the newest picture are never left
    out: an answer that has not seen what it speaks of is worse than none. ``payload`` itself stays
    as it is.
    """
    if not isinstance(error, RequestTooLargeError):
        return None
    if (found := next_rung(payload, step, reencode)) is None:
        return None
    what, smaller = found
    before, now = _bytes(size_of(payload)), _bytes(size_of(smaller))
    log.warning("The gateway takes no request of %s: %s, %s remain.", before, what, now)
    return smaller


def next_rung(payload: Payload, step: int, reencode: Reencode | None) -> tuple[str, Payload] | None:
    """What the next rung from ``step`` on does, and the form that it makes; None behind the last.

    See :func:`shrink`.
    """
    rungs: list[tuple[str, Callable[[Payload], Payload]]] = [
        ("pictures are made fit", lambda payload: _reencoded(payload, reencode, _LIMITS)),
        ("pictures go with low detail", lambda payload: _low_detail(payload, reencode)),
        ("the oldest pictures are left out", _without_oldest),
    ]
    for what, rung in rungs[min(step, LEAVE_OUT) :]:
        if (smaller := rung(payload)) != payload:
            return what, smaller
    return None


def exhausted(payload: Payload, error: RequestTooLargeError) -> RequestTooLargeError:
    """``error`` with a table of the parts of ``payload``, the largest first."""
    parts = sorted(sizes(payload), key=lambda part: -part.size)
    rows = [f"  {_bytes(part.size):>10}  {part.what}" for part in parts[:_LINES]]
    if rest := parts[_LINES:]:
        rows.append(f"  {_bytes(_total(rest)):>10}  {len(rest)} smaller parts")
    table = "\n".join([f"  {_bytes(_total(parts)):>10}  in all", *rows])
    return RequestTooLargeError(
        f"{error.what} Nothing more can be made smaller:\n{table}\n",
        next_step=error.next_step,
        status=error.status,
        code=error.code,
        request_id=error.request_id,
    )


def too_large_by_reset(
    error: Exception, payload: Payload, target: Target
) -> RequestTooLargeError | None:
    """The refusal that ``error`` of the SDK means, where the connection broke under a large upload.

    Servers close the connection on a body that is too large, and many clients see only that. For
    use before an answer has begun; None for smaller requests and for all other errors.
    """
    cause = error if isinstance(error, _RESETS) else error.__cause__
    size = size_of(payload) if isinstance(cause, _RESETS) else 0
    if size <= UPLOAD_BYTES:
        return None
    why = f"the connection was closed while {_bytes(size)} were going up"
    found = fault(RequestTooLargeError, target, Reply(message=why))
    assert isinstance(found, RequestTooLargeError)
    return found


def size_of(payload: Mapping[str, Any]) -> int:
    """The bytes of a request."""
    return _total(sizes(payload))


def sizes(payload: Mapping[str, Any]) -> list[Part]:
    """The parts of a request with their sizes in bytes, in the order in which they are sent."""
    parts = [Part("tools", _size(payload["tools"]))] if payload.get("tools") else []
    for number, message in enumerate(mappings_of(payload.get("messages")), 1):
        name = f"message {number} ({text_of(message.get('role')) or 'no role'})"
        pictures = [_size(part) for part in _pictures_of(message)]
        parts.append(Part(f"{name}, text", _size(message) - sum(pictures)))
        parts += [Part(f"{name}, picture {i}", size) for i, size in enumerate(pictures, 1)]
    return parts


def is_picture(part: object) -> bool:
    """Whether a part of a message's content is a picture."""
    return mapping_of(part).get("type") == "image_url"


def _reencoded(payload: Payload, reencode: Reencode | None, limits: ImageLimits) -> Payload:
    """Every picture within ``limits``, where that makes it smaller."""
    if reencode is None:
        return payload

    def smaller(part: dict[str, Any]) -> dict[str, Any]:
        url = _data_url(part)
        try:
            made = reencode(url, limits) if url else url
        except GrokAgentError:
            return part  # no picture that can be read here: the gateway is to judge it
        return _with_image(part, url=made) if len(made) < len(url) else part

    return _each_picture(payload, smaller)


def _low_detail(payload: Payload, reencode: Reencode | None) -> Payload:
    limits = replace(_LIMITS, max_side_px=LOW_DETAIL_SIDE_PX)
    low = _each_picture(payload, lambda part: _with_image(part, detail="low"))
    return _reencoded(low, reencode, limits)


def _without_oldest(payload: Payload) -> Payload:
    """The oldest pictures left out, until half of the bytes of all pictures are gone."""
    embedded = [_size(part) for part in _pictures(payload) if _data_url(part)]
    left_out, gone = 0, 0
    while left_out < len(embedded) - 1 and gone * 2 < sum(embedded):
        gone += embedded[left_out]
        left_out += 1
    seen = iter(range(len(embedded)))

    def placeholder(part: dict[str, Any]) -> dict[str, Any]:
        if not _data_url(part) or next(seen) >= left_out:
            return part
        text = "[A picture stood here. It was left out, because the request was too large.]"
        return {"type": "text", "text": text}

    return _each_picture(payload, placeholder)


def _each_picture(payload: Payload, change: Callable[[dict[str, Any]], Any]) -> Payload:
    messages = payload.get("messages")
    if not isinstance(messages, list):
        return payload
    return {**payload, "messages": [_changed(message, change) for message in messages]}


def _changed(message: Any, change: Callable[[dict[str, Any]], Any]) -> Any:
    content = mapping_of(message).get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [change(part) if is_picture(part) else part for part in content]}


def _pictures(payload: Payload) -> Iterator[Mapping[str, Any]]:
    for message in mappings_of(payload.get("messages")):
        yield from _pictures_of(message)


def _pictures_of(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [part for part in mappings_of(message.get("content")) if is_picture(part)]


def _data_url(part: Mapping[str, Any]) -> str:
    url = text_of(mapping_of(part.get("image_url")).get("url"))
    return url if url[:5].lower() == "data:" else ""


def _with_image(part: dict[str, Any], **changes: str) -> dict[str, Any]:
    image = part.get("image_url")
    return {**part, "image_url": {**image, **changes}} if isinstance(image, dict) else part


def _total(parts: Sequence[Part]) -> int:
    return sum(part.size for part in parts)


def _size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, default=str).encode(errors="replace"))


def _bytes(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
