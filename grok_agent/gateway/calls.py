"""One request to the gateway and its whole answer, or one of our errors: sync, async, streamed."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from typing import Any

import httpx2
import openai

from grok_agent.errors import GatewayError
from grok_agent.gateway.answer import as_chunk, whole_answer
from grok_agent.gateway.client import offered_models, offered_models_async
from grok_agent.gateway.events import Events
from grok_agent.gateway.faults import SDK_FAILURES, Target, UnknownModelError, fault_of, offering
from grok_agent.gateway.outgoing import wants_json
from grok_agent.gateway.stream import Assembly

Json = dict[str, Any]


def ask(client: openai.OpenAI, payload: Json, target: Target) -> tuple[Json, Mapping[str, str]]:
    """The whole answer to ``payload`` and its response headers; raises a GatewayError."""
    with _typed_failures(client, target):
        response = client.chat.completions.with_raw_response.create(**payload)
        answer = whole_answer(response.text, target, wants_json=wants_json(payload))
    return answer, response.headers


async def ask_async(
    client: openai.AsyncOpenAI, payload: Json, target: Target
) -> tuple[Json, Mapping[str, str]]:
    """``ask`` for an asynchronous client."""
    async with _typed_failures_async(client, target):
        response = await client.chat.completions.with_raw_response.create(**payload)
        answer = whole_answer(response.text, target, wants_json=wants_json(payload))
    return answer, response.headers


def stream(
    client: openai.OpenAI, payload: Json, target: Target, *, gap_s: float | None
) -> Iterator[Json]:
    """The pieces of the answer to ``payload`` as they come, in the form of ``Assembly``.

    The last one carries ``finish_reason``; when the answer is not whole, or takes longer than
    ``gap_s`` seconds between two pieces, a GatewayError is raised in its place.
    """
    assembly = Assembly(target, wants_json=wants_json(payload))
    with _typed_failures(client, target, assembly):
        response = client.chat.completions.with_raw_response.create(**payload).http_response
        with closing(response):
            if _is_streamed(response):
                events = Events(gap_s)
                for received in response.iter_bytes():
                    yield from assembly.read(events.feed(received))
                    if events.done:
                        break
            else:
                response.read()
                yield from _pieces_of_whole(response, assembly)
        yield assembly.close()


async def stream_async(
    client: openai.AsyncOpenAI, payload: Json, target: Target, *, gap_s: float | None
) -> AsyncGenerator[Json]:
    """``stream`` for an asynchronous client."""
    assembly = Assembly(target, wants_json=wants_json(payload))
    async with _typed_failures_async(client, target, assembly):
        raw = await client.chat.completions.with_raw_response.create(**payload)
        response = raw.http_response
        async with aclosing(response):
            if _is_streamed(response):
                events = Events(gap_s)
                async for received in response.aiter_bytes():
                    for piece in assembly.read(events.feed(received)):
                        yield piece
                    if events.done:
                        break
            else:
                await response.aread()
                for piece in _pieces_of_whole(response, assembly):
                    yield piece
        yield assembly.close()


@contextmanager
def _typed_failures(
    client: openai.OpenAI, target: Target, assembly: Assembly | None = None
) -> Iterator[None]:
    try:
        yield
    except (*SDK_FAILURES, UnknownModelError) as error:
        failure = _failure(error, target, assembly)
        if isinstance(failure, UnknownModelError):
            failure = offering(failure, offered_models(client))
        raise failure from None  # the SDK's error may repeat the key out of the gateway's words


@asynccontextmanager
async def _typed_failures_async(
    client: openai.AsyncOpenAI, target: Target, assembly: Assembly | None = None
) -> AsyncIterator[None]:
    try:
        yield
    except (*SDK_FAILURES, UnknownModelError) as error:
        failure = _failure(error, target, assembly)
        if isinstance(failure, UnknownModelError):
            failure = offering(failure, await offered_models_async(client))
        raise failure from None


def _failure(error: Exception, target: Target, assembly: Assembly | None) -> GatewayError:
    """A break after the answer has begun is an incomplete answer, with what had arrived."""
    if isinstance(error, GatewayError):
        return error
    if assembly and assembly.has_begun:
        return assembly.broken(error)
    return fault_of(error, target)


def _is_streamed(response: httpx2.Response) -> bool:
    """Whether events follow; some relays ignore ``stream``, and some answer with a page."""
    kind = response.headers.get("content-type", "")
    return "json" not in kind and "html" not in kind


def _pieces_of_whole(response: httpx2.Response, assembly: Assembly) -> Iterator[Json]:
    if piece := assembly.feed(as_chunk(whole_answer(response.text, assembly.target))):
        yield piece
