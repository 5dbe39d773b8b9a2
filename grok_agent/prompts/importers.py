"""Prompts that come from elsewhere: from a picture's metadata, or from text that was pasted.

All of it is text that strangers wrote: it is bounded, read as data and never run.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from grok_agent.errors import ToolError
from grok_agent.prompts.comfy_ui_reading import draft_of_graph, is_graph
from grok_agent.prompts.importing import Draft, Import, as_number, is_prose
from grok_agent.prompts.metadata_forms import OURS_FOR_INVOKE
from grok_agent.prompts.problems import explain
from grok_agent.prompts.schema import Lora, PromptSpec
from grok_agent.prompts.sizes import size_for
from grok_agent.prompts.web_ui_reading import draft_of_infotext, read_sampler, without_loras
from grok_agent.prompts.weights import read_weighted

MAX_CHARACTERS = 2_000_000

_FLAG = re.compile(r"\s--(?P<name>[a-z]+)(?:\s+(?P<value>(?:(?!\s--[a-z]).)*))?", re.DOTALL)
_COMPEL = re.compile(r"\((?P<text>(?:\\.|[^()\\])*)\)(?P<weight>\d*\.?\d+)")
_NUMBERS = re.compile(r"\d+")
_FENCED = re.compile(r"```(?:json)?\s*(\{.*?\})\s*```", re.DOTALL)


def import_text(text: str, *, repair: bool = False) -> Import:
    """Read a prompt from JSON (ours, ComfyUI, InvokeAI, Fooocus, NovelAI, diffusers), infotext or
    a Midjourney line; other text is a positive prompt of its own.

    With ``repair`` a JSON object is also looked for inside prose and code fences. Raises
    :class:`ToolError` when nothing usable is found; its text says what is wrong.
    """
    stripped = text.strip().lstrip("\ufeff")
    if len(stripped) > MAX_CHARACTERS:
        raise ToolError(
            f"{len(stripped)} characters are too many for a prompt.",
            next_step=f"Give at most {MAX_CHARACTERS}.",
        )
    if not stripped:
        raise ToolError("The text is empty.", next_step="Give a prompt.")
    data = _json(stripped, repair=repair)
    if isinstance(data, dict):
        return _from_object(data)
    if _FLAG.search(f" {stripped}"):
        return _midjourney(stripped).finish()
    return draft_of_infotext(stripped).finish()


def import_picture(source: Path | bytes | str) -> Import:
    """Read the prompt that a generator left in a PNG, JPEG or WebP.

    ``source`` as for :func:`grok_agent.vision.prepare.prepare`. Raises :class:`ToolError` for what
    is no picture, or one without a prompt.
    """
    from grok_agent.vision.decode import decode  # loads the image library

    decoded = decode(source)
    if found := import_metadata(decoded.original.metadata.texts):
        return found
    raise ToolError(
        f"{decoded.label} holds no prompt of a generator.",
        next_step="Describe it instead: grok-agent prompt --image FILE.",
    )


def import_metadata(texts: Mapping[str, str]) -> Import | None:
    """The prompt in a picture's texts by the name they stand under; None without one.

    Raises as :func:`import_text` for texts that ought to be a prompt and are none.
    """
    for name in ("invokeai_metadata", "prompt", "parameters", "Comment", "Description"):
        text = texts.get(name, "").strip()
        if not text or (name in ("prompt", "Comment") and not isinstance(_json(text), dict)):
            continue
        return import_text(text.partition("Job ID:")[0] if name == "Description" else text)
    return None


def _json(text: str, *, repair: bool = False) -> Any:
    candidates = [text]
    if repair:
        candidates += _FENCED.findall(text)
        candidates += [text[text.find("{") : text.rfind("}") + 1]]
    for candidate in candidates:
        if candidate.startswith(("{", "[")):
            try:
                return json.loads(candidate)
            except (ValueError, RecursionError):
                continue
    return None


def _from_object(data: dict[str, Any]) -> Import:
    nested = data.get("prompt")
    graph = nested if isinstance(nested, dict) else data
    if is_graph(graph):
        return draft_of_graph(graph).finish()
    if "positive" in data and "title" in data:
        return _own(data)
    if "arguments" in data and "pipeline" in data:
        return _diffusers(data).finish()
    if "positive_prompt" in data:
        return _invokeai(data).finish()
    if "uc" in data:
        return _novelai(data).finish()
    if isinstance(nested, str):
        return _fooocus(data).finish()
    raise ToolError(
        "This JSON object is no prompt that is known here.",
        next_step="Give a prompt of ours, a ComfyUI API graph, or the metadata of InvokeAI,"
        " Fooocus, NovelAI or diffusers.",
    )


def _own(data: Mapping[str, Any]) -> Import:
    try:
        return Import(PromptSpec.model_validate(data, strict=False), "grok-agent")
    except ValidationError as error:
        listed = "\n".join(f"- {line}" for line in explain(error))
        raise ToolError(
            f"This prompt is not valid:\n{listed}", next_step="Correct these."
        ) from None


def _midjourney(text: str) -> Draft:
    draft = Draft("Midjourney line")
    flags = {flag["name"]: (flag["value"] or "").strip() for flag in _FLAG.finditer(f" {text}")}
    draft.positive = read_weighted(_without_brackets(_FLAG.sub("", f" {text}")))
    draft.negative = read_weighted(_without_brackets(flags.pop("no", "")))
    ratio = flags.pop("ar", "") or flags.pop("aspect", "")
    if ratio:
        try:
            draft.width, draft.height = size_for(ratio)
            draft.change("width", f"a size for {ratio}, since the line has none")
        except ValueError:
            draft.left_out["ar"] = ratio
    draft.number("seed", flags.pop("seed", None))
    draft.left_out |= flags
    return draft


def _invokeai(data: Mapping[str, Any]) -> Draft:
    draft = Draft("InvokeAI metadata")
    draft.positive = read_weighted(_web_ui_weights(str(data.get("positive_prompt") or "")))
    draft.negative = read_weighted(_web_ui_weights(str(data.get("negative_prompt") or "")))
    _numbers(data, draft, cfg="cfg_scale")
    name = str(data.get("scheduler") or "")
    karras = name.endswith("_k")
    found = OURS_FOR_INVOKE.get(name.removesuffix("_k"), name)
    read_sampler(found or None, "karras" if karras else None, draft)
    for lora in data.get("loras") or ():
        model = lora.get("model") if isinstance(lora, dict) else None
        if isinstance(model, dict):
            _add_lora(draft, str(model.get("name")), lora.get("weight"))
    return draft


def _fooocus(data: Mapping[str, Any]) -> Draft:
    draft = Draft("Fooocus metadata")
    draft.positive = read_weighted(without_loras(str(data.get("prompt") or ""), draft))
    draft.negative = read_weighted(without_loras(str(data.get("negative_prompt") or ""), draft))
    _numbers(data, draft, cfg="guidance_scale")
    if len(sides := _NUMBERS.findall(str(data.get("resolution") or ""))) == 2:
        draft.width, draft.height = map(float, sides)
    read_sampler(_text(data.get("sampler")), _text(data.get("scheduler")), draft)
    for name, value in data.items():
        if name.startswith("lora_combined"):
            file, _, weight = str(value).rpartition(" : ")
            _add_lora(draft, file.removesuffix(".safetensors"), weight)
    return draft


def _novelai(data: Mapping[str, Any]) -> Draft:
    draft = Draft("NovelAI metadata")
    braces = str.maketrans("", "", "{}")
    draft.positive = read_weighted(str(data.get("prompt") or "").translate(braces))
    draft.negative = read_weighted(str(data.get("uc") or "").translate(braces))
    _numbers(data, draft, cfg="scale")
    read_sampler((_text(data.get("sampler")) or "").removeprefix("k_") or None, None, draft)
    return draft


def _diffusers(data: Mapping[str, Any]) -> Draft:
    draft = Draft("diffusers arguments")
    arguments = data["arguments"] if isinstance(data["arguments"], dict) else {}
    positive = str(arguments.get("prompt") or "")
    draft.positive = read_weighted(_without_brackets(positive))
    draft.sentence = positive if is_prose(positive) else ""
    negative = str(arguments.get("negative_prompt") or "")
    draft.negative = read_weighted(_without_brackets(negative))
    _numbers(arguments, draft, cfg="guidance_scale")
    draft.number("steps", arguments.get("num_inference_steps"))
    draft.number("cfg", arguments.get("true_cfg_scale", arguments.get("guidance_scale")))
    draft.number("seed", data.get("seed"))
    return draft


def _numbers(data: Mapping[str, Any], draft: Draft, *, cfg: str) -> None:
    draft.width, draft.height = as_number(data.get("width")), as_number(data.get("height"))
    draft.number("steps", data.get("steps"))
    draft.number("cfg", data.get(cfg))
    draft.number("seed", data.get("seed"))


def _add_lora(draft: Draft, name: str, weight: object) -> None:
    number = as_number(weight)
    try:
        draft.loras.append(Lora(name=name, weight=1.0 if number is None else number))
    except ValidationError:
        draft.left_out[name] = "not a LoRA that the schema takes"


def _web_ui_weights(text: str) -> str:
    """InvokeAI's weights, which stand after the bracket, as the web UIs write them."""
    return _COMPEL.sub(r"(\g<text>:\g<weight>)", text)


def _without_brackets(text: str) -> str:
    """``text`` for a reader of weights, from a program to which brackets are text."""
    return re.sub(r"([()\[\]\\])", r"\\\1", text)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
