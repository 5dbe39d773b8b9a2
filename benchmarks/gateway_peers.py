"""The clients of the gateway benchmark, each run in a process of its own.

``python gateway_peers.py PEER`` reads ``{"url", "prompts", "offered", "timeout_s"}`` from standard
input and writes ``{"answers", "errors", "wall_s", "cpu_s"}``: texts and error names by job.
Every peer streams its answers, and gets the same prompts at the same pace, except those that take
a whole list at once.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Ask = Callable[[str], Awaitable[str]]
MODEL = "grok-build-0.1"
THREADS = 128


class Load:
    """The jobs, and what became of each."""

    def __init__(self, url: str, prompts: dict[str, str], offered: float, timeout_s: float) -> None:
        self.client: dict[str, Any] = {"base_url": url, "api_key": "k", "timeout": timeout_s}
        self.prompts = prompts
        self.offered = offered
        self.answers: dict[str, str] = {}
        self.errors: dict[str, str] = {}
        self.wall_s = 0.0

    def took(self, start: float) -> None:
        self.wall_s = time.perf_counter() - start

    def keep(self, job: str, result: object) -> None:
        if isinstance(result, BaseException):
            self.errors[job] = type(result).__name__
        else:
            self.answers[job] = str(result)

    async def offer(self, ask: Ask) -> None:
        """Begin ``offered`` jobs a second, and wait for all."""

        async def one(job: str, at: float) -> None:
            await asyncio.sleep(start + at - time.perf_counter())
            try:
                self.keep(job, await ask(self.prompts[job]))
            except Exception as error:  # noqa: BLE001 - whatever a client raises is its failure
                self.keep(job, error)

        start = time.perf_counter()
        await asyncio.gather(*(one(job, i / self.offered) for i, job in enumerate(self.prompts)))
        self.took(start)

    def offer_to_threads(self, ask: Callable[[str], str]) -> None:
        """``offer`` for blocking calls."""

        def one(job: str) -> None:
            try:
                self.keep(job, ask(self.prompts[job]))
            except Exception as error:  # noqa: BLE001 - whatever a client raises is its failure
                self.keep(job, error)

        start = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            for i, job in enumerate(self.prompts):
                time.sleep(max(0.0, start + i / self.offered - time.perf_counter()))
                pool.submit(one, job)
        self.took(start)


def sdk(load: Load, retries: int) -> None:
    import openai

    async def run() -> None:
        async with openai.AsyncOpenAI(**load.client, max_retries=retries) as client:

            async def ask(prompt: str) -> str:
                chunks = await client.chat.completions.create(
                    model=MODEL, messages=[{"role": "user", "content": prompt}], stream=True
                )
                return "".join(
                    [c.choices[0].delta.content or "" async for c in chunks if c.choices]
                )

            await load.offer(ask)

    asyncio.run(run())


def litellm(load: Load) -> None:
    import litellm as package

    package.suppress_debug_info = True
    client = {"model": f"openai/{MODEL}", "api_base": load.client["base_url"], "api_key": "k"}
    router = package.Router(
        [{"model_name": MODEL, "litellm_params": client}],
        num_retries=6,
        timeout=load.client["timeout"],
    )

    async def ask(prompt: str) -> str:
        messages = [{"role": "user", "content": prompt}]
        chunks = await router.acompletion(model=MODEL, messages=messages, stream=True)
        return "".join([c.choices[0].delta.content or "" async for c in chunks if c.choices])

    asyncio.run(load.offer(ask))


def langchain(load: Load) -> None:
    from langchain_openai import ChatOpenAI

    _at_once(load, ChatOpenAI(model=MODEL, streaming=True, **load.client))


def ours(load: Load) -> None:
    model = _our_model(load)

    async def ask(prompt: str) -> str:
        return str((await model.ainvoke(prompt)).content)

    asyncio.run(load.offer(ask))


def ours_at_once(load: Load) -> None:
    _at_once(load, _our_model(load))


def ours_in_threads(load: Load) -> None:
    model = _our_model(load)
    load.offer_to_threads(lambda prompt: str(model.invoke(prompt).content))


def _our_model(load: Load) -> Any:
    from grok_agent.chat_model import ChatGrokBuild

    return ChatGrokBuild(model=MODEL, streaming=True, **load.client)


def _at_once(load: Load, model: Any) -> None:
    async def run() -> None:
        start = time.perf_counter()
        results = await model.abatch(list(load.prompts.values()), return_exceptions=True)
        load.took(start)
        for job, result in zip(load.prompts, results, strict=True):
            load.keep(job, result if isinstance(result, BaseException) else result.content)

    asyncio.run(run())


PEERS: dict[str, Callable[[Load], None]] = {
    "sdk2": lambda load: sdk(load, 2),
    "sdk6": lambda load: sdk(load, 6),
    "ChatOpenAI.abatch": langchain,
    "litellm": litellm,
    "ours": ours,
    "ours.abatch": ours_at_once,
    "ours.threads": ours_in_threads,
}
"""Every client by its name; ``litellm`` is its router, with six retries."""

AT_ONCE = ("ChatOpenAI.abatch", "ours.abatch")
"""Those that take a whole list at once, and not at the pace of the others."""


def main() -> None:
    load = Load(**json.load(sys.stdin))
    PEERS[sys.argv[1]](load)
    result = {"answers": load.answers, "errors": load.errors, "wall_s": load.wall_s}
    print(json.dumps({**result, "cpu_s": time.process_time()}))


if __name__ == "__main__":
    main()
