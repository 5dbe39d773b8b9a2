"""One request to the gateway and its whole answer, or one of our errors: sync, async, streamed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import openai

from grok_agent.gateway.client import offered_models, offered_models_async
from grok_agent.gateway.faults import (
    SDK_FAILURES,
    Target,
    UnknownModelError,
    fault_of,
    offering,
)
from grok_agent.gateway.outgoing import wants_json
from grok_agent.gateway.stream import Assembly, as_chunk, whole_answer

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


def stream(client: openai.OpenAI, payload: Json, target: Target) -> Iterator[Json]:
    """The pieces of the answer to ``payload`` as they come, in the form of ``Assembly``.

    The last one carries ``finish_reason``; when the answer is not whole, a GatewayError is raised
    in its place.
    """
    assembly = Assembly(target, wants_json=wants_json(payload))
    with _typed_failures(client, target):
        response = client.chat.completions.with_raw_response.create(**payload)
        if _is_streamed(response.headers):
            with cast(openai.Stream[Any], response.parse()) as chunks:
                for chunk in chunks:
                    if piece := assembly.feed(_as_dict(chunk)):
                        yield piece
        else:
            response.http_response.read()
            yield from _pieces_of_whole(response.text, target, assembly)
        yield assembly.close()


async def stream_async(
    client: openai.AsyncOpenAI, payload: Json, target: Target, *, gap_s: float | None
) -> AsyncGenerator[Json]:
    """``stream`` for an asynchronous client, with at most ``gap_s`` seconds between two pieces.

    Keep-alives of the gateway do not count as pieces.
    """
    assembly = Assembly(target, wants_json=wants_json(payload))
    async with _typed_failures_async(client, target):
        response = await client.chat.completions.with_raw_response.create(**payload)
        if _is_streamed(response.headers):
            async with cast(openai.AsyncStream[Any], response.parse()) as chunks:
                async for chunk in _within(chunks, gap_s):
                    if piece := assembly.feed(_as_dict(chunk)):
                        yield piece
        else:
            await response.http_response.aread()
            for piece in _pieces_of_whole(response.text, target, assembly):
                yield piece
        yield assembly.close()


@contextmanager
def _typed_failures(client: openai.OpenAI, target: Target) -> Iterator[None]:
    # "from None": the SDK's error repeats the gateway's words, in which the key may stand.
    try:
        yield
    except SDK_FAILURES as error:
        failure = fault_of(error, target)
        if isinstance(failure, UnknownModelError):
            failure = offering(failure, offered_models(client))
        raise failure from None


@asynccontextmanager
async def _typed_failures_async(client: openai.AsyncOpenAI, target: Target) -> AsyncIterator[None]:
    try:
        yield
    except SDK_FAILURES as error:
        failure = fault_of(error, target)
        if isinstance(failure, UnknownModelError):
            failure = offering(failure, await offered_models_async(client))
        raise failure from None


def _is_streamed(headers: Mapping[str, str]) -> bool:
    """Whether a stream follows; some relays ignore ``stream``, and some answer with a page."""
    kind = headers.get("content-type", "")
    return "json" not in kind and "html" not in kind


def _pieces_of_whole(body: str, target: Target, assembly: Assembly) -> Iterator[Json]:
    if piece := assembly.feed(as_chunk(whole_answer(body, target))):
        yield piece


def _as_dict(chunk: Any) -> object:
    return chunk.to_dict(warnings=False) if isinstance(chunk, openai.BaseModel) else chunk


async def _within(chunks: AsyncIterator[Any], gap_s: float | None) -> AsyncIterator[Any]:
    """Each of ``chunks``; raises TimeoutError when one takes longer than ``gap_s`` seconds."""
    iterator = aiter(chunks)
    while True:
        try:
            async with asyncio.timeout(gap_s):
                chunk = await anext(iterator)
        except StopAsyncIteration:
            return
        yield chunk
