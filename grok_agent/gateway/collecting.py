"""A streamed answer for a caller who waits for all of it: a restart drops what had come."""

import tenacity
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.outputs import ChatGenerationChunk

from grok_agent.errors import GatewayError


class Collected:
    """The chunks of the answer, and the callbacks that watch them come.

    Callbacks get each chunk by ``on_llm_new_token`` at once. When the answer breaks off and is
    asked for again, ``on_retry`` tells them so: the tokens before it are void.
    """

    def __init__(
        self, run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None
    ) -> None:
        self.chunks: list[ChatGenerationChunk] = []
        self._run_manager = run_manager
        self._restarts = 0

    def add(self, chunk: ChatGenerationChunk) -> None:
        """Keep ``chunk`` and show it."""
        self.chunks.append(chunk)
        if isinstance(self._run_manager, CallbackManagerForLLMRun):
            self._run_manager.on_llm_new_token(chunk.text, chunk=chunk)

    async def add_async(self, chunk: ChatGenerationChunk) -> None:
        """``add`` for a task."""
        self.chunks.append(chunk)
        if isinstance(self._run_manager, AsyncCallbackManagerForLLMRun):
            await self._run_manager.on_llm_new_token(chunk.text, chunk=chunk)

    def restart(self, error: GatewayError) -> None:
        """Drop what has come, and say so."""
        state = self._begin_anew(error)
        if isinstance(self._run_manager, CallbackManagerForLLMRun):
            self._run_manager.on_retry(state)

    async def restart_async(self, error: GatewayError) -> None:
        """``restart`` for a task."""
        state = self._begin_anew(error)
        if isinstance(self._run_manager, AsyncCallbackManagerForLLMRun):
            await self._run_manager.on_retry(state)

    def _begin_anew(self, error: GatewayError) -> tenacity.RetryCallState:
        self.chunks.clear()
        self._restarts += 1
        state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
        state.attempt_number = self._restarts
        state.set_exception((type(error), error, error.__traceback__))
        return state
