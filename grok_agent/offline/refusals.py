"""The answers of faults that refuse a request, or answer it with something that is no answer."""

from collections.abc import Callable

from grok_agent.offline import problems
from grok_agent.offline.faults import Fault
from grok_agent.offline.problems import Problem, bytes_response, json_response
from grok_agent.offline.wire import Response
from grok_agent.profile import GROK_BUILD

HTML = b"<!DOCTYPE html>\n<html><body><h1>Welcome to the relay</h1></body></html>\n"
GATEWAY_HTML = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n"
    b"</html>\r\n"
)


def refuse(fault: Fault) -> Response | None:
    """The answer of ``fault``, None where it lets the planner answer."""
    if fault.kind in _PROBLEMS:
        return _PROBLEMS[fault.kind](fault).response()
    make = _RESPONSES.get(fault.kind)
    return make(fault) if make else None


def _rate_limit(fault: Fault) -> Problem:
    headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after}"}
    return Problem(
        429,
        problems.EXHAUSTED,
        f"Too many requests for team offline and model {GROK_BUILD.name}. Your team's rate limit"
        " is: Requests per Second (actual/limit): 11/10. Please retry later.",
        headers,
    )


def _moderation(fault: Fault) -> Problem:
    return Problem(
        403,
        problems.FORBIDDEN,
        "Content violates usage guidelines. Team: offline, API key ID: offline, Model:"
        f" {GROK_BUILD.name}, Failed check: SAFETY_CHECK_TYPE_BIO",
    )


def _out_of_funds(fault: Fault) -> Problem:
    return Problem(
        403,
        problems.FORBIDDEN,
        "Your team offline has either used all available credits or reached its monthly spending"
        " limit. To continue making API requests, please purchase more credits or raise your"
        " spending limit.",
    )


def _unavailable(fault: Fault) -> Problem:
    return Problem(503, problems.UNAVAILABLE, "The model is at capacity. Please try again later.")


def _forbidden(fault: Fault) -> Problem:
    return Problem(403, problems.FORBIDDEN, "The API key is blocked from using this endpoint.")


def _overflow(fault: Fault) -> Problem:
    window = GROK_BUILD.window_tokens
    return problems.context_overflow(window + 4_321, window)


_PROBLEMS: dict[str, Callable[[Fault], Problem]] = {
    "rate_limit": _rate_limit,
    "overloaded": _unavailable,
    "server_error": lambda fault: Problem(500, problems.INTERNAL, "Internal server error."),
    "unauthorized": lambda fault: problems.bad_key("xai-revoked"),
    "forbidden": _forbidden,
    "moderation": _moderation,
    "out_of_funds": _out_of_funds,
    "too_large": lambda fault: problems.too_large(problems.MAX_BODY_BYTES + 1),
    "context_overflow": _overflow,
    "wrong_model": lambda fault: problems.unknown_model(GROK_BUILD.name),
    "bad_request": lambda fault: problems.bad_request("messages: missing field `content`"),
}


def _given(fault: Fault) -> Response:
    kind = "application/json" if fault.body.lstrip().startswith("{") else "text/plain"
    return bytes_response(fault.body.encode(), kind, fault.status, fault.headers)


def _without_choices(choices: list[object] | None) -> Response:
    body = {"id": "chatcmpl-0", "object": "chat.completion", "created": 0}
    return json_response({**body, "model": GROK_BUILD.name, "choices": choices})


def _error_in_200(fault: Fault) -> Response:
    return json_response({"error": {"message": "upstream failed", "code": 502}})


_RESPONSES: dict[str, Callable[[Fault], Response]] = {
    "answer": _given,
    "rate_limit_empty": lambda fault: bytes_response(b"", "text/plain", 429),
    "bad_gateway": lambda fault: bytes_response(GATEWAY_HTML, "text/html", 502),
    "html": lambda fault: bytes_response(HTML, "text/html; charset=utf-8", 200),
    "not_json": lambda fault: bytes_response(b'{"id": "chatcmpl-', "application/json", 200),
    "error_in_200": _error_in_200,
    "empty_choices": lambda fault: _without_choices([]),
    "null_choices": lambda fault: _without_choices(None),
    "reset": lambda fault: Response(status=None),
    "hang": lambda fault: Response(status=None, delay_s=fault.delay_s),
}
