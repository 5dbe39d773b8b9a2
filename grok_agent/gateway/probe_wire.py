"""One question of the doctor on the wire, and what came back."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from grok_agent.errors import GatewayError
from grok_agent.gateway.answer import Asked, whole_answer
from grok_agent.gateway.attempt import Attempt, Status
from grok_agent.gateway.client import conversation_header, sendable_key, timeouts
from grok_agent.gateway.events import Events
from grok_agent.gateway.faults import (
    IncompleteAnswerError,
    NotAGatewayError,
    OverloadedError,
    RateLimitedError,
    Target,
    classify,
    fault,
    fault_of,
)
from grok_agent.gateway.fields import mapping_of, mappings_of, text_of
from grok_agent.gateway.ledger import Cost
from grok_agent.gateway.replies import Reply, read_reply
from grok_agent.gateway.stream import Assembly
from grok_agent.settings import Settings

ATTEMPTS = 3
PATIENCE_S = 60.0
MAX_WAIT_S = 20.0
MAX_BYTES = 4_000_000

_FAILURES = (httpx2.HTTPError, httpx2.StreamError, TimeoutError)


@dataclass(frozen=True)
class Seen:
    """A whole answer: ``calls`` names the tools called; ``usage`` is sound counts or None.

    ``seconds`` is the time to its end, ``first_s`` the time to its first piece.
    """

    text: str = ""
    reasoning: str = ""
    calls: tuple[str, ...] = ()
    finish_reason: str = ""
    model: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    first_s: float = 0.0

    @property
    def prompt_tokens(self) -> int:
        """Prompt tokens by the gateway's count, 0 where it gave none."""
        return int(self.usage.get("prompt_tokens", 0))

    @property
    def cached_tokens(self) -> int:
        """How many of them came from the cache."""
        return int(mapping_of(self.usage.get("prompt_tokens_details")).get("cached_tokens", 0))


