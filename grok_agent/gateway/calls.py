"""One call of the model and its whole answer, or one of our errors: sync, async, streamed."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from typing import Any

import openai

from grok_agent.errors import GatewayError
from grok_agent.gateway.client import offered_models, offered_models_async
from grok_agent.gateway.faults import SDK_FAILURES, UnknownModelError, offering
from grok_agent.gateway.job import Job
from grok_agent.gateway.receiving import Received

Json = dict[str, Any]
Whole = tuple[Json, Mapping[str, str]]

_FAILURES = (*SDK_FAILURES, GatewayError)


def ask(client: openai.OpenAI, job: Job) -> Whole:
    """The whole answer to ``job``, which asks for no stream, and its response headers.

    Raises a GatewayError.
    """
    (answer,) = stream(client, job)
    return answer, job.headers


async def ask_async(client: openai.AsyncOpenAI, job: Job) -> Whole:
    """``ask`` for an asynchronous client."""
    (answer,) = [answer async for answer in stream_async(client, job)]
    return answer, job.headers


def stream(
    client: openai.OpenAI, job: Job, on_restart: Callable[[GatewayError], None] | None = None
) -> Generator[Json]:
    """The pieces of the answer to ``job`` as they come, in the form of ``Assembly``.

    The last one carries ``finish_reason``; it comes only when the answer is whole. Where ``job``
    asks for no stream, the whole answer is the only piece.

    A failure before the first piece is asked for again; after it a GatewayError is raised, an
    IncompleteAnswerError where the answer broke off: pieces that were handed on are void, and a
    second answer must not be taken for their rest. With ``on_restart`` it is asked for again there
    too: it is called with the failure, and what comes after it begins anew.
    """
    while True:
        send = job.admitted(job.limiter.acquire(**job.admission()))
        received = Received(job)
        try:
            with client.chat.completions.with_streaming_response.create(**job.payload) as raw:
                received.begin(raw.http_response)
                for part in raw.http_response.iter_bytes():
                    for piece in received.feed(part):
                        job.passed(send)
                        yield piece
                    if received.is_done:
                        break
                yield from received.rest()
                end = received.end()
            job.passed(send)
            yield end
            return
        except _FAILURES as error:
            failure = received.failure(error)
            if isinstance(failure, UnknownModelError):
                failure = offering(failure, job.target.model, offered_models(client))
            has_begun = received.assembly.has_begun
            job.failed(send, failure, has_begun=has_begun, may_restart=on_restart is not None)
            if has_begun and on_restart:
                on_restart(failure)
        finally:
            received.account()
            job.limiter.report(send, "unknown")


async def stream_async(
    client: openai.AsyncOpenAI,
    job: Job,
    on_restart: Callable[[GatewayError], Awaitable[None]] | None = None,
) -> AsyncGenerator[Json]:
    """``stream`` for an asynchronous client."""
    create = client.chat.completions.with_streaming_response.create
    while True:
        send = job.admitted(await job.limiter.acquire_async(**job.admission()))
        received = Received(job)
        try:
            async with create(**job.payload) as raw:
                received.begin(raw.http_response)
                async for part in raw.http_response.aiter_bytes():
                    for piece in received.feed(part):
                        job.passed(send)
                        yield piece
                    if received.is_done:
                        break
                for piece in received.rest():
                    yield piece
                end = received.end()
            job.passed(send)
            yield end
            return
        except _FAILURES as error:
            failure = received.failure(error)
            if isinstance(failure, UnknownModelError):
                offered = await offered_models_async(client)
                failure = offering(failure, job.target.model, offered)
            has_begun = received.assembly.has_begun
            job.failed(send, failure, has_begun=has_begun, may_restart=on_restart is not None)
            if has_begun and on_restart:
                await on_restart(failure)
        finally:
            received.account()
            job.limiter.report(send, "unknown")
