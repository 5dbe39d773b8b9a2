"""What went wrong at the gateway, as one of our errors: the only place that knows SDK errors."""

import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2
import openai
from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
)

from grok_agent.errors import GatewayError
from grok_agent.gateway.replies import Reply, read_reply


class AuthenticationError(GatewayError, ModelAuthenticationError):
    """The gateway does not accept the key."""


class PermissionRefusedError(GatewayError, ModelPermissionDeniedError):
    """The key is known but may not do this."""


class ContentRefusedError(GatewayError, ModelInvalidRequestError):
    """Moderation refused the request or the answer; asking again can cost money and the key."""


class OutOfFundsError(GatewayError, ModelPermissionDeniedError):
    """The account has no money left."""


class UnknownModelError(GatewayError, ModelNotFoundError):
    """The gateway does not serve the model."""


class BadRequestError(GatewayError, ModelInvalidRequestError):
    """The gateway refuses the form of the request."""


class ContextTooLongError(GatewayError, ContextOverflowError):
    """The prompt is longer than the model's window."""


class RequestTooLargeError(GatewayError, ModelInvalidRequestError):
    """The body has more bytes than the gateway takes."""


class RateLimitedError(GatewayError, ModelRateLimitError):
    """Too many requests; ``retry_after_s`` is the wait asked for, in seconds, if any was."""

    retryable = True
    retry_after_s: float | None = None


class OverloadedError(GatewayError, ModelAPIError):
    """The gateway or what stands behind it is overloaded or broken."""

    retryable = True
    retry_after_s: float | None = None


class UnreachableError(GatewayError, ModelConnectionError):
    """No connection, or no answer in time."""

    retryable = True


class NotAGatewayError(GatewayError, ModelError):
    """Something answered, but not in the API's format."""


class IncompleteAnswerError(GatewayError, ModelAPIError):
    """The answer is not whole, so nothing of it may be acted on; ``arrived`` is its text so far."""

    retryable = True
    arrived: str = ""


