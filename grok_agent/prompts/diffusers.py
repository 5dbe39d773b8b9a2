"""Prompts as the keyword arguments of a diffusers pipeline.

Defaults and parameters as in diffusers 0.42.1. A pipeline takes neither seed nor sampler as a
keyword: ``seed`` is for ``torch.Generator().manual_seed``, ``scheduler`` names the class and the
arguments of ``from_config``. Weights in brackets would be read as text, so they are left out.
"""

from dataclasses import dataclass
from typing import Any, Literal

from grok_agent.prompts.clip import CHUNK_TOKENS, clip_tokens
from grok_agent.prompts.exporting import (
    Export,
    Language,
    Notes,
    keywords,
    negatives,
    prose,
    weighs,
)
from grok_agent.prompts.samplers import diffusers_scheduler
from grok_agent.prompts.schema import PromptSpec
from grok_agent.prompts.sizes import QWEN_IMAGE_SIZES, TRAINED_SIZES
from grok_agent.prompts.weights import one_line

Family = Literal["sd15", "sdxl", "sd3", "flux", "qwen-image", "z-image"]


@dataclass(frozen=True)
class Pipeline:
    """What one pipeline takes. ``side_step_px`` divides both sides; ``sizes`` are those that the
    model was trained on, if it is bound to them."""

    name: str
    guidance: str
    negative: bool = True
    reads_prose: bool = False
    language: Language = "en"
    side_step_px: int = 8
    own_sampler: bool = False
    sizes: tuple[tuple[int, int], ...] = ()


PIPELINES: dict[Family, Pipeline] = {
    "sd15": Pipeline("StableDiffusionPipeline", "guidance_scale"),
    "sdxl": Pipeline(
        "StableDiffusionXLPipeline", "guidance_scale", sizes=tuple(TRAINED_SIZES.values())
    ),
    "sd3": Pipeline(
        "StableDiffusion3Pipeline", "guidance_scale", side_step_px=16, own_sampler=True
    ),
    "flux": Pipeline(
        "FluxPipeline", "guidance_scale", False, True, side_step_px=16, own_sampler=True
    ),
    "qwen-image": Pipeline(
        "QwenImagePipeline", "true_cfg_scale", True, True, "zh", 16, True, QWEN_IMAGE_SIZES
    ),
    "z-image": Pipeline("ZImagePipeline", "guidance_scale", True, True, "zh", 16, own_sampler=True),
}


def to_diffusers(spec: PromptSpec, family: Family = "sdxl") -> Export:
    """``pipeline``, its ``arguments``, the ``scheduler`` (None: its own) and the ``seed`` (-1:
    random), in plain types."""
    notes = Notes(spec)
    pipeline = PIPELINES[family]
    arguments: dict[str, Any] = {"prompt": _positive(spec, pipeline, notes)}
    if pipeline.negative:
        # QwenImagePipeline guides only where there is a negative prompt, if only a blank.
        arguments["negative_prompt"] = _negative(spec, pipeline) or " "
    else:
        notes.drop("this pipeline is guided without a negative prompt", "negative")
    arguments["width"], arguments["height"] = notes.size(
        pipeline.sizes, step_px=pipeline.side_step_px
    )
    arguments["num_inference_steps"] = spec.steps
    arguments[pipeline.guidance] = spec.cfg
    notes.drop(
        "keyword arguments have no place for it", "title", "palette", "variants", "safety_note"
    )
    notes.drop("load it beforehand, with load_lora_weights or load_ip_adapter", "loras")
    notes.drop("pass the picture itself, as ip_adapter_image", "references")
    payload = {
        "pipeline": pipeline.name,
        "arguments": arguments,
        "scheduler": _scheduler(spec, pipeline, notes),
        "seed": spec.seed,
    }
    return notes.export(f"diffusers-{family}", payload)


def _positive(spec: PromptSpec, pipeline: Pipeline, notes: Notes) -> str:
    if pipeline.reads_prose:
        return prose(spec, pipeline.language, notes)
    notes.rewrite("language", "English: the text encoder does not understand Chinese")
    if weighs(spec):
        notes.rewrite("positive", "weights left out: the pipeline reads brackets as text")
    notes.drop("the keyword form is used", "sentence")
    text = ", ".join(one_line(word.text) for word in keywords(spec, notes))
    size = clip_tokens(text)
    if size.lost:
        notes.rewrite(
            "positive",
            f"{size.tokens} tokens, of which CLIP reads {CHUNK_TOKENS}; it does not see:"
            f" {size.lost}",
        )
    return text


def _negative(spec: PromptSpec, pipeline: Pipeline) -> str:
    if pipeline.reads_prose:
        return spec.negative_text(pipeline.language)
    return ", ".join(one_line(word.text) for word in negatives(spec))


def _scheduler(spec: PromptSpec, pipeline: Pipeline, notes: Notes) -> dict[str, Any] | None:
    if pipeline.own_sampler:
        notes.drop("the pipeline samples by flow matching, with its own", "sampler", "scheduler")
        return None
    found = diffusers_scheduler(spec.sampler, spec.scheduler)
    if found is None:
        notes.drop("diffusers has no such sampler", "sampler", "scheduler")
        return None
    return {"class": found.name, "arguments": found.arguments}
