"""``grok-agent doctor``: what a gateway can do, found with a handful of cheap requests."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2

from grok_agent.errors import GatewayError
from grok_agent.gateway import probe_questions as questions
from grok_agent.gateway.attempt import Attempt
from grok_agent.gateway.faults import (
    AuthenticationError,
    BadRequestError,
    IncompleteAnswerError,
    NotAGatewayError,
    OutOfFundsError,
    PermissionRefusedError,
    UnknownModelError,
    UnreachableError,
)
from grok_agent.gateway.probe_report import FOLLOWS, Report, Row, Verdict
from grok_agent.gateway.probe_wire import Seen, Wire, answer_or_error, parsed
from grok_agent.profile import OFFLINE_MODEL, is_same_model
from grok_agent.settings import Settings

REFUSALS = (BadRequestError, UnknownModelError, NotAGatewayError, PermissionRefusedError)
"""Errors that say a feature is not there; any other leaves it unknown."""

_PICTURE_TOKENS = 150  # a picture that is seen is counted with more


def examine(
    settings: Settings,
    *,
    http_client: httpx2.Client | None = None,
    record: Callable[[Attempt], None] | None = None,
) -> Report:
    """Ask the gateway of ``settings`` a few questions; every row of ``FOLLOWS`` gets a verdict.

    ``record`` gets every request that was or may have been billed. Raises SettingsError for a key
    that is missing or cannot be sent; what the gateway does wrong stands in the report.
    """
    with http_client or httpx2.Client() as client:
        wire = Wire(settings, client, f"grok-agent-doctor-{uuid4()}", record)
        examination = _Examination(wire)
        examination.run()
    rows = examination.rows
    return Report(
        base_url=wire.target.address,
        model=wire.target.model,
        at=datetime.now(UTC),
        rows=tuple(rows.get(name) or Row(name, "unknown", "not asked") for name in FOLLOWS)
        + ((rows["latency"],) if "latency" in rows else ()),
        requests=wire.requests,
        cost=wire.cost,
        error_kind=examination.error_kind,
    )


class _Examination:
    def __init__(self, wire: Wire) -> None:
        self.rows: dict[str, Row] = {}
        self.error_kind = ""
        self._wire = wire
        self._tokens_without_picture = {"user_images": 0, "tool_images": 0}  # of similar prompts

    def run(self) -> None:
        self._knock()
        first = self._first_answer()
        if first is None:
            return
        self._streaming()
        self._calls()
        self._schema()
        self._pictures()

    def _found(self, name: str, verdict: Verdict, found: str) -> None:
        self.rows[name] = Row(name, verdict, found, FOLLOWS[name] if verdict == "no" else "")

    def _failed(self, name: str, error: GatewayError) -> None:
        self._found(name, "no" if isinstance(error, REFUSALS) else "unknown", error.what)

    def _ask(self, **payload: Any) -> tuple[Seen | None, GatewayError | None]:
        return answer_or_error(lambda: self._wire.ask(**payload))

    def _knock(self) -> None:
        """The list of models costs nothing; many relays have none, so that it proves little."""
        try:
            names = self._wire.offered()
        except UnreachableError as error:
            self._found("reachable", "no", error.what)
        except GatewayError as error:
            self._found("reachable", "ok", f"it answers, without a list of models: {error.what}")
        else:
            listed = "it is" if self._wire.target.model in names else "it is not"
            self._found("reachable", "ok", f"{len(names)} models on offer, {listed} among them")

    def _first_answer(self) -> Seen | None:
        seen, error = self._ask(**questions.PLAIN)
        if error:
            self._no_answer(error)
        if seen is None:
            return None
        if self.rows["reachable"].verdict != "ok":
            self._found("reachable", "ok", "it answers")
        self._found("key", "ok", "accepted")
        self._served_by(seen.model)
        self._found("finish_reason", "ok", seen.finish_reason)
        known = f"{len(seen.reasoning)} characters" if seen.reasoning else "none returned"
        self._found("reasoning", "ok" if seen.reasoning else "no", known)
        self.rows["latency"] = Row("latency", "ok", f"whole answer after {seen.seconds:.2f} s")
        return seen

    def _no_answer(self, error: GatewayError) -> None:
        self.error_kind = type(error).__name__
        if isinstance(error, UnreachableError | NotAGatewayError):
            self._found("reachable", "no", error.what)
        elif isinstance(error, AuthenticationError | PermissionRefusedError | OutOfFundsError):
            self._found("key", "no", error.what)
            self.rows["key"] = Row("key", "no", error.what, error.next_step)
        elif isinstance(error, UnknownModelError):
            self._found("key", "ok", "accepted")
            self._found("model", "no", error.what)
        elif isinstance(error, IncompleteAnswerError):
            self._found("finish_reason", "no", error.what)
        else:
            self.rows["model"] = Row("model", "unknown", error.what, error.next_step)

    def _served_by(self, served: str) -> None:
        asked = self._wire.target.model
        if served == OFFLINE_MODEL:
            text = "The embedded gateway answers: a deterministic planner, not grok-build-0.1."
            self.rows["model"] = Row("model", "no", f"{served} answers for {asked}", text)
        elif not served:
            self._found("model", "unknown", "the answer does not name it")
        elif is_same_model(asked, served):
            self._found("model", "ok", served)
        else:
            text = "Another model answers than the one asked for: prices and limits may differ."
            self.rows["model"] = Row("model", "no", f"{served} answers for {asked}", text)

    def _streaming(self) -> None:
        usage = {"stream_options": {"include_usage": True}}
        seen, error = self._ask(**questions.PLAIN, stream=True, **usage)
        if error and isinstance(error, BadRequestError):
            self._found("stream_usage", "no", error.what)
            seen, error = self._ask(**questions.PLAIN, stream=True)
        elif seen:
            counted = f"{seen.prompt_tokens:,} prompt tokens" if seen.usage else "none sent"
            self._found("stream_usage", "ok" if seen.usage else "no", counted)
        if error:
            self.rows.setdefault("stream_usage", Row("stream_usage", "unknown", error.what))
            if isinstance(error, IncompleteAnswerError):
                self._found("finish_reason", "no", f"streamed: {error.what}")
            return
        assert seen is not None
        whole = self.rows["latency"].found
        self.rows["latency"] = Row("latency", "ok", f"first token {seen.first_s:.2f} s, {whole}")
        if seen.usage:
            hit = f"{seen.cached_tokens:,} of {seen.prompt_tokens:,} tokens in the second request"
            self._found("cached_tokens", "ok" if seen.cached_tokens else "no", hit)

    def _calls(self) -> None:
        free, free_error = self._ask(**questions.TWO_CALLS)
        forced, forced_error = self._ask(**questions.FORCED_CALL)
        if forced:
            called = f"called {forced.calls[0]}" if forced.calls else "answered in words"
            self._found("required", "ok" if forced.calls else "no", called)
            self._tokens_without_picture["tool_images"] = forced.prompt_tokens
        if forced_error:
            self._failed("required", forced_error)
        calls = len(free.calls) if free else 0
        if calls or (forced and forced.calls):
            how = "by itself" if calls else "only when it must"
            self._found("tools", "ok", f"the model calls {how}")
        elif error := free_error or forced_error:
            self._failed("tools", error)
        else:
            self._found("tools", "no", "no call where one was asked for")
        verdict: Verdict = "ok" if calls > 1 else "unknown"
        self._found("parallel_tools", verdict, f"{calls} of 2 calls in one answer")

    def _schema(self) -> None:
        seen, error = self._ask(**questions.SCHEMA)
        if error:
            self._failed("json_schema", error)
        if seen:
            self._tokens_without_picture["user_images"] = seen.prompt_tokens
            fits = questions.fits_schema(parsed(seen.text))
            found = "the answer fits" if fits else "the answer does not fit the schema"
            self._found("json_schema", "ok" if fits else "no", found)

    def _pictures(self) -> None:
        self._picture("user_images", questions.PICTURE)
        if self.rows["user_images"].verdict != "no":
            self._picture("tool_images", questions.TOOL_PICTURE)

    def _picture(self, name: str, payload: dict[str, Any]) -> None:
        seen, error = self._ask(**payload)
        if error:
            self._failed(name, error)
        if seen is None:
            return
        without = self._tokens_without_picture[name]
        tokens = seen.prompt_tokens - without
        if re.search(rf"\b{questions.COLOUR}\b", seen.text, re.IGNORECASE):
            self._found(name, "ok", "the answer names the picture's colour")
        elif without and tokens >= _PICTURE_TOKENS:
            self._found(name, "ok", f"accepted, and counted as about {tokens:,} tokens")
        else:
            self._found(name, "unknown", "accepted, but the answer does not name its colour")
