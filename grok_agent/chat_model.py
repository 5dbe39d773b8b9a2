"""ChatGrokBuild: grok-build-0.1 as a LangChain chat model, behind any OpenAI-compatible gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, cast

import openai
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.tracers._streaming import _StreamingCallbackHandler
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_openai.chat_models.base import BaseChatOpenAI
from pydantic import ConfigDict, Field, SecretStr, model_validator

from grok_agent.context.token_ratio import LearnedRatio, Ratio, learned_ratio
from grok_agent.context.tokens import count, count_messages
from grok_agent.errors import SettingsError
from grok_agent.gateway.answer import keep_extras
from grok_agent.gateway.bills import Caps
from grok_agent.gateway.calls import ask, ask_async, stream, stream_async
from grok_agent.gateway.capabilities import known
from grok_agent.gateway.client import conversation_header, conversation_in, isolate, timeouts
from grok_agent.gateway.collecting import Collected
from grok_agent.gateway.connections import async_client, sync_client
from grok_agent.gateway.defaults import FROM_SETTINGS, fill
from grok_agent.gateway.edge import Edge, Terms, edge_of
from grok_agent.gateway.faults import Target
from grok_agent.gateway.job import Job
from grok_agent.gateway.ladder import Reencode
from grok_agent.gateway.ledger import usage_from_wire
from grok_agent.gateway.outgoing import (
    advise_temperature,
    drop_refused,
    encodable,
    response_format,
    shape_messages,
)
from grok_agent.gateway.pictures import fit_pictures
from grok_agent.gateway.structured import structured_output
from grok_agent.profile import CAPABILITIES, ImageLimits, Profile, profile_of
from grok_agent.settings import Settings


def _reencode(url: str, limits: ImageLimits) -> str:
    from grok_agent.vision.reencode import reencode  # loads Pillow: only where it is needed

    return reencode(url, limits)


async def _made(
    messages: Sequence[BaseMessage], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """A request's payload; with pictures in a thread, where making them fit holds nobody up."""
    if all(isinstance(message.content, str) for message in messages):
        return make()
    return await asyncio.to_thread(make)