class Wire:
    """Sends questions to the gateway of ``settings`` and keeps account of them.

    ``record`` is called with every attempt that was or may have been billed. Raises SettingsError
    (MissingKeyError) for a key that is missing or cannot be sent.
    """

    def __init__(
        self,
        settings: Settings,
        client: httpx2.Client,
        conversation_id: str,
        record: Callable[[Attempt], None] | None = None,
    ) -> None:
        key = sendable_key(settings)
        self.target = Target(settings.base_url, settings.model, key)
        self.requests = 0
        self.cost: Cost | None = None
        self._patience = timeouts(
            settings.connect_timeout_s, min(settings.request_timeout_s, PATIENCE_S)
        )
        self._client = client
        self._record = record
        self._headers = {
            "authorization": f"Bearer {key}",
            **conversation_header(conversation_id),
        }

    def offered(self) -> list[str]:
        """The models on offer; raises a GatewayError."""
        self.requests += 1
        try:
            body = self._get(f"{self.target.base_url}/models")
        except _FAILURES as error:
            raise fault_of(error, self.target) from None
        models = mappings_of(mapping_of(parsed(body)).get("data"))
        if not models:
            raise fault(NotAGatewayError, self.target, Reply(message="no list of models"))
        return [text_of(model.get("id")) for model in models]

    def ask(self, **payload: Any) -> Seen:
        """The whole answer to ``payload``; raises a GatewayError.

        What passes by itself (429, 5xx, a torn answer) is asked for again, twice at most.
        """
        payload = {"model": self.target.model, **payload}
        began = time.monotonic()
        for attempt in range(1, ATTEMPTS):
            try:
                return self._ask_once(payload)
            except (RateLimitedError, OverloadedError, IncompleteAnswerError) as error:
                asked = getattr(error, "retry_after_s", None)
                wait = 0.5 * 2**attempt if asked is None else asked
                if wait > MAX_WAIT_S or time.monotonic() - began > PATIENCE_S:
                    raise
            time.sleep(wait)
        return self._ask_once(payload)

    def _ask_once(self, payload: Mapping[str, Any]) -> Seen:
        self.requests += 1
        try:
            seen = self._exchange(payload)
        except IncompleteAnswerError:
            self._account({}, "", "cut")
            raise
        except _FAILURES as error:
            raise fault_of(error, self.target) from None
        self._account(seen.usage, seen.model, "whole")
        return seen

    def _exchange(self, payload: Mapping[str, Any]) -> Seen:
        url, asked = f"{self.target.base_url}/chat/completions", Asked.of(payload)
        began = time.monotonic()
        with self._client.stream(
            "POST", url, json=payload, headers=self._headers, timeout=self._patience
        ) as response:
            kind = response.headers.get("content-type", "")
            if response.status_code == 200 and "event-stream" in kind:
                return self._streamed(response, asked, began)
            body = self._body(response, began)
        return self._whole(body, asked, time.monotonic() - began)

    def _get(self, url: str) -> str:
        began = time.monotonic()
        with self._client.stream(
            "GET", url, headers=self._headers, timeout=self._patience
        ) as response:
            return self._body(response, began)

    def _whole(self, body: str, asked: Asked, seconds: float) -> Seen:
        answer = whole_answer(body, self.target, asked)
        choice = answer["choices"][0]
        message = choice["message"]
        calls = mappings_of(message["tool_calls"])
        return Seen(
            text=text_of(message["content"]) or message["refusal"],
            reasoning=message["reasoning_content"],
            calls=tuple(call["function"]["name"] for call in calls),
            finish_reason=choice["finish_reason"],
            model=answer.get("model", ""),
            usage=answer["usage"] or {},
            seconds=seconds,
            first_s=seconds,
        )

    def _streamed(self, response: httpx2.Response, asked: Asked, began: float) -> Seen:
        assembly, events = Assembly(self.target, asked), Events()
        text, reasoning, first_s = "", "", 0.0
        for received in response.iter_bytes():
            self._limit(began, len(text))
            for piece in assembly.read(events.feed(received)):
                delta = piece["choices"][0]["delta"]
                text += delta.get("content", "") + delta.get("refusal", "")
                reasoning += delta.get("reasoning_content", "")
                first_s = first_s or time.monotonic() - began
            if events.done:
                break
        end = assembly.close()
        return Seen(
            text=text,
            reasoning=reasoning,
            finish_reason=end["choices"][0]["finish_reason"],
            model=end.get("model", ""),
            usage=end["usage"] or {},
            seconds=time.monotonic() - began,
            first_s=first_s,
        )

    def _body(self, response: httpx2.Response, began: float) -> str:
        """The body of an answer with status 200; any other is raised as the error that it is."""
        received = bytearray()
        for piece in response.iter_bytes():
            received += piece
            self._limit(began, len(received))
        body = received.decode(errors="replace")
        if response.status_code != 200:
            raise classify(read_reply(response.status_code, response.headers, body), self.target)
        return body

    def _limit(self, began: float, size: int) -> None:
        """End what has no end: a drip of bytes keeps a socket's own time-out from firing."""
        if size > MAX_BYTES:
            raise fault(NotAGatewayError, self.target, Reply(message="an answer without end"))
        if time.monotonic() - began > PATIENCE_S:
            raise TimeoutError

    def _account(self, usage: Mapping[str, Any], served: str, status: Status) -> None:
        attempt = Attempt.of(self.target, usage or None, served=served, status=status)
        self.cost = self.cost + attempt.cost if self.cost else attempt.cost
        if self._record:
            self._record(attempt)


def parsed(text: str) -> object:
    """``text`` as JSON, or None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def answer_or_error(ask: Callable[[], Seen]) -> tuple[Seen | None, GatewayError | None]:
    """What ``ask`` brought: an answer, or the error in its place."""
    try:
        return ask(), None
    except GatewayError as error:
        return None, error