@dataclass(frozen=True)
class Target:
    """Whom was asked for what: goes into the words of an error; the key is only ever removed."""

    base_url: str = ""
    model: str = ""
    key: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """The base URL without the user and password that it may carry."""
        parts = urlsplit(self.base_url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@dataclass(frozen=True)
class Rule:
    """One line of the table: applies when the status fits and a code or a word is found.

    ``statuses`` None fits every status, a rule without codes and words fits by status alone.
    """

    error: type[GatewayError]
    statuses: Sequence[int | None] | None = None
    codes: str = ""
    words: str = ""
    waits: bool = False
    html: bool = False

    def fits(self, reply: Reply) -> bool:
        """Whether ``reply`` is a case of this rule."""
        if self.statuses is not None and reply.status not in self.statuses:
            return False
        if (self.waits and reply.retry_after_s is None) or (self.html and not reply.html):
            return False
        if not self.codes and not self.words:
            return True
        named = self.codes and any(
            re.fullmatch(self.codes, name, re.IGNORECASE) for name in (reply.code, reply.kind)
        )
        said = f"{reply.code} {reply.message} {reply.details}"
        return bool(named or (self.words and re.search(self.words, said, re.IGNORECASE)))


_REQUEST_FAULT = (None, 400, 422, 500)

RULES: tuple[Rule, ...] = (
    Rule(
        ContentRefusedError,
        codes=r"sensitive_words_detected|prompt_blocked|violation_fee\..*|content_filter"
        r"|content_policy_violation",
    ),
    Rule(
        ContentRefusedError,
        statuses=(*_REQUEST_FAULT, 403, 451),
        words=r"violates usage guidelines|SAFETY_CHECK_TYPE|content (management )?policy"
        r"|flagged_input|input was flagged|sensitive words",
    ),
    Rule(RateLimitedError, statuses=(402,), waits=True),  # OpenRouter's budget of open requests
    Rule(
        OutOfFundsError,
        codes=r"insufficient_user_quota|pre_consume_token_quota_failed|insufficient_quota"
        r"|credit_balance_exhausted|budget_exceeded|\w+_(spend|usage)_limit_exceeded",
    ),
    Rule(
        OutOfFundsError,
        statuses=(None, 400, 401, 402, 403, 429),
        words=r"used all available credits|spending limit|额度不足|额度已用尽|额度失败|余额不足"
        r"|insufficient (credits?|balance|funds|quota)",
    ),
    Rule(OutOfFundsError, statuses=(402,)),
    Rule(
        ContextTooLongError,
        statuses=(*_REQUEST_FAULT, 413),
        codes=r"context_length_exceeded",
        words=r"maximum prompt length|maximum context length|context window"
        r"|ContextWindowExceeded|prompt is too long|input tokens exceed",
    ),
    Rule(
        UnknownModelError,
        statuses=(None, 400, 404, 500, 503),
        codes=r"model_not_found",
        words=r"无可用渠道|invalid model name|unknown model|model not found|no endpoints found"
        r"|not a valid model|model\W+\S+ (was |is )?not (found|available)"
        r"|model .{0,80}does not exist",
    ),
    Rule(AuthenticationError, statuses=(401,)),
    Rule(
        AuthenticationError,
        statuses=(None, 400),
        codes=r"invalid_api_key|no_db_connection|authentication_error",
        words=r"(incorrect|invalid) api key|无效的令牌|令牌已过期|未提供令牌",
    ),
    Rule(PermissionRefusedError, codes=r"access_denied|permission_error"),
    Rule(PermissionRefusedError, statuses=(403,)),
    Rule(RequestTooLargeError, statuses=(413,)),
    Rule(RequestTooLargeError, codes=r"read_request_body_failed|request_too_large"),
    Rule(RateLimitedError, statuses=(429,)),
    Rule(RateLimitedError, statuses=(None,), codes=r"rate_limit\w*|throttling_error"),
    Rule(BadRequestError, statuses=(500,), codes="invalid_request"),
    Rule(BadRequestError, statuses=(500,), words="image input is not supported"),
    Rule(BadRequestError, statuses=(None,), codes=r"invalid_request\w*|BadRequestError"),
    Rule(NotAGatewayError, statuses=(None, 200, 400), html=True),
    Rule(NotAGatewayError, statuses=(404, 405)),
    Rule(OverloadedError, statuses=(None, 408, 409, 425, *range(500, 600))),
    Rule(BadRequestError, statuses=range(400, 500)),
    Rule(NotAGatewayError),
)
"""Read from the top; the first rule that fits decides. Status alone never decides before code and
words were looked at: relays send wrong models as 503, their own validation as 500, and money that
is gone as 401, 402, 403 or 429."""

_WORDING: dict[type[GatewayError], tuple[str, str]] = {
    AuthenticationError: (
        "The gateway at {address} does not accept the API key",
        "Put a valid key for this gateway into GROK_API_KEY.",
    ),
    PermissionRefusedError: (
        "The gateway refuses this to the API key",
        "Ask its operator which models and addresses the key may use, or take another key.",
    ),
    ContentRefusedError: (
        "The gateway's moderation refused the content",
        "Change the task or the picture; the same request is not worth repeating.",
    ),
    OutOfFundsError: (
        "The account behind the API key has no money left",
        "Top it up or raise its limit at the gateway, or set another GROK_API_KEY.",
    ),
    UnknownModelError: (
        "The gateway at {address} does not serve the model {model!r}",
        "Set GROK_MODEL to a name that it serves; `grok-agent models` lists them.",
    ),
    BadRequestError: (
        "The gateway refuses the form of the request",
        "Check the model's name, the messages and the schemas of tools and output.",
    ),
    ContextTooLongError: (
        "The prompt is longer than the model's window",
        "Give less: fewer files, fewer pictures, or a new conversation.",
    ),
    RequestTooLargeError: (
        "The request has more bytes than the gateway takes",
        "Send fewer or smaller pictures, or less text.",
    ),
    RateLimitedError: (
        "The gateway limits the rate of requests",
        "Wait, then send fewer at once.",
    ),
    OverloadedError: (
        "The gateway or the model behind it is overloaded or broken",
        "Try again later.",
    ),
    UnreachableError: (
        "There is no answer from the gateway at {address}",
        "Check GROK_BASE_URL, the network and the proxy.",
    ),
    NotAGatewayError: (
        "What answers at {address} does not speak the API",
        "Does the base URL end in /v1? Check GROK_BASE_URL.",
    ),
    IncompleteAnswerError: (
        "The answer of the gateway is not whole",
        "Ask again; if it stays so, raise max_tokens or try another gateway.",
    ),
}

SDK_FAILURES = (
    openai.OpenAIError,
    httpx2.HTTPError,
    httpx2.StreamError,
    TimeoutError,
    ssl.SSLError,
)
"""What a call through the SDK can raise; ``fault_of`` turns each into one of our errors."""

_MESSAGE_CHARS = 400
_KEY_CHARS = 8  # a shorter one is a word, not a secret, and would be found in other words
_LITELLM = re.compile(
    r"^litellm\.\w+: (\w+: )?(\w+Exception - )?(Error code: \d+ - )?|\.? ?Received Model Group=.*",
    re.DOTALL,
)
"""What a LiteLLM proxy wraps around the words of the gateway behind it."""

_KEY_LIKE = re.compile(r"\b(?:sk|xai|gsk|key)-[\w-]{8,}|(?<=Bearer )\S+")


def fault_of(error: Exception, target: Target) -> GatewayError:
    """The error of ours for ``error``, one of ``SDK_FAILURES``."""
    if isinstance(error, openai.APIStatusError):
        response = error.response
        return classify(read_reply(response.status_code, response.headers, response.text), target)
    is_late = isinstance(error, TimeoutError | openai.APITimeoutError | httpx2.TimeoutException)
    why = "no answer in time" if is_late else str(error.__cause__ or error)
    return fault(UnreachableError, target, Reply(message=why))


def classify(reply: Reply, target: Target) -> GatewayError:
    """The error of ours for what a gateway replied, by the first rule that fits."""
    found = fault(next(rule.error for rule in RULES if rule.fits(reply)), target, reply)
    if isinstance(found, RateLimitedError | OverloadedError):
        found.retry_after_s = reply.retry_after_s
    return found


def asked_often(error: GatewayError, times: int, seconds: float) -> GatewayError:
    """``error``, saying that it is the last of so many."""
    error.what = f"{error.what} It was asked {times} times in {seconds:.0f} s."
    error.args = (f"{error.what} {error.next_step}",)
    return error


def fault(kind: type[GatewayError], target: Target, reply: Reply) -> GatewayError:
    """An error of ``kind`` in words for a person, with what the gateway said."""
    headline, next_step = _WORDING[kind]
    what = headline.format(address=target.address, model=target.model)
    said = _quoted(reply, target.key)
    if kind is RateLimitedError and reply.retry_after_s:
        next_step = next_step.replace("Wait", f"Wait {reply.retry_after_s:.0f} s")
    return kind(
        f"{what} ({said})." if said else f"{what}.",
        next_step=next_step,
        status=reply.status,
        code=_clean(reply.code, target.key) or None,
        request_id=reply.request_id,
    )


def offering(error: UnknownModelError, asked: str, models: Sequence[str]) -> UnknownModelError:
    """``error`` again, with the ``models`` that the gateway does serve in its next step."""
    others = [model for model in models if model != asked]
    shown = ", ".join(others[:20]) + (f" and {len(others) - 20} more" if len(others) > 20 else "")
    next_step = f"Set GROK_MODEL to one that it serves: {shown}." if others else error.next_step
    if asked in models:
        why = "It lists the model, so perhaps not for this key or not now: ask its operator"
        next_step = f"{why}, or set GROK_MODEL to another: {shown}." if others else f"{why}."
    return UnknownModelError(
        error.what,
        next_step=next_step,
        status=error.status,
        code=error.code,
        request_id=error.request_id,
    )


def _quoted(reply: Reply, key: str) -> str:
    status = f"HTTP {reply.status}" if reply.status else ""
    code = _clean(reply.code, key)[:80]
    message = _clean(_LITELLM.sub("", reply.message), key)
    if len(message) > _MESSAGE_CHARS:
        message = message[:_MESSAGE_CHARS] + "…"
    code = "" if code == str(reply.status) else code
    return ", ".join(filter(None, (status, code, message))).rstrip(".")


def _clean(text: str, key: str) -> str:
    """``text`` on one line, without control characters, and without the key."""
    if len(key) >= _KEY_CHARS:
        text = text.replace(key, "[key]")
    printable = "".join(char if char.isprintable() else " " for char in text)
    return _KEY_LIKE.sub("[key]", " ".join(printable.split()))
