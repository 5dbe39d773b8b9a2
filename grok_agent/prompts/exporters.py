"""Every target that a prompt can be written for, by name."""

from collections.abc import Callable
from functools import partial

from grok_agent.errors import SettingsError
from grok_agent.prompts.comfy_ui import to_comfy_flux, to_comfy_qwen, to_comfy_sdxl
from grok_agent.prompts.diffusers import PIPELINES, to_diffusers
from grok_agent.prompts.exporting import Export
from grok_agent.prompts.hosted import to_gpt_image, to_grok_imagine, to_midjourney
from grok_agent.prompts.metadata_forms import to_fooocus, to_invokeai
from grok_agent.prompts.schema import PromptSpec
from grok_agent.prompts.web_ui import to_infotext

Exporter = Callable[[PromptSpec], Export]

EXPORTERS: dict[str, Exporter] = {
    "a1111": to_infotext,
    "comfyui-sdxl": to_comfy_sdxl,
    "comfyui-flux": to_comfy_flux,
    "comfyui-qwen": to_comfy_qwen,
    **{f"diffusers-{family}": partial(to_diffusers, family=family) for family in PIPELINES},
    "midjourney": to_midjourney,
    "gpt-image": to_gpt_image,
    "grok-imagine": to_grok_imagine,
    "invokeai": to_invokeai,
    "fooocus": to_fooocus,
}
"""An exporter for each target."""

_OTHER_NAMES = {
    "forge": "a1111",
    "infotext": "a1111",
    "sd-webui": "a1111",
    "comfyui": "comfyui-sdxl",
    "diffusers": "diffusers-sdxl",
}


def export(spec: PromptSpec, target: str) -> Export:
    """``spec`` in the form of ``target``, with what was dropped and what was rewritten.

    Raises :class:`SettingsError` for a target that is not known; whoever named it mends it.
    """
    name = target.strip().lower()
    exporter = EXPORTERS.get(_OTHER_NAMES.get(name, name))
    if exporter is None:
        raise SettingsError(
            f"{target!r} is no target.", next_step=f"Use one of: {', '.join(EXPORTERS)}."
        )
    return exporter(spec)
