"""One call of the model and its attempts: what is sent, what a failure means, when it is over."""

from collections.abc import Mapping
from typing import Any

from grok_agent.errors import GatewayError
from grok_agent.gateway.attempt import Attempt, Status
from grok_agent.gateway.capabilities import known, learn
from grok_agent.gateway.edge import Edge, Terms
from grok_agent.gateway.faults import (
    BadRequestError,
    ContentRefusedError,
    IncompleteAnswerError,
    NotAGatewayError,
    OverloadedError,
    RateLimitedError,
    RequestTooLargeError,
    Target,
    UnreachableError,
    asked_often,
    fault,
)
from grok_agent.gateway.ladder import exhausted, shrink
from grok_agent.gateway.outgoing import advise
from grok_agent.gateway.replies import Reply
from grok_agent.gateway.retrying import pause_s
from grok_agent.gateway.sends import Outcome, Send
from grok_agent.gateway.tool_pictures import has_tool_pictures, move_tool_pictures

Json = dict[str, Any]

MAX_CUT = 4  # answers that were not whole and may be asked for again: each one costs
MAX_ODD = 3  # pages and the like with status 200
MAX_UNKNOWN = 2  # repetitions for a gateway that this process has never reached
TELL_AFTER_S = 10.0

_FEE_CODE = "violation_fee"  # new-api charges for a prompt that xAI's moderation refuses


