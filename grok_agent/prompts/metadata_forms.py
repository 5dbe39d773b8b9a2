"""Prompts as the metadata that InvokeAI and Fooocus write and take back."""

from typing import Any

from grok_agent.prompts.exporting import Export, Notes, keywords, negatives, weighs
from grok_agent.prompts.schema import PromptSpec, Sampler
from grok_agent.prompts.weights import Weighted, one_line, write_weighted

_INVOKE_SAMPLERS: dict[Sampler, str] = {
    "euler": "euler",
    "euler_ancestral": "euler_a",
    "heun": "heun",
    "dpm_2": "kdpm_2",
    "dpm_2_ancestral": "kdpm_2_a",
    "lms": "lms",
    "dpmpp_2s_ancestral": "dpmpp_2s",
    "dpmpp_sde": "dpmpp_sde",
    "dpmpp_2m": "dpmpp_2m",
    "dpmpp_2m_sde": "dpmpp_2m_sde",
    "dpmpp_3m_sde": "dpmpp_3m",
    "ddim": "ddim",
    "uni_pc": "unipc",
    "lcm": "lcm",
}
OURS_FOR_INVOKE: dict[str, Sampler] = {word: ours for ours, word in _INVOKE_SAMPLERS.items()}
"""Our word for each of InvokeAI's samplers, without the ending for Karras's schedule."""

_WITH_KARRAS = {"euler", "heun", "lms", "dpmpp_2s", "dpmpp_sde", "dpmpp_2m", "dpmpp_2m_sde"}


def to_invokeai(spec: PromptSpec) -> Export:
    """``spec`` as InvokeAI's image metadata; its weights stand after the bracket: ``(w)1.2``."""
    notes = _notes(spec)
    payload = {
        "generation_mode": "txt2img",
        "positive_prompt": ", ".join(_invoke(word) for word in keywords(spec, notes)),
        "negative_prompt": ", ".join(_invoke(word) for word in negatives(spec)),
        "width": spec.width,
        "height": spec.height,
        "seed": max(spec.seed, 0),
        "cfg_scale": spec.cfg,
        "steps": spec.steps,
        "scheduler": _invoke_scheduler(spec, notes),
        "loras": [{"model": {"name": lora.name}, "weight": lora.weight} for lora in spec.loras],
    }
    if weighs(spec):
        notes.rewrite("positive", "weights after the brackets, as InvokeAI reads them")
    return notes.export("invokeai", payload)


def to_fooocus(spec: PromptSpec) -> Export:
    """``spec`` as the JSON that Fooocus logs for a picture and takes back by paste."""
    notes = _notes(spec)
    payload: dict[str, Any] = {
        "prompt": write_weighted(keywords(spec, notes)),
        "negative_prompt": write_weighted(negatives(spec)),
        "resolution": str((spec.width, spec.height)),
        "steps": spec.steps,
        "guidance_scale": spec.cfg,
        "sampler": spec.sampler,
        "scheduler": spec.scheduler,
        "seed": str(max(spec.seed, 0)),
        "styles": "[]",
    }
    for number, lora in enumerate(spec.loras, start=1):
        payload[f"lora_combined_{number}"] = f"{lora.name}.safetensors : {lora.weight:g}"
    return notes.export("fooocus", payload)


def _notes(spec: PromptSpec) -> Notes:
    notes = Notes(spec)
    notes.drop(
        "the metadata has no place for it",
        "title",
        "palette",
        "variants",
        "safety_note",
        "references",
    )
    notes.drop("the keyword form is used", "sentence")
    notes.rewrite("language", "English: the text encoder does not understand Chinese")
    return notes


def _invoke(word: Weighted) -> str:
    """A keyword in InvokeAI's grammar (compel): brackets, plus and minus signs have a meaning."""
    text = one_line(word.text)
    for mark in '\\()"':
        text = text.replace(mark, f"\\{mark}")
    if word.weight == 1 and not text.endswith(("+", "-")):
        return text
    return f"({text}){word.weight:g}"


def _invoke_scheduler(spec: PromptSpec, notes: Notes) -> str:
    name = _INVOKE_SAMPLERS.get(spec.sampler)
    if name is None:
        notes.rewrite("sampler", "set to euler_a: InvokeAI has no such sampler")
        return "euler_a"
    if spec.scheduler == "karras" and name in _WITH_KARRAS:
        return f"{name}_k"
    notes.drop("InvokeAI knows Karras's schedule only", "scheduler")
    return name
