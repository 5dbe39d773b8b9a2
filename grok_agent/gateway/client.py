"""SDK clients for any gateway: their time-outs, their headers, and the models on offer."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

import httpx2
import openai

from grok_agent.errors import SettingsError
from grok_agent.gateway.connections import sync_client
from grok_agent.gateway.faults import SDK_FAILURES, NotAGatewayError, Target, fault, fault_of
from grok_agent.gateway.replies import Reply
from grok_agent.settings import Settings

_CONVERSATION = "x-grok-conv-id"
_OFFER_TIMEOUT_S = 5.0
_HEADER_SAFE = "!#$&'()*+,-./:;=?@[]^_`{|}~ "


def isolate(
    client: openai.OpenAI | openai.AsyncOpenAI,
    *,
    headers: Mapping[str, str] | None,
    organization: str | None,
) -> None:
    """Take from ``client`` what the SDK read from ``OPENAI_*`` variables.

    They are meant for another service; its organisation, project, admin key and headers (among
    them perhaps an ``Authorization``) must not reach this gateway.
    """
    client.organization = organization
    client.project = None
    client.admin_api_key = None
    client._custom_headers = dict(headers or {})  # has no public way to unset


def timeouts(connect_s: float | None, read_s: float) -> httpx2.Timeout:
    """``connect_s`` seconds for a connection, ``read_s`` between two pieces of an answer."""
    return httpx2.Timeout(read_s, connect=connect_s)


def conversation_header(conversation_id: str) -> dict[str, str]:
    """The header that keeps a conversation on one server, where its prefix is cached.

    Characters that a header cannot carry are percent-encoded.
    """
    return {_CONVERSATION: quote(conversation_id, safe=_HEADER_SAFE).strip()}


def conversation_in(payload: Mapping[str, Any]) -> str:
    """The conversation that a request belongs to; empty for none."""
    headers = payload.get("extra_headers") or {}
    return unquote(str(headers.get(_CONVERSATION, "")))


def sendable_key(settings: Settings) -> str:
    """The key of ``settings``; raises SettingsError where it could not stand in a header."""
    key = settings.require_key()
    if key.isascii() and key.isprintable() and " " not in key:
        return key
    raise SettingsError(
        "The API key has characters that cannot be sent: blanks, line breaks or special letters.",
        next_step="Copy it again into GROK_API_KEY, without quotation marks around it.",
    )


def list_models(settings: Settings, http_client: httpx2.Client | None = None) -> list[str]:
    """Names of the models that the gateway offers, sorted.

    Raises MissingKeyError without a key, and a GatewayError when the gateway does not answer or
    answers something else than a list of models.
    """
    target = Target(settings.base_url, settings.model, sendable_key(settings))
    client = openai.OpenAI(
        base_url=settings.base_url,
        api_key=target.key,
        http_client=http_client or sync_client(),
        max_retries=2 if settings.max_retries is None else settings.max_retries,
        timeout=timeouts(settings.connect_timeout_s, settings.request_timeout_s),
    )
    isolate(client, headers=None, organization=None)
    try:
        body = client.models.with_raw_response.list().text
    except SDK_FAILURES as error:
        raise fault_of(error, target) from None
    names = _model_names(body)
    if names is None:
        raise fault(NotAGatewayError, target, Reply(message="no list of models"))
    return names


def offered_models(client: openai.OpenAI) -> list[str]:
    """The same from an open client, for an error's text: quick, and empty when it fails."""
    quick = client.with_options(max_retries=0, timeout=_OFFER_TIMEOUT_S)
    try:
        return _model_names(quick.models.with_raw_response.list().text) or []
    except SDK_FAILURES:
        return []


async def offered_models_async(client: openai.AsyncOpenAI) -> list[str]:
    """``offered_models`` for an asynchronous client."""
    quick = client.with_options(max_retries=0, timeout=_OFFER_TIMEOUT_S)
    try:
        response = await quick.models.with_raw_response.list()
        return _model_names(response.text) or []
    except SDK_FAILURES:
        return []


def _model_names(body: str) -> list[str] | None:
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    models = content.get("data") if isinstance(content, dict) else None
    if not isinstance(models, list):
        return None
    return sorted(
        {str(model["id"]) for model in models if isinstance(model, dict) and "id" in model}
    )
