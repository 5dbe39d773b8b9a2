"""What a gateway says when it does not answer, out of the many forms in which it is said."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from time import time

_REQUEST_ID_HEADERS = ("x-request-id", "x-oneapi-request-id", "x-litellm-call-id", "cf-ray")
_MESSAGE_CHARS = 20_000  # more is not searched: an error can quote the whole request


@dataclass(frozen=True)
class Reply:
    """What a gateway said instead of an answer.

    ``status`` is None in the middle of a stream; ``kind`` is what the wire calls ``type``;
    ``retry_after_s`` is in seconds.
    """

    status: int | None = None
    code: str = ""
    kind: str = ""
    message: str = ""
    details: str = ""
    html: bool = False
    request_id: str | None = None
    retry_after_s: float | None = None


def read_reply(status: int, headers: Mapping[str, str], body: str) -> Reply:
    """What an HTTP answer with ``status``, ``headers`` and ``body`` says."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = body
    return replace(
        read_error(content),
        status=status,
        request_id=next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None),
        retry_after_s=retry_after(headers),
    )


def read_error(content: object) -> Reply:
    """What an error body says: ``error`` may be an object, a string or absent, or all be HTML."""
    if isinstance(content, str):
        html = content.lstrip()[:1] == "<"
        return Reply(message=_html_title(content) if html else content[:_MESSAGE_CHARS], html=html)
    if not isinstance(content, Mapping):
        return Reply()
    if "html-message" in content:
        return read_error(str(content["html-message"]))
    error = content.get("error", content)
    if not isinstance(error, Mapping):
        error = {"message": error, "code": content.get("code")}
    code = _text(error.get("code"))
    return Reply(
        status=int(code) if re.fullmatch(r"[45]\d\d", code) else None,
        code=code,
        kind=_text(error.get("type")),
        message=(_text(error.get("message")) or _detail(error.get("detail")))[:_MESSAGE_CHARS],
        details=_text(error.get("metadata")),
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the headers ask, from milliseconds, seconds or a date; None if unclear.

    A date is read by the gateway's own clock where it tells its time: the one here may be wrong.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            seconds = float(value) * unit
        except ValueError:
            continue
        return seconds if 0 <= seconds < 1e9 else None
    until = _timestamp(headers.get("retry-after", ""))
    now = _timestamp(headers.get("date", "")) or time()
    return None if until is None else max(0.0, until - now)


def _timestamp(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _html_title(page: str) -> str:
    title = re.search(r"<title[^>]*>(.*?)</title", page, re.IGNORECASE | re.DOTALL)
    return f"a web page titled {title[1].strip()!r}" if title else "a web page"


def _detail(detail: object) -> str:
    """What FastAPI says of a request's form, without the request that it quotes."""
    given = detail if isinstance(detail, list) else []
    parts = [part for part in given if isinstance(part, Mapping)]
    said = [f"{_place(part.get('loc'))}: {_text(part.get('msg'))}" for part in parts]
    return "; ".join(said) or _text(detail)


def _place(loc: object) -> str:
    return ".".join(map(_text, loc)) if isinstance(loc, list) else _text(loc)


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)