class Job:
    """Decides about one call; whoever sends asks it before and tells it after each attempt.

    ``payload`` is the request in its present form, ``headers`` are those of the latest answer.
    Nothing is sent again once a part of an answer was handed on: the caller has it, and must hear
    that it is void.
    """

    def __init__(self, payload: Json, target: Target, edge: Edge, terms: Terms) -> None:
        self.target = target
        self.terms = terms
        self.limiter = edge.limiter
        self.ends = edge.ends
        self.headers: Mapping[str, str] = {}
        self.began = self.not_before = self.limiter.clock.now()
        self.deadline = self.began + terms.max_wait_s
        self._edge = edge
        self._given = payload
        self.payload = _without_usage(payload) if edge.refuses_usage else payload
        if known(target.base_url, target.model).tool_images is False:
            self.payload = move_tool_pictures(self.payload)
        self.payload, self._rungs = edge.body_size.fit(self.payload, terms.reencode)
        self._attempts = self._cut = self._odd = 0
        self._moved_pictures = self._has_passed = False
        self._last: GatewayError | None = None

    def admission(self) -> dict[str, float]:
        """When the next attempt may leave, as the limiter asks for it.

        Raises where it must not be sent: it was refused before, or a cap is reached.
        """
        self._edge.moderation.check(self._given)
        if self._edge.bills:
            terms = self.terms
            self._edge.bills.check(terms.caps, thread=terms.thread, call=terms.call)
        return {"began": self.began, "deadline": self.deadline, "not_before": self.not_before}

    def admitted(self, send: Send | None) -> Send:
        """``send``, or the error for a turn that did not come in time."""
        if send is None:
            why = f"no room for this request within {self.terms.max_wait_s:g} s"
            if self._last:
                raise self._last_of_many(self._last)
            raise fault(RateLimitedError, self.target, Reply(message=why))
        self._attempts += 1
        return send

    def bill(
        self,
        usage: Mapping[str, Any] | None,
        served: str,
        status: Status,
        *,
        arrived: str = "",
        estimated: bool = False,
    ) -> None:
        """Write into the ledger what an answer cost; nothing where none began.

        ``usage`` is what the gateway says, or None; ``arrived`` the text of the answer, to estimate
        by; ``estimated`` where ``usage`` is not the gateway's own count.
        """
        if self._edge.bills is None:
            return
        terms = self.terms
        if usage is None and terms.estimate and status != "failed":
            usage, estimated = terms.estimate(self.payload, arrived), True
        self._edge.bills.record(
            Attempt.of(
                self.target,
                usage,
                served=served,
                status=status,
                estimated=estimated,
                thread=terms.thread,
                call=terms.call,
            )
        )

    def failed(
        self, send: Send, error: GatewayError, *, has_begun: bool = False, may_restart: bool = False
    ) -> None:
        """Take note of a failed attempt. Returns when it is to be repeated, else raises ``error``.

        ``has_begun``: parts of the answer were handed on already, to somebody who can be told that
        they are void (``may_restart``) or who cannot.
        """
        outcome, wait_s = outcome_of(error), getattr(error, "retry_after_s", None)
        self.limiter.report(send, outcome, wait_s)
        self._last = error
        if isinstance(error, ContentRefusedError):
            self._edge.moderation.refused(self._given, error)
            if (error.code or "").startswith(_FEE_CODE):
                self.bill(None, "", "failed")
        if has_begun and not may_restart:
            raise error
        if self._takes_another_form(error):
            return
        if isinstance(error, RequestTooLargeError):
            raise exhausted(self.payload, error)
        now = self.limiter.clock.now()
        again_at = now
        if not (outcome == "failed" and self.limiter.is_down):  # the breaker spaces its probes
            again_at += pause_s(outcome, self._attempts, wait_s, self.limiter.random)
        if again_at > self.deadline or not self._may_repeat(error, has_begun):
            raise self._last_of_many(error)
        self.not_before = again_at
        if now - self.began > TELL_AFTER_S:
            text = f"Waiting for the gateway, for up to {self.terms.max_wait_s:g} s: {error.what}"
            advise(f"waiting for {self.target.address}", text)

    def passed(self, send: Send) -> None:
        """Take note that the gateway answers."""
        self.limiter.report(send, "passed")
        if self._has_passed:
            return
        self._has_passed = True
        self._edge.body_size.passed(self.payload)
        if self._moved_pictures:
            learn(self.target.base_url, self.target.model, tool_images=False)

    def _takes_another_form(self, error: GatewayError) -> bool:
        """Whether the request now has a form that the gateway may take."""
        if isinstance(error, RequestTooLargeError):
            self._edge.body_size.too_large(self.payload, is_certain=error.status is not None)
            smaller = shrink(self.payload, error, self._rungs, self.terms.reencode)
            self._rungs += 1
            self.payload = smaller or self.payload
            return smaller is not None
        if not isinstance(error, BadRequestError):
            return False
        if "stream_options" in self.payload and _names_usage(error):
            self._edge.refuses_usage = True
            self.payload = _without_usage(self.payload)
            return True
        if has_tool_pictures(self.payload) and not self._moved_pictures:
            self._moved_pictures = True
            self.payload = move_tool_pictures(self.payload)
            return True
        return False

    def _last_of_many(self, error: GatewayError) -> GatewayError:
        if self._attempts == 1:
            return error
        return asked_often(error, self._attempts, self.limiter.clock.now() - self.began)

    def _may_repeat(self, error: GatewayError, has_begun: bool) -> bool:
        if self.terms.max_retries is not None and self._attempts > self.terms.max_retries:
            return False
        if has_begun or isinstance(error, IncompleteAnswerError):
            self._cut += 1
            may = error.retryable and self._cut <= MAX_CUT
        elif isinstance(error, NotAGatewayError):
            self._odd += 1
            may = error.status == 200 and self._odd <= MAX_ODD
        elif isinstance(error, UnreachableError) and not self.limiter.has_answered:
            may = self._attempts <= MAX_UNKNOWN
        else:
            may = error.retryable
        return may and self.limiter.spend_retry()


def outcome_of(error: GatewayError) -> Outcome:
    """What ``error`` says about the gateway's state."""
    if isinstance(error, RateLimitedError):
        return "refused"
    return "failed" if isinstance(error, OverloadedError | UnreachableError) else "passed"


def _names_usage(error: GatewayError) -> bool:
    return any(name in error.what for name in ("stream_options", "include_usage"))


def _without_usage(payload: Json) -> Json:
    return {name: value for name, value in payload.items() if name != "stream_options"}
