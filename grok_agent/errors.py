"""Every error this package raises, in one tree, split by who must act.

::

    GrokAgentError                 .next_step says what to do now; str() ends with it
    |-- SettingsError              the developer: a value given here is missing or wrong
    |   `-- MissingKeyError        no API key, and the embedded gateway was not asked for
    |-- GatewayError               the operator: what the gateway did (.status .code .request_id)
    |   |-- AuthenticationError      401: the key is not accepted                        [L]
    |   |-- PermissionRefusedError   403: the key may not do this                        [L]
    |   |-- ContentRefusedError      moderation refused the request or the answer        [L]
    |   |-- OutOfFundsError          the account has no money left, in any disguise      [L]
    |   |-- UnknownModelError        the gateway does not serve this model               [L]
    |   |-- BadRequestError          the gateway refuses the request's form              [L]
    |   |-- ContextTooLongError      the prompt exceeds the window                       [L]
    |   |-- RequestTooLargeError     413: the body is too large                          [L]
    |   |-- RateLimitedError         429: too many requests, retryable                   [L]
    |   |-- OverloadedError          5xx: overloaded or broken upstream, retryable       [L]
    |   |-- UnreachableError         no connection, or no answer in time, retryable      [L]
    |   |-- NotAGatewayError         it answered, but not in the API's format            [L]
    |   `-- IncompleteAnswerError    an answer that is not whole, retryable              [L]
    |-- SpendingCapError           whoever set a cap on spending: it is reached, nothing was sent
    `-- ToolError                  the model: becomes the text of a tool message
        `-- PermissionDeniedError    the guard refused; the text says which leave is missing

The classes marked [L] also derive from LangChain's ``ModelError`` family, so that retry and
fallback middleware written for LangChain treats them rightly. They live in
:mod:`grok_agent.gateway.faults`, because importing LangChain takes longer than this whole module,
and a program that only prints its help must not pay for it.
"""


class GrokAgentError(Exception):
    """Base of all errors of this package.

    ``what`` is one clear sentence; ``next_step`` tells the reader what to do now.
    """

    def __init__(self, what: str, *, next_step: str = "") -> None:
        self.what = what
        self.next_step = next_step
        super().__init__(f"{what} {next_step}".strip())


class SettingsError(GrokAgentError):
    """A value given by the developer or the user is missing or wrong; nothing was sent."""


class MissingKeyError(SettingsError):
    """There is no API key, and the embedded gateway was not asked for."""


class GatewayError(GrokAgentError):
    """The gateway refused, failed, or did not answer.

    ``status`` is the HTTP status or None when no answer came; ``code`` the gateway's own code;
    ``request_id`` what to quote to the gateway's support; ``retryable`` whether the same request
    may succeed later.
    """

    retryable = False

    def __init__(
        self,
        what: str,
        *,
        next_step: str = "",
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(what, next_step=next_step)
        self.status = status
        self.code = code
        self.request_id = request_id


class SpendingCapError(GrokAgentError):
    """A cap on spending is reached; nothing was sent. Whoever set the cap may raise it.

    ``cap`` says which: ``call``, ``run`` or ``day``.
    """

    def __init__(self, what: str, *, next_step: str, cap: str) -> None:
        super().__init__(what, next_step=next_step)
        self.cap = cap


class ToolError(GrokAgentError):
    """A tool could not do what the model asked; the text goes back to the model."""


class PermissionDeniedError(ToolError):
    """The guard refused an action; the text names the leave that is missing."""
