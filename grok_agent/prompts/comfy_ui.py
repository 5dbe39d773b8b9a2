"""Prompts as API graphs of ComfyUI, one template for each family of image models.

A graph is what ``POST /prompt`` takes under ``"prompt"``: node ids as text, links as
``[node id, output slot]`` with slots from 0. File names of models are the user's own, so they are
arguments; a server refuses names that it does not have.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from grok_agent.prompts.exporting import Export, Notes, keywords, negatives, prose
from grok_agent.prompts.schema import PromptSpec
from grok_agent.prompts.sizes import QWEN_IMAGE_SIZES, TRAINED_SIZES
from grok_agent.prompts.weights import COMFY_UI, escape, write_weighted

LATENT_STEP_PX = 16
"""Flux and Qwen-Image take sides that are multiples of this."""

QWEN_SHIFT = 3.1
"""Shift of the noise schedule in ComfyUI's own Qwen-Image workflow."""

Graph = dict[str, dict[str, Any]]
Link = list[str | int]


@dataclass(frozen=True)
class ModelFiles:
    """File names as the server knows them; which are needed depends on the template."""

    checkpoint: str = "sd_xl_base_1.0.safetensors"
    diffusion_model: str = ""
    text_encoders: tuple[str, ...] = ()
    vae: str = ""


FLUX_FILES = ModelFiles(
    diffusion_model="flux1-dev.safetensors",
    text_encoders=("t5xxl_fp16.safetensors", "clip_l.safetensors"),
    vae="ae.safetensors",
)
QWEN_FILES = ModelFiles(
    diffusion_model="qwen_image_fp8_e4m3fn.safetensors",
    text_encoders=("qwen_2.5_vl_7b_fp8_scaled.safetensors",),
    vae="qwen_image_vae.safetensors",
)


class _Builder:
    """A graph that grows node by node."""

    def __init__(self) -> None:
        self.graph: Graph = {}

    def add(self, kind: str, **inputs: Any) -> str:
        """Add a node and return its id."""
        node = str(len(self.graph) + 1)
        self.graph[node] = {"class_type": kind, "inputs": inputs}
        return node


def to_comfy_sdxl(spec: PromptSpec, files: ModelFiles | None = None) -> Export:
    """``spec`` for a checkpoint with its own CLIP, as SDXL and SD 1.5 have."""
    notes = _notes(spec)
    names = files or ModelFiles()
    build = _Builder()
    loader = build.add("CheckpointLoaderSimple", ckpt_name=names.checkpoint)
    model, clip = _with_loras(build, spec, [loader, 0], [loader, 1])
    notes.rewrite("language", "English: the text encoder does not understand Chinese")
    positive = write_weighted(keywords(spec, notes), COMFY_UI)
    negative = write_weighted(negatives(spec), COMFY_UI)
    notes.drop("the keyword form is used", "sentence")
    sizes = () if spec.target == "sd15" else TRAINED_SIZES.values()
    width, height = notes.size(sizes)
    latent = build.add("EmptyLatentImage", width=width, height=height, batch_size=1)
    says = build.add("CLIPTextEncode", text=positive, clip=clip)
    avoids = build.add("CLIPTextEncode", text=negative, clip=clip)
    _sample(build, spec, model, says, avoids, latent, [loader, 2], cfg=spec.cfg)
    return notes.export("comfyui-sdxl", build.graph)


def to_comfy_flux(spec: PromptSpec, files: ModelFiles | None = None) -> Export:
    """``spec`` for Flux: guidance is a node of its own, and a negative prompt has no effect."""
    notes = _notes(spec)
    names = files or FLUX_FILES
    build = _Builder()
    unet = build.add("UNETLoader", unet_name=names.diffusion_model, weight_dtype="default")
    first, second = names.text_encoders
    text = build.add("DualCLIPLoader", clip_name1=first, clip_name2=second, type="flux")
    vae = build.add("VAELoader", vae_name=names.vae)
    model, clip = _with_loras(build, spec, [unet, 0], [text, 0])
    latent = _latent(build, notes)
    says = build.add("CLIPTextEncode", text=escape(prose(spec, "en", notes), COMFY_UI), clip=clip)
    guided = build.add("FluxGuidance", conditioning=[says, 0], guidance=spec.cfg)
    avoids = build.add("CLIPTextEncode", text="", clip=clip)
    notes.drop("Flux is guided without a negative prompt", "negative")
    _sample(build, spec, model, guided, avoids, latent, [vae, 0], cfg=1.0)
    return notes.export("comfyui-flux", build.graph)


def to_comfy_qwen(spec: PromptSpec, files: ModelFiles | None = None) -> Export:
    """``spec`` for Qwen-Image, which reads Chinese: the Chinese prose is sent."""
    notes = _notes(spec)
    names = files or QWEN_FILES
    build = _Builder()
    unet = build.add("UNETLoader", unet_name=names.diffusion_model, weight_dtype="default")
    text = build.add("CLIPLoader", clip_name=names.text_encoders[0], type="qwen_image")
    vae = build.add("VAELoader", vae_name=names.vae)
    model, clip = _with_loras(build, spec, [unet, 0], [text, 0])
    shifted = build.add("ModelSamplingAuraFlow", model=model, shift=QWEN_SHIFT)
    latent = _latent(build, notes, QWEN_IMAGE_SIZES)
    says = build.add("CLIPTextEncode", text=escape(prose(spec, "zh", notes), COMFY_UI), clip=clip)
    avoids = build.add("CLIPTextEncode", text=escape(spec.negative_text("zh"), COMFY_UI), clip=clip)
    notes.rewrite("language", "Chinese, which this model was trained on")
    _sample(build, spec, [shifted, 0], says, avoids, latent, [vae, 0], cfg=spec.cfg)
    return notes.export("comfyui-qwen", build.graph)


def _notes(spec: PromptSpec) -> Notes:
    notes = Notes(spec)
    notes.drop(
        "the graph has no place for it", "title", "palette", "variants", "safety_note", "references"
    )
    return notes


def _with_loras(build: _Builder, spec: PromptSpec, model: Link, clip: Link) -> tuple[Link, Link]:
    for lora in spec.loras:
        node = build.add(
            "LoraLoader",
            lora_name=f"{lora.name}.safetensors",
            strength_model=lora.weight,
            strength_clip=lora.weight,
            model=model,
            clip=clip,
        )
        model, clip = [node, 0], [node, 1]
    return model, clip


def _latent(build: _Builder, notes: Notes, sizes: Iterable[tuple[int, int]] = ()) -> str:
    width, height = notes.size(sizes, step_px=LATENT_STEP_PX)
    return build.add("EmptySD3LatentImage", width=width, height=height, batch_size=1)


def _sample(
    build: _Builder,
    spec: PromptSpec,
    model: Link,
    says: str,
    avoids: str,
    latent: str,
    vae: Link,
    *,
    cfg: float,
) -> None:
    sampled = build.add(
        "KSampler",
        seed=max(spec.seed, 0),
        steps=spec.steps,
        cfg=cfg,
        sampler_name=spec.sampler,
        scheduler=spec.scheduler,
        denoise=1.0,
        model=model,
        positive=[says, 0],
        negative=[avoids, 0],
        latent_image=[latent, 0],
    )
    image = build.add("VAEDecode", samples=[sampled, 0], vae=vae)
    build.add("SaveImage", filename_prefix="grok-agent", images=[image, 0])
