"""The embedded gateway: one handler from request to response, without a socket."""

import hmac
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from grok_agent.offline.answers import Answer
from grok_agent.offline.bill import Bill
from grok_agent.offline.faults import CHAT_PATH, Fault, FaultSchedule
from grok_agent.offline.limits import Limits, Turnstile
from grok_agent.offline.parsing import parse_chat
from grok_agent.offline.planner import plan
from grok_agent.offline.problems import (
    INTERNAL,
    INVALID,
    MAX_BODY_BYTES,
    NOT_FOUND,
    Problem,
    bad_key,
    context_overflow,
    json_response,
    too_large,
)
from grok_agent.offline.refusals import refuse
from grok_agent.offline.spoiling import streamed_response, whole_response
from grok_agent.offline.usage import Prompt, PromptCache
from grok_agent.offline.wire import Planner, Request, Response
from grok_agent.profile import GROK_BUILD, OFFLINE_MODEL

_log = logging.getLogger(__name__)

NOTICE = "deterministic offline planner, not grok-build-0.1"
"""Value of the header ``x-grok-agent`` of every answer."""

MODELS = (GROK_BUILD.name, OFFLINE_MODEL)


class OfflineGateway:
    """Answers requests of the OpenAI-compatible API in-process; safe under threads.

    ``planner`` gives the answers, ``faults`` says what goes wrong and when, ``models`` are the
    names that are served, ``keys`` the accepted API keys (None: any that is not blank).

    ``limits`` apply to chat requests: outages before any fault, the rate behind the faults that
    refuse. With ``bill`` each answer is charged to it and says so in ``usage.cost_in_usd_ticks``.
    """

    def __init__(
        self,
        planner: Planner = plan,
        faults: Sequence[Fault] = (),
        *,
        models: Sequence[str] = MODELS,
        keys: set[str] | None = None,
        limits: Limits | None = None,
        bill: Bill | None = None,
    ) -> None:
        self.models = tuple(models)
        self._planner = planner
        self._keys = keys
        self._faults = FaultSchedule(faults)
        self._cache = PromptCache()
        self._turnstile = Turnstile(limits or Limits())
        self._bill = bill

    def handle(self, request: Request) -> Response:
        """Answer ``request``. Never raises: what is wrong with it becomes an error answer."""
        try:
            response = self._route(request)
        except Problem as problem:
            response = problem.response()
        except Exception as error:  # noqa: BLE001 - a planner's mistake must not end the server
            _log.exception("The planner failed.")
            response = _failure(error).response()
        own = {"x-request-id": str(uuid.uuid4()), "x-grok-agent": NOTICE}
        return replace(response, headers={**own, **response.headers})

    def _route(self, request: Request) -> Response:
        path = request.path.rstrip("/") or "/"
        method, answer = self._find(path)
        if request.method != method:
            raise Problem(405, INVALID, f"{path} takes {method} only.", {"allow": method})
        if path != "/health":
            self._check_key(request)
        if len(request.body) > MAX_BODY_BYTES:
            raise too_large(len(request.body))
        if path != CHAT_PATH and (fault := self._faults.choose(path)):
            return refuse(fault) or answer(request)
        return answer(request)

    def _find(self, path: str) -> tuple[str, Callable[[Request], Response]]:
        if path == CHAT_PATH:
            return "POST", self._chat
        if path == "/v1/models":
            return "GET", self._list_models
        if path.startswith("/v1/models/"):
            name = path.removeprefix("/v1/models/")
            return "GET", lambda request: self._one_model(name)
        if path == "/health":
            return "GET", lambda request: json_response({"status": "ok", "model": OFFLINE_MODEL})
        raise Problem(404, NOT_FOUND, f"There is nothing at {path}.")

    def _check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        key = key.strip() if scheme.lower() == "bearer" else ""
        known = self._keys is None or any(
            hmac.compare_digest(key.encode(), other.encode()) for other in self._keys
        )
        if not key or not known:
            raise bad_key(key)

    def _list_models(self, request: Request) -> Response:
        return json_response({"object": "list", "data": [_model(name) for name in self.models]})

    def _one_model(self, name: str) -> Response:
        if name not in self.models:
            raise Problem(404, NOT_FOUND, f"The model {name} does not exist.")
        return json_response(_model(name))

    def _chat(self, request: Request) -> Response:
        if (outage := self._turnstile.outage()) and (refused := refuse(outage)):
            return refused
        chat = parse_chat(request, self.models)
        prompt = Prompt.of(chat)
        if prompt.tokens > GROK_BUILD.window_tokens:
            raise context_overflow(prompt.tokens, GROK_BUILD.window_tokens)
        turn = cache(lambda: self._planner(chat))
        fault = self._faults.choose(
            CHAT_PATH, streamed=chat.stream, has_calls=lambda: bool(turn().tool_calls)
        )
        if fault and (refused := refuse(fault)):
            return refused
        if (limit := self._turnstile.refusal()) and (refused := refuse(limit)):
            return refused
        cached = self._cache.cached_tokens(chat.conversation_id, prompt)
        answer = Answer.of(chat, turn(), prompt.tokens, cached)
        if self._bill:
            answer = replace(answer, usage=self._bill.charge(answer.id, answer.usage))
        if chat.stream:
            return streamed_response(answer, fault, chat.include_usage)
        return whole_response(answer, fault)


def _failure(error: Exception) -> Problem:
    return Problem(
        500,
        INTERNAL,
        f"The planner failed: {type(error).__name__}: {error}",
        {"x-should-retry": "false"},
    )


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "grok-agent"}