class ChatGrokBuild(BaseChatOpenAI):
    """grok-build-0.1 behind the gateway of the settings, over Chat Completions.

    Everything that is not given is read by :meth:`Settings.from_env`: ``base_url``, ``api_key``,
    ``model``, ``timeout`` (seconds to the first piece of an answer and between two of them),
    ``answer_timeout_s`` (for a whole answer), ``connect_timeout_s``, ``max_wait_s`` (nothing is
    sent again after it), ``max_retries`` (None: as many as fit into ``max_wait_s``) and
    ``max_usd_per_day``.

    All models for one gateway, key and model name in this process share a limiter that learns what
    the gateway accepts; requests wait for their turn in it. Requests that failed, and answers that
    are not whole, are asked for again. A stream is asked for again as long as nothing was handed
    on; after that it raises IncompleteAnswerError: what was handed on is void, and the reader who
    wants another answer streams again. With ``streaming=True`` an ``invoke`` streams underneath,
    which finds hangs sooner; callbacks see its tokens, and ``on_retry`` where they become void.

    Of what differs from its parent: an answer that is not whole is raised, not repaired; every
    failure is one of the classes in :mod:`grok_agent.gateway.faults`; ``reasoning_content`` is kept
    in ``additional_kwargs`` and sent back with its message; parameters that the model refuses are
    left away; nothing is read from ``OPENAI_*`` variables.

    Raises SettingsError (MissingKeyError without a key) for values that cannot be used.
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # the key is a part of the input

    conversation_id: str | None = None
    """Keeps a conversation on one server, where its prefix is cached; also an argument of a call.
    LangGraph's thread id is a good one."""

    connect_timeout_s: float | None = Field(default=None, gt=0)
    answer_timeout_s: float | None = Field(default=None, gt=0)
    max_wait_s: float = Field(default=300, ge=0)
    max_usd_per_call: float | None = None
    max_usd_per_run: float | None = None
    """Cap for one ``conversation_id``, over all programs that share the ledger."""
    max_usd_per_day: float | None = None
    state_dir: Path | None = Field(default=None, exclude=True)
    """Where the ledger lies, and what ``grok-agent doctor`` has found."""
    moderation_file: Path | None = Field(default=None, exclude=True)
    """Remembers prompts that moderation refused, by their fingerprints only, for the next run of a
    batch and for its other processes."""
    edge: Edge | None = Field(default=None, exclude=True, repr=False)
    """A limiter, moderation memory and ledger of its own; None: those of the whole process."""
    reencode: Reencode | None = Field(default=_reencode, exclude=True, repr=False)
    """Makes a picture's data URL fit for the model and free of metadata, and smaller where a
    gateway finds a request too large; None: pictures are sent as they are given."""
    http_socket_options: Sequence[tuple[int, int, int]] | None = ()  # ``connections`` sets them
    openai_proxy: str | None = None
    stream_usage: bool | None = True
    use_responses_api: bool | None = Field(default=False, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _fill_from_settings(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**fill(values), "use_responses_api": False}

    @model_validator(mode="after")
    def validate_environment(self) -> Self:
        """Let the parent build the clients, then take out what came from ``OPENAI_*`` variables."""
        organization = self.openai_organization
        if self.openai_proxy is None:
            self.http_client = self.http_client or sync_client()
            self.http_async_client = self.http_async_client or async_client()
        super().validate_environment()  # type: ignore[operator]
        self.openai_organization = organization
        for client in (self.root_client, self.root_async_client):
            if client is None:
                continue  # an asynchronous function for a key serves asynchronous calls only
            client.max_retries = 0  # the SDK's retries know nothing of other requests
            isolate(client, headers=self.default_headers, organization=organization)
            if isinstance(self.request_timeout, int | float):
                client.timeout = timeouts(self.connect_timeout_s, self.request_timeout)
        advise_temperature(self.temperature)
        return self

    @classmethod
    def from_settings(cls, settings: Settings, **kwargs: Any) -> Self:
        """The model that ``settings`` describe; ``kwargs`` win over them."""
        values = {name: getattr(settings, field) for name, field in FROM_SETTINGS.items()}
        return cls(**{**values, **kwargs})

    @property
    def model_profile(self) -> Profile:
        """What is known about the model: window, prices, limits."""
        return profile_of(self.model_name)

    def _resolve_model_profile(self) -> ModelProfile:
        facts = {"name": self.model_name, "max_input_tokens": self.model_profile.window_tokens}
        return cast(ModelProfile, {**facts, **CAPABILITIES})

    @property
    def _llm_type(self) -> str:
        return "grok-build-chat"

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Which variable holds the key when a saved model is loaded."""
        return {"openai_api_key": "GROK_API_KEY"}

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """The module path, so that a saved model can be loaded."""
        return ["grok_agent", "chat_model"]

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Models can be saved; the key is saved as the name of its variable."""
        return True

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "xai"
        return params

    def with_structured_output(
        self,
        schema: Any = None,
        *,
        method: Literal["function_calling", "json_mode", "json_schema"] | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Answers in the form of ``schema``, enforced by the gateway.

        ``method`` None means ``json_schema``, or ``function_calling`` where ``grok-agent doctor``
        has found that the gateway does not keep to a JSON schema.
        ``strict`` is on unless the schema says otherwise. A refusal raises ContentRefusedError; an
        answer that does not fit the schema raises LangChain's OutputParserException, or stands in
        ``parsing_error`` with ``include_raw``.
        """
        if method is None:
            found = known(self.openai_api_base or "", self.model_name, self.state_dir)
            method = "function_calling" if found.json_schema is False else "json_schema"
        if method == "json_schema" and schema is not None:
            return structured_output(self, schema, include_raw=include_raw, strict=strict, **kwargs)
        return super().with_structured_output(
            schema, method=method, include_raw=include_raw, strict=strict, **kwargs
        )

    @property
    def token_ratio(self) -> Ratio:
        """Tokens billed by this gateway for one that is counted here, learned from its answers."""
        return self._learned_ratio().current()

    def get_num_tokens(self, text: str) -> int:
        """Tokens that the gateway may bill for ``text``, on the safe side, counted offline."""
        return self.token_ratio.at_most(count(text))

    def get_num_tokens_from_messages(
        self,
        messages: Sequence[BaseMessage],
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
        **_: Any,
    ) -> int:
        """Prompt tokens that a request with ``messages`` and ``tools`` may cost, as above.

        A list that LangChain's ``trim_messages`` has cut by it fits into the window.
        """
        sent = self._get_request_payload(list(messages))["messages"]
        schemas = [convert_to_openai_tool(tool) for tool in tools or ()]
        counted = count_messages(sent, schemas, self.model_profile.images)
        return self.token_ratio.request_at_most(counted)

    def get_token_ids(self, text: str) -> list[int]:
        """Token ids by ``custom_get_token_ids``; the model's own vocabulary is not published."""
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        raise SettingsError(
            "The model's vocabulary is not published, so there are no token ids.",
            next_step="Use get_num_tokens for a count, or set custom_get_token_ids.",
        )

    def _get_request_payload(
        self, input_: LanguageModelInput, *, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        conversation = kwargs.pop("conversation_id", None) or self.conversation_id
        messages = self._convert_input(input_).to_messages()
        payload = super()._get_request_payload(messages, stop=stop, **kwargs)
        shape_messages(messages, payload["messages"])
        profile = profile_of(payload["model"])
        fitted = fit_pictures(payload["messages"], self.reencode, profile.images)
        payload["messages"] = encodable(fitted)
        drop_refused(payload, profile)
        if isinstance(payload.get("response_format"), type):
            payload["response_format"] = response_format(payload["response_format"], strict=True)
        if conversation:
            headers = conversation_header(conversation)
            payload["extra_headers"] = {**(payload.get("extra_headers") or {}), **headers}
        return payload

    def _should_stream(
        self,
        *,
        async_api: bool,
        run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> bool:
        """Whether somebody reads along; ``streaming`` alone is about the wire."""
        handlers = run_manager.handlers if run_manager else ()
        reads = kwargs.get("stream") or any(
            isinstance(handler, _StreamingCallbackHandler) for handler in handlers
        )
        return bool(reads) and super()._should_stream(
            async_api=async_api, run_manager=run_manager, **kwargs
        )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self._ensure_sync_client_available()
        if self.streaming:
            collected = Collected(run_manager)
            job = self._job(self._streamed_payload(messages, stop, None, kwargs))
            for piece in stream(self.root_client, job, collected.restart):
                self._learn(job, piece)
                collected.add(self._convert_chunk_to_generation_chunk(piece, AIMessageChunk, None))
            return generate_from_stream(iter(collected.chunks))
        payload = self._get_request_payload(messages, stop=stop, **kwargs) | {"stream": False}
        job = self._job(payload)
        answer, headers = ask(self.root_client, job)
        self._learn(job, answer)
        return self._create_chat_result(answer, self._kept_headers(headers))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self.streaming:
            collected = Collected(run_manager)
            make = partial(self._streamed_payload, messages, stop, None, kwargs)
            job = self._job(await _made(messages, make))
            pieces = stream_async(self.root_async_client, job, collected.restart_async)
            async with aclosing(pieces):
                async for piece in pieces:
                    await self._learn_async(job, piece)
                    chunk = self._convert_chunk_to_generation_chunk(piece, AIMessageChunk, None)
                    await collected.add_async(chunk)
            return generate_from_stream(iter(collected.chunks))
        make = partial(self._get_request_payload, messages, stop=stop, **kwargs)
        job = self._job(await _made(messages, make) | {"stream": False})
        answer, headers = await ask_async(self.root_async_client, job)
        await self._learn_async(job, answer)
        return self._create_chat_result(answer, self._kept_headers(headers))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        stream_usage: bool | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self._ensure_sync_client_available()
        job = self._job(self._streamed_payload(messages, stop, stream_usage, kwargs))
        with closing(stream(self.root_client, job)) as pieces:
            for piece in pieces:
                self._learn(job, piece)
                chunk = self._convert_chunk_to_generation_chunk(piece, AIMessageChunk, None)
                if run_manager:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        stream_usage: bool | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        make = partial(self._streamed_payload, messages, stop, stream_usage, kwargs)
        job = self._job(await _made(messages, make))
        async with aclosing(stream_async(self.root_async_client, job)) as pieces:
            async for piece in pieces:
                await self._learn_async(job, piece)
                chunk = self._convert_chunk_to_generation_chunk(piece, AIMessageChunk, None)
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    def _job(self, payload: dict[str, Any]) -> Job:
        """The call with ``payload``, at the edge that it shares with others."""
        key = self.openai_api_key
        secret = key.get_secret_value() if isinstance(key, SecretStr) else ""
        target = Target(self.openai_api_base or "", payload["model"], secret)
        timeout = self.request_timeout
        terms = Terms(
            max_wait_s=self.max_wait_s,
            max_retries=self.max_retries,
            gap_s=timeout if isinstance(timeout, int | float) else None,
            answer_s=self.answer_timeout_s,
            caps=Caps(self.max_usd_per_call, self.max_usd_per_run, self.max_usd_per_day),
            thread=conversation_in(payload),
            reencode=self.reencode,
            estimate=self._likely_usage,
        )
        edge = self.edge or edge_of(target, self.state_dir)
        if self.moderation_file:
            edge.moderation.keep_in(self.moderation_file)
        return Job(payload, target, edge, terms)

    def _likely_usage(self, payload: Mapping[str, Any], written: str) -> dict[str, Any]:
        """What a request has used by our count, where its gateway does not say."""
        ratio, images = self.token_ratio, self.model_profile.images
        counted = count_messages(payload["messages"], payload.get("tools") or (), images)
        prompt = ratio.likely(counted) + ratio.overhead
        return {"prompt_tokens": prompt, "completion_tokens": ratio.likely(count(written))}

    def _learned_ratio(self) -> LearnedRatio:
        target = Target(self.openai_api_base or "", self.model_name, "")
        return learned_ratio(self.state_dir, target.address, target.model)

    def _learn(self, job: Job, part: Mapping[str, Any]) -> None:
        """Learn the ratio of tokens from an answer, or from the piece of it that has the usage."""
        if usage := usage_from_wire(part.get("usage")):
            served = str(part.get("model") or "")
            self._learned_ratio().learn(job.payload, usage["prompt_tokens"], served)

    async def _learn_async(self, job: Job, part: Mapping[str, Any]) -> None:
        if part.get("usage"):
            await asyncio.to_thread(self._learn, job, part)  # the first count takes a while

    def _streamed_payload(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        stream_usage: bool | None,
        kwargs: dict[str, Any],
    ) -> dict[str, Any]:
        if self._should_stream_usage(stream_usage, **kwargs):
            kwargs["stream_options"] = {"include_usage": True}
        return self._get_request_payload(messages, stop=stop, **kwargs) | {"stream": True}

    def _create_chat_result(
        self,
        response: dict[str, Any] | openai.BaseModel,
        generation_info: dict[str, Any] | None = None,
    ) -> ChatResult:
        answer: dict[str, Any] = response if isinstance(response, dict) else response.to_dict()
        result = super()._create_chat_result(answer, generation_info)
        for choice, generation in zip(answer["choices"], result.generations, strict=True):
            keep_extras(generation.message, choice["message"], answer.get("usage"))
        result.llm_output = {**(result.llm_output or {}), "model_provider": "xai"}
        return result

    def _convert_chunk_to_generation_chunk(
        self,
        chunk: dict[str, Any],
        default_chunk_class: type,
        base_generation_info: dict[str, Any] | None,
    ) -> ChatGenerationChunk:
        generation = super()._convert_chunk_to_generation_chunk(
            chunk, default_chunk_class, base_generation_info
        )
        assert generation is not None  # only for pieces without a delta
        keep_extras(generation.message, chunk["choices"][0]["delta"], chunk.get("usage"))
        return generation

    def _kept_headers(self, headers: Mapping[str, str]) -> dict[str, Any]:
        return {"headers": dict(headers)} if self.include_response_headers else {}
