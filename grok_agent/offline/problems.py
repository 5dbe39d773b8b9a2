"""The errors that the gateway answers with, in xAI's form: ``{"code": sentence, "error": text}``.

The wordings are those that public reports quote. They are reproduced so that whoever classifies
errors meets here what they meet there.
"""

import json
from collections.abc import Mapping
from typing import Any

from grok_agent.offline.wire import Response

INVALID = "Client specified an invalid argument"
NOT_FOUND = "Some requested entity was not found"
UNAUTHENTICATED = "The request does not have valid authentication credentials for the operation"
FORBIDDEN = "The caller does not have permission to execute the specified operation"
EXHAUSTED = "Some resource has been exhausted"
UNAVAILABLE = "The service is currently unavailable"
INTERNAL = "Internal error"

MAX_BODY_BYTES = 50 * 1024 * 1024
"""A longer request is answered with 413."""


class Problem(Exception):
    """Ends the handling of a request with an error answer."""

    def __init__(
        self, status: int, code: str, error: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status = status
        self.code = code
        self.error = error
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer as it goes over the wire."""
        return json_response(
            {"code": self.code, "error": self.error}, status=self.status, headers=self.headers
        )


def json_response(
    body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """``body`` as JSON, whole."""
    return bytes_response(json.dumps(body).encode(), "application/json", status, headers)


def bytes_response(
    body: bytes, content_type: str, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    """``body`` as it is, with its length announced."""
    own = {"content-type": content_type, "content-length": str(len(body))}
    return Response(status=status, headers={**own, **(headers or {})}, chunks=(body,))


def bad_request(error: str) -> Problem:
    """400: the client sent something that cannot be used."""
    return Problem(400, INVALID, error)


def context_overflow(prompt_tokens: int, window_tokens: int) -> Problem:
    """400: the prompt is longer than the model's window."""
    return bad_request(
        f"This model's maximum prompt length is {window_tokens} but the request contains"
        f" {prompt_tokens} tokens."
    )


def unknown_model(model: str) -> Problem:
    """400: no such model."""
    return bad_request(f"Model not found: {model}")


def bad_key(key: str) -> Problem:
    """401: no key, or one that is not known."""
    if not key:
        return Problem(401, UNAUTHENTICATED, "No API key was provided in the Authorization header.")
    return Problem(401, UNAUTHENTICATED, f"Incorrect API key provided: {key[:2]}***.")


def too_large(size: int) -> Problem:
    """413: the body is longer than the gateway takes."""
    return Problem(
        413, INVALID, f"Request body of {size} bytes exceeds the limit of {MAX_BODY_BYTES} bytes."
    )
