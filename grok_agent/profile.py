"""Facts about the model, each with its source; the only place where they are written.

Sources: [models] xAI's model page as quoted by public price catalogues (2026-09), [client] xAI's
open-source client ``grok-build`` (Apache-2.0), [docs] xAI's API documentation, [assumed] not
published, chosen on the safe side.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

Task = Literal["strict", "portrait", "creative"]


@dataclass(frozen=True)
class Prices:
    """US dollars per million tokens."""

    input: float
    cached_input: float
    output: float


@dataclass(frozen=True)
class ImageLimits:
    """What the image endpoint takes and what is worth sending."""

    max_pixels: int = 2_408_448  # [client] more is scaled down on the server
    max_side_px: int = 2_000  # [client]
    max_bytes: int = 1_500_000  # [client] before Base64
    max_encoded_bytes: int = 10_485_760  # [docs] 10 MiB in older copies, 20 in newer; as Base64
    min_side_px: int = 8  # [client] smaller sides are answered with 400
    min_pixels: int = 512  # [client]
    max_source_pixels: int = 178_956_970  # [client] also Pillow's hard decompression limit
    tile_px: int = 448  # [assumed] 448 x 448 tiles of 256 tokens, and one tile more
    tokens_per_tile: int = 256
    max_tiles: int = 6


@dataclass(frozen=True)
class Profile:
    """What one model can take and costs. Token counts are whole numbers, prices US dollars."""

    name: str
    window_tokens: int = 256_000  # [models]
    safe_input_tokens: int = 200_000  # at this count the price of the whole request doubles
    output_reserve_tokens: int = 32_000  # [assumed] reasoning and answer share it
    prices: Prices | None = None
    long_prices: Prices | None = None  # for all tokens of a request of safe_input_tokens or more
    refused_parameters: frozenset[str] = frozenset()
    images: ImageLimits = ImageLimits()

    def price_list(self, prompt_tokens: int) -> Prices | None:
        """The prices for a request of ``prompt_tokens``; None where they are not known."""
        return self.long_prices if prompt_tokens >= self.safe_input_tokens else self.prices


GROK_BUILD = Profile(
    name="grok-build-0.1",
    prices=Prices(input=1.00, cached_input=0.20, output=2.00),  # [models]
    long_prices=Prices(input=2.00, cached_input=0.40, output=4.00),  # [models]; cached [assumed]
    refused_parameters=frozenset(  # [docs] answered with 400, even with a value of 0
        {
            "reasoning_effort",
            "stop",
            "presence_penalty",
            "frequency_penalty",
            "logprobs",
            "top_logprobs",
        }
    ),
)

CAPABILITIES = {
    "text_inputs": True,
    "image_inputs": True,
    "image_url_inputs": True,
    "image_tool_message": True,
    "pdf_inputs": False,
    "audio_inputs": False,
    "video_inputs": False,
    "text_outputs": True,
    "image_outputs": False,
    "audio_outputs": False,
    "video_outputs": False,
    "reasoning_output": True,
    "tool_calling": True,
    "tool_choice": True,
    "tool_call_streaming": True,
    "structured_output": True,
    "temperature": True,
}
"""What the model takes and gives [models], under the names of LangChain's model profile."""

TEMPERATURES: dict[Task, float] = {"strict": 0.55, "portrait": 0.65, "creative": 0.7}
"""Suggested sampling temperature by task: strict reference matching 0.5-0.6, balanced portrait
0.6-0.7, creative 0.7."""

MAX_ADVISED_TEMPERATURE = 0.7
"""Above this, facial features and schema fields drift; callers are warned."""

OFFLINE_MODEL = "offline-planner"
"""The model name in every answer of the embedded gateway."""


_DATED = r"([-@:_](latest|\d{4}[\d-]*))?"
"""What may follow a model's name without making it another model."""

_SAME_PRICE = r"(:(nitro|floor|exacto))?"
"""Suffixes by which OpenRouter chooses among providers of the same model at the same price."""


def profile_of(model: str) -> Profile:
    """The profile of ``model``; an unknown name gets the default limits and no prices.

    What routers add to a name is passed over: a vendor before it (``x-ai/``, ``xai/``, ``@xai/``),
    a date or a way of routing behind it. A suffix that may change the price (``:free``) leaves the
    limits and takes the prices away.
    """
    name = _without_vendor(model)
    if re.fullmatch(re.escape(GROK_BUILD.name) + _DATED + _SAME_PRICE, name):
        return GROK_BUILD
    if name.startswith(f"{GROK_BUILD.name}:"):
        return replace(GROK_BUILD, name=model, prices=None, long_prices=None)
    return Profile(name=model)


def is_same_model(asked: str, served: str) -> bool:
    """Whether ``served`` names the model ``asked``; routers prefix, date and route the name."""
    name = re.sub(_SAME_PRICE + "$", "", _without_vendor(asked))
    return bool(re.fullmatch(re.escape(name) + _DATED + _SAME_PRICE, _without_vendor(served)))


def _without_vendor(model: str) -> str:
    return model.rpartition("/")[2].strip().lower()
